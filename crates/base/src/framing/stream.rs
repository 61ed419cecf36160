//! A file of records, written and read as a stream: snapshot files and archives.
//!
//! ```text
//! head                 see `head`
//! frame*               1 and the record
//! frame                0: the end
//! ```
//! Each frame's context is all that came before it, so its checksum goes on from that of the frame before, and the last
//! one is the checksum of the file. A file without its end was cut short; one that goes on after it is damaged.

use std::ops::Range;

use super::head::{BadHead, FileKind, Head};
use super::{Broken, Framing};

/// What a frame's payload begins with.
const KIND_BYTES: usize = 1;
const KIND_END: u8 = 0;
const KIND_RECORD: u8 = 1;

/// A kind of file with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamKind {
    /// How it begins.
    pub file: FileKind,
    /// The longest record.
    pub record_bytes_max: usize,
}

impl StreamKind {
    const fn framing(&self) -> Framing {
        Framing::new(KIND_BYTES + self.record_bytes_max)
    }
}

/// Writes such a file to whatever takes its bytes.
pub struct StreamWriter {
    /// In the context of all that was written.
    framing: Framing,
    checksum: u32,
}

impl StreamWriter {
    /// Appends the head of a file to `out`.
    pub fn begin(kind: &StreamKind, version: u32, fields: &[u8], out: &mut Vec<u8>) -> Self {
        let checksum = kind.file.put_head(version, fields, out);
        Self { framing: kind.framing().after(checksum), checksum }
    }

    /// Appends the record that `encode` appends to what it is given. If that fails, `out` is as it was.
    ///
    /// # Panics
    /// If the record is longer than its kind of file allows.
    pub fn record<E>(
        &mut self,
        out: &mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.framing.begin(out);
        out.push(KIND_RECORD);
        if let Err(error) = encode(out) {
            out.truncate(start);
            return Err(error);
        }
        self.end_frame(out, start);
        Ok(())
    }

    /// Appends the end; gives the checksum of the file.
    pub fn finish(mut self, out: &mut Vec<u8>) -> u32 {
        let start = self.framing.begin(out);
        out.push(KIND_END);
        self.end_frame(out, start);
        self.checksum
    }

    fn end_frame(&mut self, out: &mut Vec<u8>, start: usize) {
        self.checksum = self.framing.end(out, start);
        self.framing = self.framing.after(self.checksum);
    }
}

/// A part of such a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Its head, always the first.
    Head {
        /// The version of the file.
        version: u32,
        /// What is in the head.
        fields: &'a [u8],
    },
    /// A record.
    Record(&'a [u8]),
    /// Its end, with the checksum of the whole.
    End(u32),
}

/// Why bytes are no such file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is something else.
    #[error("it does not begin with its mark")]
    Foreign,
    /// It was written in a version that this program does not read.
    #[error("it is of version {0}")]
    Version(u32),
    /// It is not what was written.
    #[error("it is damaged at byte {offset}: {what}")]
    Damaged {
        /// Where the damaged part begins.
        offset: u64,
        /// What is wrong with it.
        what: Damage,
    },
    /// It ends early, after so many bytes.
    #[error("it is cut short after {0} bytes")]
    CutShort(u64),
}

/// What is wrong with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its frame.
    #[error(transparent)]
    Frame(#[from] Broken),
    /// A frame that is neither a record nor the end.
    #[error("a part of unknown kind")]
    Kind,
    /// The file goes on.
    #[error("there are bytes after its end")]
    Trailing,
}

/// Reads such a file as it arrives: feed it bytes, take parts. It holds what was fed and not yet taken.
pub struct StreamReader {
    kind: StreamKind,
    /// `fed[consumed..]` is still to be read.
    fed: Vec<u8>,
    consumed: usize,
    /// Where `fed` begins in the file.
    base: u64,
    /// Where the part begins that was taken last.
    part_offset: u64,
    /// The record that was taken last, in `fed`.
    record: Range<usize>,
    place: Place,
    /// In the context of all that was read.
    framing: Framing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Records,
    Done,
}

impl StreamReader {
    /// A reader of a file of this kind.
    pub fn new(kind: StreamKind) -> Self {
        let framing = kind.framing();
        Self { kind, fed: Vec::new(), consumed: 0, base: 0, part_offset: 0, record: 0..0, place: Place::Head, framing }
    }

