//! Go's durations: what is written is read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_base::duration::GoDuration;

fuzz_target!(|text: &str| {
    if let Ok(duration) = GoDuration::parse(text) {
        assert_eq!(GoDuration::parse(&duration.to_string()), Ok(duration));
    }
});
