//! Requests and replies as servers send them to each other: what was read is written and read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_node::codec::{FORMAT_FIRST, FORMAT_NEWEST};
use quorate_node::message::{decode_reply, decode_request, encode_reply, encode_request};

fuzz_target!(|bytes: &[u8]| {
    if let Ok((request, format)) = decode_request(bytes) {
        let again = encode_request(&request, format).expect("what was read can be sent");
        assert_eq!(decode_request(&again), Ok((request, format)));
    }
    if let Ok(reply) = decode_reply(bytes) {
        for format in FORMAT_FIRST..=FORMAT_NEWEST {
            let once = encode_reply(&reply, format);
            let twice = encode_reply(&decode_reply(&once).expect("what was written is read"), format);
            assert_eq!(once, twice);
        }
    }
});
