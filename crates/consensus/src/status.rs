//! What a server knows of its place in the cluster, for those who watch it.

use std::sync::Arc;

use tokio::time::Instant;

use crate::protocol::{LogId, Membership, NodeId};

/// What a server does in the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Takes entries, does not vote.
    #[default]
    Learner,
    /// Takes entries and votes.
    Follower,
    /// Stands for election.
    Candidate,
    /// Takes commands.
    Leader,
    /// Has stopped.
    Stopped,
}

/// A server's view of itself and the cluster. Changes of role, term, leader, membership, failure and disk space are told
/// at once; the positions in the log (`last_log`, `committed`, `applied`, `snapshot`) and contacts at most every half
/// `heartbeat_ms`. `Consensus::progress` has them exactly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// This server.
    pub id: NodeId,
    /// What it does.
    pub role: Role,
    /// The newest term that it knows.
    pub term: u64,
    /// The leader of that term, if known.
    pub leader: Option<NodeId>,
    /// The newest membership in its log, committed or not.
    pub members: Arc<Membership>,
    /// Its positions in the log.
    pub progress: Progress,
    /// On a follower, when it last heard from the leader; on a leader, when it last was sure of a majority.
    pub last_contact: Option<Instant>,
    /// Why it stopped for good, if it did: its disk failed, or its state did.
    pub fatal: Option<String>,
    /// Whether it stopped at a command in the log that this program cannot read: starting the same program again helps
    /// nothing.
    pub unreadable: bool,
    /// Whether writes are refused because the disk has no room for more log.
    pub disk_full: bool,
}

/// Positions in the log. Each is none in a log without history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last entry.
    pub last_log: Option<LogId>,
    /// The last entry known to be held by a majority.
    pub committed: Option<LogId>,
    /// The last entry in the application's state.
    pub applied: Option<LogId>,
    /// The last entry covered by the newest snapshot.
    pub snapshot: Option<LogId>,
    /// The last entry dropped from the log.
    pub purged: Option<LogId>,
}
