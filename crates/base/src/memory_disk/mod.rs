//! A file system in memory: for a development server that keeps nothing, for tests and for the simulator.
//!
//! It promises what a real one does and forgets everything with the process. It has a size, so that a full disk can be
//! met on purpose: a file counts with its whole length, reserved or written, while it has a name or is open. Memory is taken
//! only for pages that were ever written with something other than zeroes, so a preallocated log costs nothing until it is
//! used.
//!
//! One that is [simulated](MemoryDisk::simulated) keeps exactly what [`crate::disk`] promises and breaks all else: at a
//! [crash](MemoryDisk::crash) any part of what was not synced survives, in any order, as its seed decides. Its power can be
//! cut, its syncs fail and lie, and a [hook](MemoryDisk::set_hook) sees each operation before it takes place.

mod durable;
mod faults;
mod file;
mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, File, OpenMode};
use crate::host::Host;
use durable::{DurableCopy, DurableNames, NameChange};
use faults::Dice;
pub use faults::{Gate, Hook, Operation};
use file::{MemoryFile, OpenFile};
use pages::Pages;

/// A file system in memory. Clones are the same one; a simulated one outlives its host's crashes.
#[derive(Clone)]
pub struct MemoryDisk(Arc<Inner>);

struct Inner {
    tree: Mutex<Tree>,
    hook: Mutex<Option<Hook>>,
}

struct Tree {
    files: BTreeMap<PathBuf, Arc<MemoryFile>>,
    space: Arc<Space>,
    locked: BTreeSet<PathBuf>,
    /// How often its host crashed: what was opened or locked in an earlier life is dead.
    life: u64,
    /// On a disk that can crash.
    durable: Option<DurableNames>,
    dice: Dice,
    /// How many more changes the disk makes before the power goes.
    power_left: Option<u64>,
    /// Falls when the power goes.
    powered: Arc<AtomicBool>,
    sync_fails_next: bool,
    lies: bool,
}

/// How much the disk holds, and may.
struct Space {
    capacity: AtomicU64,
    used: Mutex<u64>,
}

impl Space {
    fn take(&self, bytes: u64) -> io::Result<()> {
        let mut used = lock(&self.used);
        // What is there can be overwritten on a disk that is fuller than full.
        if bytes > 0 && used.saturating_add(bytes) > self.capacity.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *used += bytes;
        Ok(())
    }

    /// Takes it even if there is no room: it is on the disk already.
    fn take_always(&self, bytes: u64) {
        *lock(&self.used) += bytes;
    }

    fn give_back(&self, bytes: u64) {
        *lock(&self.used) -= bytes;
    }
}

impl MemoryDisk {
    /// An empty disk that can hold `capacity_bytes`. All that is written to it is durable at once.
    pub fn new(capacity_bytes: u64) -> Self {
        Self::with(capacity_bytes, 0, None)
    }

    /// An empty disk without a limit on which nothing is durable before it was synced.
    pub fn simulated(seed: u64) -> Self {
        Self::with(u64::MAX, seed, Some(DurableNames::default()))
    }

    fn with(capacity_bytes: u64, seed: u64, durable: Option<DurableNames>) -> Self {
        let tree = Tree {
            files: BTreeMap::new(),
            space: Space::new(capacity_bytes),
            locked: BTreeSet::new(),
            life: 0,
            durable,
            dice: Dice(seed),
            power_left: None,
            powered: Arc::new(AtomicBool::new(true)),
            sync_fails_next: false,
            lies: false,
        };
        Self(Arc::new(Inner { tree: Mutex::new(tree), hook: Mutex::default() }))
    }

    /// This machine, but for its disk, which is this one.
    pub fn host(&self) -> Host {
        Host { disk: Arc::new(self.clone()), ..Host::real() }
    }

    /// Changes how much it can hold. Below what it holds, nothing more can be written.
    pub fn set_capacity(&self, capacity_bytes: u64) {
        self.tree().space.capacity.store(capacity_bytes, Ordering::Relaxed);
    }

