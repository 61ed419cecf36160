//! The archive: the whole state as one file, for `snapshot save` and `restore`.
//!
//! ```text
//! magic    8 bytes   "QUORATE\n"
//! version  u32 LE    the format of the records, see `codec`
//! frame*             length u32 LE, CRC-32 of the payload u32 LE, payload
//! ```
//! The first payload is the header (index u64, time in ms u64, version of the writer as text); each later one is a record
//! in the layout of `codec`; the last is empty and followed by the count of records as u64 LE with its own CRC-32. A file
//! without that end was cut short. It is written and read as a stream, a frame at a time, so that neither side holds it.

use quorate_state::{Index, Record};

use crate::codec::{self, FORMAT_NEWEST, Format, Inexpressible, Malformed};

const MAGIC: &[u8; 8] = b"QUORATE\n";
/// Magic and version.
const PREFIX_BYTES: usize = 12;
/// Length and checksum before each payload.
const FRAME_HEAD_BYTES: usize = 8;
/// Count and checksum behind the empty frame.
const END_BYTES: usize = 12;
/// No record is larger: a registration or a value past this could not have come in.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// What an archive says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveHeader {
    /// The largest index given out when it was made.
    pub index: Index,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The version of Quorate that made it.
    pub quorate_version: String,
}

/// Why bytes are not an archive that can be restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// It is Consul's.
    #[error(
        "this is a snapshot of Consul, whose format only Consul reads; to move its data, start Consul from it and run \
         `consul kv export` there and `quorate kv import` here; services register themselves anew"
    )]
    Consul,
    /// It is something else.
    #[error("this is not a snapshot of Quorate: it does not start with its mark")]
    Foreign,
    /// It is of another version.
    #[error("the snapshot is of format {0}; this Quorate reads formats up to {FORMAT_NEWEST}")]
    Version(u32),
    /// It is damaged.
    #[error("the snapshot is damaged at byte {offset}: {what}")]
    Damaged {
        /// Where the damaged frame starts.
        offset: u64,
        /// What is wrong with it.
        what: String,
    },
    /// It ends early.
    #[error("the snapshot is cut short after {0} bytes")]
    CutShort(u64),
}

/// Appends the beginning of an archive whose records are of this format to `out`.
pub fn write_header(header: &ArchiveHeader, format: Format, out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&u32::from(format).to_le_bytes());
    let mut payload = Vec::new();
    payload.extend_from_slice(&header.index.to_le_bytes());
    payload.extend_from_slice(&header.created_ms.to_le_bytes());
    payload.extend_from_slice(header.quorate_version.as_bytes());
    write_frame(&payload, out);
}

/// Appends a record to `out`, in the format that the header named.
pub fn write_record(record: &Record, format: Format, out: &mut Vec<u8>) -> Result<(), Inexpressible> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
    codec::encode_record(record, format, out)?;
    let payload = &out[start + FRAME_HEAD_BYTES..];
    let head = frame_head(payload);
    out[start..start + FRAME_HEAD_BYTES].copy_from_slice(&head);
    Ok(())
}

/// Appends the end of an archive of so many records to `out`.
pub fn write_end(records: u64, out: &mut Vec<u8>) {
    write_frame(&[], out);
    out.extend_from_slice(&records.to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(&records.to_le_bytes()).to_le_bytes());
}

fn write_frame(payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&frame_head(payload));
    out.extend_from_slice(payload);
}