    /// Adds the next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.feed_with(|fed| fed.extend_from_slice(bytes));
    }

    /// Has the next bytes of the file appended by `append`.
    pub fn feed_with<T>(&mut self, append: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.record = 0..0;
        self.fed.drain(..self.consumed);
        self.base += self.consumed as u64;
        self.consumed = 0;
        append(&mut self.fed)
    }

    /// How much of the file was fed so far.
    pub fn fed_bytes(&self) -> u64 {
        self.base + self.fed.len() as u64
    }

    /// Where the part begins that was taken last.
    pub fn part_offset(&self) -> u64 {
        self.part_offset
    }

    /// Whether [`Self::next_part`] has something to say before more bytes come.
    pub fn is_ready(&self) -> bool {
        let rest = self.rest();
        let announced = match self.place {
            Place::Head => self.kind.file.announced_bytes(rest),
            Place::Records => match rest.first_chunk() {
                Some(head) => self.framing.announced_bytes(head).map_err(BadHead::from),
                None => return false,
            },
            Place::Done => return !rest.is_empty(),
        };
        match announced {
            Ok(bytes) => bytes <= rest.len(),
            Err(error) => error != BadHead::Broken(Broken::Torn),
        }
    }

    /// The next part; `None` if more bytes are needed first, or all are read.
    pub fn next_part(&mut self) -> Result<Option<Part<'_>>, Unreadable> {
        let taken = match self.place {
            Place::Head => self.take_head()?,
            Place::Records => self.take_frame()?,
            Place::Done if self.rest().is_empty() => None,
            Place::Done => return Err(self.damaged(Damage::Trailing)),
        };
        Ok(taken.map(|taken| match taken {
            Taken::Head { version, fields } => Part::Head { version, fields: &self.fed[fields] },
            Taken::Record => Part::Record(self.record()),
            Taken::End(checksum) => Part::End(checksum),
        }))
    }

    /// The record that was taken last, until more is fed.
    pub fn record(&self) -> &[u8] {
        &self.fed[self.record.clone()]
    }

    /// Call when there are no more bytes: an error unless the file came whole.
    pub fn finish(&self) -> Result<(), Unreadable> {
        if self.place == Place::Done { Ok(()) } else { Err(Unreadable::CutShort(self.fed_bytes())) }
    }

    fn rest(&self) -> &[u8] {
        &self.fed[self.consumed..]
    }

    fn damaged(&self, what: impl Into<Damage>) -> Unreadable {
        Unreadable::Damaged { offset: self.base + self.consumed as u64, what: what.into() }
    }

    /// Moves on past a part of this length, whose checksum is the context of what follows.
    fn pass(&mut self, bytes: usize, checksum: u32) {
        self.part_offset = self.base + self.consumed as u64;
        self.consumed += bytes;
        self.framing = self.framing.after(checksum);
    }

    fn take_head(&mut self) -> Result<Option<Taken>, Unreadable> {
        match self.kind.file.read_head(self.rest()) {
            Ok(Head { version, fields, bytes, checksum }) => {
                let fields = self.consumed + bytes - fields.len()..self.consumed + bytes;
                self.pass(bytes, checksum);
                self.place = Place::Records;
                Ok(Some(Taken::Head { version, fields }))
            }
            Err(BadHead::Broken(Broken::Torn)) => Ok(None),
            Err(BadHead::Foreign) => Err(Unreadable::Foreign),
            Err(BadHead::Version(version)) => Err(Unreadable::Version(version)),
            Err(BadHead::Broken(broken)) => Err(self.damaged(broken)),
        }
    }

    fn take_frame(&mut self) -> Result<Option<Taken>, Unreadable> {
        let frame = match self.framing.read(self.rest()) {
            Ok(frame) => frame,
            Err(Broken::Torn) => return Ok(None),
            Err(broken) => return Err(self.damaged(broken)),
        };
        let (bytes, checksum) = (frame.bytes, frame.checksum);
        let taken = match frame.payload.split_first() {
            Some((&KIND_RECORD, record)) => {
                self.record = self.consumed + bytes - record.len()..self.consumed + bytes;
                Taken::Record
            }
            Some((&KIND_END, [])) => {
                self.place = Place::Done;
                Taken::End(checksum)
            }
            _ => return Err(self.damaged(Damage::Kind)),
        };
        self.pass(bytes, checksum);
        Ok(Some(taken))
    }
}

