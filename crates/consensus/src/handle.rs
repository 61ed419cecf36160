//! The one handle.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use quorate_base::Host;
use tokio::sync::watch;

use crate::application::Application;
use crate::config::Config;
use crate::error::{BootstrapError, ChangeError, ProposeError, ReadError, RpcError, StartError};
use crate::protocol::{LogId, Member, NodeId, Rpc, RpcReply};
use crate::status::{Progress, Status};
use crate::transport::Transport;

/// A command that the application has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied<R> {
    /// The command's place in the log.
    pub index: u64,
    /// The application's answer.
    pub response: R,
}

/// A running server of the replicated log. Clones are cheap and speak of the same one.
pub struct Consensus<A: Application> {
    application: PhantomData<fn() -> A>,
}

impl<A: Application> Clone for Consensus<A> {
    fn clone(&self) -> Self {
        Self { application: PhantomData }
    }
}

#[allow(unused_variables, clippy::unimplemented, reason = "signatures first; the bodies follow")]
impl<A: Application> Consensus<A> {
    /// Starts a server on its directory: reads the newest snapshot and the log, and takes part from then on.
    pub async fn start(
        config: Config,
        host: Host,
        transport: Arc<dyn Transport>,
        application: A,
    ) -> Result<Self, StartError> {
        unimplemented!()
    }

    /// Writes the first membership of a new cluster. Every first member may do so with the same members; a server that
    /// already has exactly these voters answers `Ok`.
    pub async fn bootstrap(&self, members: BTreeMap<NodeId, Member>) -> Result<(), BootstrapError> {
        unimplemented!()
    }

    /// Has a command committed and applied, and gives the application's answer.
    pub async fn propose(&self, command: Bytes) -> Result<Applied<A::Response>, ProposeError> {
        unimplemented!()
    }

    /// Whether the local state is the latest, by the leader's lease. Cheap: no wait, no message.
    pub fn check_lease(&self) -> Result<(), ReadError> {
        unimplemented!()
    }

    /// Waits until the local state holds all that was committed before the call, confirmed by a majority.
    pub async fn read_index(&self) -> Result<(), ReadError> {
        unimplemented!()
    }

    /// Answers another server's request.
    pub async fn handle(&self, from: NodeId, rpc: Rpc) -> Result<RpcReply, RpcError> {
        unimplemented!()
    }

    /// What this server knows of its place in the cluster, now and on each change.
    pub fn status(&self) -> watch::Receiver<Status> {
        unimplemented!()
    }

    /// The positions in the log, exactly.
    pub fn progress(&self) -> Progress {
        unimplemented!()
    }

    /// Adds a server that takes entries and does not vote; waits until it has nearly all of them if `wait` is set.
    pub async fn add_learner(&self, id: NodeId, member: Member) -> Result<LogId, ChangeError> {
        unimplemented!()
    }

    /// Makes exactly `voters` the voters; each must be a member. Those who no longer vote leave the cluster.
    pub async fn change_membership(&self, voters: BTreeSet<NodeId>) -> Result<LogId, ChangeError> {
        unimplemented!()
    }

    /// Hands leadership to `to` and waits until another leads.
    pub async fn transfer_leader(&self, to: NodeId) -> Result<(), ChangeError> {
        unimplemented!()
    }

    /// Takes a snapshot of what is applied and waits until it is durable.
    pub async fn snapshot_now(&self) -> Result<LogId, ChangeError> {
        unimplemented!()
    }

    /// Stops taking part, syncs the log and lets go of the directory. Later calls answer `Stopped`.
    pub async fn shutdown(&self) {
        unimplemented!()
    }
}
