//! The archive: the whole state as one file, for `snapshot save` and `restore`.
//!
//! A stream of frames (`base::framing::stream`) that begins with `QUORATE\n`. Its version is the format of the records, see
//! `codec`; the fields of its head are index u64, time in ms u64, and the version of the writer as text; each record is in the
//! layout of `codec`. It is written and read a frame at a time, so that neither side holds it.

use quorate_base::framing::head::FileKind;
use quorate_base::framing::stream::{Part, StreamKind, StreamReader, StreamWriter, Unreadable};
use quorate_state::{Index, Record};

use crate::codec::{self, FORMAT_NEWEST, Format, Inexpressible};

/// The files of archives.
pub const KIND: StreamKind = StreamKind {
    file: FileKind { magic: *b"QUORATE\n", newest_version: FORMAT_NEWEST as u32, fields_bytes_max: HEADER_BYTES_MAX },
    record_bytes_max: RECORD_BYTES_MAX,
};
/// Two numbers and the name of a version, however long that gets.
const HEADER_BYTES_MAX: usize = 4096;
/// No record is larger: a registration or a value past this could not have come in.
const RECORD_BYTES_MAX: usize = 64 << 20;
/// What Consul's begin with: they are gzip streams.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

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

/// Writes an archive to whatever takes its bytes.
pub struct ArchiveWriter {
    stream: StreamWriter,
    format: Format,
}

impl ArchiveWriter {
    /// Appends the beginning of an archive whose records are of this format to `out`.
    pub fn begin(header: &ArchiveHeader, format: Format, out: &mut Vec<u8>) -> Self {
        let mut fields = Vec::new();
        fields.extend_from_slice(&header.index.to_le_bytes());
        fields.extend_from_slice(&header.created_ms.to_le_bytes());
        fields.extend_from_slice(header.quorate_version.as_bytes());
        Self { stream: StreamWriter::begin(&KIND, u32::from(format), &fields, out), format }
    }

    /// Appends a record to `out`.
    pub fn record(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<(), Inexpressible> {
        let format = self.format;
        self.stream.record(out, |out| codec::encode_record(record, format, out))
    }

    /// Appends the end to `out`.
    pub fn finish(self, out: &mut Vec<u8>) {
        self.stream.finish(out);
    }
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
pub struct ArchiveReader {
    stream: StreamReader,
    /// Its first bytes, until they say whose it is.
    first: Vec<u8>,
    /// What the head said; no record is read before it.
    format: Format,
    records: u64,
}

impl Default for ArchiveReader {
    fn default() -> Self {
        Self { stream: StreamReader::new(KIND), first: Vec::new(), format: Format::default(), records: 0 }
    }
}

impl ArchiveReader {
    /// Adds the next bytes of the archive.
    pub fn feed(&mut self, bytes: &[u8]) {
        let missing = GZIP_MAGIC.len() - self.first.len();
        self.first.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        self.stream.feed(bytes);
    }

    /// The next item; `None` if more bytes are needed first, or all are read.
    pub fn next_item(&mut self) -> Result<Option<ArchiveItem>, ArchiveError> {
        if self.first.len() < GZIP_MAGIC.len() && GZIP_MAGIC.starts_with(&self.first) {
            return Ok(None);
        }
        let item = match self.stream.next_part() {
            Ok(Some(Part::Head { version, fields })) => {
                let format = Format::try_from(version).map_err(|_| ArchiveError::Version(version))?;
                self.format = codec::known(format).map_err(|_| ArchiveError::Version(version))?;
                read_header(fields).map(ArchiveItem::Header).ok_or_else(|| "no header".to_owned())
            }
            Ok(Some(Part::Record(bytes))) => {
                self.records += 1;
                let record = codec::decode_record(bytes, self.format);
                record.map(|record| ArchiveItem::Record(record, bytes.len())).map_err(|error| error.to_string())
            }
            // An error if there are more bytes.
            Ok(Some(Part::End(_))) => return self.next_item(),
            Ok(None) => return Ok(None),
            Err(unreadable) => return Err(self.error(unreadable)),
        };
        item.map(Some).map_err(|what| ArchiveError::Damaged { offset: self.stream.part_offset(), what })
    }

    /// Call when there are no more bytes: an error unless the archive came whole. Gives the number of records.
    pub fn finish(self) -> Result<u64, ArchiveError> {
        self.stream.finish().map_err(|unreadable| self.error(unreadable))?;
        Ok(self.records)
    }

    fn error(&self, unreadable: Unreadable) -> ArchiveError {
        match unreadable {
            Unreadable::Foreign if self.first == GZIP_MAGIC => ArchiveError::Consul,
            Unreadable::Foreign => ArchiveError::Foreign,
            Unreadable::Version(version) => ArchiveError::Version(version),
            Unreadable::Damaged { offset, what } => ArchiveError::Damaged { offset, what: what.to_string() },
            Unreadable::CutShort(length) => ArchiveError::CutShort(length),
        }
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
        let mut writer = ArchiveWriter::begin(&header, FORMAT_NEWEST, &mut out);
        for number in 0..records {
            let record = Record::Tombstone(number.to_string().as_str().into(), number);
            assert_eq!(writer.record(&record, &mut out), Ok(()));
        }
        writer.finish(&mut out);
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
        for piece in [1, 2, 100] {
            assert_eq!(read(&[0x1f, 0x8b, 8, 0], piece), Err(ArchiveError::Consul));
            assert_eq!(read(&[0x1f, 8, 8, 0], piece), Err(ArchiveError::Foreign));
        }
        assert_eq!(read(b"something else entirely", 100), Err(ArchiveError::Foreign));
        assert_eq!(read(b"", 100), Err(ArchiveError::CutShort(0)));
        let mut newer = Vec::new();
        KIND.file.put_head(3, b"whatever it says", &mut newer);
        assert_eq!(read(&newer, 100), Err(ArchiveError::Version(3)));
    }
}
