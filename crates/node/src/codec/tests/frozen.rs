//! Format 1 as the first release wrote it. `v1.txt` was written by its own encoder, one value a line, and is never
//! written again: whoever changes what these bytes mean takes away people's data.

use super::values::{commands, records};
use super::*;

const FIXTURES: &str = include_str!("v1.txt");

#[test]
fn commands_of_format_1_are_read_and_written_as_ever() {
    for (name, command) in commands() {
        let bytes = fixture(FIXTURES, "command", &name);
        assert_eq!(decode_command(&bytes).as_ref(), Ok(&command), "{name}");
        assert_eq!(encode(&command)[..], bytes, "{name}");
    }
}

#[test]
fn records_of_format_1_are_read_and_written_as_ever() {
    for (name, record) in records() {
        let bytes = fixture(FIXTURES, "record", &name);
        assert_eq!(decode_record(&bytes, FORMAT_FIRST).as_ref(), Ok(&record), "{name}");
        let mut again = Vec::new();
        assert_eq!(encode_record(&record, FORMAT_FIRST, &mut again), Ok(()));
        assert_eq!(again, bytes, "{name}");
    }
}

#[test]
fn each_fixture_is_looked_at() {
    let fixtures = FIXTURES.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(fixtures, commands().len() + records().len());
}
