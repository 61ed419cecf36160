//! What must hold after each step, one file each.
//!
//! A property looks at what the servers say of themselves and at the messages that were delivered since the last step.
//! It remembers what it needs. What it says when it is violated is enough to know where to look.

mod acknowledged_writes;
mod applied_states;
mod formats;
mod leader_completeness;
mod lock_delays;
mod lock_holders;
mod log_matching;
mod one_leader;
mod watches;

use quorate_node::{NodeId, Rpc, Status};

use crate::clients::Accounts;

/// What a step shows.
pub struct View<'a> {
    /// The servers that run.
    pub servers: &'a [ServerView],
    /// The messages delivered since the last step: from, to, message.
    pub delivered: &'a [(NodeId, NodeId, Rpc)],
    /// What the clients know.
    pub accounts: &'a Accounts,
    /// Whether the run is over: all faults are mended, no client writes, and every server has applied everything.
    pub settled: bool,
}

/// A server as a step shows it.
pub struct ServerView {
    /// What it says of itself.
    pub status: Status,
    /// Its state.
    pub state: quorate_node::View,
}

/// Something that must hold.
pub trait Property {
    /// Says what is violated.
    fn check(&mut self, view: &View<'_>) -> Result<(), String>;
}

/// All properties by name.
pub fn all() -> Vec<(&'static str, Box<dyn Property>)> {
    vec![
        ("one-leader", Box::<one_leader::OneLeader>::default()),
        ("log-matching", Box::<log_matching::LogMatching>::default()),
        ("leader-completeness", Box::<leader_completeness::LeaderCompleteness>::default()),
        ("applied-states", Box::<applied_states::AppliedStates>::default()),
        ("formats", Box::<formats::Formats>::default()),
        ("acknowledged-writes", Box::<acknowledged_writes::AcknowledgedWrites>::default()),
        ("lock-delays", Box::<lock_delays::LockDelays>::default()),
        ("lock-holders", Box::<lock_holders::LockHolders>::default()),
        ("watches", Box::<watches::Watches>::default()),
    ]
}
