//! A snapshot file, in bytes: a stream of records after a head that says what they cover. `docs/internals/snapshot-format.md`
//! draws it.

use quorate_base::framing::head::FileKind;
use quorate_base::framing::stream::StreamKind;

use crate::application::SNAPSHOT_RECORD_BYTES_MAX;
use crate::codec::{self, Reader};
use crate::protocol::{LogId, Membership};

/// The version of the format. A reader refuses a newer one.
pub(crate) const VERSION: u32 = 1;

/// The longest fields of a head that are read: a membership larger than any real one, less than what a damaged length
/// could ask for.
const FIELDS_BYTES_MAX: usize = 16 << 20;

/// The files of snapshots.
pub const KIND: StreamKind = StreamKind {
    file: FileKind { magic: *b"QRSNAP\r\n", newest_version: VERSION, fields_bytes_max: FIELDS_BYTES_MAX },
    record_bytes_max: SNAPSHOT_RECORD_BYTES_MAX,
};

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

/// The fields of a snapshot's head.
pub(crate) fn encode_meta(meta: &SnapshotMeta) -> Vec<u8> {
    let mut out = Vec::new();
    codec::put_log_id(&mut out, Some(meta.last));
    codec::put_log_id(&mut out, meta.membership_at);
    codec::put_membership(&mut out, &meta.membership);
    out
}

/// Reads the fields of a snapshot's head; `None` if they make no sense. Never panics, whatever the bytes.
pub fn decode_meta(fields: &[u8]) -> Option<SnapshotMeta> {
    let mut reader = Reader::new(fields);
    let last = codec::log_id(&mut reader)??;
    let membership_at = codec::log_id(&mut reader)?;
    let membership = codec::membership(&mut reader)?;
    reader.end()?;
    Some(SnapshotMeta { last, membership_at, membership })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Member, NodeId};

    #[test]
    fn what_it_covers_comes_back() {
        let id = NodeId::from_u128(5);
        let member = Member { name: "a".to_owned(), address: "10.0.0.1:8300".to_owned() };
        let meta = SnapshotMeta {
            last: LogId { term: 3, index: 99 },
            membership_at: Some(LogId { term: 1, index: 0 }),
            membership: Membership { voters: vec![[id].into()], members: [(id, member)].into() },
        };
        let fields = encode_meta(&meta);
        assert_eq!(decode_meta(&fields), Some(meta));
        for length in 0..fields.len() {
            assert_eq!(decode_meta(&fields[..length]), None, "cut at {length}");
        }
    }
}
