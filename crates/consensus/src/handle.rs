//! The one handle to a server of the replicated log.
//!
//! Why a read under the leader's lease is safe here: a follower that answers a leader promises not to vote for another for
//! `election_ms_max`, and a leader counts its lease from when it *sent* what a majority answered. The lease that
//! [`Consensus::check_lease`] goes by is nine tenths of `election_ms_min`, shorter still, because
//! - a follower that restarts has forgotten its promise: it grants no vote for `election_ms_min` after a start, and stands
//!   for election itself no sooner;
//! - clocks run at slightly different rates.
//!
//! The one thing that cuts a promise short is a transfer of leadership, and a leader that begins one gives up its lease for
//! the rest of its term; one that a change of membership removes hands over by itself, and has no lease once it is not a
//! voter. A leader restarts as a follower: it may have sent entries that its own disk lost, and must not write others under
//! the same term (openraft's leader restore is off).

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use openraft::ReadPolicy;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{ClientWriteError, Fatal, ForwardToLeader, InitializeError, LinearizableReadError, RaftError};
use openraft::raft::ClientWriteResponse;
use openraft::rt::Instant as _;
use openraft::type_config::alias::WatchReceiverOf;
use openraft::{RaftMetrics, ServerState};
use quorate_base::Host;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use crate::admission::{Admission, Gate, room_for};
use crate::application::Application;
use crate::config::Config;
use crate::error::{BootstrapError, ChangeError, Outcome, ProposeError, ReadError, RpcError, StartError};
use crate::log::{Log, command_bytes};
use crate::protocol::{Command, LogId, Member, NodeId, Rpc, RpcReply};
use crate::raft::chores::{self, Raft};
use crate::raft::convert;
use crate::raft::receive::Reception;
use crate::raft::state_machine::Machine;
use crate::raft::type_config::{RaftId, Reply, TypeConfig};
use crate::status::{Progress, Status};
use crate::transport::Transport;

/// openraft's answer to a write.
type Written<R> = Result<ClientWriteResponse<TypeConfig<R>>, ClientWriteError<TypeConfig<R>>>;

/// A command that the application has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied<R> {
    /// The command's place in the log.
    pub index: u64,
    /// The application's answer.
    pub response: R,
}

/// A running server of the replicated log. Clones are cheap and speak of the same one. When the last is dropped the server
/// ends as if its process had died; [`Consensus::shutdown`] ends it in order.
pub struct Consensus<A: Application>(Arc<Server<A>>);

impl<A: Application> Clone for Consensus<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What all clones of the handle share.
pub(crate) struct Server<A: Application> {
    pub(crate) config: Config,
    pub(crate) host: Host,
    pub(crate) raft: Raft<A>,
    pub(crate) log: Log,
    pub(crate) machine: Arc<Machine<A>>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) metrics: WatchReceiverOf<TypeConfig<A::Response>, RaftMetrics<TypeConfig<A::Response>>>,
    pub(crate) status: watch::Receiver<Status>,
    /// Has the status told at once.
    pub(crate) poke: Arc<Notify>,
    pub(crate) contact: Arc<Contact>,
    /// Until when a promise from before the start may bind this server.
    pub(crate) no_votes_before: Option<Instant>,
    /// The term in which this server, as its leader, began to hand over, plus one; 0 if none.
    pub(crate) transferring: AtomicU64,
    pub(crate) reception: Arc<tokio::sync::Mutex<Reception<A>>>,
    /// Ends the chores.
    pub(crate) stop: watch::Sender<bool>,
    /// The lock on the directory, until the shutdown.
    pub(crate) lock: Mutex<Option<Box<dyn Send + Sync>>>,
}

/// When a follower last heard from its leader.
pub(crate) struct Contact {
    started: Instant,
    /// Milliseconds after `started`, plus one; 0 for never.
    at_ms: AtomicU64,
}

impl Contact {
    pub(crate) fn new(started: Instant) -> Self {
        Self { started, at_ms: AtomicU64::new(0) }
    }

    pub(crate) fn heard(&self) {
        self.at_ms.store(self.started.elapsed().as_millis() as u64 + 1, Ordering::Relaxed);
    }

    pub(crate) fn last(&self) -> Option<Instant> {
        let at_ms = self.at_ms.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.started + Duration::from_millis(at_ms))
    }
}

impl<A: Application> Consensus<A> {
    /// Starts a server on its directory: reads the newest snapshot and the log, and takes part from then on. Its tasks run
    /// on `host`. Reading blocks the calling task: some gigabytes a second.
    pub async fn start(
        config: Config,
        host: Host,
        transport: Arc<dyn Transport>,
        application: A,
    ) -> Result<Self, StartError> {
        let server = crate::start::start(config, host, transport, application).await?;
        Ok(Self(Arc::new(server)))
    }

