//! Why a node did not do what it was asked. Each error of a write says whether the state may have changed.

use quorate_base::account::NoRoom;
pub use quorate_consensus::Outcome;
use quorate_consensus::{Member, NodeId};

use crate::archive::ArchiveError;
use crate::watch::TooManyWatches;

/// Why a write was not answered by the state.
pub use quorate_consensus::ProposeError;

/// Why a question can't be answered now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No leader was found in the time given for it.
    #[error("No cluster leader")]
    NoLeader,
    /// Only the leader may answer, and another server is it.
    #[error("this server is not the leader; {} at {} is", leader.1.name, leader.1.address)]
    NotLeader {
        /// Who leads.
        leader: (NodeId, Member),
    },
    /// Too many questions are parked.
    #[error(transparent)]
    TooManyWatches(#[from] TooManyWatches),
    /// The server has stopped.
    #[error("the server has stopped: {0}")]
    Stopped(String),
}

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is for a datacenter that this one has no way to.
    #[error("No path to datacenter")]
    NoPath,
    /// The operation was not answered by the state. The error says whether it may have taken place.
    #[error(transparent)]
    NotWritten(#[from] ProposeError),
    /// The question can't be answered now.
    #[error(transparent)]
    NotRead(#[from] ReadError),
    /// The question's filter can't be read.
    #[error("{0}")]
    Filter(String),
    /// Its client, or all clients, make the node hold as much memory as they may.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// Answering the question would take more work than one question may cost.
    #[error("{0}")]
    TooCostly(String),
    /// Anything else, in words for the asker.
    #[error("{0}")]
    Other(String),
}

impl Refusal {
    /// The node is being shut down.
    pub(crate) fn stopping() -> Self {
        Self::NotRead(ReadError::Stopped("it is being shut down".to_owned()))
    }
}

impl From<TooManyWatches> for Refusal {
    fn from(error: TooManyWatches) -> Self {
        Self::NotRead(error.into())
    }
}

/// Why a restore did not take place. The state is as before unless the proposal's error says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The archive can't be restored.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A step of it was not taken in.
    #[error(transparent)]
    Propose(#[from] Refusal),
    /// The state refused a step: another restore came between.
    #[error("the restore was interrupted: {0}")]
    Refused(String),
}
