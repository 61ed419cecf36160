//! Headers and frames of snapshot files, as they are and with the header's checksum made right.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_consensus::format::snapshot::{BadHeader, decode_frame, decode_header};

fuzz_target!(|bytes: &[u8]| {
    let _ = decode_frame(bytes);
    if let Ok((_, length)) = decode_header(bytes) {
        assert!(length <= bytes.len());
    }
    if let Some(header) = sealed_header(bytes) {
        match decode_header(&header) {
            Ok((_, length)) => assert_eq!(length, header.len()),
            Err(error) => assert_ne!(error, BadHeader::Short, "the seal of this target is out of date"),
        }
    }
});

/// The bytes as a header with the right mark, version, length of the membership and checksum.
fn sealed_header(bytes: &[u8]) -> Option<Vec<u8>> {
    const HEADER_BYTES: usize = 64;
    let membership = u32::try_from(bytes.len().checked_sub(HEADER_BYTES)?).ok()?;
    let mut header = bytes.to_vec();
    header[..8].copy_from_slice(b"QRSNAP\r\n");
    header[8..12].copy_from_slice(&1u32.to_le_bytes());
    header[12..16].fill(0);
    header[16..20].copy_from_slice(&membership.to_le_bytes());
    let checksum = crc32c::crc32c(&header);
    header[12..16].copy_from_slice(&checksum.to_le_bytes());
    Some(header)
}