    /// How much it holds: the lengths of all files that have a name or are open.
    pub fn used_bytes(&self) -> u64 {
        let space = self.tree().space.clone();
        *lock(&space.used)
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        lock(&self.0.tree)
    }

    /// Begins an operation: asks the hook, takes the tree, and for a change looks whether there is power.
    fn begin(&self, operation: Operation, path: &Path) -> io::Result<MutexGuard<'_, Tree>> {
        let hook = lock(&self.0.hook).clone();
        if let Some(hook) = hook {
            hook(operation, path)?;
        }
        let mut tree = self.tree();
        if operation.is_change() {
            tree.use_power()?;
        }
        Ok(tree)
    }
}

/// What goes wrong on purpose.
impl MemoryDisk {
    /// Decides what the next crash leaves.
    pub fn set_seed(&self, seed: u64) {
        self.tree().dice = Dice(seed);
    }

    /// Has each operation go by this first.
    pub fn set_hook(&self, hook: impl Fn(Operation, &Path) -> io::Result<()> + Send + Sync + 'static) {
        *lock(&self.0.hook) = Some(Arc::new(hook));
    }

    /// Nothing goes wrong any more: no hook, no sync that is to fail, and the power stays.
    pub fn mend(&self) {
        *lock(&self.0.hook) = None;
        let mut tree = self.tree();
        tree.power_left = None;
        tree.sync_fails_next = false;
    }

    /// A host starts on it, with power and without faults of before. What is given falls when the power goes.
    pub fn switch_on(&self) -> Arc<AtomicBool> {
        self.mend();
        let powered = Arc::new(AtomicBool::new(true));
        self.tree().powered = powered.clone();
        powered
    }

    /// Cuts the power after so many more changes: all later ones fail, and nothing changes.
    pub fn cut_power_after(&self, changes: u64) {
        self.tree().power_left = Some(changes);
    }

    /// Whether it could make another change.
    pub fn has_power(&self) -> bool {
        self.tree().power_left != Some(0)
    }

    /// The next sync of a file fails, and what it should have synced is lost in part.
    pub fn fail_next_sync(&self) {
        self.tree().sync_fails_next = true;
    }

    /// From now on it says that it synced, and a crash takes all: a broken disk, to see that it is noticed.
    pub fn lie(&self) {
        self.tree().lies = true;
    }

    /// Its host crashed: a simulated disk keeps what was synced, and of the rest any part. Files opened before are dead.
    pub fn crash(&self) {
        let mut tree = self.tree();
        let tree = &mut *tree;
        tree.locked.clear();
        tree.life += 1;
        tree.power_left = None;
        tree.sync_fails_next = false;
        let Some(durable) = &mut tree.durable else { return };
        let left = durable.crash(&mut tree.dice, tree.lies);
        durable.names.clear();
        tree.files.clear();
        // What dead files hold is not on the disk any more.
        tree.space = Space::new(tree.space.capacity.load(Ordering::Relaxed));
        left.into_iter().for_each(|(path, content)| tree.put(path, content));
    }
}

/// For those who look at what is on the disk, or change it without anybody knowing.
impl MemoryDisk {
    /// A simulated disk with the same content, all of it durable.
    pub fn copy(&self) -> Self {
        let copy = Self::simulated(0);
        for (path, file) in &self.tree().files {
            copy.tree().put(path.clone(), file.content());
        }
        copy
    }

    /// The paths with this ending.
    pub fn paths(&self, ending: &str) -> Vec<PathBuf> {
        let tree = self.tree();
        tree.files.keys().filter(|path| path.to_string_lossy().ends_with(ending)).cloned().collect()
    }

    /// The bytes of a file, if there is one.
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        Some(self.tree().files.get(path)?.content().to_vec())
    }

    /// Makes a file hold these bytes, durably. It need not be there.
    pub fn set_bytes(&self, path: &Path, bytes: impl AsRef<[u8]>) {
        self.tree().put(path.to_owned(), bytes.as_ref().into());
    }

    /// Loses a file for good, if there is one.
    pub fn lose(&self, path: &Path) {
        let mut tree = self.tree();
        tree.files.remove(path);
        if let Some(durable) = &mut tree.durable {
            durable.names.remove(path);
        }
    }
}

