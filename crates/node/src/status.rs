//! What a server knows of itself and the cluster.

use quorate_consensus::{NodeId, Progress, Role};
use quorate_state::{Format, State};

/// What a server knows of itself and the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Its identity.
    pub id: NodeId,
    /// Its name.
    pub name: String,
    /// Its datacenter.
    pub datacenter: String,
    /// What it does.
    pub role: Role,
    /// The newest term that it knows.
    pub term: u64,
    /// The newest format of commands and records that it reads.
    pub format_newest: Format,
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

/// How much there is of everything in the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys.
    pub keys: usize,
    /// Nodes.
    pub nodes: usize,
    /// Names of services.
    pub services: usize,
    /// Instances of services.
    pub instances: usize,
}

impl Counts {
    pub(crate) fn of(state: &State) -> Self {
        Self {
            keys: state.key_count(),
            nodes: state.node_count(),
            services: state.service_names().count(),
            instances: state.instance_count(),
        }
    }
}
