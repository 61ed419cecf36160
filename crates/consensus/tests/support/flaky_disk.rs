//! A disk in memory whose syncs can be made to fail.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use quorate_base::{Disk, File, MemoryDisk, OpenMode};

#[derive(Clone, Default)]
pub(crate) struct FlakyDisk {
    disk: MemoryDisk,
    failing: Arc<AtomicBool>,
    /// Whether the syncs of log files fail that begin to be prepared now.
    failing_unnamed: Arc<AtomicBool>,
    /// How many did.
    failed_unnamed: Arc<AtomicUsize>,
}

impl FlakyDisk {
    /// From now on no log file can be prepared: its sync fails.
    pub(crate) fn fail_unnamed_syncs(&self) {
        self.failing_unnamed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn failed_unnamed_syncs(&self) -> usize {
        self.failed_unnamed.load(Ordering::SeqCst)
    }

    pub(crate) fn fail_syncs(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    pub(crate) fn set_capacity(&self, bytes: u64) {
        self.disk.set_capacity(bytes);
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.disk.used_bytes()
    }
}

impl Disk for FlakyDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let unnamed = path.extension().is_some_and(|extension| extension == "new");
        let failing = unnamed && self.failing_unnamed.load(Ordering::SeqCst);
        Ok(Arc::new(FlakyFile { file: self.disk.open(path, mode)?, disk: self.clone(), failing }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.create_directory(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.disk.sync_directory(directory)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(path)
    }
}

struct FlakyFile {
    file: Arc<dyn File>,
    disk: FlakyDisk,
    /// Whether its syncs fail for good.
    failing: bool,
}

impl File for FlakyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.set_length(length)
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        self.file.reserve(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn sync(&self) -> io::Result<()> {
        if self.failing {
            self.disk.failed_unnamed.fetch_add(1, Ordering::SeqCst);
            return Err(io::Error::other("the disk said no"));
        }
        if self.disk.failing.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk said no"));
        }
        self.file.sync()
    }
}
