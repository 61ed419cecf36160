//! Files in which an agent keeps what was registered. What is read is written and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_agent::store::Record;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = Record::decode(bytes) {
        let again = Record::decode(&record.encode()).expect("what was written can be read");
        // What is not kept (a token) is gone after the first time.
        assert_eq!(Record::decode(&again.encode()), Ok(again));
    }
});
