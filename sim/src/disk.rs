//! A disk that keeps only what it promised: unsynced writes are lost or torn at a crash, unsynced names too, syncs fail
//! on demand, and space runs out.
//!
//! What a program reads back is the *visible* content, as from a page cache. What survives a crash is the *durable*
//! content plus, of the writes since the last sync, any part: none, all, or some bytes of one.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_base::{Disk, File, OpenMode};

/// One host's disk. Clones speak of the same one; it outlives its host's crashes.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Inner>>);

struct Inner {
    random: fastrand::Rng,
    visible: BTreeMap<PathBuf, Arc<Mutex<Inode>>>,
    durable: BTreeMap<PathBuf, Arc<Mutex<Inode>>>,
    /// Names changed since their directory was last synced, in order.
    pending: Vec<NameChange>,
    directories: BTreeSet<PathBuf>,
    locks: BTreeSet<PathBuf>,
    /// How often this disk's host crashed: a lock of an earlier life releases nothing.
    life: u64,
    capacity_bytes: u64,
    sync_fails_next: bool,
    /// How many more changes the disk makes before the power goes.
    power_left: Option<u64>,
    /// The running host's life: the disk ends it when the power goes.
    alive: Arc<AtomicBool>,
    lies: bool,
}

#[derive(Default)]
struct Inode {
    visible: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// A change of content since the last sync.
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

struct NameChange {
    path: PathBuf,
    to: Option<Arc<Mutex<Inode>>>,
    /// A rename's other half: both take place or neither.
    also_removed: Option<PathBuf>,
}

/// Sectors are written whole.
const SECTOR_BYTES: usize = 512;

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(*length, 0),
            Self::Write { offset, bytes } => write_into(content, *offset, bytes),
        }
    }

    /// Applies what a power cut lets through of it.
    fn tear(&self, content: &mut Vec<u8>, random: &mut fastrand::Rng) {
        match (random.u8(..3), self) {
            (0, _) => {}
            (1, Self::Write { offset, bytes }) => {
                let first = random.usize(0..=bytes.len() / SECTOR_BYTES) * SECTOR_BYTES;
                let last = (first + random.usize(0..=bytes.len() - first)).min(bytes.len());
                write_into(content, offset + first, &bytes[first..last]);
            }
            _ => self.apply(content),
        }
    }
}

fn write_into(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: u64, capacity_bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            random: fastrand::Rng::with_seed(seed),
            visible: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            directories: BTreeSet::new(),
            locks: BTreeSet::new(),
            life: 0,
            capacity_bytes,
            sync_fails_next: false,
            power_left: None,
            alive: Arc::default(),
            lies: false,
        })))
    }

    /// A host starts on it; the disk ends that host's life when its power is cut.
    pub fn attach(&self, alive: Arc<AtomicBool>) {
        let mut inner = lock(&self.0);
        inner.alive = alive;
        inner.power_left = None;
        inner.sync_fails_next = false;
    }

    /// The host crashed: forgets what was not synced, or keeps parts of it.
    pub fn crash(&self) {
        let mut inner = lock(&self.0);
        let inner = &mut *inner;
        for change in std::mem::take(&mut inner.pending) {
            if !inner.lies && inner.random.bool() {
                change.apply(&mut inner.durable);
            }
        }
        inner.visible = inner.durable.clone();
        inner.locks.clear();
        inner.life += 1;
        for inode in inner.visible.values() {
            let mut inode = lock(inode);
            for change in std::mem::take(&mut inode.pending).into_iter().filter(|_| !inner.lies) {
                change.tear(&mut inode.durable, &mut inner.random);
            }
            inode.visible = inode.durable.clone();
        }
    }

    /// The next sync of a file fails, and what it should have synced is half lost.
    pub fn fail_next_sync(&self) {
        lock(&self.0).sync_fails_next = true;
    }

    /// Cuts the power after so many more changes.
    pub fn cut_power_after(&self, changes: u64) {
        lock(&self.0).power_left = Some(changes);
    }

    /// Its power stays after all.
    pub fn keep_power(&self) {
        let mut inner = lock(&self.0);
        inner.power_left = None;
        inner.sync_fails_next = false;
    }

    /// Changes how much fits.
    pub fn set_capacity(&self, bytes: u64) {
        lock(&self.0).capacity_bytes = bytes;
    }

    /// How much is on it.
    pub fn used_bytes(&self) -> u64 {
        lock(&self.0).used_bytes()
    }

    /// From now on it says that it synced, and a crash takes all: a broken disk, to see that it is noticed.
    pub fn lie(&self) {
        lock(&self.0).lies = true;
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Arc<Mutex<Inode>>>) {
        match &self.to {
            Some(inode) => names.insert(self.path.clone(), inode.clone()),
            None => names.remove(&self.path),
        };
        if let Some(removed) = &self.also_removed {
            names.remove(removed);
        }
    }
}