    /// Writes the first membership of a new cluster. Every first member may do so, with the same members. A server that
    /// already has exactly these voters answers `Ok`.
    pub async fn bootstrap(&self, members: BTreeMap<NodeId, Member>) -> Result<(), BootstrapError> {
        let server = &self.0;
        let voters: BTreeSet<NodeId> = members.keys().copied().collect();
        let first: BTreeMap<RaftId, Member> = members.into_iter().map(|(id, member)| (RaftId(id), member)).collect();
        match server.raft.initialize(first).await {
            Ok(()) => Ok(()),
            Err(RaftError::APIError(InitializeError::NotInMembers(_))) => Err(BootstrapError::NotIncluded),
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => {
                let metrics = server.metrics.borrow_watched();
                let present = convert::membership(metrics.membership_config.membership());
                if present.voters == [voters] { Ok(()) } else { Err(BootstrapError::AlreadyMember) }
            }
            Err(RaftError::Fatal(fatal)) => Err(BootstrapError::Stopped { reason: server.reason(&fatal) }),
        }
    }

    /// Has a command committed and applied, and gives the application's answer. Dropping the future does not take the
    /// command back.
    pub async fn propose(&self, command: impl Into<Command>) -> Result<Applied<A::Response>, ProposeError> {
        self.propose_as(command.into(), None).await
    }

    /// The same, if this server leads in this very term; otherwise [`ProposeError::NotLeader`], also if it leads in a
    /// later one.
    pub async fn propose_in_term(
        &self,
        command: impl Into<Command>,
        term: u64,
    ) -> Result<Applied<A::Response>, ProposeError> {
        self.propose_as(command.into(), Some(term)).await
    }

    async fn propose_as(&self, command: Command, term: Option<u64>) -> Result<Applied<A::Response>, ProposeError> {
        let server = &self.0;
        let waited_ms = server.config.proposal_timeout_ms;
        let deadline = Instant::now() + Duration::from_millis(waited_ms);
        let admission = server.admit(&command, deadline).await?;
        let (sender, receiver) = oneshot::channel::<Written<A::Response>>();
        let reply = Reply { sender, _admission: admission };
        let sent = match term {
            None => server.raft.client_write_ff(command, Some(reply)).await,
            Some(term) => server.raft.write(command).responder(reply).with_leader(term).await,
        };
        if let Err(fatal) = sent {
            return Err(ProposeError::Stopped { reason: server.reason(&fatal), outcome: Outcome::Unchanged });
        }
        match tokio::time::timeout_at(deadline, receiver).await {
            Ok(Ok(written)) => server.answer(written),
            Ok(Err(_)) => Err(server.stopped_unknown()),
            Err(_) => Err(ProposeError::Timeout { waited_ms }),
        }
    }

    /// Whether the local state is the latest, by the leader's lease: then a read of it is as if the leader had asked a
    /// majority. Cheap: no wait, no message.
    pub fn check_lease(&self) -> Result<(), ReadError> {
        self.0.check_lease()
    }

