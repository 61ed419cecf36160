//! What can go wrong, for the caller. Each error of a write says whether the state may have changed.

use std::io;

use crate::application::{RestoreError, SnapshotError};
use crate::protocol::{Member, NodeId};

/// Whether a failed write may have changed the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not, and never will.
    Unchanged,
    /// It may have, or may yet.
    Unknown,
}

/// Why a command was not answered by the application.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Only the leader takes commands.
    #[error("this server is not the leader")]
    NotLeader {
        /// The leader, if one is known.
        leader: Option<(NodeId, Member)>,
    },
    /// Too much is under way already.
    #[error("overloaded: the limit of {limit} {unit} under way is reached")]
    Overloaded {
        /// The limit.
        limit: usize,
        /// What is counted: `proposals` or `bytes`.
        unit: &'static str,
    },
    /// The command is longer than the log takes.
    #[error("the command has {bytes} bytes, and the limit is {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// `Config::proposal_bytes_max`.
        limit: usize,
    },
    /// The log has no room for it. Reads go on; writes do again once there is space.
    #[error("{reason}")]
    DiskFull {
        /// What is missing, with how much room the log needs.
        reason: String,
    },
    /// A leader's change cut it off: another leader may have it in its log.
    #[error("leadership was lost while the command was under way; its outcome is unknown")]
    LeadershipLost,
    /// No answer in time.
    #[error("no answer within {waited_ms} ms; the command's outcome is unknown")]
    Timeout {
        /// `Config::proposal_timeout_ms`.
        waited_ms: u64,
    },
    /// The server has stopped, on purpose or because its disk failed it.
    #[error("the server has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: String,
        /// Whether the command had been taken in before.
        outcome: Outcome,
    },
}

impl ProposeError {
    /// Whether the state may have changed.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::NotLeader { .. } | Self::Overloaded { .. } | Self::TooLarge { .. } | Self::DiskFull { .. } => {
                Outcome::Unchanged
            }
            Self::LeadershipLost | Self::Timeout { .. } => Outcome::Unknown,
            Self::Stopped { outcome, .. } => *outcome,
        }
    }
}

/// Why the local state cannot be vouched for right now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Only the leader knows the latest state.
    #[error("this server is not the leader")]
    NotLeader {
        /// The leader, if one is known.
        leader: Option<(NodeId, Member)>,
    },
    /// The leader has not heard from a majority for too long, has only just been elected, or is handing over.
    #[error("the leader is not confirmed by a majority at present")]
    Unconfirmed,
    /// The server has stopped.
    #[error("the server has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: String,
    },
}

/// Why a change of the cluster was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Only the leader makes changes.
    #[error("this server is not the leader")]
    NotLeader {
        /// The leader, if one is known.
        leader: Option<(NodeId, Member)>,
    },
    /// The change makes no sense as asked, or another is under way.
    #[error("the change was refused: {0}")]
    Refused(String),
    /// The log has no room for it.
    #[error("the disk is full")]
    DiskFull,
    /// No answer in time: the change may yet be made.
    #[error("no answer within {waited_ms} ms; the change's outcome is unknown")]
    Timeout {
        /// How long was waited.
        waited_ms: u64,
    },
    /// The server has stopped.
    #[error("the server has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: String,
    },
}

/// Why a first membership was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootstrapError {
    /// The log already has a history of another membership.
    #[error("this server already belongs to a cluster")]
    AlreadyMember,
    /// The members do not include this server, or are none.
    #[error("the first members must include this server")]
    NotIncluded,
    /// The server has stopped.
    #[error("the server has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: String,
    },
}

/// Why another server's request was not answered by the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// The log has no room for the entries.
    #[error("the disk is full")]
    DiskFull,
    /// The receiver's disk failed it otherwise.
    #[error("the receiver's disk failed: {reason}")]
    Storage {
        /// What it said.
        reason: String,
    },
    /// The request contradicts itself or its sender.
    #[error("the request makes no sense: {0}")]
    Malformed(&'static str),
    /// The server has stopped.
    #[error("the server has stopped: {reason}")]
    Stopped {
        /// Why.
        reason: String,
    },
}

/// Why a request to another server came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// It cannot be reached: not tried again at once.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The connection broke, or the answer did not come in time: worth another try.
    #[error("failed: {0}")]
    Failed(String),
    /// It answered that it cannot do this.
    #[error("refused: {0}")]
    Refused(RpcError),
}

/// Why consensus did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is out of bounds.
    #[error("consensus configuration: {0}")]
    Config(String),
    /// Another process works on this directory.
    #[error("the data directory {directory} is in use by another process")]
    Locked {
        /// The directory.
        directory: String,
    },
    /// The file system failed.
    #[error("{path}: {source}")]
    Io {
        /// What was touched.
        path: String,
        /// What the file system said.
        source: io::Error,
    },
    /// The log is not what was written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The newest snapshot is not what was written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The newest snapshot does not make a state.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The Raft library refused what it was given.
    #[error("raft: {0}")]
    Raft(String),
}

/// A log that cannot be trusted. It names the file, the place and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Bytes that had been synced are not what was written.
    #[error(
        "log {file} is damaged at byte {offset}: {what}; the entries from there on are lost on this server, so it must \
         not go on: restore the data directory from a backup, or remove it so that this server joins the others anew"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Where.
        offset: u64,
        /// What was found there.
        what: String,
    },
    /// A file is missing between two others.
    #[error(
        "log file {file} is missing; restore the data directory from a backup, or remove it so that this server joins \
         the others anew"
    )]
    Missing {
        /// The file.
        file: String,
    },
    /// The log begins after the snapshot ends, or the one is there without the other.
    #[error(
        "the log and the snapshot in {directory} do not belong together: {what}; restore the data directory from a \
         backup, or remove it so that this server joins the others anew"
    )]
    Gap {
        /// The directory.
        directory: String,
        /// What is missing.
        what: String,
    },
    /// A version that this program does not know.
    #[error("log {file} has format version {version}, and this program reads up to {newest}; use a newer program")]
    Version {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
        /// The newest that can be read.
        newest: u32,
    },
}
