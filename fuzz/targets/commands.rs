//! Commands and records, the content of log entries and snapshots: what was read is written and read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_node::codec::{FORMAT_FIRST, FORMAT_NEWEST, decode_command, decode_record, encode_command, encode_record};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(command) = decode_command(bytes) {
        // An activation of a format that nobody knows yet can be read and not written.
        if let Ok(again) = encode_command(&command, bytes[0]) {
            assert_eq!(decode_command(&again).as_ref(), Ok(&command));
        }
    }
    for format in FORMAT_FIRST..=FORMAT_NEWEST {
        if let Ok(record) = decode_record(bytes, format) {
            let mut again = Vec::new();
            encode_record(&record, format, &mut again).expect("what was read in a format can be written in it");
            assert_eq!(decode_record(&again, format).as_ref(), Ok(&record));
        }
    }
});
