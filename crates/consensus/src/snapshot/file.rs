//! Writing and reading one snapshot file, in pieces, so that neither holds more than a piece and a record in memory.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_base::File;

use crate::application::{SNAPSHOT_RECORD_BYTES_MAX, SnapshotError, SnapshotRecords, SnapshotSink};
use crate::protocol::SnapshotIdentity;
use crate::snapshot::format::{self, BadHeader, END_BYTES, FRAME_BYTES, Frame, HEADER_BYTES, SnapshotMeta};

/// How much is written or read at a time.
const PIECE_BYTES: usize = 256 << 10;

/// A snapshot file that can be read and sent.
#[derive(Clone)]
pub(crate) struct SnapshotFile {
    /// Its bytes.
    pub(crate) file: Arc<dyn File>,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it covers.
    pub(crate) meta: Arc<SnapshotMeta>,
    /// Which one it is.
    pub(crate) identity: SnapshotIdentity,
}

/// Writes a snapshot to an empty file.
pub(crate) struct SnapshotWriter {
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    /// How many bytes are in the file already.
    written: u64,
    /// Over all bytes so far.
    checksum: u32,
    records: u64,
}

impl SnapshotWriter {
    pub(crate) fn new(file: Arc<dyn File>, meta: &SnapshotMeta) -> io::Result<Self> {
        let mut writer = Self { file, buffer: Vec::with_capacity(PIECE_BYTES), written: 0, checksum: 0, records: 0 };
        writer.put(&format::encode_header(meta))?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the end and makes the file durable; gives its length and checksum.
    pub(crate) fn finish(mut self) -> io::Result<(u64, u32)> {
        self.put(&format::encode_end(self.records))?;
        let checksum = self.checksum;
        self.put(&checksum.to_le_bytes())?;
        self.flush()?;
        self.file.sync()?;
        Ok((self.written, checksum))
    }
}

impl SnapshotSink for SnapshotWriter {
    fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > SNAPSHOT_RECORD_BYTES_MAX {
            let what = format!("a snapshot record of {} bytes is over {SNAPSHOT_RECORD_BYTES_MAX}", bytes.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        self.put(&format::encode_frame(bytes))?;
        self.put(bytes)?;
        self.records += 1;
        Ok(())
    }
}

/// Reads a snapshot's records and checks each, and at the end the whole.
pub(crate) struct SnapshotReader {
    file: Arc<dyn File>,
    name: String,
    meta: Arc<SnapshotMeta>,
    length: u64,
    /// What was read and not yet given out: `buffer[start..]`, which begins at `offset` in the file.
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    checksum: u32,
    records: u64,
    ended: Option<u32>,
}

impl SnapshotReader {
    /// Opens a snapshot and reads its header.
    pub(crate) fn open(file: Arc<dyn File>, path: &Path) -> Result<Self, SnapshotError> {
        let name = path.display().to_string();
        let length = file.length().map_err(|source| SnapshotError::Io { file: name.clone(), source })?;
        let placeholder = SnapshotMeta {
            last: crate::protocol::LogId { term: 0, index: 0 },
            membership_at: None,
            membership: crate::protocol::Membership::default(),
        };
        let mut reader = Self {
            file,
            name,
            meta: Arc::new(placeholder),
            length,
            buffer: Vec::new(),
            start: 0,
            offset: 0,
            checksum: 0,
            records: 0,
            ended: None,
        };
        let meta = reader.read_header()?;
        reader.meta = Arc::new(meta);
        Ok(reader)
    }

    pub(crate) fn meta(&self) -> Arc<SnapshotMeta> {
        self.meta.clone()
    }

    /// Reads to the end and gives the file, which is then known to be whole.
    pub(crate) fn verify(mut self, path: PathBuf) -> Result<SnapshotFile, SnapshotError> {
        while self.next()?.is_some() {}
        let checksum = self.ended.unwrap_or_default();
        let identity = SnapshotIdentity { last: self.meta.last, length: self.length, checksum };
        Ok(SnapshotFile { file: self.file, path, meta: self.meta, identity })
    }

    fn damaged(&self, what: &'static str) -> SnapshotError {
        SnapshotError::Damaged { file: self.name.clone(), offset: self.offset, what }
    }

    fn read_header(&mut self) -> Result<SnapshotMeta, SnapshotError> {
        self.fill(HEADER_BYTES)?;
        let fixed = self.buffer.first_chunk().ok_or_else(|| self.damaged("the file ends within its header"))?;
        let length = format::header_length(fixed).map_err(|_| self.damaged("the header"))?;
        self.fill(length)?;
        match format::decode_header(&self.buffer) {
            Ok((meta, length)) => {
                self.take(length);
                Ok(meta)
            }
            Err(BadHeader::Short) => Err(self.damaged("the file ends within its header")),
            Err(BadHeader::Damaged) => Err(self.damaged("the header")),
            Err(BadHeader::Version(version)) => {
                Err(SnapshotError::Version { file: self.name.clone(), version, newest: format::VERSION })
            }
        }
    }

    /// Has at least `wanted` bytes in the buffer, unless the file ends before.
    fn fill(&mut self, wanted: usize) -> Result<(), SnapshotError> {
        if self.buffer.len() - self.start >= wanted {
            return Ok(());
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut filled = self.buffer.len();
        self.buffer.resize(wanted.max(PIECE_BYTES), 0);
        while filled < self.buffer.len() {
            let at = self.offset + filled as u64;
            let read = self.file.read_at(&mut self.buffer[filled..], at);
            match read.map_err(|source| SnapshotError::Io { file: self.name.clone(), source })? {
                0 => break,
                read => filled += read,
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }

    /// Moves on past `length` bytes, which are in the buffer; gives where they are in it.
    fn take(&mut self, length: usize) -> std::ops::Range<usize> {
        let taken = self.start..self.start + length;
        self.checksum = crc32c::crc32c_append(self.checksum, &self.buffer[taken.clone()]);
        self.start = taken.end;
        self.offset += length as u64;
        taken
    }

    fn read_end(&mut self, records: u64, checksum: u32) -> Result<(), SnapshotError> {
        self.take(END_BYTES - 4);
        if records != self.records || checksum != self.checksum {
            return Err(self.damaged("the end, which does not agree with what comes before it"));
        }
        self.take(4);
        if self.offset != self.length {
            return Err(self.damaged("bytes behind the end"));
        }
        self.ended = Some(checksum);
        Ok(())
    }
}

impl SnapshotRecords for SnapshotReader {
    fn next(&mut self) -> Result<Option<&[u8]>, SnapshotError> {
        if self.ended.is_some() {
            return Ok(None);
        }
        self.fill(END_BYTES)?;
        match format::decode_frame(&self.buffer[self.start..]) {
            Frame::Record { length, checksum } => {
                self.fill(FRAME_BYTES + length)?;
                if self.buffer.len() - self.start < FRAME_BYTES + length {
                    return Err(self.damaged("the file ends within a record"));
                }
                let record = self.start + FRAME_BYTES..self.start + FRAME_BYTES + length;
                if format::record_checksum(&self.buffer[record.clone()]) != checksum {
                    return Err(self.damaged("a record's checksum"));
                }
                self.take(FRAME_BYTES + length);
                self.records += 1;
                Ok(Some(&self.buffer[record]))
            }
            Frame::End { records, checksum } => {
                self.read_end(records, checksum)?;
                Ok(None)
            }
            Frame::Short => Err(self.damaged("the file ends without its end mark")),
            Frame::Damaged => Err(self.damaged("a record's length")),
        }
    }
}
