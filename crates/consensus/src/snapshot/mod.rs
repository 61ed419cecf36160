//! Snapshot files: the whole state, in one file each, of which a directory keeps the newest.
//!
//! A snapshot gets its name only when it is whole and durable: it is written under another name, synced, renamed, and the
//! directory synced. So a crash leaves the old one, or both, and never half of one under a name that counts. The older one
//! goes only after that.
//!
//! At start the newest is read, and must be whole. An older one is no way out of damage: the log begins where the newest
//! ends. Nothing is removed before the newest was found whole and the log belongs to it ([`SnapshotStore::clean`]), so a
//! refused start leaves the directory as it was. Only a name that this module gives makes a file a snapshot: a copy under
//! another name is left alone.

mod file;
pub(crate) mod format;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use quorate_base::{Host, OpenMode};

use crate::application::{SnapshotError, SnapshotSource};
use crate::error::StartError;
use crate::protocol::LogId;
use crate::snapshot::file::SnapshotWriter;
pub(crate) use crate::snapshot::file::{SnapshotFile, SnapshotReader};
use crate::snapshot::format::SnapshotMeta;

/// How much is copied at a time.
const COPY_BYTES: usize = 256 << 10;

/// The snapshots of one directory.
pub(crate) struct SnapshotStore {
    host: Host,
    directory: PathBuf,
    current: Mutex<Option<SnapshotFile>>,
}

/// The name of the snapshot that covers the log up to `last`; names sort by index.
fn name(last: LogId) -> String {
    format!("{:016x}-{:016x}.snapshot", last.index, last.term)
}

/// Whether this is a name as [`name`] gives it.
fn is_name(file_name: &str) -> bool {
    file_name
        .strip_suffix(".snapshot")
        .and_then(|stem| stem.split_once('-'))
        .is_some_and(|(index, term)| is_number(index) && is_number(term))
}

/// Whether this is a name that a file has until it is whole.
fn is_part_name(file_name: &str) -> bool {
    file_name.strip_suffix(".part").is_some_and(is_number)
}

