//! What a server knows of itself and the cluster.

use quorate_consensus::{NodeId, Progress, Role};

/// What a server knows of itself and the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Its identity.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// The newest term that it knows.
    pub term: u64,
    /// All servers, by identity.
    pub servers: Vec<Server>,
    /// Its positions in the log.
    pub progress: Progress,
    /// Why it stopped for good, if it did.
    pub fatal: Option<String>,
    /// Whether writes are refused because the disk has no room.
    pub disk_full: bool,
}

impl Status {
    /// The leader, if one is known.
    pub fn leader(&self) -> Option<&Server> {
        self.servers.iter().find(|server| server.leader)
    }
}

/// A server of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its identity.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// `host:port` where its peers reach it.
    pub address: String,
    /// Whether it leads.
    pub leader: bool,
    /// Whether it votes.
    pub voter: bool,
}
