//! Writing and reading one snapshot file, in pieces, so that neither holds more than a piece and a record in memory.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_base::File;
use quorate_base::framing::stream::{Part, StreamReader, StreamWriter, Unreadable};

use crate::application::{SNAPSHOT_RECORD_BYTES_MAX, SnapshotError, SnapshotRecords, SnapshotSink};
use crate::protocol::SnapshotIdentity;
use crate::snapshot::format::{self, SnapshotMeta};

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
    stream: StreamWriter,
    /// What is not in the file yet.
    buffer: Vec<u8>,
    /// How many bytes are in the file already.
    written: u64,
}

impl SnapshotWriter {
    pub(crate) fn new(file: Arc<dyn File>, meta: &SnapshotMeta) -> Self {
        let mut buffer = Vec::with_capacity(PIECE_BYTES);
        let stream = StreamWriter::begin(&format::KIND, format::VERSION, &format::encode_meta(meta), &mut buffer);
        Self { file, stream, buffer, written: 0 }
    }

    /// Writes the end and makes the file durable; gives its length and checksum.
    pub(crate) fn finish(mut self) -> io::Result<(u64, u32)> {
        let checksum = self.stream.finish(&mut self.buffer);
        flush(&*self.file, &mut self.buffer, &mut self.written)?;
        self.file.sync()?;
        Ok((self.written, checksum))
    }
}

fn flush(file: &dyn File, buffer: &mut Vec<u8>, written: &mut u64) -> io::Result<()> {
    file.write_at(buffer, *written)?;
    *written += buffer.len() as u64;
    buffer.clear();
    Ok(())
}

impl SnapshotSink for SnapshotWriter {
    fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > SNAPSHOT_RECORD_BYTES_MAX {
            let what = format!("a snapshot record of {} bytes is over {SNAPSHOT_RECORD_BYTES_MAX}", bytes.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        let Ok(()) = self.stream.record(&mut self.buffer, |out| {
            out.extend_from_slice(bytes);
            Ok::<(), Infallible>(())
        });
        if self.buffer.len() >= PIECE_BYTES {
            flush(&*self.file, &mut self.buffer, &mut self.written)?;
        }
        Ok(())
    }
}

/// Reads a snapshot's records and checks each; at the end the whole is proven.
pub(crate) struct SnapshotReader {
    file: Arc<dyn File>,
    name: String,
    meta: Arc<SnapshotMeta>,
    stream: StreamReader,
    /// The checksum of the whole, once it was read to its end.
    ended: Option<u32>,
}

impl SnapshotReader {
    /// Opens a snapshot and reads its head.
    pub(crate) fn open(file: Arc<dyn File>, path: &Path) -> Result<Self, SnapshotError> {
        let name = path.display().to_string();
        let mut stream = StreamReader::new(format::KIND);
        feed(&*file, &mut stream).map_err(|source| SnapshotError::Io { file: name.clone(), source })?;
        let meta = match stream.next_part().map_err(|unreadable| error(&name, unreadable))? {
            Some(Part::Head { fields, .. }) => format::decode_meta(fields),
            _ => None,
        };
        let meta = Arc::new(meta.ok_or_else(|| damaged(&name, 0, "the head".to_owned()))?);
        Ok(Self { file, name, meta, stream, ended: None })
    }

    pub(crate) fn meta(&self) -> Arc<SnapshotMeta> {
        self.meta.clone()
    }

    /// Reads to the end and gives the file, which is then known to be whole.
    pub(crate) fn verify(mut self, path: PathBuf) -> Result<SnapshotFile, SnapshotError> {
        while self.next()?.is_some() {}
        let checksum = self.ended.unwrap_or_default();
        let identity = SnapshotIdentity { last: self.meta.last, length: self.stream.fed_bytes(), checksum };
        Ok(SnapshotFile { file: self.file, path, meta: self.meta, identity })
    }

    fn feed(&mut self) -> Result<(), SnapshotError> {
        feed(&*self.file, &mut self.stream).map_err(|source| SnapshotError::Io { file: self.name.clone(), source })
    }

    /// Moves on to the next record; false at the end, once nothing comes after it.
    fn advance(&mut self) -> Result<bool, SnapshotError> {
        self.feed()?;
        let cut_short = Unreadable::CutShort(self.stream.fed_bytes());
        match self.stream.next_part().map_err(|unreadable| error(&self.name, unreadable))? {
            Some(Part::Record(_)) => return Ok(true),
            Some(Part::End(checksum)) => self.ended = Some(checksum),
            Some(Part::Head { .. }) | None => return Err(error(&self.name, cut_short)),
        }
        self.feed()?;
        self.stream.next_part().map_err(|unreadable| error(&self.name, unreadable))?;
        Ok(false)
    }
}

/// Feeds the reader from the file until its next part is there, or the file ends.
fn feed(file: &dyn File, stream: &mut StreamReader) -> io::Result<()> {
    while !stream.is_ready() {
        let offset = stream.fed_bytes();
        let read = stream.feed_with(|fed| {
            let start = fed.len();
            fed.resize(start + PIECE_BYTES, 0);
            let read = file.read_at(&mut fed[start..], offset);
            fed.truncate(start + read.as_ref().copied().unwrap_or_default());
            read
        })?;
        if read == 0 {
            break;
        }
    }
    Ok(())
}

fn damaged(file: &str, offset: u64, what: String) -> SnapshotError {
    SnapshotError::Damaged { file: file.to_owned(), offset, what }
}

fn error(file: &str, unreadable: Unreadable) -> SnapshotError {
    match unreadable {
        Unreadable::Foreign => damaged(file, 0, unreadable.to_string()),
        Unreadable::Version(version) => {
            SnapshotError::Version { file: file.to_owned(), version, newest: format::VERSION }
        }
        Unreadable::Damaged { offset, what } => damaged(file, offset, what.to_string()),
        Unreadable::CutShort(length) => damaged(file, length, "the file ends without its end mark".to_owned()),
    }
}

impl SnapshotRecords for SnapshotReader {
    fn next(&mut self) -> Result<Option<&[u8]>, SnapshotError> {
        if self.ended.is_some() {
            return Ok(None);
        }
        Ok(self.advance()?.then(|| self.stream.record()))
    }
}
