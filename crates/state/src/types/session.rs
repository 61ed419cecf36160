//! Sessions: the owners of locks.

use super::Stamp;

/// A session's id. Never all zeroes, which lets an absent holder take no room.
pub type SessionId = uuid::NonNilUuid;

/// What happens to the keys that a session holds when it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SessionBehavior {
    /// Their locks are released; the keys stay.
    #[default]
    Release,
    /// They are deleted.
    Delete,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// A name for people; may be empty and need not be unique.
    pub name: String,
    /// The node it lives on; it ends when that node goes.
    pub node: String,
    /// How long a key that this session lost can't be acquired, in nanoseconds; 0 and less for not at all.
    pub lock_delay_ns: i64,
    /// What happens to its keys when it ends.
    pub behavior: SessionBehavior,
    /// The time-to-live as the client wrote it, for giving it back; empty for none.
    pub ttl: String,
    /// The same in milliseconds; 0 for none.
    pub ttl_ms: u64,
    /// Ids of checks of the node whose turning critical ends the session. None and an empty list mean the same, and
    /// are given back as they came.
    pub node_checks: Option<Vec<String>>,
    /// More of the same, under the older name that the client used for them.
    pub checks: Vec<String>,
    /// Checks of services of the node whose turning critical ends the session; as with `node_checks`, none is empty.
    pub service_checks: Option<Vec<ServiceCheckReference>>,
    /// When it was created and last changed.
    pub stamp: Stamp,
}

impl Session {
    /// The ids of all checks that the session lives by.
    pub fn all_checks(&self) -> impl Iterator<Item = &str> {
        let of_node = self.node_checks.iter().flatten().chain(&self.checks);
        of_node.map(String::as_str).chain(self.service_checks.iter().flatten().map(|check| &*check.id))
    }
}

/// A service's check as a session names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceCheckReference {
    /// The check's id.
    pub id: String,
    /// The namespace the client named, given back as it came.
    pub namespace: String,
}
