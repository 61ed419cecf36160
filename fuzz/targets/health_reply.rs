//! Answers of gRPC health services, framed as they come over the wire.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_agent::run::read_health_reply;

fuzz_target!(|body: &[u8]| {
    let _ = read_health_reply(body);
    // The frame made right, since its length is seldom found.
    let mut framed = vec![0];
    framed.extend_from_slice(&(body.len() as u32).to_be_bytes());
    framed.extend_from_slice(body);
    let _ = read_health_reply(&framed);
});
