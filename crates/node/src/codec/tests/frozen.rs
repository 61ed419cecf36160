//! Format 1 as the first release wrote it. `v1.txt` (one value a line) and `fixtures/v1` were written by its own encoder,
//! and are never written again: to change what these bytes mean is to take away people's data.

use quorate_transcript::{contents, fixtures, frozen};

use super::values::{commands, records};
use super::*;
use crate::archive::{ArchiveHeader, ArchiveItem, ArchiveReader, ArchiveWriter};

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

/// The file of `GET` and `PUT /v1/snapshot`.
const ARCHIVE: &str = "archive.snap";

fn archive_header() -> ArchiveHeader {
    ArchiveHeader { index: 900, created_ms: 1_700_000_000_000, quorate_version: "0.1.0".into() }
}

#[test]
fn an_archive_of_format_1_is_written_as_ever() {
    let mut archive = Vec::new();
    let mut writer = ArchiveWriter::begin(&archive_header(), FORMAT_FIRST, &mut archive);
    for (name, record) in records() {
        assert_eq!(writer.record(&record, &mut archive), Ok(()), "{name}");
    }
    writer.finish(&mut archive);
    frozen(&fixtures(env!("CARGO_MANIFEST_DIR"), 1).join(ARCHIVE), &archive);
}

#[test]
fn the_archive_of_format_1_is_read() {
    let files = contents(&fixtures(env!("CARGO_MANIFEST_DIR"), 1));
    let [(name, archive)] = &files[..] else { panic!("there is one file: {files:?}") };
    assert_eq!(name, ARCHIVE);
    let mut reader = ArchiveReader::default();
    reader.feed(archive);
    assert_eq!(reader.next_item(), Ok(Some(ArchiveItem::Header(archive_header()))));
    for (name, expected) in records() {
        let item = reader.next_item();
        assert!(matches!(&item, Ok(Some(ArchiveItem::Record(record, _))) if *record == expected), "{name}: {item:?}");
    }
    assert_eq!(reader.next_item(), Ok(None));
    assert_eq!(reader.finish(), Ok(records().len() as u64));
}
