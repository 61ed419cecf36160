//! What is known to be durable, written beside the log: a lower bound that survives when the end of the log does not.
//!
//! The log alone cannot tell a torn tail from an end that was cut off later: both are records that are not there. So after
//! each batch was synced, where it *began* is written into a file of its own, in place and without a sync. Unsynced it may be
//! older than the truth after a loss of power, and never newer. Everything before that place had been durable, because a
//! batch begins only after the one before it was synced; at a start the log must reach it. The batch itself is not vouched
//! for: it counts as torn if it is not whole.
//!
//! A file that is absent or not whole vouches for nothing. One of a newer version does, and this program does not know for
//! what: the start is refused.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_base::framing::head::{BadHead, FileKind};
use quorate_base::{Disk, File, OpenMode};

use crate::codec::{Reader, put_u64};
use crate::error::{LogError, StartError};
use crate::log::segment::Segment;

/// The name of the file.
pub(crate) const NAME: &str = "durable";

/// The version of the format. A reader refuses a newer one.
const VERSION: u32 = 1;

const KIND: FileKind = FileKind {
    magic: *b"QRMARK\r\n",
    newest_version: VERSION,
    fields_bytes_max: SECTOR_BYTES - FileKind::head_bytes(0),
};

/// The file's length.
const BYTES: usize = FileKind::head_bytes(24);

/// Disks write a sector whole, so no version's mark is longer.
const SECTOR_BYTES: usize = 512;

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
        let mut fields = Vec::with_capacity(BYTES);
        put_u64(&mut fields, self.sequence);
        put_u64(&mut fields, self.salt);
        put_u64(&mut fields, self.offset);
        let mut out = Vec::with_capacity(BYTES);
        KIND.put_head(VERSION, &fields, &mut out);
        out
    }

    /// The mark in these bytes, if they are one; an error if a newer version wrote it.
    fn decode(bytes: &[u8]) -> Result<Option<Self>, u32> {
        let head = match KIND.read_head(bytes) {
            Ok(head) => head,
            Err(BadHead::Version(version)) => return Err(version),
            Err(BadHead::Foreign | BadHead::Broken(_)) => return Ok(None),
        };
        let mut reader = Reader::new(head.fields);
        let mut fields = || Some(Self { sequence: reader.u64()?, salt: reader.u64()?, offset: reader.u64()? });
        Ok(fields())
    }
}

/// The mark in a directory, if there is one.
pub(crate) fn read(disk: &dyn Disk, directory: &Path) -> Result<Option<Mark>, StartError> {
    let path = directory.join(NAME);
    let at_file = |source| StartError::Io { path: path.display().to_string(), source };
    let file = match disk.open(&path, OpenMode::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at_file(error)),
    };
    let mut bytes = [0; SECTOR_BYTES];
    let read = file.read_at(&mut bytes, 0).map_err(at_file)?;
    Mark::decode(&bytes[..read])
        .map_err(|version| LogError::Version { file: path.display().to_string(), version, newest: VERSION }.into())
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

    /// Notes that all up to this place is durable. An older mark is true as well, so failures end nothing but the marking.
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
        assert_eq!((bytes.len(), Mark::decode(&bytes)), (BYTES, Ok(Some(mark))));
        for byte in 0..BYTES {
            let mut changed = bytes.clone();
            changed[byte] ^= 0x10;
            assert_eq!(Mark::decode(&changed), Ok(None));
            assert_eq!(Mark::decode(&bytes[..byte]), Ok(None));
        }
        let mut newer = Vec::new();
        KIND.put_head(2, &[0; 24], &mut newer);
        assert_eq!(Mark::decode(&newer), Err(2));
    }
}
