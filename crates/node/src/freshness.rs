//! How fresh answers are, and how fresh they must be.

use std::time::Duration;

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Consistency {
    /// The leader answers while it holds a lease that no other leader can hold.
    #[default]
    Default,
    /// The leader answers after a majority confirmed that it still leads.
    Consistent,
    /// Any server answers from what it has, unless that is older than this; then the leader answers.
    Stale(Option<Duration>),
}

impl Consistency {
    /// Any server answers, however old its state is.
    pub const STALE: Self = Self::Stale(None);
}

/// How fresh an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Whether a leader is known.
    pub known_leader: bool,
    /// How long ago the answering server heard from it, in milliseconds; 0 on the leader.
    pub last_contact_ms: u64,
}

impl Freshness {
    /// The leader itself answered.
    pub const LEADER: Self = Self { known_leader: true, last_contact_ms: 0 };
    /// Nothing was found out.
    pub const UNKNOWN: Self = Self { known_leader: false, last_contact_ms: 0 };
}