    /// Waits until the local state holds all that was committed before the call, which a majority confirms.
    pub async fn read_index(&self) -> Result<(), ReadError> {
        let server = &self.0;
        server.check_running().map_err(|reason| ReadError::Stopped { reason })?;
        let bound = Duration::from_millis(server.config.proposal_timeout_ms);
        match tokio::time::timeout(bound, server.raft.ensure_linearizable(ReadPolicy::ReadIndex)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to)))) => {
                Err(ReadError::NotLeader { leader: leader(to) })
            }
            Ok(Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)))) | Err(_) => {
                Err(ReadError::Unconfirmed)
            }
            Ok(Err(RaftError::Fatal(fatal))) => Err(ReadError::Stopped { reason: server.reason(&fatal) }),
        }
    }

    /// Answers another server's request.
    pub async fn handle(&self, from: NodeId, rpc: Rpc) -> Result<RpcReply, RpcError> {
        self.0.serve(from, rpc).await
    }

    /// What this server knows of its place in the cluster, now and on each change.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.0.status.clone()
    }

    /// The positions in the log, exactly.
    pub fn progress(&self) -> Progress {
        chores::progress(&self.0.raft)
    }

    /// How long ago this server was last sure of the leader: as a follower, since it heard from it; as the leader, none.
    /// `None` if it never was.
    pub fn since_contact(&self) -> Option<Duration> {
        if self.0.metrics.borrow_watched().state == ServerState::Leader {
            return Some(Duration::ZERO);
        }
        self.0.contact.last().map(|at| at.elapsed())
    }

    /// Adds a server that takes entries and does not vote. Gives the change's place in the log.
    pub async fn add_learner(&self, id: NodeId, member: Member) -> Result<LogId, ChangeError> {
        let change = self.0.raft.add_learner(RaftId(id), member, false);
        self.0.change(change).await
    }

    /// Makes exactly `voters` the voters; each must be a member already. Those who vote no more leave the cluster. Gives the
    /// change's place in the log.
    pub async fn change_membership(&self, voters: BTreeSet<NodeId>) -> Result<LogId, ChangeError> {
        let voters: BTreeSet<RaftId> = voters.into_iter().map(RaftId).collect();
        self.0.change(self.0.raft.change_membership(voters, false)).await
    }

    /// Hands leadership to `to` and waits until another server leads. This server takes no commands from then on, and no
    /// reads by its lease, also if the other never takes over: then a new election follows.
    pub async fn transfer_leader(&self, to: NodeId) -> Result<(), ChangeError> {
        let server = &self.0;
        let (term, voter) = {
            let metrics = server.metrics.borrow_watched();
            if metrics.state != ServerState::Leader {
                return Err(ChangeError::NotLeader { leader: server.known_leader() });
            }
            let voter = metrics.membership_config.voter_ids().any(|id| id.0 == to);
            (metrics.current_term, voter)
        };
        if !voter || to == server.config.id {
            return Err(ChangeError::Refused(format!("{to} is no other voter")));
        }
        server.transferring.store(term + 1, Ordering::SeqCst);
        let stopped = |fatal| ChangeError::Stopped { reason: server.reason(&fatal) };
        server.raft.trigger().transfer_leader(RaftId(to)).await.map_err(stopped)?;
        let mut metrics = server.metrics.clone();
        let moved = async {
            while metrics.borrow_and_update().current_leader.is_none_or(|leader| leader.0 == server.config.id) {
                if metrics.changed().await.is_err() {
                    return;
                }
            }
        };
        let waited_ms = server.config.election_ms_max * 4;
        let moved = tokio::time::timeout(Duration::from_millis(waited_ms), moved).await;
        moved.map_err(|_| ChangeError::Timeout { waited_ms })
    }

    /// Takes a snapshot of all that is applied now and waits until it is durable. Gives the last entry that it covers.
    pub async fn snapshot_now(&self) -> Result<LogId, ChangeError> {
        let server = &self.0;
        let Some(applied) = server.machine.last_applied() else {
            return Err(ChangeError::Refused("there is nothing to take a snapshot of".to_owned()));
        };
        loop {
            let taken = server.machine.snapshot_taken.notified();
            if let Some(current) = server.machine.store().current()
                && current.meta.last.index >= applied.index
            {
                return Ok(current.meta.last);
            }
            server.check_running().map_err(|reason| ChangeError::Stopped { reason })?;
            let stopped = |fatal| ChangeError::Stopped { reason: server.reason(&fatal) };
            server.raft.trigger().snapshot().await.map_err(stopped)?;
            // One that was under way already may cover less: then another follows.
            let waited_ms = server.config.proposal_timeout_ms;
            // A long one is simply waited for again.
            let _ = tokio::time::timeout(Duration::from_millis(waited_ms), taken).await;
        }
    }

    /// Stops taking part, makes the log durable and lets go of the directory. Later calls answer `Stopped`.
    pub async fn shutdown(&self) {
        let server = &self.0;
        let was_stopped = server.stop.send_replace(true);
        if let Err(ended) = server.raft.shutdown().await {
            tracing::warn!("consensus had ended before: {ended}");
        }
        let (sender, closed) = oneshot::channel();
        server.log.close(Box::new(move |result| {
            // Nobody else waits for it.
            let _ = sender.send(result);
        }));
        if let Ok(Err(error)) = closed.await {
            tracing::warn!("the log was not closed in order: {error}");
        }
        if was_stopped {
            return;
        }
        // Whoever has the directory next must not meet our files half prepared or half removed.
        let at_rest = server.machine.rest().await;
        *server.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(at_rest));
    }
}

impl<A: Application> Server<A> {
    pub(crate) fn rpc_timeout(&self) -> Duration {
        Duration::from_millis(self.config.rpc_timeout_ms)
    }

    /// Lets a command in, with all that must be set aside for it, or says why not.
    async fn admit(&self, command: &Command, deadline: Instant) -> Result<Admission, ProposeError> {
        {
            let metrics = self.metrics.borrow_watched();
            if let Err(fatal) = &metrics.running_state {
                let reason = self.reason(fatal);
                return Err(ProposeError::Stopped { reason, outcome: Outcome::Unchanged });
            }
            if metrics.state != ServerState::Leader {
                drop(metrics);
                return Err(ProposeError::NotLeader { leader: self.known_leader() });
            }
        }
        let admission = self.gate.enter(command.bytes().len())?;
        match room_for(&self.log, command_bytes(command), deadline).await {
            Some(room) => Ok(admission.with_room(room)),
            None => {
                self.poke.notify_one();
                let late = || "the next log file was not ready in time".to_owned();
                let reason = self.log.space().shortage().map_or_else(late, |shortage| shortage.to_string());
                Err(ProposeError::DiskFull { reason })
            }
        }
    }

