//! Snapshot files: what they say they cover, and streams of frames, as they are and with the checksums made right; whole
//! and byte by byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_base::framing::stream::{Part, StreamReader, StreamWriter, Unreadable};
use quorate_consensus::format::snapshot::{KIND, decode_meta};

fuzz_target!(|bytes: &[u8]| {
    let _ = decode_meta(bytes);
    assert_eq!(read(bytes, bytes.len().max(1)), read(bytes, 1));
    let sealed = sealed(bytes);
    let (records, end) = read(&sealed, sealed.len());
    assert_eq!((records.concat(), end), (bytes.to_vec(), Ok(())));
    assert_eq!(read(&sealed, 7), (records, Ok(())));
});

/// Reads a file that arrives in pieces; gives its records.
fn read(bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, Result<(), Unreadable>) {
    let mut reader = StreamReader::new(KIND);
    let mut records = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.feed(piece);
        loop {
            match reader.next_part() {
                Ok(Some(Part::Record(record))) => records.push(record.to_vec()),
                Ok(Some(Part::Head { .. } | Part::End(_))) => {}
                Ok(None) => break,
                Err(error) => return (records, Err(error)),
            }
        }
    }
    (records, reader.finish())
}

/// A file whose records are pieces of the bytes.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = StreamWriter::begin(&KIND, 1, bytes, &mut file);
    for piece in bytes.chunks(9) {
        let Ok(()) = writer.record::<std::convert::Infallible>(&mut file, |out| {
            out.extend_from_slice(piece);
            Ok(())
        });
    }
    writer.finish(&mut file);
    file
}
