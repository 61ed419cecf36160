//! What can be asked of the state. A command is what the log carries.

use uuid::Uuid;

use crate::record::Record;
use crate::{Check, Format, Index, Key, Node, Service, Session, SessionId};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// When the leader proposed it, in milliseconds since the Unix epoch. The state's clock is the largest seen, so a
    /// leader whose clock is behind holds it still and never turns it back.
    pub now_ms: u64,
    /// What to do.
    pub operation: Operation,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Write one key. Answers [`crate::Response::Flag`]: whether the condition held.
    Key(KeyOperation),
    /// All of it or nothing. Answers [`crate::Response::Txn`].
    Txn(Vec<TxnOperation>),
    /// Create a session; its stamp is ignored. Answers [`crate::Response::Session`].
    SessionCreate(Session),
    /// End a session; no error if there is none. Answers [`crate::Response::Done`].
    SessionDestroy(SessionId),
    /// Register a node, and on it a service and checks. Answers [`crate::Response::Done`].
    Register(Box<Registration>),
    /// Remove a node, or one service or check of it. Answers [`crate::Response::Done`].
    Deregister(Deregistration),
    /// Forget tombstones and dead marks up to this index. Answers [`crate::Response::Done`].
    Reap(Index),
    /// Replace the whole state, in steps. Answers [`crate::Response::Done`].
    Restore(RestoreStep),
    /// Raise the active format to this one, which every server of the cluster knows. Since format 2; the command itself
    /// is written in the format that it activates. Answers [`crate::Response::Done`].
    ActivateFormat(Format),
}

/// One verb on one key, or on all keys under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyOperation {
    /// The key or prefix.
    pub key: Key,
    /// What to do with it.
    pub verb: KeyVerb,
}

/// What to do with a key. The reads and the checks only make sense in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyVerb {
    /// Write, whatever is there.
    Set(KeyValue),
    /// Write if the key was last changed at this index; 0: if there is none.
    Cas(KeyValue, Index),
    /// Write and take the lock for the session.
    Lock(KeyValue, SessionReference),
    /// Write and give the lock back.
    Unlock(KeyValue, SessionReference),
    /// Delete.
    Delete,
    /// Delete if the key was last changed at this index.
    DeleteCas(Index),
    /// Delete all keys under the prefix.
    DeleteTree,
    /// Read; fails if there is none.
    Get,
    /// Read; an empty entry if there is none.
    GetOrEmpty,
    /// Read all keys under the prefix.
    GetTree,
    /// Fail unless the key was last changed at this index.
    CheckIndex(Index),
    /// Fail unless this session holds the lock.
    CheckSession(SessionReference),
    /// Fail if the key exists.
    CheckNotExists,
}

/// A session as a client names it: perhaps no UUID at all, which no session has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionReference(pub String);

impl SessionReference {
    /// The id, if the text is one in the form that sessions are given back in; the case does not matter.
    pub fn id(&self) -> Option<SessionId> {
        if self.0.len() != uuid::fmt::Hyphenated::LENGTH {
            return None;
        }
        Uuid::try_parse(&self.0).ok().and_then(SessionId::new)
    }
}

/// What a write puts into a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The value.
    pub value: Box<[u8]>,
    /// The client's number.
    pub flags: u64,
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum TxnOperation {
    /// On keys.
    Key(KeyOperation),
    /// On a node.
    Node(CatalogVerb, Box<Node>),
    /// On a service of a node, named by `service.node`.
    Service(CatalogVerb, Box<Service>),
    /// On a check of a node, named by `check.node`.
    Check(CatalogVerb, Box<Check>),
}

/// What a transaction may do with a catalog entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogVerb {
    /// Write, whatever is there.
    Set,
    /// Write if the entry was last changed at this index; 0: if there is none.
    Cas(Index),
    /// Read; fails if there is none.
    Get,
    /// Delete.
    Delete,
    /// Delete if the entry was last changed at this index.
    DeleteCas(Index),
}

/// A node with, perhaps, a service and checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// The node. Its stamp is ignored, as are those below.
    pub node: Node,
    /// Leave the node as it is if it exists already.
    pub skip_node_update: bool,
    /// A service on it.
    pub service: Option<Service>,
    /// Checks of it or of its services.
    pub checks: Vec<Check>,
}

/// What to remove: the service with its checks if one is named, else the check if one is named, else the node with all
/// that is on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deregistration {
    /// The node's name.
    pub node: String,
    /// A service's id, or empty.
    pub service_id: String,
    /// A check's id, or empty.
    pub check_id: String,
}

/// A restore arrives in steps, since a state is larger than a log entry may be. Until the last step nothing is visible;
/// a restore that is begun again, or by another, discards what came before.
#[derive(Clone, Debug, PartialEq)]
pub enum RestoreStep {
    /// Start one.
    Begin(Uuid),
    /// Add records, numbered from 0; refused out of order.
    Add {
        /// Which restore.
        id: Uuid,
        /// Which step of it.
        number: u64,
        /// The records.
        records: Vec<Record>,
    },
    /// Replace the state by what was added, if all `steps` of it came.
    Commit {
        /// Which restore.
        id: Uuid,
        /// How many [`RestoreStep::Add`] there were.
        steps: u64,
    },
    /// Forget it.
    Abandon(Uuid),
}
