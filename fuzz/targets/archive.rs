//! Archives for `snapshot restore`, as they are and with the checksums made right; whole and byte by byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_base::framing::stream::StreamWriter;
use quorate_node::archive::{ArchiveError, ArchiveItem, ArchiveReader, KIND};

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

/// An archive whose records hold the bytes: each is as long as the byte before it says.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    // Index, time, and who wrote it.
    let mut writer = StreamWriter::begin(&KIND, 1, b"8 bytes.8 bytes.fuzz", &mut archive);
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first() {
        let (record, behind) = after.split_at(after.len().min(usize::from(*length)));
        let Ok(()) = writer.record::<std::convert::Infallible>(&mut archive, |out| {
            out.extend_from_slice(record);
            Ok(())
        });
        rest = behind;
    }
    writer.finish(&mut archive);
    archive
}
