//! Records and headers of log files, as they are and with the checksum made right, since no fuzzer guesses that.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_base::framing::Framing;
use quorate_base::framing::head::FileKind;
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
    if let Some(fields) = bytes.get(..FIELDS_BYTES) {
        let mut header = Vec::new();
        FILE.put_head(1, fields, &mut header);
        let _ = decode_header(&header);
    }
});

/// What a log file's header is sealed with: 64 bytes in all.
const FIELDS_BYTES: usize = 64 - FileKind::head_bytes(0);
const FILE: FileKind = FileKind { magic: *b"QRLOG\r\n\0", newest_version: 1, fields_bytes_max: FIELDS_BYTES };

/// The bytes as a record's payload in a frame, with the right mark.
fn sealed_record(bytes: &[u8]) -> Option<Vec<u8>> {
    const MARK: u16 = 0x9a57;
    let mut payload = bytes.to_vec();
    payload.get_mut(2..4)?.copy_from_slice(&MARK.to_le_bytes());
    let context = [PLACE.salt.to_le_bytes(), PLACE.offset.to_le_bytes()].concat();
    let mut record = Vec::new();
    Framing::new(bytes.len()).aligned(8).in_context(&context).put(&payload, &mut record);
    // Fewer bytes than a record's fields are no record, whatever their checksum.
    (bytes.len() >= 24).then_some(record)
}
