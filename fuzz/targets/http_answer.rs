//! What servers answer to HTTP checks: heads, bodies packed or not, and where they send on to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_agent::run::read_http_answer;

fn read(answer: Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let _ = runtime.block_on(read_http_answer(answer));
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes.to_vec());
    // Heads made right, since they are seldom found.
    read([b"HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: ", bytes, b"\r\n\r\n"].concat());
    read([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", bytes].concat());
});
