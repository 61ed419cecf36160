//! One record of the log, in bytes. `docs/internals/log-format.md` draws it.
//!
//! A record is a frame whose context is its file's salt and its own offset, so bytes left over from another file, another
//! place or another life of the disk block never pass for a record, and no client can write a value that does.
//!
//! Every record says where its batch began. A batch is written only after the one before it was synced, so a valid
//! record proves that every byte before its batch's start had been durable: this is how recovery tells a torn tail from
//! damage.

use bytes::Bytes;
use quorate_base::framing::{Broken, FRAME_HEAD_BYTES, Framing};

use crate::codec::{self, Reader};
use crate::protocol::{Command, Entry, LogId, Payload, Vote};

/// The fixed part of each record: the frame's head and the fields.
pub(crate) const HEADER_BYTES: usize = FRAME_HEAD_BYTES + FIELDS_BYTES;

/// What precedes the body in a record's frame.
const FIELDS_BYTES: usize = 24;

/// Records begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;

/// The longest body: `Config` lets no command be longer than an eighth of a file, whose offsets have 32 bits.
const BODY_BYTES_MAX: usize = (u32::MAX / 8) as usize;

const FRAMING: Framing = Framing::new(FIELDS_BYTES + BODY_BYTES_MAX).aligned(ALIGNMENT);

/// In each header, so that a search for records skips nearly everything else without a checksum.
const MARK: u16 = 0x9a57;

const KIND_BLANK: u8 = 1;
const KIND_COMMAND: u8 = 2;
const KIND_MEMBERSHIP: u8 = 3;
const KIND_VOTE: u8 = 4;
const KIND_TRUNCATE: u8 = 5;
const KIND_PURGE: u8 = 6;
const KIND_COMMITTED: u8 = 7;
const KIND_START: u8 = 8;
const KIND_CLOSED: u8 = 9;

/// The record's log id is present.
const FLAG_ID: u8 = 1;
/// The vote is that of an elected leader.
const FLAG_COMMITTED: u8 = 2;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An entry was appended.
    Entry(Entry),
    /// The server's vote is this.
    Vote(Vote),
    /// All entries after this one are void; all of them, if none.
    Truncate(Option<LogId>),
    /// The entries up to this one are in a snapshot and no longer needed.
    Purge(LogId),
    /// The entries up to this one are known to be committed.
    Committed(LogId),
    /// The file begins: the log's last entry and the end of the file before at that moment.
    Start {
        /// The last entry before this file.
        last: Option<LogId>,
        /// Where the file before ends.
        previous_end: u64,
    },
    /// The log was closed in order: everything before is durable.
    Closed,
}

/// Where a record is, which its checksum covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's salt.
    pub salt: u64,
    /// The record's offset in the file.
    pub offset: u64,
}

impl Place {
    fn framing(self) -> Framing {
        let mut context = [0; 16];
        context[..8].copy_from_slice(&self.salt.to_le_bytes());
        context[8..].copy_from_slice(&self.offset.to_le_bytes());
        FRAMING.in_context(&context)
    }
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What it says.
    pub record: Record,
    /// Where its batch began: everything before had been synced when it was written.
    pub batch_start: u64,
    /// How many bytes it takes, padding included.
    pub length: usize,
}

/// Why there is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// Zeroes: nothing was written here.
    Empty,
    /// The bytes end before the record does.
    Short,
    /// These bytes were never written as a record at this place.
    Checksum,
    /// They were, but their content makes no sense to this program.
    Content,
}

impl From<Broken> for Invalid {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Torn => Self::Short,
            Broken::Damaged | Broken::TooLarge { .. } => Self::Checksum,
        }
    }
}

/// The space that an entry with this command takes.
pub(crate) fn command_bytes(command: &Command) -> u64 {
    padded(command.bytes().len())
}

/// The space that an entry takes.
pub(crate) fn entry_bytes(entry: &Entry) -> u64 {
    let body = match &entry.payload {
        Payload::Blank => 0,
        Payload::Command(command) => command.bytes().len(),
        Payload::Membership(membership) => {
            let mut bytes = Vec::new();
            codec::put_membership(&mut bytes, membership);
            bytes.len()
        }
    };
    padded(body)
}

