//! The seam for files: what the log, the vote and the snapshots need of a file system, and nothing more.
//!
//! The contract is the one that POSIX file systems keep across a crash, stated so that the simulated disk can break
//! everything that it does not promise:
//! - written bytes are durable after [`File::sync`] returns `Ok`, and not before; until then any subset of them, in any
//!   order and torn at any byte, may survive a crash;
//! - a created, renamed or removed name is durable after [`Disk::sync_directory`] on its directory returns `Ok`;
//! - after a failed `sync` the state of the unsynced bytes is unknown for good: the caller must stop, never retry.

use std::io;
use std::path::Path;
use std::sync::Arc;

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Existing, for reading only.
    Read,
    /// Existing, for reading and writing.
    Edit,
    /// For reading and writing; created empty, and an error if the name exists.
    CreateNew,
    /// For reading and writing; created if absent, emptied if present.
    Replace,
}

/// A directory tree.
pub trait Disk: Send + Sync + 'static {
    /// Opens the file at `path`.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Makes `to` name what `from` named, replacing what `to` named before, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file's name.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, sorted.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Makes a directory and those above it; no error if it exists.
    fn create_directory(&self, directory: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
    /// Takes the one exclusive lock on `path`, creating the file; `WouldBlock` if another holds it. The lock is held
    /// until the returned value is dropped or the process ends.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}

/// An open file. Offsets and lengths are in bytes.
pub trait File: Send + Sync {
    /// Reads up to `buffer.len()` bytes at `offset`; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`, growing the file if needed.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or grows (with zeroes) the file.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Reserves space so that later writes below `length` need none; the new bytes read as zeroes. `StorageFull` if
    /// the disk has no room.
    fn reserve(&self, length: u64) -> io::Result<()>;
    /// The file's length.
    fn length(&self) -> io::Result<u64>;
    /// Makes all bytes written so far, and the length, durable.
    fn sync(&self) -> io::Result<()>;
}

impl dyn File {
    /// Fills `buffer` from `offset`, or fails with `UnexpectedEof`.
    pub fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => {
                    buffer = &mut buffer[n..];
                    offset += n as u64;
                }
            }
        }
        Ok(())
    }
}

/// Whether an operation failed for want of something that may come back by itself: room on the disk or in a quota, or
/// leave to open another file. What was attempted was not done, and can be tried again later.
pub fn is_shortage(error: &io::Error) -> bool {
    is_file_shortage(error) || matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether it failed because this process, or the machine, has as many files open as it may.
pub fn is_file_shortage(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    errno.is_some_and(|errno| matches!(errno, rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = std::fs::OpenOptions::new();
        match mode {
            OpenMode::Read => options.read(true),
            OpenMode::Edit => options.read(true).write(true),
            OpenMode::CreateNew => options.read(true).write(true).create_new(true),
            OpenMode::Replace => options.read(true).write(true).create(true).truncate(true),
        };
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        std::fs::create_dir_all(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        std::fs::File::open(directory)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let file = std::fs::OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(std::fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

struct RealFile(std::fs::File);

/// Zeroes are written in pieces of this size.
const ZERO_BYTES: usize = 1 << 20;

/// Writes zeroes over `[start, end)`.
pub fn write_zeroes(file: &dyn File, start: u64, end: u64) -> io::Result<()> {
    let zeroes = vec![0; ZERO_BYTES.min(end.saturating_sub(start) as usize)];
    let mut at = start;
    while at < end {
        let length = zeroes.len().min((end - at) as usize);
        file.write_at(&zeroes[..length], at)?;
        at += length as u64;
    }
    Ok(())
}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        let present = self.0.metadata()?.len();
        if length <= present {
            return Ok(());
        }
        match rustix::fs::fallocate(&self.0, rustix::fs::FallocateFlags::empty(), present, length - present) {
            // Some file systems (NFS, ZFS) reserve only what is written.
            Err(rustix::io::Errno::OPNOTSUPP) => write_zeroes(self, present, length),
            reserved => Ok(reserved?),
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
