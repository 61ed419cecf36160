//! A file system in memory, for a development server that keeps nothing and for tests.
//!
//! It promises what a real one does and forgets everything with the process. It has a size, so that a full disk can be
//! met on purpose: a file counts with its whole length, reserved or written. Memory is taken only for pages that were
//! ever written with something other than zeroes, so a preallocated log costs nothing until it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, File, OpenMode};

/// The unit in which memory is taken. Small enough that a short file wastes little.
const PAGE_BYTES: usize = 16 << 10;

/// A file system in memory. Clones are the same one.
#[derive(Clone)]
pub struct MemoryDisk(Arc<Inner>);

struct Inner {
    space: Arc<Space>,
    tree: Mutex<Tree>,
}

#[derive(Default)]
struct Tree {
    files: BTreeMap<PathBuf, Arc<MemoryFile>>,
    locked: BTreeSet<PathBuf>,
}

/// How much the disk holds, and may.
struct Space {
    capacity: AtomicU64,
    used: Mutex<u64>,
}

impl Space {
    fn take(&self, bytes: u64) -> io::Result<()> {
        let mut used = lock(&self.used);
        if used.saturating_add(bytes) > self.capacity.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *used += bytes;
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        *lock(&self.used) -= bytes;
    }
}

impl MemoryDisk {
    /// An empty disk that can hold `capacity_bytes`.
    pub fn new(capacity_bytes: u64) -> Self {
        let space = Space { capacity: AtomicU64::new(capacity_bytes), used: Mutex::new(0) };
        Self(Arc::new(Inner { space: Arc::new(space), tree: Mutex::default() }))
    }

    /// Changes how much it can hold. Below what it holds, nothing more can be written.
    pub fn set_capacity(&self, capacity_bytes: u64) {
        self.0.space.capacity.store(capacity_bytes, Ordering::Relaxed);
    }

    /// How much it holds: the lengths of all files that have a name or are open.
    pub fn used_bytes(&self) -> u64 {
        *lock(&self.0.space.used)
    }
}

impl Default for MemoryDisk {
    /// A disk without a limit.
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut tree = lock(&self.0.tree);
        let present = tree.files.get(path).cloned();
        match (mode, present) {
            (OpenMode::Read | OpenMode::Edit, Some(file)) => Ok(file),
            (OpenMode::Read | OpenMode::Edit, None) => Err(io::ErrorKind::NotFound.into()),
            (OpenMode::CreateNew, Some(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            (OpenMode::Replace, Some(file)) => {
                file.set_length(0)?;
                Ok(file)
            }
            (OpenMode::CreateNew | OpenMode::Replace, None) => {
                let file = Arc::new(MemoryFile { space: self.0.space.clone(), pages: Mutex::default() });
                tree.files.insert(path.to_owned(), file.clone());
                Ok(file)
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut tree = lock(&self.0.tree);
        let file = tree.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        tree.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        lock(&self.0.tree).files.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let tree = lock(&self.0.tree);
        let inside = tree.files.keys().filter(|path| path.parent() == Some(directory));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn create_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        if !lock(&self.0.tree).locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Held { disk: self.clone(), path: path.to_owned() }))
    }
}

/// A lock that is given back when dropped.
struct Held {
    disk: MemoryDisk,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.disk.0.tree).locked.remove(&self.path);
    }
}

struct MemoryFile {
    space: Arc<Space>,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    length: u64,
    /// By number; one that was never written with anything but zeroes is absent.
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl MemoryFile {
    /// Makes the file at least `length` long.
    fn grow(&self, pages: &mut Pages, length: u64) -> io::Result<()> {
        if length > pages.length {
            self.space.take(length - pages.length)?;
            pages.length = length;
        }
        Ok(())
    }
}

/// The parts of `[offset, offset + length)` page by page: page number, start within it, length.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut at = offset;
    let end = offset + length as u64;
    std::iter::from_fn(move || {
        if at == end {
            return None;
        }
        let within = (at % PAGE_BYTES as u64) as usize;
        let length = (end - at).min((PAGE_BYTES - within) as u64) as usize;
        let part = (at / PAGE_BYTES as u64, within, length);
        at += length as u64;
        Some(part)
    })
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let pages = lock(&self.pages);
        let available = pages.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut done = 0;
        for (number, within, length) in parts(offset, available) {
            let target = &mut buffer[done..done + length];
            match pages.pages.get(&number) {
                Some(page) => target.copy_from_slice(&page[within..within + length]),
                None => target.fill(0),
            }
            done += length;
        }
        Ok(available)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut pages = lock(&self.pages);
        self.grow(&mut pages, offset + bytes.len() as u64)?;
        let mut done = 0;
        for (number, within, length) in parts(offset, bytes.len()) {
            let source = &bytes[done..done + length];
            done += length;
            if !pages.pages.contains_key(&number) && source.iter().all(|byte| *byte == 0) {
                continue;
            }
            let page = pages.pages.entry(number).or_insert_with(|| vec![0; PAGE_BYTES].into_boxed_slice());
            page[within..within + length].copy_from_slice(source);
        }
        Ok(())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut pages = lock(&self.pages);
        self.grow(&mut pages, length)?;
        if length < pages.length {
            self.space.give_back(pages.length - length);
            pages.length = length;
            pages.pages.split_off(&length.div_ceil(PAGE_BYTES as u64));
            let within = (length % PAGE_BYTES as u64) as usize;
            if let Some(page) = pages.pages.get_mut(&(length / PAGE_BYTES as u64)) {
                page[within..].fill(0);
            }
        }
        Ok(())
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        self.grow(&mut lock(&self.pages), length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.pages).length)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.space.give_back(lock(&self.pages).length);
    }
}

/// No invariant spans a panic here: each change is made in one go.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
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
}
