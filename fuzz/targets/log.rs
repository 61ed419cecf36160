//! Records and headers of log files, as they are and with the checksum made right, since no fuzzer guesses that.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_consensus::format::log::{Invalid, Place, decode, decode_header, encode};

const PLACE: Place = Place { salt: 0x5eed, offset: 4096 };

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes, PLACE);
    let _ = decode_header(bytes);
    if let Some(record) = sealed_record(bytes) {
        match decode(&record, PLACE) {
            Ok(decoded) => {
                let mut again = Vec::new();
                encode(&decoded.record, PLACE, decoded.batch_start, &mut again);
                let reread = decode(&again, PLACE).expect("what was encoded can be decoded");
                assert_eq!((reread.record, reread.batch_start), (decoded.record, decoded.batch_start));
            }
            Err(invalid) => assert_eq!(invalid, Invalid::Content, "the seal of this target is out of date"),
        }
    }
    if bytes.len() >= 64 {
        let mut header = bytes.to_vec();
        header[..8].copy_from_slice(b"QRLOG\r\n\0");
        header[12..16].fill(0);
        let checksum = crc32c::crc32c(&header[..64]);
        header[12..16].copy_from_slice(&checksum.to_le_bytes());
        let _ = decode_header(&header);
    }
});

/// The bytes as a record with the right length, mark and checksum.
fn sealed_record(bytes: &[u8]) -> Option<Vec<u8>> {
    const HEADER_BYTES: usize = 32;
    const MARK: u16 = 0x9a57;
    let body = bytes.len().checked_sub(HEADER_BYTES)?;
    let mut record = bytes.to_vec();
    record.resize(bytes.len().next_multiple_of(8), 0);
    record[..4].copy_from_slice(&u32::try_from(body).ok()?.to_le_bytes());
    record[10..12].copy_from_slice(&MARK.to_le_bytes());
    let seed = [PLACE.salt.to_le_bytes(), PLACE.offset.to_le_bytes()].concat();
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&seed), &record[..4]);
    let checksum = crc32c::crc32c_append(checksum, &record[8..]);
    record[4..8].copy_from_slice(&checksum.to_le_bytes());
    Some(record)
}
