//! Which types openraft works with.
//!
//! One leader per term, as Raft has it; openraft's default allows several.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;

use openraft::RaftTypeConfig;
use openraft::impls::{BoxedErrorSource, InlineBatch};
use openraft::raft::responder::Responder;
use openraft::vote::RaftLeaderId;
use tokio::sync::oneshot;

use crate::admission::Admission;
use crate::protocol::{Command, Entry, Member, NodeId, Payload};
use crate::raft::runtime::HostRuntime;

/// openraft's configuration for an application whose commands answer `R`.
pub(crate) struct TypeConfig<R>(PhantomData<fn() -> R>);

/// A server's identity, as openraft asks for it. Public in name only, since openraft's traits tell it of public types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RaftId(pub(crate) NodeId);

impl fmt::Display for RaftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// openraft's storage suite names servers by number.
#[cfg(test)]
impl From<u64> for RaftId {
    fn from(number: u64) -> Self {
        Self(NodeId::from_u128(number.into()))
    }
}

/// A term and who stands for it, as openraft asks for it. openraft's own type of this kind names a term by a type of its
/// own; with this one a log id's term is a plain number, so that our [`Entry`] is openraft's too and none is converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaderId {
    pub(crate) term: u64,
    pub(crate) node: RaftId,
}

impl fmt::Display for LeaderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.term, self.node)
    }
}

impl PartialOrd for LeaderId {
    /// Two candidates of one term do not compare: a server votes for one of them.
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.term.cmp(&other.term) {
            Ordering::Equal => (self.node == other.node).then_some(Ordering::Equal),
            unequal => Some(unequal),
        }
    }
}

/// A candidate is never the same as an elected leader, whom the term alone names.
impl PartialEq<u64> for LeaderId {
    fn eq(&self, _: &u64) -> bool {
        false
    }
}

impl PartialOrd<u64> for LeaderId {
    /// The leader of a term is above its candidates.
    fn partial_cmp(&self, leader: &u64) -> Option<Ordering> {
        Some(self.term.cmp(leader).then(Ordering::Less))
    }
}

impl RaftLeaderId for LeaderId {
    type Term = u64;
    type NodeId = RaftId;
    type Committed = u64;

    fn new(term: u64, node: RaftId) -> Self {
        Self { term, node }
    }

    fn term(&self) -> u64 {
        self.term
    }

    fn node_id(&self) -> &RaftId {
        &self.node
    }

    fn to_committed(&self) -> u64 {
        self.term
    }
}

pub(crate) type RaftVote = openraft::Vote<LeaderId>;
pub(crate) type RaftLogId = openraft::LogId<u64>;
pub(crate) type RaftMembership = openraft::Membership<RaftId, Member>;
pub(crate) type StoredMembership = openraft::StoredMembership<u64, RaftId, Member>;
pub(crate) type RaftSnapshotMeta = openraft::SnapshotMeta<u64, RaftId, Member>;
pub(crate) type RaftSnapshot<D> = openraft::Snapshot<u64, RaftId, Member, D>;

impl<R: Send + Sync + 'static> RaftTypeConfig for TypeConfig<R> {
    type D = Command;
    /// None for entries that are not commands.
    type R = Option<R>;
    type NodeId = RaftId;
    type Node = Member;
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = RaftVote;
    type Payload = Payload;
    type Entry = Entry;
    type AsyncRuntime = HostRuntime;
    type Responder<T>
        = Reply<T>
    where
        T: Send + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: Send + 'static;
    type ErrorSource = BoxedErrorSource;
}

/// Where a proposal's answer goes. It carries the proposal's admission, so what was set aside for it is given back exactly
/// when openraft is through with it, whether or not anyone still waits.
pub(crate) struct Reply<T> {
    pub(crate) sender: oneshot::Sender<T>,
    pub(crate) _admission: Admission,
}

impl<R: Send + Sync + 'static, T: Send + 'static> Responder<TypeConfig<R>, T> for Reply<T> {
    fn on_complete(self, result: T) {
        // Whoever asked may have given up.
        let _ = self.sender.send(result);
    }
}

// By hand: derived, these would ask the same of `R`.

impl<R> fmt::Debug for TypeConfig<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypeConfig")
    }
}

impl<R> Clone for TypeConfig<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for TypeConfig<R> {}

impl<R> Default for TypeConfig<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<R> PartialEq for TypeConfig<R> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<R> Eq for TypeConfig<R> {}

impl<R> PartialOrd for TypeConfig<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for TypeConfig<R> {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}
