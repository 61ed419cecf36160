//! What a node is told at its start.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_base::Account;
use quorate_base::metrics::Registry;
use quorate_consensus::{Member, NodeId};
use quorate_state::{Format, Registration};

use crate::peers::Peers;

/// What a node is told at its start.
#[derive(Clone)]
pub struct Config {
    /// Raft, its log and its snapshots. Its `id` is the node's.
    pub consensus: quorate_consensus::Config,
    /// The server's name among its peers.
    pub name: String,
    /// Its datacenter. Requests for any other have no way to go.
    pub datacenter: String,
    /// The version of the program, which archives name.
    pub version: String,
    /// How requests reach the leader from here. Without it, what only the leader may answer is refused.
    pub peers: Option<Arc<dyn Peers>>,
    /// The servers of a new cluster, itself among them: what it starts with if its data directory is empty. Empty, and
    /// it waits to be added to a cluster that exists.
    pub first_members: BTreeMap<NodeId, Member>,
    /// What it registers of itself when it leads: its node, the server's service and the check that it is alive.
    pub registration: Registration,
    /// The newest format that it admits to read: [`FORMAT_NEWEST`](crate::codec::FORMAT_NEWEST), or an older one to try an upgrade.
    pub format_newest: Format,
    /// How long a deleted key is remembered for those who watch its prefix, in milliseconds; 15 min in Consul. Too short,
    /// and a watcher that is away for longer gets one answer too many; too long, and mass deletes hold memory.
    pub tombstone_ttl_ms: u64,
    /// The most waits for changes at once, by different questions and by the node itself; each costs about a kilobyte. Past
    /// it questions are refused. At least `parked_max`, and some more for the answers that are kept.
    pub watches_max: usize,
    /// The memory that clients make this server hold, parked requests among it.
    pub account: Arc<Account>,
    /// The most requests that wait for a change at once. Past it they are refused.
    pub parked_max: usize,
    /// About how many bytes of answers are kept for the next asker. None are kept with 0.
    pub kept_answer_bytes_max: usize,
    /// How long a read or write waits for a leader to be found before it is refused, in milliseconds; 7 s in Consul.
    /// Longer than an election, shorter than clients' time-outs.
    pub leader_wait_ms: u64,
    /// Where measurements go.
    pub metrics: Registry,
}