impl Inner {
    fn used_bytes(&self) -> u64 {
        self.visible.values().map(|inode| lock(inode).visible.len() as u64).sum()
    }

    fn room_for(&self, more_bytes: usize) -> io::Result<()> {
        // What is there can be overwritten on a disk that is fuller than full: a crash brought removed files back.
        if more_bytes > 0 && self.used_bytes() + more_bytes as u64 > self.capacity_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    /// Called before each change: nothing changes on a disk without power.
    fn powered(&mut self) -> io::Result<()> {
        match &mut self.power_left {
            Some(0) => {
                self.alive.store(false, Ordering::Release);
                Err(io::Error::other("the power is gone"))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.visible);
        self.pending.push(change);
    }

    fn find(&self, path: &Path) -> io::Result<Arc<Mutex<Inode>>> {
        self.visible.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut inner = lock(&self.0);
        let present = inner.find(path);
        let inode = match mode {
            OpenMode::Read | OpenMode::Edit => present?,
            OpenMode::CreateNew if present.is_ok() => return Err(io::ErrorKind::AlreadyExists.into()),
            OpenMode::Replace if present.is_ok() => {
                inner.powered()?;
                let inode = present?;
                let mut content = lock(&inode);
                content.visible.clear();
                content.pending.push(Change::Length(0));
                drop(content);
                inode
            }
            OpenMode::CreateNew | OpenMode::Replace => {
                inner.powered()?;
                let inode = Arc::new(Mutex::new(Inode::default()));
                inner.change_name(NameChange { path: path.to_owned(), to: Some(inode.clone()), also_removed: None });
                inode
            }
        };
        Ok(Arc::new(SimFile { disk: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = lock(&self.0);
        inner.powered()?;
        let inode = inner.find(from)?;
        inner.change_name(NameChange { path: to.to_owned(), to: Some(inode), also_removed: Some(from.to_owned()) });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = lock(&self.0);
        inner.powered()?;
        inner.find(path)?;
        inner.change_name(NameChange { path: path.to_owned(), to: None, also_removed: None });
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let inner = lock(&self.0);
        if !inner.directories.contains(directory) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let children = inner.visible.keys().chain(&inner.directories).filter(|path| path.parent() == Some(directory));
        let mut names: Vec<_> =
            children.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
        names.sort();
        Ok(names)
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        let mut inner = lock(&self.0);
        inner.directories.extend(directory.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut inner = lock(&self.0);
        inner.powered()?;
        if inner.lies {
            return Ok(());
        }
        let inner = &mut *inner;
        let (here, elsewhere) =
            std::mem::take(&mut inner.pending).into_iter().partition(|change| change.path.parent() == Some(directory));
        inner.pending = elsewhere;
        let here: Vec<NameChange> = here;
        here.iter().for_each(|change| change.apply(&mut inner.durable));
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut inner = lock(&self.0);
        if !inner.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(LockGuard { disk: self.clone(), path: path.to_owned(), life: inner.life }))
    }
}

struct LockGuard {
    disk: SimDisk,
    path: PathBuf,
    life: u64,
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let mut inner = lock(&self.disk.0);
        if inner.life == self.life {
            inner.locks.remove(&self.path);
        }
    }
}

struct SimFile {
    disk: SimDisk,
    inode: Arc<Mutex<Inode>>,
}

impl SimFile {
    /// Makes a change, if the disk has power and room for `more_bytes`.
    fn change(&self, change: Change) -> io::Result<()> {
        let mut disk = lock(&self.disk.0);
        let length = lock(&self.inode).visible.len();
        let end = match &change {
            Change::Write { offset, bytes } => offset + bytes.len(),
            Change::Length(length) => *length,
        };
        disk.room_for(end.saturating_sub(length))?;
        let powered = disk.powered();
        if powered.is_ok() {
            let mut inode = lock(&self.inode);
            change.apply(&mut inode.visible);
            inode.pending.push(change);
        }
        powered
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let inode = lock(&self.inode);
        let rest = inode.visible.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(Change::Write { offset: offset as usize, bytes: bytes.to_vec() })
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(length as usize))
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        if length <= self.length()? { Ok(()) } else { self.set_length(length) }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.inode).visible.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = lock(&self.disk.0);
        disk.powered()?;
        if disk.lies {
            return Ok(());
        }
        let mut inode = lock(&self.inode);
        let pending = std::mem::take(&mut inode.pending);
        if std::mem::take(&mut disk.sync_fails_next) {
            // As in a kernel that drops its dirty pages: what is lost now is not found out by another sync.
            for change in pending {
                change.tear(&mut inode.durable, &mut disk.random);
            }
            return Err(io::Error::other("injected: the sync failed"));
        }
        for change in pending {
            change.apply(&mut inode.durable);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_with(content: &[u8], synced: bool) -> (SimDisk, Arc<dyn File>) {
        let disk = SimDisk::new(1, 1 << 20);
        disk.create_directory(Path::new("/d")).unwrap();
        let file = disk.open(Path::new("/d/f"), OpenMode::CreateNew).unwrap();
        disk.sync_directory(Path::new("/d")).unwrap();
        file.write_at(content, 0).unwrap();
        if synced {
            file.sync().unwrap();
        }
        (disk, file)
    }

    fn content(disk: &SimDisk) -> Vec<u8> {
        let file = disk.open(Path::new("/d/f"), OpenMode::Read).unwrap();
        let mut bytes = vec![0; file.length().unwrap() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn synced_bytes_survive_and_unsynced_ones_may_not() {
        let (disk, _) = disk_with(b"kept", true);
        disk.crash();
        assert_eq!(content(&disk), b"kept");
        let lost = (0..100).any(|seed| {
            let (disk, file) = disk_with(b"kept", true);
            lock(&disk.0).random = fastrand::Rng::with_seed(seed);
            file.write_at(b"gone", 0).unwrap();
            assert_eq!(content(&disk), b"gone");
            disk.crash();
            content(&disk) == b"kept"
        });
        assert!(lost);
    }

    #[test]
    fn a_full_disk_and_a_failed_sync_say_so() {
        let (disk, file) = disk_with(b"1234", true);
        disk.set_capacity(6);
        assert_eq!(file.write_at(b"567", 4).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.reserve(7).unwrap_err().kind(), io::ErrorKind::StorageFull);
        disk.set_capacity(2);
        file.write_at(b"4321", 0).expect("it takes no more room");
        disk.fail_next_sync();
        assert!(file.sync().is_err());
        assert!(file.sync().is_ok());
    }

    #[test]
    fn a_disk_without_power_changes_nothing_and_ends_its_host() {
        let (disk, file) = disk_with(b"1234", true);
        let alive = Arc::new(AtomicBool::new(true));
        disk.attach(alive.clone());
        disk.cut_power_after(1);
        file.write_at(b"x", 0).unwrap();
        assert!(alive.load(Ordering::Acquire));
        assert!(file.sync().is_err());
        assert!(!alive.load(Ordering::Acquire));
    }

    #[test]
    fn a_lock_is_exclusive_until_its_holder_goes_or_crashes() {
        let disk = SimDisk::new(1, 0);
        let path = Path::new("/lock");
        let held = disk.lock(path).unwrap();
        assert!(disk.lock(path).is_err());
        disk.crash();
        let again = disk.lock(path).unwrap();
        drop(held);
        assert!(disk.lock(path).is_err(), "the lock of an earlier life releases nothing");
        drop(again);
        assert!(disk.lock(path).is_ok());
    }
}