impl Tree {
    fn use_power(&mut self) -> io::Result<()> {
        match &mut self.power_left {
            None => Ok(()),
            Some(0) => {
                self.powered.store(false, Ordering::Release);
                Err(io::Error::other("the power is gone"))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// A file that holds this, durably.
    fn file(&self, content: Pages) -> Arc<MemoryFile> {
        let durable = self.durable.as_ref().map(|_| DurableCopy::of(content.clone()));
        Arc::new(MemoryFile::new(self.space.clone(), content, durable))
    }

    fn create(&mut self, path: &Path) -> Arc<MemoryFile> {
        let file = self.file(Pages::default());
        self.note(NameChange { path: path.to_owned(), to: file.durable_copy(), from: None });
        self.files.insert(path.to_owned(), file.clone());
        file
    }

    /// Puts a durable file there.
    fn put(&mut self, path: PathBuf, content: Pages) {
        if let Some(file) = self.files.get(&path) {
            return file.replace(content);
        }
        let file = self.file(content);
        if let (Some(durable), Some(copy)) = (&mut self.durable, file.durable_copy()) {
            durable.names.insert(path.clone(), copy);
        }
        self.files.insert(path, file);
    }

    fn note(&mut self, change: NameChange) {
        if let Some(durable) = &mut self.durable {
            durable.note(change);
        }
    }
}

impl Space {
    fn new(capacity_bytes: u64) -> Arc<Self> {
        Arc::new(Self { capacity: AtomicU64::new(capacity_bytes), used: Mutex::new(0) })
    }
}

impl Default for MemoryDisk {
    /// A disk without a limit, on which all is durable at once.
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let operation = match mode {
            OpenMode::Read | OpenMode::Edit => Operation::Open,
            OpenMode::CreateNew | OpenMode::Replace => Operation::Create,
        };
        let mut tree = self.begin(operation, path)?;
        let file = match (tree.files.get(path).cloned(), mode) {
            (Some(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(file), OpenMode::Replace) => {
                file.set_length(0)?;
                file
            }
            (Some(file), OpenMode::Read | OpenMode::Edit) => file,
            (None, OpenMode::Read | OpenMode::Edit) => return Err(io::ErrorKind::NotFound.into()),
            (None, OpenMode::CreateNew | OpenMode::Replace) => tree.create(path),
        };
        Ok(Arc::new(OpenFile { disk: self.clone(), file, path: path.to_owned(), life: tree.life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut tree = self.begin(Operation::Rename, from)?;
        let file = tree.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        tree.note(NameChange { path: to.to_owned(), to: file.durable_copy(), from: Some(from.to_owned()) });
        tree.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut tree = self.begin(Operation::Remove, path)?;
        tree.files.remove(path).ok_or(io::ErrorKind::NotFound)?;
        tree.note(NameChange { path: path.to_owned(), to: None, from: None });
        Ok(())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let tree = self.begin(Operation::List, directory)?;
        let inside = tree.files.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn create_directory(&self, directory: &Path) -> io::Result<()> {
        self.begin(Operation::CreateDirectory, directory).map(drop)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut tree = self.begin(Operation::SyncDirectory, directory)?;
        let lies = tree.lies;
        if let Some(durable) = tree.durable.as_mut().filter(|_| !lies) {
            durable.sync(directory);
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut tree = self.begin(Operation::Lock, path)?;
        if !tree.locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Held { disk: self.clone(), path: path.to_owned(), life: tree.life }))
    }
}

/// A lock that is given back when dropped.
struct Held {
    disk: MemoryDisk,
    path: PathBuf,
    life: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut tree = self.disk.tree();
        // One of an earlier life releases nothing.
        if tree.life == self.life {
            tree.locked.remove(&self.path);
        }
    }
}

/// No invariant spans a panic here: each change is made in one go.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::pages::PAGE_BYTES;
    use super::*;

    fn path(name: &str) -> PathBuf {
        PathBuf::from("/data").join(name)
    }

    #[test]
    fn bytes_come_back_across_pages_and_gaps_read_as_zeroes() {
        let disk = MemoryDisk::default();
        let file = disk.open(&path("a"), OpenMode::CreateNew).unwrap();
        let offset = PAGE_BYTES as u64 - 3;
        file.write_at(b"seven..", offset).unwrap();
        let mut read = [9; 10];
        assert_eq!(file.read_at(&mut read, offset - 2).unwrap(), 9);
        assert_eq!(&read, b"\0\0seven..\x09");
        assert_eq!(file.length().unwrap(), offset + 7);
    }

    #[test]
    fn a_cut_file_forgets_what_was_behind() {
        let disk = MemoryDisk::default();
        let file = disk.open(&path("a"), OpenMode::CreateNew).unwrap();
        file.write_at(&[1; 3 * PAGE_BYTES], 0).unwrap();
        file.set_length(5).unwrap();
        file.set_length(3 * PAGE_BYTES as u64).unwrap();
        let mut read = vec![9; 3 * PAGE_BYTES];
        assert_eq!(file.read_at(&mut read, 0).unwrap(), 3 * PAGE_BYTES);
        assert_eq!(read.iter().map(|byte| *byte as usize).sum::<usize>(), 5);
    }

    #[test]
    fn a_full_disk_refuses_and_recovers() {
        let disk = MemoryDisk::new(100);
        let a = disk.open(&path("a"), OpenMode::CreateNew).unwrap();
        a.reserve(60).unwrap();
        let b = disk.open(&path("b"), OpenMode::CreateNew).unwrap();
        assert_eq!(b.write_at(&[1; 41], 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
        b.write_at(&[1; 40], 0).unwrap();
        a.write_at(&[1; 60], 0).unwrap();
        drop(a);
        disk.remove(&path("a")).unwrap();
        assert_eq!(disk.used_bytes(), 40);
        b.reserve(100).unwrap();
    }

    #[test]
    fn names_move_and_locks_are_exclusive() {
        let disk = MemoryDisk::default();
        disk.open(&path("a"), OpenMode::CreateNew).unwrap().write_at(b"x", 0).unwrap();
        disk.open(&path("b"), OpenMode::CreateNew).unwrap();
        disk.rename(&path("a"), &path("b")).unwrap();
        assert_eq!(disk.list(Path::new("/data")).unwrap(), ["b"]);
        assert_eq!(disk.open(&path("b"), OpenMode::Read).unwrap().length().unwrap(), 1);
        let held = disk.lock(&path("lock")).unwrap();
        assert_eq!(disk.lock(&path("lock")).err().unwrap().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        disk.lock(&path("lock")).unwrap();
    }

    /// A simulated disk with a file that holds `kept`, durably.
    fn simulated(seed: u64) -> (MemoryDisk, Arc<dyn File>) {
        let disk = MemoryDisk::simulated(seed);
        let file = disk.open(&path("a"), OpenMode::CreateNew).unwrap();
        file.write_at(b"kept", 0).unwrap();
        file.sync().unwrap();
        disk.sync_directory(Path::new("/data")).unwrap();
        (disk, file)
    }

    /// What a crash leaves of the file, by seed.
    fn left(seeds: u64, change: impl Fn(&MemoryDisk, &dyn File)) -> BTreeSet<Option<Vec<u8>>> {
        let crashed = (0..seeds).map(|seed| {
            let (disk, file) = simulated(seed);
            change(&disk, &*file);
            disk.crash();
            disk.bytes(&path("a"))
        });
        crashed.collect()
    }

    #[test]
    fn synced_bytes_survive_and_of_the_others_any_part() {
        assert_eq!(left(50, |_, _| ()), [Some(b"kept".to_vec())].into());
        let torn = left(300, |_, file| file.write_at(b"GONE", 0).unwrap());
        for expected in [&b"kept"[..], b"GONE", b"GOpt", b"keNE", b"kONt"] {
            assert!(torn.contains(&Some(expected.to_vec())), "{torn:?}");
        }
        let reordered = left(300, |_, file| {
            file.write_at(b"first", 0).unwrap();
            file.write_at(b"LATER", 0).unwrap();
        });
        assert!(reordered.contains(&Some(b"first".to_vec())) && reordered.contains(&Some(b"LATER".to_vec())));
        assert_eq!(left(50, |_, file| file.write_at(b"GONE", 0).and_then(|()| file.sync()).unwrap()).len(), 1);
    }

    #[test]
    fn unsynced_names_may_be_lost_and_a_rename_is_one_step() {
        let removed = left(50, |disk, _| disk.remove(&path("a")).unwrap());
        assert_eq!(removed, [None, Some(b"kept".to_vec())].into());
        for seed in 0..50 {
            let (disk, _) = simulated(seed);
            disk.rename(&path("a"), &path("b")).unwrap();
            disk.crash();
            assert_eq!(disk.paths("").len(), 1);
        }
        let synced = left(50, |disk, _| {
            disk.remove(&path("a")).unwrap();
            disk.sync_directory(Path::new("/data")).unwrap();
        });
        assert_eq!(synced, [None].into());
    }

    #[test]
    fn what_was_opened_or_locked_before_a_crash_is_dead() {
        let (disk, file) = simulated(1);
        let held = disk.lock(&path("lock")).unwrap();
        disk.crash();
        assert!(file.read_at(&mut [0], 0).is_err() && file.sync().is_err());
        assert_eq!(disk.used_bytes(), 4);
        let again = disk.lock(&path("lock")).unwrap();
        drop(held);
        assert!(disk.lock(&path("lock")).is_err());
        drop(again);
        disk.lock(&path("lock")).unwrap();
    }

    #[test]
    fn a_disk_without_power_changes_nothing_and_ends_its_host() {
        let (disk, file) = simulated(1);
        let powered = disk.switch_on();
        disk.cut_power_after(1);
        file.write_at(b"more", 0).unwrap();
        assert!(powered.load(Ordering::Acquire) && !disk.has_power());
        assert!(file.write_at(b"none", 0).is_err() && disk.remove(&path("a")).is_err());
        assert!(!powered.load(Ordering::Acquire));
        assert_eq!(disk.bytes(&path("a")).unwrap(), b"more");
    }

    #[test]
    fn a_failed_sync_loses_what_the_next_one_does_not_find() {
        let lost = left(50, |disk, file| {
            file.write_at(b"GONE", 0).unwrap();
            disk.fail_next_sync();
            file.sync().unwrap_err();
            file.sync().unwrap();
        });
        assert!(lost.contains(&Some(b"kept".to_vec())));
        let lied = left(50, |disk, file| {
            disk.lie();
            file.write_at(b"GONE", 0).unwrap();
            file.sync().unwrap();
        });
        assert_eq!(lied, [Some(b"kept".to_vec())].into());
    }

    #[test]
    fn a_hook_counts_fails_and_holds_up() {
        let (disk, file) = simulated(1);
        let (gate, synced) = (Arc::new(Gate::default()), Arc::new(AtomicU64::new(0)));
        let (held, counted) = (gate.clone(), synced.clone());
        disk.set_hook(move |operation, path| match operation {
            Operation::Sync => {
                held.pass();
                counted.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
            Operation::Write => Err(io::Error::other(format!("{} is broken", path.display()))),
            _ => Ok(()),
        });
        assert_eq!(file.write_at(b"x", 0).unwrap_err().to_string(), "/data/a is broken");
        gate.close();
        let syncing = std::thread::spawn(move || file.sync());
        gate.await_held();
        assert_eq!((synced.load(Ordering::SeqCst), disk.used_bytes()), (0, 4));
        gate.open();
        syncing.join().unwrap().unwrap();
        assert_eq!(synced.load(Ordering::SeqCst), 1);
        disk.mend();
    }
}
