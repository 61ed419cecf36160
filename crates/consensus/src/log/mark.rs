//! What is known to be durable, written beside the log: a lower bound that survives when the end of the log does not.
//!
//! The log alone cannot tell a torn tail from an end that was cut off later: both are records that are not there. So after
//! each batch was synced, where it *began* is written into a file of its own, in place and without a sync. Unsynced it may be
//! older than the truth after a loss of power, and never newer. Everything before that place had been durable, because a
//! batch begins only after the one before it was synced; at a start the log must reach it. The batch itself is not vouched
//! for: it counts as torn if it is not whole.
//!
//! A file that is absent or not whole vouches for nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_base::{Disk, File, OpenMode};

use crate::codec::{Reader, put_u32, put_u64};
use crate::log::segment::Segment;

/// The name of the file.
pub(crate) const NAME: &str = "durable";

/// The version of the format. A mark of another one vouches for nothing.
const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"QRMARK\r\n";

/// Its length. It lies within one sector, which disks write whole.
const BYTES: usize = 40;

/// A place up to which the log had been durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The log file.
    pub(crate) sequence: u64,
    /// The file's salt.
    pub(crate) salt: u64,
    /// How much of it, from its beginning. The files before it had been durable as a whole.
    pub(crate) offset: u64,
}

impl Mark {
    /// The place at `offset` in this file.
    pub(crate) fn new(segment: &Segment, offset: u64) -> Self {
        Self { sequence: segment.sequence, salt: segment.salt, offset }
    }

    fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(BYTES);
        out.extend_from_slice(&MAGIC);
        put_u32(&mut out, VERSION);
        put_u32(&mut out, 0);
        put_u64(&mut out, self.sequence);
        put_u64(&mut out, self.salt);
        put_u64(&mut out, self.offset);
        let checksum = crc32c::crc32c(&out);
        out[12..16].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let (magic, version, checksum) = (reader.take(8)?, reader.u32()?, reader.u32()?);
        let mark = Self { sequence: reader.u64()?, salt: reader.u64()?, offset: reader.u64()? };
        let known = magic == MAGIC && version == VERSION && mark.encode()[12..16] == checksum.to_le_bytes();
        known.then_some(mark)
    }
}

/// The mark in a directory, if there is one.
pub(crate) fn read(disk: &dyn Disk, directory: &Path) -> io::Result<Option<Mark>> {
    let file = match disk.open(&directory.join(NAME), OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = [0; BYTES];
    let read = file.read_at(&mut bytes, 0)?;
    Ok(Mark::decode(&bytes[..read]))
}

/// Writes marks.
pub(crate) struct Marker {
    path: PathBuf,
    file: Option<Arc<dyn File>>,
}

impl Marker {
    /// Opens the file, making it if there is none, so that to write a mark later takes no room and no sync.
    pub(crate) fn open(disk: &dyn Disk, directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        let file = match disk.open(&path, OpenMode::Edit) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = disk.open(&path, OpenMode::CreateNew)?;
                file.write_at(&[0; BYTES], 0)?;
                file.sync()?;
                disk.sync_directory(directory)?;
                file
            }
            Err(error) => return Err(error),
        };
        Ok(Self { path, file: Some(file) })
    }

    /// Tells that all up to this place is durable. An older mark is true as well, so failures end nothing but the marking.
    pub(crate) fn set(&mut self, mark: Mark) {
        let Some(file) = &self.file else { return };
        if let Err(error) = file.write_at(&mark.encode(), 0) {
            tracing::warn!("{} is no longer kept up to date: {error}", self.path.display());
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_comes_back_and_no_changed_one_does() {
        let mark = Mark { sequence: 7, salt: u64::MAX, offset: 4096 };
        let bytes = mark.encode();
        assert_eq!((bytes.len(), Mark::decode(&bytes)), (BYTES, Some(mark)));
        for byte in 0..BYTES {
            let mut changed = bytes.clone();
            changed[byte] ^= 0x10;
            assert_eq!(Mark::decode(&changed), None);
            assert_eq!(Mark::decode(&bytes[..byte]), None);
        }
    }
}
