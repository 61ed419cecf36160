//! What the codec promises: every value reads back, damage is refused, and format 1 stays what it was.

mod formats;
mod frozen;
pub(crate) mod values;

use quorate_state::{KeyOperation, KeyValue, KeyVerb, Operation};

use super::*;

/// The bytes of the fixture of that name. A line has a kind, a name and bytes in hexadecimal digits.
pub(crate) fn fixture(fixtures: &str, kind: &str, name: &str) -> Vec<u8> {
    let is_it = |line: &&str| line.split(' ').take(2).eq([kind, name]);
    let line = fixtures.lines().find(is_it).unwrap_or_else(|| panic!("there is no fixture of {kind} {name}"));
    let hex = line.rsplit(' ').next().expect("a line has a last word");
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("two hexadecimal digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn commands() -> impl Iterator<Item = Command> {
    values::commands().into_iter().map(|(_, command)| command)
}

fn records() -> impl Iterator<Item = Record> {
    values::records().into_iter().map(|(_, record)| record)
}

fn encode(command: &Command) -> Bytes {
    encode_command(command, FORMAT_FIRST).expect("format 1 has a place for it")
}

#[test]
fn every_command_reads_back() {
    for command in commands() {
        for format in FORMAT_FIRST..=FORMAT_NEWEST {
            let bytes = encode_command(&command, format).expect("format 1 has a place for it");
            assert_eq!((bytes[0], decode_command(&bytes).as_ref()), (format, Ok(&command)));
        }
    }
}

#[test]
fn every_record_reads_back() {
    for record in records() {
        for format in FORMAT_FIRST..=FORMAT_NEWEST {
            let mut bytes = Vec::new();
            assert_eq!(encode_record(&record, format, &mut bytes), Ok(()));
            assert_eq!(decode_record(&bytes, format).as_ref(), Ok(&record));
        }
    }
}

#[test]
fn a_command_cut_anywhere_is_refused() {
    for command in commands() {
        let bytes = encode(&command);
        for length in 0..bytes.len() {
            assert!(decode_command(&bytes[..length]).is_err(), "{command:?} cut to {length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode_command(&longer), Err(Malformed::Trailing(1)));
    }
}

#[test]
fn damaged_bytes_never_panic() {
    for command in commands() {
        let bytes = encode(&command);
        for place in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[place] = value;
                let _ = decode_command(&damaged);
            }
        }
    }
}

#[test]
fn a_newer_layout_is_named_and_staged_records_do_not_nest() {
    let newer = Malformed::Newer { found: 3 };
    assert_eq!(decode_command(&[3, 0]), Err(newer));
    assert_eq!(decode_record(&[1], 3), Err(newer));
    let sentence = "format 3, and this Quorate reads formats up to 2; start the version of Quorate that wrote it, or a \
                    later one";
    assert_eq!(newer.to_string(), sentence);
    assert_eq!(decode_record(&[11; 100_000], FORMAT_NEWEST), Err(Malformed::Tag(11)));
}

/// The bytes that are on people's disks: this test fails when the layout changes without a new version.
#[test]
fn the_layout_is_what_it_was() {
    let command = Command {
        now_ms: 300,
        operation: Operation::Key(KeyOperation {
            key: "k".into(),
            verb: KeyVerb::Cas(KeyValue { value: b"v"[..].into(), flags: 1 }, 2),
        }),
    };
    assert_eq!(encode(&command)[..], [1, 0xac, 0x02, 1, 1, b'k', 2, 1, b'v', 1, 2]);
}
