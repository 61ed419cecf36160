//! The state as a sequence of records: what a snapshot file and an archive hold.

use std::sync::Arc;

use uuid::Uuid;

use crate::{Check, Index, Key, KeyEntry, Node, Service, Session, Topic};

/// One piece of the state. Any order of records builds the same state, but for services and sessions, which come after
/// their node, and checks, which come after their node and service.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// The state's own numbers.
    Header(Header),
    /// A key.
    Key(Key, Arc<KeyEntry>),
    /// A key that was deleted at an index.
    Tombstone(Key, Index),
    /// A node.
    Node(Arc<Node>),
    /// A service on a node.
    Service(Arc<Service>),
    /// A check of a node.
    Check(Arc<Check>),
    /// A session.
    Session(Arc<Session>),
    /// A key that can't be acquired before this time, in the state's milliseconds.
    LockDelay(Key, u64),
    /// The last change of a topic, whether it still exists or not.
    Mark(Topic, Index),
    /// A restore has begun and so many steps of it came.
    Staging(Uuid, u64),
    /// A record of the state that is being restored.
    Staged(Box<Record>),
}

/// The number of a layout of commands and records on disks and wires. What a command or a record can hold grows with it.
pub type Format = u8;

/// The format that every Quorate reads, and that a cluster writes until all its servers read a newer one.
pub const FORMAT_FIRST: Format = 1;

/// The newest format that this Quorate reads and can write.
pub const FORMAT_NEWEST: Format = 2;

/// The state's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The largest index given out.
    pub index: Index,
    /// What is added to a position in the log to get an index; grows when a restore brings larger indices.
    pub offset: u64,
    /// The largest index that was forgotten: no answer about something absent is below it.
    pub floor: Index,
    /// The index of the last restore: no answer at all is below it.
    pub restored: Index,
    /// The state's clock in milliseconds since the Unix epoch.
    pub clock_ms: u64,
    /// The active format: what the leader writes commands in. It only grows.
    pub format: Format,
}

impl Default for Header {
    fn default() -> Self {
        Self { index: 0, offset: 0, floor: 0, restored: 0, clock_ms: 0, format: FORMAT_FIRST }
    }
}