    fn answer(&self, written: Written<A::Response>) -> Result<Applied<A::Response>, ProposeError> {
        match written {
            Ok(ClientWriteResponse { log_id, data: Some(response), .. }) => {
                Ok(Applied { index: log_id.index, response })
            }
            // Refused before it was written to the log.
            Err(ClientWriteError::ForwardToLeader(to)) => Err(ProposeError::NotLeader { leader: leader(to) }),
            Err(ClientWriteError::LogEntryDiscarded(_)) => Err(ProposeError::LeadershipLost),
            // A command is always answered, and is no change of membership.
            Ok(_) | Err(ClientWriteError::ChangeMembershipError(_) | ClientWriteError::PreconditionFailed(_)) => {
                Err(self.stopped_unknown())
            }
        }
    }

    fn check_lease(&self) -> Result<(), ReadError> {
        let me = RaftId(self.config.id);
        let metrics = self.metrics.borrow_watched();
        if let Err(fatal) = &metrics.running_state {
            return Err(ReadError::Stopped { reason: self.reason(fatal) });
        }
        if metrics.state != ServerState::Leader {
            drop(metrics);
            return Err(ReadError::NotLeader { leader: self.known_leader() });
        }
        let term = metrics.current_term;
        let own_entry_applied = metrics.last_applied.is_some_and(|applied| applied.leader_id == term);
        let handing_over = self.transferring.load(Ordering::SeqCst) == term + 1;
        let voters = metrics.membership_config.membership().get_joint_config();
        if !own_entry_applied || handing_over || !voters.iter().any(|set| set.contains(&me)) {
            return Err(ReadError::Unconfirmed);
        }
        // openraft keeps no lease for a leader that is its own majority.
        if voters.iter().all(|set| set.len() == 1 && set.contains(&me)) {
            return Ok(());
        }
        let lease = Duration::from_millis(self.config.election_ms_min * 9 / 10);
        match metrics.last_quorum_acked {
            Some(acked) if acked.elapsed() < lease => Ok(()),
            _ => Err(ReadError::Unconfirmed),
        }
    }

    /// Makes a change of the membership and waits for it.
    async fn change<F>(&self, change: F) -> Result<LogId, ChangeError>
    where
        F: Future<
            Output = Result<
                ClientWriteResponse<TypeConfig<A::Response>>,
                RaftError<TypeConfig<A::Response>, ClientWriteError<TypeConfig<A::Response>>>,
            >,
        >,
    {
        if self.log.space().is_full() {
            return Err(ChangeError::DiskFull);
        }
        let waited_ms = self.config.proposal_timeout_ms;
        match tokio::time::timeout(Duration::from_millis(waited_ms), change).await {
            Ok(Ok(written)) => Ok(convert::log_id(&written.log_id)),
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to)))) => {
                Err(ChangeError::NotLeader { leader: leader(to) })
            }
            Ok(Err(RaftError::APIError(error))) => Err(ChangeError::Refused(error.to_string())),
            Ok(Err(RaftError::Fatal(fatal))) => Err(ChangeError::Stopped { reason: self.reason(&fatal) }),
            Err(_) => Err(ChangeError::Timeout { waited_ms }),
        }
    }

    /// `Err` with the reason if the server has stopped.
    pub(crate) fn check_running(&self) -> Result<(), String> {
        match &self.metrics.borrow_watched().running_state {
            Ok(()) => Ok(()),
            Err(fatal) => Err(self.reason(fatal)),
        }
    }

    /// Why the server stopped: in the words of the log or of what could not be applied, if it was one of these.
    pub(crate) fn reason(&self, fatal: &Fatal<TypeConfig<A::Response>>) -> String {
        match (self.log.failure(), self.machine.failure(), fatal) {
            (Some(failure), ..) => failure.to_string(),
            (None, Some(failure), _) => failure.to_owned(),
            (None, None, Fatal::Stopped) => "it was shut down".to_owned(),
            (None, None, fatal) => fatal.to_string(),
        }
    }

    fn stopped_unknown(&self) -> ProposeError {
        let reason = self.check_running().err().unwrap_or_else(|| "it is shutting down".to_owned());
        ProposeError::Stopped { reason, outcome: Outcome::Unknown }
    }

    fn known_leader(&self) -> Option<(NodeId, Member)> {
        let metrics = self.metrics.borrow_watched();
        let id = metrics.current_leader?.0;
        Some((id, convert::member(&metrics.membership_config, id)?))
    }
}

fn leader<R: Send + Sync + 'static>(to: ForwardToLeader<TypeConfig<R>>) -> Option<(NodeId, Member)> {
    Some((to.leader_id?.0, to.leader_node?))
}