/// The space that a record with a body of this length takes.
pub(crate) fn padded(body: usize) -> u64 {
    FRAMING.frame_bytes(FIELDS_BYTES + body) as u64
}

/// The length of the record that begins with `header`, padding included, whether or not the rest of it is valid.
pub(crate) fn length_of(header: &[u8; HEADER_BYTES]) -> Result<u64, Invalid> {
    let head = header.first_chunk().ok_or(Invalid::Short)?;
    Ok(FRAMING.announced_bytes(head)? as u64)
}

/// Writes `record` to the end of `out`, for `place`, as part of a batch that began at `batch_start`.
pub fn encode(record: &Record, place: Place, batch_start: u64, out: &mut Vec<u8>) {
    let framing = place.framing();
    let start = framing.begin(out);
    out.extend_from_slice(&[0; FIELDS_BYTES]);
    let (kind, mut flags, id) = match record {
        Record::Entry(entry) => {
            let kind = match &entry.payload {
                Payload::Blank => KIND_BLANK,
                Payload::Command(command) => {
                    out.extend_from_slice(command.bytes());
                    KIND_COMMAND
                }
                Payload::Membership(membership) => {
                    codec::put_membership(out, membership);
                    KIND_MEMBERSHIP
                }
            };
            (kind, 0, Some(entry.id))
        }
        Record::Vote(vote) => {
            out.extend_from_slice(vote.node.as_bytes());
            let flags = if vote.committed { FLAG_COMMITTED } else { 0 };
            (KIND_VOTE, flags, Some(LogId { term: vote.term, index: 0 }))
        }
        Record::Truncate(after) => (KIND_TRUNCATE, 0, *after),
        Record::Purge(id) => (KIND_PURGE, 0, Some(*id)),
        Record::Committed(id) => (KIND_COMMITTED, 0, Some(*id)),
        Record::Start { last, previous_end } => {
            codec::put_u64(out, *previous_end);
            (KIND_START, 0, *last)
        }
        Record::Closed => (KIND_CLOSED, 0, None),
    };
    if id.is_some() {
        flags |= FLAG_ID;
    }
    let id = id.unwrap_or(LogId { term: 0, index: 0 });
    let header = &mut out[start..start + HEADER_BYTES];
    header[8] = kind;
    header[9] = flags;
    header[10..12].copy_from_slice(&MARK.to_le_bytes());
    header[12..16].copy_from_slice(&((batch_start / ALIGNMENT as u64) as u32).to_le_bytes());
    header[16..24].copy_from_slice(&id.term.to_le_bytes());
    header[24..32].copy_from_slice(&id.index.to_le_bytes());
    framing.end(out, start);
}

/// Whether `header` could begin a record whose batch began after `offset`: a cheap test that a search makes before it
/// computes a checksum.
pub(crate) fn may_prove(header: &[u8; HEADER_BYTES], offset: u64) -> bool {
    let batch = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    u16::from_le_bytes([header[10], header[11]]) == MARK && u64::from(batch) * ALIGNMENT as u64 > offset
}

/// Reads the record at the front of `bytes`, which were found at `place`. Never panics, whatever the bytes; never looks
/// past the length that it finds.
pub fn decode(bytes: &[u8], place: Place) -> Result<Decoded, Invalid> {
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(Invalid::Short)?;
    if header.iter().all(|byte| *byte == 0) {
        return Err(Invalid::Empty);
    }
    let frame = place.framing().read(bytes)?;
    let mut reader = Reader::new(frame.payload);
    let mut fields = || {
        let (kind, flags, mark, batch) = (reader.u8()?, reader.u8()?, reader.u16()?, reader.u32()?);
        Some((kind, flags, mark, batch, LogId { term: reader.u64()?, index: reader.u64()? }))
    };
    let (kind, flags, mark, batch, id) = fields().ok_or(Invalid::Checksum)?;
    if mark != MARK {
        return Err(Invalid::Checksum);
    }
    let id = (flags & FLAG_ID != 0).then_some(id);
    let record = content(kind, flags, id, reader.rest()).ok_or(Invalid::Content)?;
    Ok(Decoded { record, batch_start: u64::from(batch) * ALIGNMENT as u64, length: frame.bytes })
}

