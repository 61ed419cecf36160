//! The one handle: what everything above a node asks of it.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use quorate_base::{Account, Host};
use quorate_consensus::{
    Command as Proposal, Consensus, Member, NodeId, Role, Rpc, RpcError, RpcReply, StartError, Transport,
};
use quorate_state::{Command, Format, Operation, Refusal, Registration, Response, Session, SessionId, State, Topic};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};
use tokio::time::Instant;

use crate::application::{Replicated, Shared};
use crate::archive::{ArchiveHeader, ArchiveWriter};
use crate::clocks::{Clocks, LeaderClock, SessionClock};
use crate::codec;
use crate::config::Config;
use crate::error::{ProposeError, ReadError};
use crate::events::Events;
use crate::freshness::{Consistency, Freshness};
use crate::kept::Kept;
use crate::metrics::Metrics;
use crate::parked::{Parked, WaitPlace};
use crate::peers::Peers;
use crate::status::{Server, Status};
use crate::watch::{TooManyWatches, Watch, WatchTable};

/// A running node. Clones are cheap and speak of the same one.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    host: Host,
    consensus: Consensus<Replicated>,
    shared: Arc<Shared>,
    events: Events,
    parked: Parked,
    account: Arc<Account>,
    kept: Kept,
    long_turns: Semaphore,
    peers: Option<Arc<dyn Peers>>,
    id: NodeId,
    name: String,
    datacenter: String,
    version: String,
    registration: watch::Sender<Arc<Registration>>,
    format_newest: Format,
    tombstone_ttl: Duration,
    leader_wait: Duration,
}

/// How many long answers are made at once. More would take memory and be no faster; those who wait hold nothing.
const LONG_TURNS: usize = 4;
/// How many pieces of an archive wait for a slow reader.
const ARCHIVE_PIECES_WAITING: usize = 4;
/// How large a piece of an archive is.
const ARCHIVE_PIECE_BYTES: usize = 64 << 10;

