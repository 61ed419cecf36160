//! How formats differ: what a newer one adds is a default to those who read an older one, and an error to those who write
//! it; and how a cluster comes to a newer one.

use quorate_state::{Changes, Header, Response, State};

use super::super::wire::{wire_enum, wire_field, wire_struct};
use super::*;

/// A struct and an enum to which format 2 added something.
#[derive(Clone, Debug, PartialEq)]
struct Grown {
    first: u64,
    added: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Old(u64),
    New { text: String },
}

wire_struct!(Grown { first, added since 2 else String::new(), kind });
wire_enum!(Kind { 1 = Old(number), 2 = New { text } since 2 });

fn written(value: &Grown, format: Format) -> Result<Vec<u8>, Inexpressible> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, format);
    value.put(&mut writer);
    writer.finish().map(|()| bytes)
}

fn read(bytes: &[u8], format: Format) -> Result<Grown, Malformed> {
    Reader::new(bytes, format).last()
}

#[test]
fn what_is_added_breaks_no_older_format() {
    let old = Grown { first: 7, added: String::new(), kind: Kind::Old(8) };
    assert_eq!(written(&old, 1), Ok(vec![7, 1, 8]));
    assert_eq!(read(&[7, 1, 8], 1).as_ref(), Ok(&old));
    assert_eq!(written(&old, 2), Ok(vec![7, 0, 1, 8]));
    assert_eq!(read(&[7, 0, 1, 8], 2), Ok(old));
}

#[test]
fn an_older_format_refuses_what_it_has_no_place_for() {
    let field = Grown { first: 7, added: "a".into(), kind: Kind::Old(8) };
    let variant = Grown { first: 7, added: String::new(), kind: Kind::New { text: "b".into() } };
    for value in [field, variant] {
        assert_eq!(written(&value, 1), Err(Inexpressible { needed: 2, format: 1 }));
        let bytes = written(&value, 2).expect("format 2 has a place for it");
        assert_eq!(read(&bytes, 2), Ok(value));
    }
    assert_eq!(read(&[7, 2, 1, b'b'], 1), Err(Malformed::Tag(2)));
}

fn activation(format: Format) -> Command {
    Command { now_ms: 1, operation: Operation::ActivateFormat(format) }
}

#[test]
fn an_activation_is_written_in_the_format_that_it_activates() {
    let bytes = encode_command(&activation(2), FORMAT_FIRST).expect("this Quorate knows format 2");
    assert_eq!(bytes[..], [2, 1, 9, 2]);
    assert_eq!(decode_command(&bytes), Ok(activation(2)));
    // Not even the format that is active is lowered by it.
    assert_eq!(encode_command(&activation(1), 2).expect("nothing is missing")[0], 2);
    assert_eq!(encode_command(&activation(3), 2), Err(Inexpressible { needed: 3, format: 2 }));
    // In format 1 there is no such command.
    assert_eq!(decode_command(&[1, 1, 9, 2]), Err(Malformed::Tag(9)));
}

#[test]
fn the_active_format_only_grows_and_not_past_the_newest() {
    let mut state = State::new();
    let activate = |state: &mut State, format| state.apply(2, activation(format), &mut Changes::default());
    assert_eq!(state.format(), 1);
    assert_eq!(activate(&mut state, 2), Response::Done);
    assert_eq!(activate(&mut state, 1), Response::Done);
    assert!(matches!(activate(&mut state, 3), Response::Refused(_)));
    assert_eq!(state.format(), 2);
}

#[test]
fn a_snapshot_says_its_format_first() {
    assert_eq!(encode_format(1), None);
    let mark = encode_format(2).expect("a newer format needs a mark");
    let header = Record::Header(Header { index: 5, format: 2, ..Header::default() });
    let mut bytes = Vec::new();
    assert_eq!(encode_record(&header, 1, &mut bytes), Err(Inexpressible { needed: 2, format: 1 }));
    bytes.clear();
    assert_eq!(encode_record(&header, 2, &mut bytes), Ok(()));

    let mut reader = SnapshotReader::default();
    assert_eq!(reader.read(&mark), Ok(None));
    assert_eq!(reader.read(&bytes), Ok(Some(header)));
    // Read as format 1, there is a byte too many.
    assert_eq!(SnapshotReader::default().read(&bytes), Err(Malformed::Trailing(1)));
    assert_eq!(SnapshotReader::default().read(&[0, 3]), Err(Malformed::Newer { found: 3 }));
}
