//! A snapshot file, in bytes. `docs/internals/snapshot-format.md` draws it.

use crate::application::SNAPSHOT_RECORD_BYTES_MAX;
use crate::codec::{self, Reader, put_u32, put_u64};
use crate::protocol::{LogId, Membership};

/// The version of the format. A reader refuses a newer one.
pub(crate) const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"QRSNAP\r\n";

/// The fixed part of the header; the membership follows.
pub(crate) const HEADER_BYTES: usize = 64;

/// What precedes each record.
pub(crate) const FRAME_BYTES: usize = 8;

/// The end: its mark, the number of records, and the checksum over everything before that.
pub(crate) const END_BYTES: usize = 16;

/// In place of a record's length.
const END_MARK: u32 = u32::MAX;

/// The largest membership that is read: more than any real one, less than what a damaged length could ask for.
const MEMBERSHIP_BYTES_MAX: u32 = 16 << 20;

/// What a snapshot covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// The last entry in it.
    pub last: LogId,
    /// The entry that set the membership, if any did.
    pub membership_at: Option<LogId>,
    /// The membership as of `last`.
    pub membership: Membership,
}

/// Why a header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// There is less than the header says.
    Short,
    /// It is not what was written.
    Damaged,
    /// It was written in this newer version of the format.
    Version(u32),
}

/// What stands at a place behind the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A record of this length, behind its frame, with this checksum.
    Record {
        /// The record's length.
        length: usize,
        /// The checksum over the length and the record.
        checksum: u32,
    },
    /// The end.
    End {
        /// How many records there are.
        records: u64,
        /// The checksum over all bytes before it.
        checksum: u32,
    },
    /// Less than a frame.
    Short,
    /// A length that no record has.
    Damaged,
}

/// The header of a snapshot.
pub(crate) fn encode_header(meta: &SnapshotMeta) -> Vec<u8> {
    let mut membership = Vec::new();
    codec::put_membership(&mut membership, &meta.membership);
    let mut out = Vec::with_capacity(HEADER_BYTES + membership.len());
    out.extend_from_slice(&MAGIC);
    put_u32(&mut out, VERSION);
    put_u32(&mut out, 0);
    put_u32(&mut out, membership.len() as u32);
    codec::put_log_id(&mut out, Some(meta.last));
    codec::put_log_id(&mut out, meta.membership_at);
    out.resize(HEADER_BYTES, 0);
    out.extend_from_slice(&membership);
    let checksum = crc32c::crc32c(&out);
    out[12..16].copy_from_slice(&checksum.to_le_bytes());
    out
}

/// How long the header is, membership and all, as its fixed part says.
pub(crate) fn header_length(fixed: &[u8; HEADER_BYTES]) -> Result<usize, BadHeader> {
    let membership = u32::from_le_bytes([fixed[16], fixed[17], fixed[18], fixed[19]]);
    if fixed[..8] != MAGIC || membership > MEMBERSHIP_BYTES_MAX {
        return Err(BadHeader::Damaged);
    }
    Ok(HEADER_BYTES + membership as usize)
}

/// Reads the header at the front of a snapshot; gives its length too. Never panics, whatever the bytes.
pub fn decode_header(bytes: &[u8]) -> Result<(SnapshotMeta, usize), BadHeader> {
    let fixed = bytes.first_chunk().ok_or(BadHeader::Short)?;
    let length = header_length(fixed)?;
    let header = bytes.get(..length).ok_or(BadHeader::Short)?;
    let mut unsigned = header.to_vec();
    unsigned[12..16].fill(0);
    let mut reader = Reader::new(&header[8..]);
    let mut fields = || Some((reader.u32()?, reader.u32()?, reader.u32()?));
    let (version, checksum, _) = fields().ok_or(BadHeader::Damaged)?;
    if checksum != crc32c::crc32c(&unsigned) {
        return Err(BadHeader::Damaged);
    }
    if version != VERSION {
        return Err(BadHeader::Version(version));
    }
    let meta = || {
        let last = codec::log_id(&mut reader)??;
        let membership_at = codec::log_id(&mut reader)?;
        let mut reader = Reader::new(&header[HEADER_BYTES..]);
        let membership = codec::membership(&mut reader)?;
        reader.end()?;
        Some(SnapshotMeta { last, membership_at, membership })
    };
    Ok(({ meta }().ok_or(BadHeader::Damaged)?, length))
}

/// The frame before a record.
pub(crate) fn encode_frame(record: &[u8]) -> [u8; FRAME_BYTES] {
    let length = (record.len() as u32).to_le_bytes();
    let mut frame = [0; FRAME_BYTES];
    frame[..4].copy_from_slice(&length);
    frame[4..].copy_from_slice(&record_checksum(record).to_le_bytes());
    frame
}

/// The checksum in a record's frame.
pub(crate) fn record_checksum(record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&(record.len() as u32).to_le_bytes()), record)
}

/// The end, but for its last four bytes: the checksum over all before them.
pub(crate) fn encode_end(records: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(END_BYTES);
    put_u32(&mut out, END_MARK);
    put_u64(&mut out, records);
    out
}

/// Reads the frame at the front of `bytes`. Never panics, whatever the bytes.
pub fn decode_frame(bytes: &[u8]) -> Frame {
    let mut reader = Reader::new(bytes);
    let Some(length) = reader.u32() else { return Frame::Short };
    if length == END_MARK {
        let mut fields = || Some((reader.u64()?, reader.u32()?));
        return fields().map_or(Frame::Short, |(records, checksum)| Frame::End { records, checksum });
    }
    if length as usize > SNAPSHOT_RECORD_BYTES_MAX {
        return Frame::Damaged;
    }
    reader.u32().map_or(Frame::Short, |checksum| Frame::Record { length: length as usize, checksum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Member, NodeId};

    fn meta() -> SnapshotMeta {
        let id = NodeId::from_u128(5);
        let member = Member { name: "a".to_owned(), address: "10.0.0.1:8300".to_owned() };
        SnapshotMeta {
            last: LogId { term: 3, index: 99 },
            membership_at: Some(LogId { term: 1, index: 0 }),
            membership: Membership { voters: vec![[id].into()], members: [(id, member)].into() },
        }
    }

    #[test]
    fn a_header_comes_back_and_changes_are_noticed() {
        let bytes = encode_header(&meta());
        assert_eq!(decode_header(&bytes), Ok((meta(), bytes.len())));
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_header(&changed).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(decode_header(&bytes[..length]), Err(BadHeader::Short), "cut at {length}");
        }
    }

    #[test]
    fn frames_come_back() {
        let frame = encode_frame(b"record");
        assert_eq!(decode_frame(&frame), Frame::Record { length: 6, checksum: record_checksum(b"record") });
        let mut end = encode_end(7);
        assert_eq!(decode_frame(&end), Frame::Short);
        end.extend_from_slice(&9u32.to_le_bytes());
        assert_eq!(end.len(), END_BYTES);
        assert_eq!(decode_frame(&end), Frame::End { records: 7, checksum: 9 });
        assert_eq!(decode_frame(&[0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]), Frame::Damaged);
        assert_eq!(decode_frame(&[]), Frame::Short);
    }
}
