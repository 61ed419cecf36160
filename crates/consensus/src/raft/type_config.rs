//! Which types openraft works with.
//!
//! `leader_id_std`: one leader per term, as Raft has it. openraft's default allows several.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use openraft::RaftTypeConfig;
use openraft::impls::{BoxedErrorSource, InlineBatch};
use openraft::raft::responder::Responder;
use openraft::vote::leader_id_std;
use tokio::sync::oneshot;

use crate::admission::Admission;
use crate::protocol::{Member, NodeId};
use crate::raft::runtime::HostRuntime;

/// openraft's configuration for an application whose commands answer `R`.
pub(crate) struct TypeConfig<R>(PhantomData<fn() -> R>);

/// A server's identity, as openraft asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RaftId(pub(crate) NodeId);

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

/// A command, as openraft asks for it: its content is not for logs.
#[derive(Clone)]
pub(crate) struct Command(pub(crate) Bytes);

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

pub(crate) type LeaderId = leader_id_std::LeaderId<u64, RaftId>;
pub(crate) type Term = leader_id_std::CommittedLeaderId<u64>;
pub(crate) type RaftVote = openraft::Vote<LeaderId>;
pub(crate) type RaftLogId = openraft::LogId<Term>;
pub(crate) type RaftPayload = openraft::EntryPayload<Command, RaftId, Member>;
pub(crate) type RaftEntry = openraft::Entry<Term, RaftPayload>;
pub(crate) type RaftMembership = openraft::Membership<RaftId, Member>;
pub(crate) type StoredMembership = openraft::StoredMembership<Term, RaftId, Member>;
pub(crate) type RaftSnapshotMeta = openraft::SnapshotMeta<Term, RaftId, Member>;
pub(crate) type RaftSnapshot<D> = openraft::Snapshot<Term, RaftId, Member, D>;

impl<R: Send + Sync + 'static> RaftTypeConfig for TypeConfig<R> {
    type D = Command;
    /// None for entries that are not commands.
    type R = Option<R>;
    type NodeId = RaftId;
    type Node = Member;
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = RaftVote;
    type Payload = RaftPayload;
    type Entry = RaftEntry;
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