impl Handle {
    /// Starts a node whose application is made by `application`. Its duties as a leader are not begun.
    pub(crate) async fn launch(
        config: Config,
        host: Host,
        transport: Arc<dyn Transport>,
        application: impl FnOnce(Arc<Shared>) -> Replicated,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared {
            published: ArcSwap::from_pointee(State::default()),
            watches: WatchTable::new(config.watches_max),
            sessions: SessionClock::default(),
            clock: LeaderClock::default(),
            metrics: Metrics::new(&config.metrics),
        });
        let id = config.consensus.id;
        let settings = quorate_consensus::Config { metrics: config.metrics.clone(), ..config.consensus };
        let consensus = Consensus::start(settings, host.clone(), transport, application(shared.clone())).await?;
        if !config.first_members.is_empty() && consensus.status().borrow().members.members.is_empty() {
            // It goes on: it may be added to the cluster that it could not start.
            if let Err(error) = consensus.bootstrap(config.first_members).await {
                tracing::error!(%error, "the new cluster could not be started");
            }
        }
        Ok(Self(Arc::new(Inner {
            host,
            consensus,
            shared,
            events: Events::new(),
            parked: Parked::new(config.parked_max, config.account.clone()),
            account: config.account,
            kept: Kept::new(config.kept_answer_bytes_max),
            long_turns: Semaphore::new(LONG_TURNS),
            peers: config.peers,
            id,
            name: config.name,
            datacenter: config.datacenter,
            version: config.version,
            registration: watch::Sender::new(Arc::new(config.registration)),
            format_newest: config.format_newest,
            tombstone_ttl: Duration::from_millis(config.tombstone_ttl_ms),
            leader_wait: Duration::from_millis(config.leader_wait_ms),
        })))
    }

    /// Stops taking part and lets go of the data directory.
    pub async fn shutdown(&self) {
        self.0.consensus.shutdown().await;
    }

    /// Waits until the node has stopped for good and says why. Not at a command that it cannot read: starting it again would
    /// stop it there again, so it stays up and says so when it is asked.
    pub async fn stopped(&self) -> String {
        let mut status = self.0.consensus.status();
        match status
            .wait_for(|status| !status.unreadable && (status.fatal.is_some() || status.role == Role::Stopped))
            .await
        {
            Ok(status) => status.fatal.clone().unwrap_or_else(|| "it was shut down".to_owned()),
            Err(_) => "its consensus task ended".to_owned(),
        }
    }

    /// Has an operation committed and applied, and gives the state's answer. Waits a little for a leader to be found.
    pub(crate) async fn commit(&self, operation: &Operation, term: Option<u64>) -> Result<Response, ProposeError> {
        let metrics = &self.0.shared.metrics;
        metrics.proposals.increment();
        let started = Instant::now();
        let deadline = started + self.0.leader_wait;
        let response = loop {
            // Stamped anew for each try: what it waited is not to be taken off the deadlines that the command sets.
            match self.propose_once(operation, term).await {
                Err(ProposeError::NotLeader { leader: None }) if Instant::now() < deadline => {
                    self.next_try(deadline).await;
                }
                applied => break applied?,
            }
        };
        metrics.commit_time.record_duration(started.elapsed());
        Ok(response)
    }

    async fn propose_once(&self, operation: &Operation, term: Option<u64>) -> Result<Response, ProposeError> {
        let now_ms = self.command_time_ms()?;
        let bytes = match codec::encode_operation(now_ms, operation, self.published().format()) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Response::Refused(Refusal::Invalid(error.to_string()))),
        };
        // This server applies what it has encoded; only the others decode it.
        let command = Proposal::with_bytes(Command { now_ms, operation: operation.clone() }, bytes);
        let applied = match term {
            None => self.0.consensus.propose(command).await,
            Some(term) => self.0.consensus.propose_in_term(command, term).await,
        };
        Ok(applied?.response)
    }

    /// The time of a command that is proposed now. Only a leader has one to give: with any other a lock delay could end
    /// too early.
    fn command_time_ms(&self) -> Result<u64, ProposeError> {
        let term = {
            let status = self.0.consensus.status();
            let status = status.borrow();
            if status.role != Role::Leader && status.role != Role::Stopped {
                let leader = status.leader.filter(|leader| *leader != status.id);
                let known = |id: NodeId| Some((id, status.members.members.get(&id)?.clone()));
                return Err(ProposeError::NotLeader { leader: leader.and_then(known) });
            }
            status.term
        };
        let wall_ms = self.0.host.wall.now_ms();
        let clocks = Clocks { monotonic: Instant::now(), wall_ms, state_ms: self.published().clock_ms() };
        Ok(self.0.shared.clock.now_ms(term, clocks))
    }

    /// The state as this server has it now, for a short look. Costs a few nanoseconds; don't hold it across a wait.
    pub(crate) fn published(&self) -> Guard<Arc<State>> {
        self.0.shared.published.load()
    }

    /// The state as this server has it now, to keep.
    pub(crate) fn snapshot(&self) -> Arc<State> {
        self.0.shared.published.load_full()
    }

    /// What [`Handle::view`] waits for, if that takes no wait.
    pub(crate) fn ready_now(&self, consistency: Consistency) -> Option<Freshness> {
        match consistency {
            Consistency::Stale(age_max) => {
                let freshness = self.freshness();
                let is_fresh = age_max.is_none_or(|max| u128::from(freshness.last_contact_ms) <= max.as_millis());
                is_fresh.then_some(freshness)
            }
            Consistency::Default => self.0.consensus.check_lease().ok().map(|()| Freshness::LEADER),
            Consistency::Consistent => None,
        }
    }

    /// Waits until the published state may answer a question of this consistency.
    pub(crate) async fn ready(&self, consistency: Consistency) -> Result<Freshness, ReadError> {
        if let Some(freshness) = self.ready_now(consistency) {
            return Ok(freshness);
        }
        let deadline = Instant::now() + self.0.leader_wait;
        loop {
            let confirmed = tokio::time::timeout_at(deadline, self.0.consensus.read_index()).await;
            match confirmed {
                Ok(Ok(())) => return Ok(Freshness::LEADER),
                Err(_) => return Err(ReadError::NoLeader),
                Ok(Err(quorate_consensus::ReadError::Stopped { reason })) => return Err(ReadError::Stopped(reason)),
                Ok(Err(quorate_consensus::ReadError::NotLeader { leader: Some(leader) })) => {
                    return Err(ReadError::NotLeader { leader });
                }
                Ok(Err(_)) if Instant::now() >= deadline => return Err(ReadError::NoLeader),
                Ok(Err(_)) => self.next_try(deadline).await,
            }
        }
    }

    /// Waits a moment before asking consensus again, not past `deadline`. It goes by time and not by changes of status,
    /// since asking is itself such a change.
    pub(crate) async fn next_try(&self, deadline: Instant) {
        const MOMENT: Duration = Duration::from_millis(20);
        tokio::time::sleep_until(deadline.min(Instant::now() + MOMENT)).await;
    }

    fn freshness(&self) -> Freshness {
        let status = self.0.consensus.status();
        let status = status.borrow();
        if status.role == Role::Leader {
            return Freshness::LEADER;
        }
        let last_contact = status.last_contact.map_or(Duration::MAX, |contact| contact.elapsed());
        Freshness {
            known_leader: status.leader.is_some(),
            last_contact_ms: u64::try_from(last_contact.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Starts to wait for these topics. Register before evaluating the question.
    pub(crate) fn watch(&self, topics: &[Topic]) -> Result<Watch, TooManyWatches> {
        self.0.shared.watches.register(topics)
    }

    /// Gives a session its full time again. `None` if there is no such session. For a leader whose lease was checked.
    pub(crate) fn renew_session(&self, id: SessionId) -> Option<Arc<Session>> {
        let session = self.published().session(id).cloned();
        if let Some(session) = &session {
            self.0.shared.sessions.renew(session);
        }
        session
    }

    /// Takes a place among all requests that wait for a change, for one that waits for something else than the node's
    /// state.
    pub fn wait_place(&self, client: Option<IpAddr>) -> Result<WaitPlace, crate::Refusal> {
        self.0.parked.take_place(client)
    }

    /// The newest format that this server admits to read.
    pub(crate) fn format_newest(&self) -> Format {
        self.0.format_newest
    }

    /// The memory that clients make this server hold.
    pub fn account(&self) -> &Arc<Account> {
        &self.0.account
    }

    /// Ends all waits for changes: each is answered with what there is. For a server that is about to stop.
    pub fn end_waits(&self) {
        self.0.parked.nudge_all();
        self.0.events.nudge_all();
    }

    /// The state as an archive, in pieces. It is that of this moment; writes go on meanwhile.
    pub(crate) fn save_archive(&self) -> mpsc::Receiver<Bytes> {
        let state = self.snapshot();
        let header = ArchiveHeader {
            index: state.index(),
            created_ms: self.0.host.wall.now_ms(),
            quorate_version: self.0.version.clone(),
        };
        let (pieces, receiver) = mpsc::channel(ARCHIVE_PIECES_WAITING);
        self.0.host.spawn(async move {
            // A failed send means that the reader is gone, and nobody is left to tell.
            let _ = write_archive(&state, &header, &pieces).await;
        });
        receiver
    }

    /// What this server knows of itself and the cluster.
    pub fn status(&self) -> Status {
        let status = self.0.consensus.status();
        let status = status.borrow();
        let server = |id: &NodeId, member: &Member| Server {
            id: *id,
            name: member.name.clone(),
            address: member.address.clone(),
            leader: status.leader == Some(*id),
            voter: status.members.is_voter(*id),
        };
        Status {
            id: status.id,
            name: self.0.name.clone(),
            datacenter: self.0.datacenter.clone(),
            role: status.role,
            term: status.term,
            format_newest: self.0.format_newest,
            servers: status.members.members.iter().map(|(id, member)| server(id, member)).collect(),
            progress: self.0.consensus.progress(),
            fatal: status.fatal.clone(),
            disk_full: status.disk_full,
        }
    }

    /// Brings the gauges up to date, before they are read.
    pub fn refresh_metrics(&self) {
        let metrics = &self.0.shared.metrics;
        metrics.watches.set(self.0.shared.watches.count() as f64);
        metrics.parked.set(self.0.parked.waiters() as f64);
        self.0.account.refresh_metrics();
        metrics.session_deadlines.set(self.0.shared.sessions.count() as f64);
    }

    /// Answers another server's request.
    pub fn handle_rpc(
        &self,
        from: NodeId,
        rpc: Rpc,
    ) -> impl Future<Output = Result<RpcReply, RpcError>> + Send + use<> {
        let consensus = self.0.consensus.clone();
        async move { consensus.handle(from, rpc).await }
    }

    /// What the server registers of itself when it leads.
    pub fn registration(&self) -> Arc<Registration> {
        self.0.registration.borrow().clone()
    }

    /// Has the server register this of itself from now on. The node's name and id stay what they are.
    pub fn set_registration(&self, registration: Registration) {
        self.0.registration.send_if_modified(|current| {
            let is_new = **current != registration;
            if is_new {
                *current = Arc::new(registration);
            }
            is_new
        });
    }

    /// The machine it runs on.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn consensus(&self) -> &Consensus<Replicated> {
        &self.0.consensus
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    pub(crate) fn registrations(&self) -> watch::Receiver<Arc<Registration>> {
        self.0.registration.subscribe()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.shared.metrics
    }

    pub(crate) fn events(&self) -> &Events {
        &self.0.events
    }

    pub(crate) fn parked(&self) -> &Parked {
        &self.0.parked
    }

    pub(crate) fn kept(&self) -> &Kept {
        &self.0.kept
    }

    pub(crate) fn peers(&self) -> Option<&Arc<dyn Peers>> {
        self.0.peers.as_ref()
    }

    pub(crate) fn leader_wait(&self) -> Duration {
        self.0.leader_wait
    }

    pub(crate) fn id(&self) -> NodeId {
        self.0.id
    }

    /// The node's datacenter.
    pub fn datacenter(&self) -> &str {
        &self.0.datacenter
    }

    /// Waits for the turn to make a long answer.
    pub(crate) async fn long_turn(&self) -> Option<SemaphorePermit<'_>> {
        // It fails only for a closed semaphore, and nobody closes this one.
        self.0.long_turns.acquire().await.ok()
    }

    /// Whether this server leads and holds its lease: then its state has all that was ever acknowledged.
    pub(crate) fn leads(&self) -> bool {
        self.0.consensus.check_lease().is_ok()
    }

    /// The server that leads, as far as this one knows.
    pub(crate) fn known_leader(&self) -> Option<(NodeId, Member)> {
        let status = self.0.consensus.status();
        let status = status.borrow();
        let leader = status.leader?;
        Some((leader, status.members.members.get(&leader)?.clone()))
    }

    pub(crate) fn tombstone_ttl(&self) -> Duration {
        self.0.tombstone_ttl
    }
}

async fn write_archive(
    state: &State,
    header: &ArchiveHeader,
    pieces: &mpsc::Sender<Bytes>,
) -> Result<(), mpsc::error::SendError<Bytes>> {
    let mut piece = Vec::with_capacity(ARCHIVE_PIECE_BYTES * 2);
    let format = state.format();
    let mut archive = ArchiveWriter::begin(header, format, &mut piece);
    for record in state.records() {
        if let Err(error) = archive.record(&record, &mut piece) {
            // Its reader sees that it was cut short. A state holds nothing that its own format has no place for.
            tracing::error!(%error, "the archive can't be written");
            return Ok(());
        }
        if piece.len() >= ARCHIVE_PIECE_BYTES {
            pieces.send(std::mem::replace(&mut piece, Vec::with_capacity(ARCHIVE_PIECE_BYTES * 2)).into()).await?;
            tokio::task::yield_now().await;
        }
    }
    archive.finish(&mut piece);
    pieces.send(piece.into()).await
}