/// A part, without its bytes.
enum Taken {
    Head { version: u32, fields: Range<usize> },
    Record,
    End(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: StreamKind = StreamKind {
        file: FileKind { magic: *b"A-TEST\r\n", newest_version: 1, fields_bytes_max: 50 },
        record_bytes_max: 100,
    };

    fn record(writer: &mut StreamWriter, record: &[u8], out: &mut Vec<u8>) {
        let put = |out: &mut Vec<u8>| {
            out.extend_from_slice(record);
            Ok::<(), ()>(())
        };
        writer.record(out, put).unwrap();
    }

    fn file(records: &[&[u8]]) -> (Vec<u8>, u32) {
        let mut out = Vec::new();
        let mut writer = StreamWriter::begin(&KIND, 1, b"fields", &mut out);
        records.iter().for_each(|bytes| record(&mut writer, bytes, &mut out));
        let checksum = writer.finish(&mut out);
        (out, checksum)
    }

    /// Reads a file that arrives in pieces; gives its records and its checksum.
    fn read(bytes: &[u8], piece: usize) -> Result<(Vec<Vec<u8>>, u32), Unreadable> {
        let mut reader = StreamReader::new(KIND);
        let (mut records, mut checksum) = (Vec::new(), 0);
        for piece in bytes.chunks(piece) {
            reader.feed(piece);
            loop {
                let is_ready = reader.is_ready();
                let part = reader.next_part();
                assert_eq!(is_ready, !matches!(part, Ok(None)));
                match part? {
                    Some(Part::Head { version, fields }) => assert_eq!((version, fields), (1, &b"fields"[..])),
                    Some(Part::Record(record)) => records.push(record.to_vec()),
                    Some(Part::End(whole)) => checksum = whole,
                    None => break,
                }
            }
        }
        reader.finish()?;
        Ok((records, checksum))
    }

    #[test]
    fn a_file_comes_back_in_pieces_of_any_size() {
        let (bytes, checksum) = file(&[b"one", b"", &[7; 100]]);
        for piece in 1..60 {
            let (records, read_checksum) = read(&bytes, piece).unwrap();
            assert_eq!(records, [b"one".to_vec(), Vec::new(), vec![7; 100]]);
            assert_eq!(read_checksum, checksum);
        }
    }

    #[test]
    fn any_cut_any_changed_bit_and_any_more_is_noticed() {
        let (bytes, _) = file(&[b"one", b"two"]);
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length], 7), Err(Unreadable::CutShort(length as u64)));
        }
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&changed, 7).is_err(), "bit {bit}");
        }
        let more = [&bytes[..], b"x"].concat();
        let trailing = Unreadable::Damaged { offset: bytes.len() as u64, what: Damage::Trailing };
        assert_eq!(read(&more, 7), Err(trailing));
    }

    #[test]
    fn a_record_that_is_missing_comes_twice_or_stands_elsewhere_is_noticed() {
        let (bytes, _) = file(&[b"one", b"two"]);
        let head = FileKind::head_bytes(6);
        let (first, second) = (&bytes[head..head + 12], &bytes[head + 12..head + 24]);
        let end = &bytes[head + 24..];
        for records in [&[second][..], &[first], &[second, first], &[first, first, second]] {
            let changed = [&bytes[..head], &records.concat(), end].concat();
            assert!(matches!(read(&changed, 1000), Err(Unreadable::Damaged { .. })));
        }
    }

    #[test]
    fn a_record_that_can_not_be_encoded_leaves_no_trace() {
        let (bytes, _) = file(&[b"one"]);
        let mut out = Vec::new();
        let mut writer = StreamWriter::begin(&KIND, 1, b"fields", &mut out);
        let fails = |out: &mut Vec<u8>| {
            out.push(9);
            Err("no")
        };
        assert_eq!(writer.record(&mut out, fails), Err("no"));
        record(&mut writer, b"one", &mut out);
        writer.finish(&mut out);
        assert_eq!(out, bytes);
    }
}
