//! A file on the disk, and one that somebody opened.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::durable::{Change, SharedCopy};
use super::faults::Operation;
use super::pages::Pages;
use super::{MemoryDisk, Space, Tree, lock};
use crate::disk::File;

/// What a file holds, as everybody reads it.
pub(super) struct MemoryFile {
    space: Arc<Space>,
    content: Mutex<Pages>,
    /// What of it survives a crash, on a disk that can.
    durable: Option<SharedCopy>,
}

impl MemoryFile {
    pub(super) fn new(space: Arc<Space>, content: Pages, durable: Option<SharedCopy>) -> Self {
        space.take_always(content.length());
        Self { space, content: Mutex::new(content), durable }
    }

    pub(super) fn durable_copy(&self) -> Option<SharedCopy> {
        self.durable.clone()
    }

    pub(super) fn content(&self) -> Pages {
        lock(&self.content).clone()
    }

    /// Holds this from now on, durably.
    pub(super) fn replace(&self, content: Pages) {
        let mut present = lock(&self.content);
        self.space.give_back(present.length());
        self.space.take_always(content.length());
        if let Some(durable) = &self.durable {
            let mut durable = lock(durable);
            durable.forget_unsynced();
            durable.note(Change::Length(0));
            durable.note(Change::Write { offset: 0, bytes: content.to_vec() });
            durable.sync();
        }
        *present = content;
    }

    pub(super) fn set_length(&self, length: u64) -> io::Result<()> {
        let mut content = lock(&self.content);
        self.space.take(length.saturating_sub(content.length()))?;
        self.space.give_back(content.length().saturating_sub(length));
        content.set_length(length);
        self.note(|| Change::Length(length));
        Ok(())
    }

    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut content = lock(&self.content);
        self.space.take((offset + bytes.len() as u64).saturating_sub(content.length()))?;
        content.write(bytes, offset);
        self.note(|| Change::Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn length(&self) -> u64 {
        lock(&self.content).length()
    }

    fn note(&self, change: impl FnOnce() -> Change) {
        if let Some(durable) = &self.durable {
            lock(durable).note(change());
        }
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.space.give_back(self.length());
    }
}

/// An open file.
pub(super) struct OpenFile {
    pub(super) disk: MemoryDisk,
    pub(super) file: Arc<MemoryFile>,
    /// The name by which it was opened.
    pub(super) path: PathBuf,
    /// The life of the disk's host in which it was.
    pub(super) life: u64,
}

impl OpenFile {
    fn begin(&self, operation: Operation) -> io::Result<MutexGuard<'_, Tree>> {
        let tree = self.disk.begin(operation, &self.path)?;
        if tree.life == self.life { Ok(tree) } else { Err(io::Error::other("opened before the crash")) }
    }
}

impl File for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let _tree = self.begin(Operation::Read)?;
        Ok(lock(&self.file.content).read(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let _tree = self.begin(Operation::Write)?;
        self.file.write(bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let _tree = self.begin(Operation::SetLength)?;
        self.file.set_length(length)
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        let _tree = self.begin(Operation::Reserve)?;
        if length <= self.file.length() { Ok(()) } else { self.file.set_length(length) }
    }

    fn length(&self) -> io::Result<u64> {
        let _tree = self.begin(Operation::Length)?;
        Ok(self.file.length())
    }

    fn sync(&self) -> io::Result<()> {
        let mut tree = self.begin(Operation::Sync)?;
        let tree = &mut *tree;
        let Some(durable) = self.file.durable.as_ref().filter(|_| !tree.lies) else { return Ok(()) };
        if std::mem::take(&mut tree.sync_fails_next) {
            // As in a kernel that drops its dirty pages: what is lost now is not found out by another sync.
            lock(durable).tear(&mut tree.dice);
            return Err(io::Error::other("injected: the sync failed"));
        }
        lock(durable).sync();
        Ok(())
    }
}
