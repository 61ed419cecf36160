//! Files: one for each service and check that a request registered and for what each TTL check was told.
//!
//! A file is written beside its name and renamed; so whatever happens to the process, it is there as it was before or as it
//! was to be. Definitions are synced as well, with their directory, before whoever registered them is answered. What a TTL
//! check was told is not: it comes so often that syncs would hold up everything, it holds for a short time, and what was told
//! in the last seconds before a loss of power may be missing then: such a check is critical until it is told again, or
//! what it was told before. The two wait in queues of their own ([`queue`]), so neither holds up the other.
//!
//! **Bounds.** A queue has at most one entry for each file, and there are no more of those than entries of the agent.
//! A file that can't be read is left where it is, with a warning.

#[cfg(test)]
mod frozen;
mod queue;
mod record;

use std::io;
use std::path::Path;

use quorate_base::{Host, OpenMode};

use crate::machine::StoreKey;
pub(crate) use queue::Receipt;
use queue::{Durability, Queue};
pub use record::{Record, Spoiled};

/// The largest file that is read: a registration as HTTP lets it in, with room for how it is written.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Marks a file that was not finished.
const UNFINISHED: &str = ".new";

/// The beginnings of the files' names.
const SERVICE: &str = "service";
const CHECK: &str = "check";
const STATE: &str = "state";

/// The files of one agent.
pub(crate) struct Store {
    definitions: Queue,
    states: Queue,
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
            match load(&host, &path) {
                Ok(record) => records.push(record),
                // A loss of power left it so.
                Err(Unread::Spoiled(Spoiled::Form(_))) if name.starts_with(STATE) => host.disk.remove(&path)?,
                Err(reason) => tracing::warn!(file = %path.display(), %reason, "a file of the agent is passed over"),
            }
        }
        let definitions = Queue::new(host.clone(), directory, Durability::PowerLoss);
        let states = Queue::new(host, directory, Durability::Kill);
        Ok((Self { definitions, states }, records))
    }

    /// Asks for a file to be written, or removed.
    pub(crate) fn put(&self, key: &StoreKey, content: Option<Vec<u8>>) -> Receipt {
        let queue = match key {
            StoreKey::Service(_) | StoreKey::Check(_) => &self.definitions,
            StoreKey::State(_) => &self.states,
        };
        queue.put(file_name(key), content)
    }

    /// Waits until all that was asked for so far was tried.
    pub(crate) async fn settle(&self) {
        self.definitions.settle().await;
        self.states.settle().await;
    }

    /// Writes what is asked for, for ever.
    pub(crate) async fn run(&self) {
        futures_util::future::join(self.definitions.run(), self.states.run()).await;
    }
}

/// Why a file is not taken up.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Spoiled(#[from] Spoiled),
}

fn load(host: &Host, path: &Path) -> Result<Record, Unread> {
    Ok(Record::decode(&read(host, path)?)?)
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

/// A name that any id fits into: its kind, and a hash of the id, since ids may be long and hold slashes.
fn file_name(key: &StoreKey) -> String {
    let (kind, id) = match key {
        StoreKey::Service(id) => (SERVICE, id),
        StoreKey::Check(id) => (CHECK, id),
        StoreKey::State(id) => (STATE, id),
    };
    let digest = ring::digest::digest(&ring::digest::SHA256, id.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}-{hex}.json")
}
