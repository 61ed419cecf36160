//! What consensus is for: the replicated state, as this crate sees it, and the form in which its copies travel.

use std::io;

use bytes::Bytes;

/// The replicated state. Its calls follow each other in log order, one at a time, not always on the same thread.
pub trait Application: Send + 'static {
    /// A command as the application reads it from the log.
    type Command: Send + Sync + 'static;
    /// What a command answers.
    type Response: Send + Sync + 'static;

    /// Reads a command from the log's bytes. After an error nothing more is applied, and the server takes no part any
    /// more: skipping a command would make its state differ from its peers'.
    fn decode(bytes: Bytes) -> Result<Self::Command, UnreadableCommand>;

    /// Whether applying these commands, or letting go of what they remove, may take longer than other work on the same
    /// thread can wait: then they are applied on a different one. The look itself is short.
    fn is_long(&self, commands: &[(u64, Self::Command)]) -> bool;

    /// Applies committed commands in log order, each with its log index, pushes exactly one response each, and has the
    /// new state visible to readers when it returns: proposers are answered right after. It is total: an unacceptable
    /// command gets an error for a response. One call carries at most [`APPLY_BATCH_MAX`] commands.
    fn apply(&mut self, commands: Commands<'_, Self::Command>, responses: &mut Vec<Self::Response>);

    /// A cheap copy of the state, to be written elsewhere while writes go on.
    fn snapshot(&self) -> Box<dyn SnapshotSource>;

    /// Replaces the whole state by the records of a snapshot (at start, and when one is installed). `last_index` is the
    /// last entry that it covers. After an error the state is not used again: the server stops.
    fn restore(&mut self, last_index: u64, records: &mut dyn SnapshotRecords) -> Result<(), RestoreError>;
}

/// The commands of one call of [`Application::apply`], each with its log index.
pub type Commands<'a, C> = std::vec::Drain<'a, (u64, C)>;

/// A command in the log that this program cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnreadableCommand(
    /// What is wrong with it and what to do; it follows "entry 17 of the log holds".
    pub String,
);

/// The most commands that one call of [`Application::apply`] is given: a start with a long log to replay gives other
/// tasks their turn after each.
pub const APPLY_BATCH_MAX: usize = 4096;

/// A copy of the state that can be written out on any thread.
pub trait SnapshotSource: Send {
    /// Writes the copy as records.
    fn write(self: Box<Self>, sink: &mut dyn SnapshotSink) -> io::Result<()>;
}

/// Takes the records of a snapshot.
pub trait SnapshotSink {
    /// Adds a record of at most [`SNAPSHOT_RECORD_BYTES_MAX`] bytes.
    fn record(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The longest record of a snapshot. A longer length in a file is damage, and no memory is set aside for it.
pub const SNAPSHOT_RECORD_BYTES_MAX: usize = 64 << 20;

/// Gives the records of a snapshot back, in the order in which they were written.
pub trait SnapshotRecords {
    /// The next record, `None` after the last.
    fn next(&mut self) -> Result<Option<&[u8]>, SnapshotError>;
}

/// A snapshot file that cannot be read. It names the file, the place and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file system failed.
    #[error("snapshot {file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the file system said.
        source: io::Error,
    },
    /// The bytes are not what was written.
    #[error(
        "snapshot {file} is damaged at byte {offset}: {what}; restore the data directory from a backup, or remove it \
         so that this server joins the others anew"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Where.
        offset: u64,
        /// What was found there.
        what: String,
    },
    /// A version that this program does not know.
    #[error("snapshot {file} has format version {version}, and this program reads up to {newest}; use a newer program")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
        /// The newest that can be read.
        newest: u32,
    },
}

/// Why a state could not be built from a snapshot's records.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file could not be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The records are whole, but the application cannot make a state of them.
    #[error("the snapshot's records do not make a state: {0}")]
    Unacceptable(String),
}
