//! Why a node did not do what it was asked. Each error of a write says whether the state may have changed.

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

/// Why a restore did not take place. The state is as before unless the proposal's error says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The archive can't be restored.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A step of it was not taken in.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The state refused a step: another restore came between.
    #[error("the restore was interrupted: {0}")]
    Refused(String),
}
