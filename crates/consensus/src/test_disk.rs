//! A disk for tests that keeps exactly what [`quorate_base::disk`] promises and breaks all else: at a crash any part of
//! what was not synced survives, in any order. It can lose its power after a given number of operations, fail a sync, be
//! full, and its bytes can be changed behind everyone's back.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use quorate_base::{Disk, File, Host, OpenMode};

/// See the module. Clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct TestDisk(Arc<Mutex<Inner>>, Arc<Gate>);

/// Holds syncs up.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    closed: bool,
    /// How many syncs are held up.
    held: usize,
    /// How many may pass all the same.
    passes: usize,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().expect("no panic inside")
    }

    fn set_closed(&self, closed: bool) {
        self.state().closed = closed;
        self.changed.notify_all();
    }

    /// Holds the calling sync up while the gate is closed.
    fn pass(&self) {
        let mut state = self.state();
        state.held += 1;
        self.changed.notify_all();
        let mut state =
            self.changed.wait_while(state, |state| state.closed && state.passes == 0).expect("no panic inside");
        state.held -= 1;
        state.passes = state.passes.saturating_sub(1);
    }

    fn let_one_pass(&self) {
        self.state().passes += 1;
        self.changed.notify_all();
    }

    fn await_held(&self) {
        drop(self.changed.wait_while(self.state(), |state| state.held == 0).expect("no panic inside"));
    }
}

#[derive(Default)]
struct Inner {
    /// What names mean now, and what they mean for sure after a crash.
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    files: Vec<Content>,
    locked: Vec<PathBuf>,
    /// Changing operations until the power goes.
    operations_left: Option<u64>,
    failing_syncs: bool,
    /// What each opening of a new file or a directory fails with, as the operating system numbers it.
    failing_opens: Option<i32>,
    capacity: Option<u64>,
    /// Raised by a crash: files opened before are dead.
    life: u64,
}

#[derive(Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Since the last sync.
    writes: Vec<(usize, Vec<u8>)>,
}

/// A small generator, so that a failing case is one number.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // Knuth's multiplier; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % limit
    }
}

impl TestDisk {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic inside")
    }

    /// A host with this disk.
    pub(crate) fn host(&self) -> Host {
        Host { disk: Arc::new(self.clone()), ..Host::real() }
    }

    /// After this many more changing operations, all fail and nothing changes.
    pub(crate) fn lose_power_after(&self, operations: u64) {
        self.inner().operations_left = Some(operations);
    }

    /// Whether the power is gone.
    pub(crate) fn is_dark(&self) -> bool {
        self.inner().operations_left == Some(0)
    }

    /// Makes each sync fail from now on.
    pub(crate) fn fail_syncs(&self) {
        self.inner().failing_syncs = true;
    }

    /// Makes each opening of a new file or a directory fail with this error of the operating system, or no longer.
    pub(crate) fn fail_opens(&self, errno: Option<i32>) {
        self.inner().failing_opens = errno;
    }

    /// Syncs succeed again.
    pub(crate) fn mend(&self) {
        self.inner().failing_syncs = false;
    }

    /// Lets no sync end until [`Self::release_syncs`].
    pub(crate) fn hold_syncs(&self) {
        self.1.set_closed(true);
    }

    /// Lets syncs end again.
    pub(crate) fn release_syncs(&self) {
        self.1.set_closed(false);
    }

    /// Lets the sync that is held up end, and holds up the next one.
    pub(crate) fn let_one_sync_pass(&self) {
        self.1.let_one_pass();
    }

    /// Waits until a sync is held up.
    pub(crate) fn await_held_sync(&self) {
        self.1.await_held();
    }

    /// Limits the sum of all files' lengths.
    pub(crate) fn set_capacity(&self, bytes: Option<u64>) {
        self.inner().capacity = bytes;
    }

    /// The sum of all files' lengths.
    pub(crate) fn used(&self) -> u64 {
        let inner = self.inner();
        inner.names.values().map(|file| inner.files[*file].now.len() as u64).sum()
    }

    /// Ends everything and starts anew with what the disk may hold then.
    pub(crate) fn crash(&self, dice: &mut Dice) {
        let mut inner = self.inner();
        let Inner { names, durable_names, files, .. } = &mut *inner;
        // A changed name that was not synced may or may not have arrived.
        let changed: Vec<PathBuf> = names
            .keys()
            .chain(durable_names.keys())
            .filter(|path| names.get(*path) != durable_names.get(*path))
            .cloned()
            .collect();
        for path in changed {
            if dice.below(2) == 0 {
                match names.get(&path) {
                    Some(file) => durable_names.insert(path, *file),
                    None => durable_names.remove(&path),
                };
            }
        }
        *names = durable_names.clone();
        for content in files {
            content.crash(dice);
        }
        inner.locked.clear();
        inner.operations_left = None;
        inner.failing_syncs = false;
        inner.life += 1;
    }

    /// The bytes of a file, for tests that look at or change them.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let inner = self.inner();
        inner.files[inner.names[path]].now.clone()
    }

    /// Changes a file behind everyone's back.
    pub(crate) fn set_bytes(&self, path: &Path, bytes: Vec<u8>) {
        let mut inner = self.inner();
        let file = inner.names[path];
        inner.files[file] = Content { durable: bytes.clone(), now: bytes, writes: Vec::new() };
    }

    /// Removes a file behind everyone's back.
    pub(crate) fn lose(&self, path: &Path) {
        let mut inner = self.inner();
        inner.names.remove(path);
        inner.durable_names.remove(path);
    }

    /// A disk with the same durable content.
    pub(crate) fn copy(&self) -> Self {
        let inner = self.inner();
        let files = inner.files.iter().map(|file| Content {
            now: file.now.clone(),
            durable: file.now.clone(),
            writes: Vec::new(),
        });
        let copy = Inner {
            names: inner.names.clone(),
            durable_names: inner.names.clone(),
            files: files.collect(),
            ..Inner::default()
        };
        Self(Arc::new(Mutex::new(copy)), Arc::default())
    }

    /// The names with this ending.
    pub(crate) fn paths(&self, ending: &str) -> Vec<PathBuf> {
        self.inner().names.keys().filter(|path| path.to_string_lossy().ends_with(ending)).cloned().collect()
    }
}

