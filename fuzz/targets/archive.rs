//! Archives for `snapshot restore`, as they are and with the checksums made right; whole and byte by byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_node::archive::{ArchiveError, ArchiveHeader, ArchiveItem, ArchiveReader, write_end, write_header};

type Read = (Vec<ArchiveItem>, Result<u64, ArchiveError>);

fuzz_target!(|bytes: &[u8]| {
    assert_eq!(read(bytes, bytes.len().max(1)), read(bytes, 1));
    let sealed = sealed(bytes);
    assert_eq!(read(&sealed, sealed.len()), read(&sealed, 7));
});

/// Reads an archive that arrives in pieces.
fn read(bytes: &[u8], piece: usize) -> Read {
    let mut reader = ArchiveReader::default();
    let mut items = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.feed(piece);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Err(error)),
            }
        }
    }
    (items, reader.finish())
}

/// An archive whose frames hold the bytes: each frame is as long as its first byte says.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    write_header(&ArchiveHeader { index: 1, created_ms: 2, quorate_version: "fuzz".to_owned() }, 1, &mut archive);
    let (mut rest, mut records) = (bytes, 0);
    while let Some((length, after)) = rest.split_first() {
        let (payload, behind) = after.split_at(after.len().min(usize::from(*length)));
        archive.extend_from_slice(&u32::from(payload.len() as u8).to_le_bytes());
        archive.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
        archive.extend_from_slice(payload);
        records += 1;
        rest = behind;
    }
    write_end(records, &mut archive);
    archive
}
