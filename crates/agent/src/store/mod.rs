//! Files: one for each service and check that a request registered and for what each TTL check was told.
//!
//! A file is written beside its name, synced and renamed, and then the directory is synced; so after a crash it is there
//! as it was before or as it was to be. What a TTL check was told is not synced, as with Consul: the end of the process
//! loses nothing of it, and that of the machine takes longer to get over than it mostly holds. Then such a file may be
//! gone, old or no record; the check is critical until it is told again. Writers leave what is to be written in a table, where a later write of the same
//! file takes the place of an earlier one; one batch at a time is taken from it and written away from the runtime's
//! thread. Whoever has to know waits for his batch.
//!
//! **Bounds.** The table has at most one entry for each file, and there are no more of those than entries of the agent.
//! A file that can't be read is left where it is, with a warning.

mod record;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use quorate_base::{Host, OpenMode};
use tokio::sync::{Notify, oneshot, watch};

use crate::machine::StoreKey;
pub use record::{Record, Spoiled};

/// The largest file that is read: a registration as HTTP lets it in, with room for how it is written.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What the names of files begin with that hold what a TTL check was told.
const STATE: &str = "state";

/// Marks a file that was not finished.
const UNFINISHED: &str = ".new";

/// The files of one agent.
pub(crate) struct Store {
    host: Host,
    directory: PathBuf,
    waiting: Mutex<Waiting>,
    wake: Notify,
    written: watch::Sender<Written>,
}

#[derive(Default)]
struct Waiting {
    /// What each file is to hold; `None` removes it.
    files: BTreeMap<String, Option<Vec<u8>>>,
    /// How many writes were ever asked for.
    asked: u64,
}

/// How far writing has come.
#[derive(Clone, Debug, Default)]
struct Written {
    /// All writes up to this one were tried.
    up_to: u64,
    /// The last batch that failed: after which write it began, with which it ended, and why.
    failure: Option<(u64, u64, String)>,
}

impl Store {
    /// Opens the directory and reads what is kept there.
    pub(crate) fn open(host: Host, directory: &Path) -> io::Result<(Self, Vec<Record>)> {
        host.disk.create_directory(directory)?;
        let mut records = Vec::new();
        for name in host.disk.list(directory)? {
            let path = directory.join(&name);
            if name.ends_with(UNFINISHED) {
                host.disk.remove(&path)?;
                continue;
            }
            match read(&host, &path)
                .map_err(|error| error.to_string())
                .and_then(|bytes| Record::decode(&bytes).map_err(|spoiled| spoiled.to_string()))
            {
                Ok(record) => records.push(record),
                Err(reason) => tracing::warn!(file = %path.display(), reason, "a file of the agent is passed over"),
            }
        }
        let store = Self {
            host,
            directory: directory.to_owned(),
            waiting: Mutex::default(),
            wake: Notify::new(),
            written: watch::Sender::new(Written::default()),
        };
        Ok((store, records))
    }

    /// Asks for a file to be written, or removed. The number is for [`Self::written`].
    pub(crate) fn put(&self, key: &StoreKey, content: Option<Vec<u8>>) -> u64 {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.files.insert(file_name(key), content);
        waiting.asked += 1;
        self.wake.notify_one();
        waiting.asked
    }

    /// The number of the last write that was asked for.
    pub(crate) fn asked(&self) -> u64 {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).asked
    }

    /// Waits until a write was made, with all before it.
    pub(crate) async fn written(&self, number: u64) -> Result<(), String> {
        let mut written = self.written.subscribe();
        match written.wait_for(|written| written.up_to >= number).await {
            Ok(written) => match &written.failure {
                Some((after, with, reason)) if (*after + 1..=*with).contains(&number) => Err(reason.clone()),
                _ => Ok(()),
            },
            Err(_) => Err("the agent has stopped".to_owned()),
        }
    }

    /// Writes what is asked for, for ever.
    pub(crate) async fn run(&self) {
        loop {
            self.wake.notified().await;
            let before = self.written.borrow().up_to;
            let (files, asked) = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                (std::mem::take(&mut waiting.files), waiting.asked)
            };
            let outcome = self.write_elsewhere(files).await;
            self.written.send_modify(|written| {
                written.up_to = asked;
                if let Err(error) = outcome {
                    tracing::error!(%error, "registrations could not be kept on disk");
                    written.failure = Some((before, asked, error.to_string()));
                }
            });
        }
    }

    async fn write_elsewhere(&self, files: BTreeMap<String, Option<Vec<u8>>>) -> io::Result<()> {
        let (host, directory) = (self.host.clone(), self.directory.clone());
        let (sender, receiver) = oneshot::channel();
        self.host.tasks.spawn_blocking(Box::new(move || {
            // Nobody waits only when the process ends.
            let _ = sender.send(write(&host, &directory, &files));
        }));
        receiver.await.unwrap_or_else(|_| Err(io::Error::other("the process is ending")))
    }
}

fn read(host: &Host, path: &Path) -> io::Result<Vec<u8>> {
    let file = host.disk.open(path, OpenMode::Read)?;
    let length = file.length()?;
    if length > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("{length} bytes are more than {FILE_BYTES_MAX}")));
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn write(host: &Host, directory: &Path, files: &BTreeMap<String, Option<Vec<u8>>>) -> io::Result<()> {
    let is_synced = |name: &str| !name.starts_with(STATE);
    for (name, content) in files {
        let path = directory.join(name);
        let Some(content) = content else {
            match host.disk.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => continue,
            }
        };
        let unfinished = directory.join(format!("{name}{UNFINISHED}"));
        let file = host.disk.open(&unfinished, OpenMode::Replace)?;
        file.write_at(content, 0)?;
        if is_synced(name) {
            file.sync()?;
        }
        host.disk.rename(&unfinished, &path)?;
    }
    match files.keys().any(|name| is_synced(name)) {
        true => host.disk.sync_directory(directory),
        false => Ok(()),
    }
}

/// A name that any id fits into: its kind, and a hash of the id, since ids may be long and hold slashes.
fn file_name(key: &StoreKey) -> String {
    let (kind, id) = match key {
        StoreKey::Service(id) => ("service", id),
        StoreKey::Check(id) => ("check", id),
        StoreKey::State(id) => (STATE, id),
    };
    let digest = ring::digest::digest(&ring::digest::SHA256, id.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}-{hex}.json")
}