impl Content {
    fn crash(&mut self, dice: &mut Dice) {
        let mut writes = std::mem::take(&mut self.writes);
        while !writes.is_empty() {
            let (offset, bytes) = writes.swap_remove(dice.below(writes.len()));
            let (from, to) = match dice.below(4) {
                0 => (0, 0),
                1 => (0, bytes.len()),
                _ => {
                    let from = dice.below(bytes.len() + 1);
                    (from, from + dice.below(bytes.len() - from + 1))
                }
            };
            put(&mut self.durable, offset + from, &bytes[from..to]);
        }
        self.now = self.durable.clone();
    }
}

fn put(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    if target.len() < offset + bytes.len() {
        target.resize(offset + bytes.len(), 0);
    }
    target[offset..offset + bytes.len()].copy_from_slice(bytes);
}

impl Inner {
    /// Counts a changing operation, which fails without power.
    fn operation(&mut self) -> io::Result<()> {
        match &mut self.operations_left {
            None => Ok(()),
            Some(0) => Err(io::Error::other("no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn check_open(&self) -> io::Result<()> {
        self.failing_opens.map_or(Ok(()), |errno| Err(io::Error::from_raw_os_error(errno)))
    }

    fn check_room(&self, more: usize) -> io::Result<()> {
        let used: u64 = self.names.values().map(|file| self.files[*file].now.len() as u64).sum();
        match self.capacity {
            Some(capacity) if more > 0 && used + more as u64 > capacity => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl Disk for TestDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut inner = self.inner();
        let present = inner.names.get(path).copied();
        let index = match (mode, present) {
            (OpenMode::Read | OpenMode::Edit, Some(file)) => file,
            (OpenMode::Read | OpenMode::Edit, None) => return Err(io::ErrorKind::NotFound.into()),
            (OpenMode::CreateNew, Some(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            (OpenMode::Replace, _) | (OpenMode::CreateNew, None) => {
                inner.check_open()?;
                inner.operation()?;
                inner.files.push(Content::default());
                let file = inner.files.len() - 1;
                inner.names.insert(path.to_owned(), file);
                file
            }
        };
        Ok(Arc::new(TestFile { disk: self.clone(), index, life: inner.life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.operation()?;
        let file = inner.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inner.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.operation()?;
        inner.names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let inner = self.inner();
        let inside = inner.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn create_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.check_open()?;
        inner.operation()?;
        inner.durable_names = inner.names.clone();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut inner = self.inner();
        if inner.locked.iter().any(|locked| locked == path) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        inner.locked.push(path.to_owned());
        Ok(Box::new(Held { disk: self.clone(), path: path.to_owned(), life: inner.life }))
    }
}

struct Held {
    disk: TestDisk,
    path: PathBuf,
    life: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut inner = self.disk.inner();
        if inner.life == self.life {
            inner.locked.retain(|locked| *locked != self.path);
        }
    }
}

struct TestFile {
    disk: TestDisk,
    index: usize,
    life: u64,
}

impl TestFile {
    fn inner(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let inner = self.disk.inner();
        if inner.life == self.life { Ok(inner) } else { Err(io::Error::other("opened before the crash")) }
    }
}

impl File for TestFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let inner = self.inner()?;
        let bytes = inner.files[self.index].now.get(offset as usize..).unwrap_or_default();
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.inner()?;
        inner.operation()?;
        let growth = (offset as usize + bytes.len()).saturating_sub(inner.files[self.index].now.len());
        inner.check_room(growth)?;
        let content = &mut inner.files[self.index];
        put(&mut content.now, offset as usize, bytes);
        content.writes.push((offset as usize, bytes.to_vec()));
        Ok(())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut inner = self.inner()?;
        inner.operation()?;
        inner.files[self.index].now.resize(length as usize, 0);
        Ok(())
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        let present = self.length()?;
        if length > present {
            self.write_at(&vec![0; (length - present) as usize], present)?;
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.inner()?.files[self.index].now.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.1.pass();
        let mut inner = self.inner()?;
        inner.operation()?;
        if inner.failing_syncs {
            return Err(io::Error::other("the disk said no"));
        }
        let content = &mut inner.files[self.index];
        content.durable.resize(content.now.len(), 0);
        for (offset, bytes) in std::mem::take(&mut content.writes) {
            put(&mut content.durable, offset, &bytes);
        }
        Ok(())
    }
}
