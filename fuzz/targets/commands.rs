//! Commands and records, the content of log entries and snapshots: what was read is written and read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_node::codec::{decode_command, decode_record, encode_command, encode_record};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(command) = decode_command(bytes) {
        assert_eq!(decode_command(&encode_command(&command)).as_ref(), Ok(&command));
    }
    if let Ok(record) = decode_record(bytes) {
        let mut again = Vec::new();
        encode_record(&record, &mut again);
        assert_eq!(decode_record(&again).as_ref(), Ok(&record));
    }
});