/// Whether these are the digits of a number in names here.
fn is_number(digits: &str) -> bool {
    digits.len() == 16 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl SnapshotStore {
    /// Finds the newest snapshot of a directory and changes nothing. Gives a reader of it, for the application to start
    /// from; [`Self::set_current`] tells that it was whole. Blocking.
    pub(crate) fn open(host: Host, directory: &Path) -> Result<(Self, Option<SnapshotReader>), StartError> {
        let at_directory = |source| StartError::Io { path: directory.display().to_string(), source };
        let store = Self { host, directory: directory.to_owned(), current: Mutex::new(None) };
        let disk = &*store.host.disk;
        let names = disk.list(directory).map_err(at_directory)?;
        let strange = |name: &&String| name.ends_with(".snapshot") && !is_name(name);
        let strangers: Vec<&str> = names.iter().filter(strange).map(String::as_str).collect();
        if !strangers.is_empty() {
            tracing::warn!(
                directory = %directory.display(),
                files = strangers.join(", "),
                "left alone: these are no names that this server gives its snapshots"
            );
        }
        let Some(newest) = names.iter().rfind(|name| is_name(name)) else { return Ok((store, None)) };
        let path = directory.join(newest);
        let file = disk.open(&path, OpenMode::Read).map_err(at_directory)?;
        let reader = SnapshotReader::open(file, &path)?;
        if *newest != name(reader.meta().last) {
            let what = "its head belongs to a different file".to_owned();
            return Err(SnapshotError::Damaged { file: path.display().to_string(), offset: 0, what }.into());
        }
        Ok((store, Some(reader)))
    }

    /// Removes older snapshots and unfinished ones: the server starts from the current one, or without any. Blocking.
    pub(crate) fn clean(&self) -> io::Result<()> {
        let current = self.current().map(|current| current.path);
        for file_name in self.host.disk.list(&self.directory)? {
            let path = self.directory.join(&file_name);
            if is_part_name(&file_name) || (is_name(&file_name) && current.as_ref().is_some_and(|kept| *kept != path)) {
                self.host.disk.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Makes the snapshot that was read to its end the current one.
    pub(crate) fn set_current(&self, reader: SnapshotReader) -> Result<(), SnapshotError> {
        let path = self.directory.join(name(reader.meta().last));
        let file = reader.verify(path)?;
        self.replace_current(file);
        Ok(())
    }

    /// The newest snapshot.
    pub(crate) fn current(&self) -> Option<SnapshotFile> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace_current(&self, file: SnapshotFile) -> Option<SnapshotFile> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).replace(file)
    }

    /// Writes a snapshot and makes it the current one. On any failure the old one stays. Blocking.
    pub(crate) fn write(&self, meta: SnapshotMeta, source: Box<dyn SnapshotSource>) -> io::Result<SnapshotFile> {
        let part = self.part_path();
        let file = self.host.disk.open(&part, OpenMode::CreateNew)?;
        let mut writer = SnapshotWriter::new(file.clone(), &meta);
        let written = source.write(&mut writer).and_then(|()| writer.finish());
        match written {
            Ok((length, checksum)) => {
                let identity = crate::protocol::SnapshotIdentity { last: meta.last, length, checksum };
                self.keep(SnapshotFile { file, path: part, meta: Arc::new(meta), identity })
            }
            Err(error) => {
                self.discard(&part);
                Err(error)
            }
        }
    }

    /// A new, empty file to receive a snapshot of this length into. Blocking.
    pub(crate) fn begin_receiving(&self, length: u64) -> io::Result<(Arc<dyn quorate_base::File>, PathBuf)> {
        let part = self.part_path();
        let file = self.host.disk.open(&part, OpenMode::CreateNew)?;
        if let Err(error) = file.reserve(length) {
            self.discard(&part);
            return Err(error);
        }
        Ok((file, part))
    }

    /// Checks a received file from end to end and makes it durable. Blocking.
    pub(crate) fn check_received(
        &self,
        file: Arc<dyn quorate_base::File>,
        part: PathBuf,
    ) -> Result<SnapshotFile, SnapshotError> {
        let name = part.display().to_string();
        let received = SnapshotReader::open(file, &part)?.verify(part)?;
        received.file.sync().map_err(|source| SnapshotError::Io { file: name, source })?;
        Ok(received)
    }

    /// Makes a whole snapshot from elsewhere the current one: a received file by renaming it, any other by copying.
    /// Blocking.
    pub(crate) fn install(&self, from: SnapshotFile) -> io::Result<SnapshotFile> {
        if self.current().is_some_and(|current| Arc::ptr_eq(&current.file, &from.file)) {
            return Ok(from);
        }
        let ours = from.path.extension().is_some_and(|extension| extension == "part")
            && from.path.parent() == Some(&self.directory);
        if ours { self.keep(from) } else { self.copy(&from).and_then(|copy| self.keep(copy)) }
    }

    fn copy(&self, from: &SnapshotFile) -> io::Result<SnapshotFile> {
        let (file, path) = self.begin_receiving(from.identity.length)?;
        let mut buffer = vec![0; COPY_BYTES];
        let mut at = 0;
        while at < from.identity.length {
            let length = buffer.len().min((from.identity.length - at) as usize);
            from.file.read_exact_at(&mut buffer[..length], at)?;
            file.write_at(&buffer[..length], at)?;
            at += length as u64;
        }
        file.sync()?;
        Ok(SnapshotFile { file, path, ..from.clone() })
    }

    /// Gives a whole, durable file its name, makes it the current one, and removes the one before.
    fn keep(&self, mut snapshot: SnapshotFile) -> io::Result<SnapshotFile> {
        let named = self.directory.join(name(snapshot.meta.last));
        self.host.disk.rename(&snapshot.path, &named)?;
        snapshot.path = named;
        if let Err(error) = self.host.disk.sync_directory(&self.directory) {
            // It may vanish at a crash, so it does not count; another attempt makes another.
            if self.current().is_none_or(|current| current.path != snapshot.path) {
                self.discard(&snapshot.path);
            }
            return Err(error);
        }
        let before = self.replace_current(snapshot.clone());
        if let Some(before) = before.filter(|before| before.path != snapshot.path) {
            self.discard(&before.path);
        }
        Ok(snapshot)
    }

    /// Removes a file that is no longer needed. What cannot be removed now is removed at the next start.
    pub(crate) fn discard(&self, path: &Path) {
        if let Err(error) = self.host.disk.remove(path) {
            tracing::warn!("removing {} failed: {error}", path.display());
        }
    }

    fn part_path(&self) -> PathBuf {
        self.directory.join(format!("{:016x}.part", self.host.random.number()))
    }
}