fn content(kind: u8, flags: u8, id: Option<LogId>, body: &[u8]) -> Option<Record> {
    let mut reader = Reader::new(body);
    let record = match kind {
        KIND_BLANK => Record::Entry(Entry { id: id?, payload: Payload::Blank }),
        KIND_COMMAND => {
            let command = Bytes::copy_from_slice(reader.take(body.len())?);
            Record::Entry(Entry { id: id?, payload: Payload::Command(command.into()) })
        }
        KIND_MEMBERSHIP => {
            Record::Entry(Entry { id: id?, payload: Payload::Membership(codec::membership(&mut reader)?) })
        }
        KIND_VOTE => {
            Record::Vote(Vote { term: id?.term, node: reader.node()?, committed: flags & FLAG_COMMITTED != 0 })
        }
        KIND_TRUNCATE => Record::Truncate(id),
        KIND_PURGE => Record::Purge(id?),
        KIND_COMMITTED => Record::Committed(id?),
        KIND_START => Record::Start { last: id, previous_end: reader.u64()? },
        KIND_CLOSED => Record::Closed,
        _ => return None,
    };
    reader.end()?;
    Some(record)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::protocol::{Member, Membership, NodeId};

    fn id() -> impl Strategy<Value = LogId> {
        (any::<u64>(), any::<u64>()).prop_map(|(term, index)| LogId { term, index })
    }

    fn payload() -> impl Strategy<Value = Payload> {
        let member = ("[a-z]{0,8}", "[0-9.:]{0,12}").prop_map(|(name, address)| Member { name, address });
        let members = proptest::collection::btree_map(any::<u128>().prop_map(NodeId::from_u128), member, 0..4);
        let membership = members.prop_map(|members: BTreeMap<_, _>| Membership {
            voters: vec![members.keys().copied().collect()],
            members,
        });
        prop_oneof![
            Just(Payload::Blank),
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| Payload::Command(bytes.into())),
            membership.prop_map(Payload::Membership),
        ]
    }

    fn record() -> impl Strategy<Value = Record> {
        prop_oneof![
            4 => (id(), payload()).prop_map(|(id, payload)| Record::Entry(Entry { id, payload })),
            1 => (any::<u64>(), any::<u128>(), any::<bool>()).prop_map(|(term, node, committed)| {
                Record::Vote(Vote { term, node: NodeId::from_u128(node), committed })
            }),
            1 => proptest::option::of(id()).prop_map(Record::Truncate),
            1 => id().prop_map(Record::Purge),
            1 => id().prop_map(Record::Committed),
            1 => (proptest::option::of(id()), any::<u64>())
                .prop_map(|(last, previous_end)| Record::Start { last, previous_end }),
            1 => Just(Record::Closed),
        ]
    }

    proptest! {
        #[test]
        fn a_record_comes_back_and_only_from_its_place(record in record(), salt: u64, slot in 0..1000u64, batch in 0..1000u64) {
            let place = Place { salt, offset: slot * 8 };
            let mut bytes = Vec::new();
            encode(&record, place, batch * 8, &mut bytes);
            if let Record::Entry(entry) = &record {
                prop_assert_eq!(entry_bytes(entry), bytes.len() as u64);
            }
            let length = bytes.len();
            prop_assert_eq!(decode(&bytes, place), Ok(Decoded { record, batch_start: batch * 8, length }));
            let elsewhere = Place { offset: place.offset + 8, ..place };
            prop_assert_eq!(decode(&bytes, elsewhere), Err(Invalid::Checksum));
            let other_file = Place { salt: !salt, ..place };
            prop_assert_eq!(decode(&bytes, other_file), Err(Invalid::Checksum));
        }

        #[test]
        fn a_changed_bit_is_noticed(record in record(), bit: proptest::sample::Index) {
            let place = Place { salt: 7, offset: 64 };
            let mut bytes = Vec::new();
            encode(&record, place, 64, &mut bytes);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(&bytes, place).is_err());
        }

        #[test]
        fn any_bytes_are_taken_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, Place { salt: 0, offset: 0 });
        }
    }
}