fn frame_head(payload: &[u8]) -> [u8; FRAME_HEAD_BYTES] {
    let mut head = [0; FRAME_HEAD_BYTES];
    head[..4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    head
}

/// Something read from an archive.
#[derive(Clone, Debug, PartialEq)]
pub enum ArchiveItem {
    /// What it says about itself; always the first.
    Header(ArchiveHeader),
    /// A record, and how many bytes it took.
    Record(Record, usize),
}

/// Reads an archive as it arrives: feed it bytes, take items.
#[derive(Default)]
pub struct ArchiveReader {
    pending: Vec<u8>,
    /// How much of `pending` is consumed.
    consumed: usize,
    /// Where `pending` starts in the archive.
    base: u64,
    part: Part,
    /// What the prefix said; nothing before it is read.
    format: Format,
    records: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Prefix,
    Header,
    Records,
    End,
    Done,
}

impl ArchiveReader {
    /// Adds the next bytes of the archive.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.consumed);
        self.base += self.consumed as u64;
        self.consumed = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The next item; `None` if more bytes are needed first, or all are read.
    pub fn next_item(&mut self) -> Result<Option<ArchiveItem>, ArchiveError> {
        if self.part == Part::Prefix && !self.take_prefix()? {
            return Ok(None);
        }
        if matches!(self.part, Part::Header | Part::Records)
            && let Some(payload) = self.peek_frame()?
        {
            return self.take_frame(payload);
        }
        if self.part == Part::End {
            self.take_end()?;
        }
        if self.part == Part::Done && self.consumed < self.pending.len() {
            return Err(self.damaged("there are bytes behind its end"));
        }
        Ok(None)
    }

    /// Call when there are no more bytes: an error unless the archive came whole. Gives the number of records.
    pub fn finish(self) -> Result<u64, ArchiveError> {
        let length = self.base + self.pending.len() as u64;
        match self.part {
            Part::Done => Ok(self.records),
            Part::Prefix if !MAGIC.starts_with(&self.pending) => Err(ArchiveError::Foreign),
            _ => Err(ArchiveError::CutShort(length)),
        }
    }

    fn rest(&self) -> &[u8] {
        &self.pending[self.consumed..]
    }

    fn damaged(&self, what: impl ToString) -> ArchiveError {
        ArchiveError::Damaged { offset: self.base + self.consumed as u64, what: what.to_string() }
    }

    /// Whether magic and version were there to be read.
    fn take_prefix(&mut self) -> Result<bool, ArchiveError> {
        // Consul's is a gzip stream.
        if self.rest().starts_with(&[0x1f, 0x8b]) {
            return Err(ArchiveError::Consul);
        }
        let Some(prefix) = self.rest().get(..PREFIX_BYTES) else {
            return Ok(false);
        };
        if !prefix.starts_with(MAGIC) {
            return Err(ArchiveError::Foreign);
        }
        let version = u32::from_le_bytes([prefix[8], prefix[9], prefix[10], prefix[11]]);
        let format = Format::try_from(version).ok().and_then(|format| codec::known(format).ok());
        self.format = format.ok_or(ArchiveError::Version(version))?;
        self.consumed += PREFIX_BYTES;
        self.part = Part::Header;
        Ok(true)
    }

    /// Where the next payload lies in `pending`, if it is there whole and intact.
    fn peek_frame(&self) -> Result<Option<std::ops::Range<usize>>, ArchiveError> {
        let Some(head) = self.rest().first_chunk::<FRAME_HEAD_BYTES>() else {
            return Ok(None);
        };
        let [a, b, c, d, crc @ ..] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(self.damaged(format!("a record of {length} bytes, more than the {FRAME_BYTES_MAX} allowed")));
        }
        let start = self.consumed + FRAME_HEAD_BYTES;
        let Some(payload) = self.pending.get(start..start + length) else {
            return Ok(None);
        };
        if crc32fast::hash(payload) != u32::from_le_bytes(crc) {
            return Err(self.damaged("the checksum does not match"));
        }
        Ok(Some(start..start + length))
    }

    fn take_frame(&mut self, payload: std::ops::Range<usize>) -> Result<Option<ArchiveItem>, ArchiveError> {
        let bytes = &self.pending[payload.clone()];
        let item = match self.part {
            Part::Header => Some(ArchiveItem::Header(read_header(bytes).ok_or_else(|| self.damaged("no header"))?)),
            _ if bytes.is_empty() => None,
            _ => {
                let record =
                    codec::decode_record(bytes, self.format).map_err(|error: Malformed| self.damaged(error))?;
                Some(ArchiveItem::Record(record, bytes.len()))
            }
        };
        self.consumed = payload.end;
        match &item {
            Some(ArchiveItem::Header(_)) => self.part = Part::Records,
            Some(ArchiveItem::Record(..)) => self.records += 1,
            None => {
                self.part = Part::End;
                return self.next_item();
            }
        }
        Ok(item)
    }

    fn take_end(&mut self) -> Result<(), ArchiveError> {
        let Some(end) = self.rest().first_chunk::<END_BYTES>() else {
            return Ok(());
        };
        let (count, crc) = end.split_at(8);
        if crc32fast::hash(count).to_le_bytes() != *crc {
            return Err(self.damaged("the checksum does not match"));
        }
        if *count != self.records.to_le_bytes() {
            return Err(self.damaged(format!("{} records came, but it says otherwise", self.records)));
        }
        self.consumed += END_BYTES;
        self.part = Part::Done;
        Ok(())
    }
}

fn read_header(bytes: &[u8]) -> Option<ArchiveHeader> {
    let (index, rest) = bytes.split_first_chunk()?;
    let (created_ms, version) = rest.split_first_chunk()?;
    Some(ArchiveHeader {
        index: u64::from_le_bytes(*index),
        created_ms: u64::from_le_bytes(*created_ms),
        quorate_version: String::from_utf8(version.to_vec()).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(records: u64) -> Vec<u8> {
        let mut out = Vec::new();
        let header = ArchiveHeader { index: 7, created_ms: 8, quorate_version: "0.1.0".into() };
        write_header(&header, FORMAT_NEWEST, &mut out);
        for number in 0..records {
            let record = Record::Tombstone(number.to_string().as_str().into(), number);
            assert_eq!(write_record(&record, FORMAT_NEWEST, &mut out), Ok(()));
        }
        write_end(records, &mut out);
        out
    }

    /// Reads `bytes` in pieces of `piece`; gives how many records came.
    fn read(bytes: &[u8], piece: usize) -> Result<u64, ArchiveError> {
        let mut reader = ArchiveReader::default();
        let mut records = 0;
        for piece in bytes.chunks(piece) {
            reader.feed(piece);
            while let Some(item) = reader.next_item()? {
                records += u64::from(matches!(item, ArchiveItem::Record(..)));
            }
        }
        assert_eq!(reader.finish()?, records);
        Ok(records)
    }

    #[test]
    fn reads_back_in_pieces_of_any_size() {
        for piece in 1..40 {
            assert_eq!(read(&archive(5), piece), Ok(5));
        }
        assert_eq!(read(&archive(0), 1000), Ok(0));
    }

    #[test]
    fn any_cut_and_any_flipped_bit_is_found() {
        let whole = archive(3);
        for length in 0..whole.len() {
            assert!(read(&whole[..length], 7).is_err(), "cut to {length}");
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            assert!(read(&damaged, 7).is_err(), "flipped at {place}");
        }
        assert!(read(&[&whole[..], b"x"].concat(), 7).is_err());
    }

    #[test]
    fn foreign_files_are_named() {
        assert_eq!(read(&[0x1f, 0x8b, 8, 0], 100), Err(ArchiveError::Consul));
        assert_eq!(read(b"something else entirely", 100), Err(ArchiveError::Foreign));
        assert_eq!(read(b"", 100), Err(ArchiveError::CutShort(0)));
        assert_eq!(read(b"QUORATE\n\x03\0\0\0", 100), Err(ArchiveError::Version(3)));
    }
}
