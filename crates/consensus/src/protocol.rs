//! What servers say to each other and what the log holds, as plain data.
//!
//! These types belong to no library: the log, the snapshots and the transport know only them. Everything is `Clone`, so
//! a simulated network can duplicate a message, and commands are [`Bytes`], so a clone shares them.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// A server's identity, drawn once and kept in its data directory for life.
pub type NodeId = uuid::Uuid;

/// What the membership tells of a server beside its identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its name, for people.
    pub name: String,
    /// Where its peers reach it, `host:port`.
    pub address: String,
}

/// An entry's place in history: two logs that hold the same id agree on everything up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The term of the leader that made the entry.
    pub term: u64,
    /// The entry's position; the first is 0 and is always the first membership.
    pub index: u64,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.term, self.index)
    }
}

/// Whom a server supports: durable before it is told to anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The term.
    pub term: u64,
    /// The candidate, or the leader.
    pub node: NodeId,
    /// Whether a majority is known to have given this vote, so that `node` is the term's leader.
    pub committed: bool,
}

/// Who belongs to the cluster and who decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The voters: one set, or two while a change is under way; a decision needs a majority of each.
    pub voters: Vec<BTreeSet<NodeId>>,
    /// Every server, voters and learners.
    pub members: BTreeMap<NodeId, Member>,
}

impl Membership {
    /// Whether `id` votes in any of the sets.
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.iter().any(|set| set.contains(&id))
    }

    /// Whether `id` alone is a majority of every set.
    pub fn is_sole_voter(&self, id: NodeId) -> bool {
        !self.voters.is_empty() && self.voters.iter().all(|set| set.len() == 1 && set.contains(&id))
    }
}

/// A command for the application: its bytes and, on the server where it was made, what they were made from, so that the
/// server that encoded a command need not decode it to apply it.
#[derive(Clone)]
pub struct Command {
    bytes: Bytes,
    /// A `Mutex<Option<C>>` for the application's type `C`, emptied by the one who applies it.
    made_from: Option<Arc<dyn Any + Send + Sync>>,
}

impl Command {
    /// A command that is there both ways: `bytes` must be what the application reads as `command`.
    pub fn with_bytes<C: Send + 'static>(command: C, bytes: Bytes) -> Self {
        Self { bytes, made_from: Some(Arc::new(Mutex::new(Some(command)))) }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What it was made from, if that is here and was not taken before.
    pub(crate) fn take<C: Send + 'static>(&self) -> Option<C> {
        let slot = self.made_from.as_ref()?.downcast_ref::<Mutex<Option<C>>>()?;
        slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The same for a different server, which has the bytes alone.
    pub(crate) fn bytes_alone(self) -> Self {
        self.bytes.into()
    }
}

impl From<Bytes> for Command {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, made_from: None }
    }
}

impl From<Vec<u8>> for Command {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Command {}

/// Its content is not for the logs; the checksum tells two commands apart.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, {:08x}", self.bytes.len(), quorate_base::framing::checksum(&self.bytes))
    }
}

/// What an entry carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: a new leader's first entry.
    Blank,
    /// A command for the application.
    Command(Command),
    /// The membership from here on.
    Membership(Membership),
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub id: LogId,
    /// Its content.
    pub payload: Payload,
}

/// A request of one server to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rpc {
    /// Asks for a vote.
    Vote(VoteRequest),
    /// Asks whether a vote would be given, so that a server that cannot win does not disturb the others' term.
    PreVote(VoteRequest),
    /// Brings entries, or none as a heartbeat.
    AppendEntries(AppendEntries),
    /// Brings the next piece of a snapshot.
    InstallSnapshot(SnapshotChunk),
    /// Hands leadership over.
    TransferLeader(TransferLeader),
}

/// The answer to an [`Rpc`], of the same kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RpcReply {
    /// Answers [`Rpc::Vote`].
    Vote(VoteReply),
    /// Answers [`Rpc::PreVote`].
    PreVote(VoteReply),
    /// Answers [`Rpc::AppendEntries`].
    AppendEntries(AppendReply),
    /// Answers [`Rpc::InstallSnapshot`].
    InstallSnapshot(SnapshotReply),
    /// Answers [`Rpc::TransferLeader`].
    TransferLeader(TransferReply),
}

/// See [`Rpc::Vote`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteRequest {
    /// The vote asked for.
    pub vote: Vote,
    /// The end of the candidate's log.
    pub last_log: Option<LogId>,
    /// Whether the present leader asked for this election, so that its lease is no reason to refuse.
    pub leadership_transfer: bool,
}

/// See [`Rpc::Vote`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteReply {
    /// The answering server's vote after the request.
    pub vote: Vote,
    /// Whether it was granted.
    pub granted: bool,
    /// The end of the answering server's log.
    pub last_log: Option<LogId>,
}

/// See [`Rpc::AppendEntries`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendEntries {
    /// The leader's vote.
    pub vote: Vote,
    /// The entry before the first of `entries`.
    pub previous: Option<LogId>,
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// What the leader knows to be committed.
    pub committed: Option<LogId>,
}

/// See [`Rpc::AppendEntries`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendReply {
    /// All entries are durable.
    Success,
    /// The entries up to this one are durable.
    PartialSuccess(Option<LogId>),
    /// The entry before the first is not in this log.
    Conflict,
    /// A newer vote is known.
    HigherVote(Vote),
}

/// See [`Rpc::InstallSnapshot`]. The pieces of one snapshot are sent one after the other; the receiver says where to go
/// on, so a lost, repeated or late piece costs time and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotChunk {
    /// The leader's vote.
    pub vote: Vote,
    /// Which snapshot this is a piece of.
    pub snapshot: SnapshotIdentity,
    /// Where the piece belongs in the file.
    pub offset: u64,
    /// The piece, at most `Config::snapshot_chunk_bytes`.
    pub bytes: Bytes,
}

/// Tells one snapshot file from every other, so that a receiver never mixes two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotIdentity {
    /// The last entry that it covers.
    pub last: LogId,
    /// The file's length in bytes.
    pub length: u64,
    /// The checksum over the whole file, which its end carries.
    pub checksum: u32,
}

/// See [`Rpc::InstallSnapshot`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotReply {
    /// The receiver has all bytes before `offset` and wants those from there on.
    Continue {
        /// Where to go on.
        offset: u64,
    },
    /// The snapshot is installed, or a newer vote is known: the receiver's vote tells which.
    Done {
        /// The receiver's vote.
        vote: Vote,
    },
}

/// See [`Rpc::TransferLeader`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferLeader {
    /// The vote of the leader that steps back.
    pub from: Vote,
    /// Its chosen successor.
    pub to: NodeId,
    /// The end of the log that the successor must hold.
    pub last_log: Option<LogId>,
}

/// See [`Rpc::TransferLeader`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferReply {
    /// The receiver acts on it.
    Accepted,
    /// The receiver does not, and why.
    Refused(String),
}
