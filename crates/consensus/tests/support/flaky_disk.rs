//! A disk in memory whose syncs can be made to fail, and which notes who touches it from a thread that must not.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use quorate_base::{Disk, File, MemoryDisk, OpenMode};

#[derive(Clone, Default)]
pub(crate) struct FlakyDisk {
    disk: MemoryDisk,
    failing: Arc<AtomicBool>,
    /// Whether the syncs of log files fail that begin to be prepared now.
    failing_unnamed: Arc<AtomicBool>,
    /// How many did.
    failed_unnamed: Arc<AtomicUsize>,
    /// A thread that must not touch the disk, and what it did all the same.
    trespasses: Arc<Mutex<(Option<ThreadId>, BTreeSet<&'static str>)>>,
}

impl FlakyDisk {
    /// From now on this thread must not touch it.
    pub(crate) fn forbid(&self, thread: ThreadId) {
        self.trespasses.lock().unwrap().0 = Some(thread);
    }

    /// What the thread did that must not touch it.
    pub(crate) fn trespasses(&self) -> BTreeSet<&'static str> {
        self.trespasses.lock().unwrap().1.clone()
    }

    fn touch(&self, what: &'static str) {
        let mut trespasses = self.trespasses.lock().unwrap();
        if trespasses.0 == Some(std::thread::current().id()) {
            trespasses.1.insert(what);
        }
    }

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
        self.touch("open");
        let unnamed = path.extension().is_some_and(|extension| extension == "new");
        let failing = unnamed && self.failing_unnamed.load(Ordering::SeqCst);
        Ok(Arc::new(FlakyFile { file: self.disk.open(path, mode)?, disk: self.clone(), failing }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.touch("rename");
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.touch("remove");
        self.disk.remove(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.touch("list");
        self.disk.list(directory)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.touch("create_directory");
        self.disk.create_directory(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.touch("sync_directory");
        self.disk.sync_directory(directory)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.touch("lock");
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
        self.disk.touch("read_at");
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.touch("write_at");
        self.file.write_at(bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.disk.touch("set_length");
        self.file.set_length(length)
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        self.disk.touch("reserve");
        self.file.reserve(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.touch("length");
        self.file.length()
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.touch("sync");
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
