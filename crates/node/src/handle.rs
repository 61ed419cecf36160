//! The one handle: what everything above a node asks of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use quorate_base::Host;
use quorate_consensus::{
    Command as Proposal, Consensus, Member, NodeId, Role, Rpc, RpcError, RpcReply, StartError, Transport,
};
use quorate_state::{Command, Operation, Registration, Response, Session, SessionId, State, Topic};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::application::{Replicated, Shared};
use crate::archive::{self, ArchiveHeader};
use crate::codec;
use crate::config::Config;
use crate::error::{ProposeError, ReadError};
use crate::events::{Event, Events};
use crate::leader::{self, SessionClock};
use crate::metrics::Metrics;
use crate::restore::Restore;
use crate::status::{Server, Status};
use crate::watch::{Watch, WatchTable};

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// The leader answers while it holds a lease that no other leader can hold.
    #[default]
    Default,
    /// The leader answers after a majority confirmed that it still leads.
    Consistent,
    /// Any server answers from what it has.
    Stale,
}

/// How fresh an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Whether a leader is known.
    pub known_leader: bool,
    /// How long ago this server heard from it, in milliseconds; 0 on the leader.
    pub last_contact_ms: u64,
}

/// A running node. Clones are cheap and speak of the same one.
#[derive(Clone)]
pub struct Handle(Arc<Inner>);

struct Inner {
    host: Host,
    consensus: Consensus<Replicated>,
    shared: Arc<Shared>,
    events: Events,
    name: String,
    registration: watch::Sender<Arc<Registration>>,
    tombstone_ttl: Duration,
    leader_wait: Duration,
}

/// How many pieces of an archive wait for a slow reader.
const ARCHIVE_PIECES_WAITING: usize = 4;
/// How large a piece of an archive is.
const ARCHIVE_PIECE_BYTES: usize = 64 << 10;

impl Handle {
    /// Starts a node: reads its data directory, takes part in consensus and, when it leads, does a leader's duties.
    pub async fn start(config: Config, host: Host, transport: Arc<dyn Transport>) -> Result<Self, StartError> {
        Self::launch(config, host.clone(), transport, |shared| Replicated::new(host, shared)).await
    }

    /// Starts a node that is broken on purpose.
    #[cfg(feature = "sabotage")]
    pub async fn start_broken(
        config: Config,
        host: Host,
        transport: Arc<dyn Transport>,
        how: crate::Sabotage,
    ) -> Result<Self, StartError> {
        Self::launch(config, host.clone(), transport, |shared| Replicated::new(host, shared).broken(how)).await
    }

    async fn launch(
        config: Config,
        host: Host,
        transport: Arc<dyn Transport>,
        application: impl FnOnce(Arc<Shared>) -> Replicated,
    ) -> Result<Self, StartError> {
        let shared = Arc::new(Shared {
            published: ArcSwap::from_pointee(State::default()),
            watches: WatchTable::new(config.watches_max),
            sessions: SessionClock::default(),
            metrics: Metrics::new(&config.metrics),
        });
        let settings = quorate_consensus::Config { metrics: config.metrics.clone(), ..config.consensus };
        let consensus = Consensus::start(settings, host.clone(), transport, application(shared.clone())).await?;
        if !config.first_members.is_empty() && consensus.status().borrow().members.members.is_empty() {
            // It goes on: it may be added to the cluster that it could not start.
            if let Err(error) = consensus.bootstrap(config.first_members).await {
                tracing::error!(%error, "the new cluster could not be started");
            }
        }
        let handle = Self(Arc::new(Inner {
            host: host.clone(),
            consensus,
            shared,
            events: Events::new(),
            name: config.name,
            registration: watch::Sender::new(Arc::new(config.registration)),
            tombstone_ttl: Duration::from_millis(config.tombstone_ttl_ms),
            leader_wait: Duration::from_millis(config.leader_wait_ms),
        }));
        host.spawn(leader::run(handle.clone()));
        Ok(handle)
    }

    /// Stops taking part and lets go of the data directory.
    pub async fn shutdown(&self) {
        self.0.consensus.shutdown().await;
    }

    /// Waits until the node has stopped for good and says why. Not at a command that it cannot read: starting it again would
    /// stop it there again, so it stays up and says so to whoever asks.
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
    pub async fn propose(&self, operation: Operation) -> Result<Response, ProposeError> {
        let metrics = &self.0.shared.metrics;
        metrics.proposals.increment();
        let started = Instant::now();
        let command = Command { now_ms: self.0.host.wall.now_ms(), operation };
        let bytes = codec::encode_command(&command);
        let mut applied = self.0.consensus.propose(Proposal::with_bytes(command, bytes.clone())).await;
        while let Err(ProposeError::NotLeader { leader: None }) = applied {
            let deadline = started + self.0.leader_wait;
            if Instant::now() >= deadline {
                break;
            }
            self.next_try(deadline).await;
            applied = self.0.consensus.propose(bytes.clone()).await;
        }
        let applied = applied?;
        metrics.commit_time.record_duration(started.elapsed());
        Ok(applied.response)
    }

    /// The state as this server has it now, for a short look. Costs a few nanoseconds; don't hold it across a wait.
    pub fn state(&self) -> Guard<Arc<State>> {
        self.0.shared.published.load()
    }

    /// The state as this server has it now, to keep.
    pub fn snapshot(&self) -> Arc<State> {
        self.0.shared.published.load_full()
    }

    /// Whether [`Self::state`] may answer a question of this consistency at once; `None` if that takes a wait.
    pub fn ready_now(&self, consistency: Consistency) -> Option<Freshness> {
        match consistency {
            Consistency::Stale => Some(self.freshness()),
            Consistency::Default => self.0.consensus.check_lease().ok().map(|()| LEADER_IS_HERE),
            Consistency::Consistent => None,
        }
    }

    /// Waits until [`Self::state`] may answer a question of this consistency.
    pub async fn ready(&self, consistency: Consistency) -> Result<Freshness, ReadError> {
        if let Some(freshness) = self.ready_now(consistency) {
            return Ok(freshness);
        }
        let deadline = Instant::now() + self.0.leader_wait;
        loop {
            let confirmed = tokio::time::timeout_at(deadline, self.0.consensus.read_index()).await;
            match confirmed {
                Ok(Ok(())) => return Ok(LEADER_IS_HERE),
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
    async fn next_try(&self, deadline: Instant) {
        const MOMENT: Duration = Duration::from_millis(20);
        tokio::time::sleep_until(deadline.min(Instant::now() + MOMENT)).await;
    }

    fn freshness(&self) -> Freshness {
        let status = self.0.consensus.status();
        let status = status.borrow();
        if status.role == Role::Leader {
            return LEADER_IS_HERE;
        }
        let last_contact = status.last_contact.map_or(Duration::MAX, |contact| contact.elapsed());
        Freshness {
            known_leader: status.leader.is_some(),
            last_contact_ms: u64::try_from(last_contact.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Starts to wait for these topics. Register before evaluating the question.
    pub fn watch(&self, topics: &[Topic]) -> Result<Watch, ReadError> {
        Ok(self.0.shared.watches.register(topics)?)
    }

    /// Asks a question until its answer is another one than the asker has, or the time is over.
    ///
    /// `evaluate` gives the answer with its index. It is asked again only when one of the topics was touched. Returns at
    /// once if the answer's index is not the one that the asker has seen (`seen`, 0 for none), or the state was replaced.
    pub async fn ask_again<T: PartialEq>(
        &self,
        topics: &[Topic],
        seen: u64,
        deadline: Instant,
        evaluate: impl Fn(&State) -> (u64, T),
    ) -> Result<(u64, T), ReadError> {
        let mut watch = self.watch(topics)?;
        let first = evaluate(&self.state());
        if first.0 > seen || seen == 0 {
            return Ok(first);
        }
        loop {
            let woken = tokio::time::timeout_at(deadline, watch.changed()).await;
            let now = evaluate(&self.state());
            match woken {
                Ok(crate::Woken::Touched) if now.1 == first.1 => {}
                _ => return Ok(now),
            }
        }
    }

    /// The leader gives a session its full time again. `None` if there is no such session.
    pub async fn renew_session(&self, id: SessionId) -> Result<Option<Arc<Session>>, ReadError> {
        self.ready(Consistency::Default).await?;
        let session = self.state().session(id).cloned();
        if let Some(session) = &session {
            self.0.shared.sessions.renew(session);
        }
        Ok(session)
    }

    /// Keeps a user event among the last ones seen.
    pub fn keep_event(&self, event: Event) {
        self.0.events.push(event);
    }

    /// The last user events seen, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.0.events.list()
    }

    /// Tells of each new user event: the value is how many were ever seen.
    pub fn events_seen(&self) -> watch::Receiver<u64> {
        self.0.events.subscribe()
    }

    /// The state as an archive, in pieces. It is that of this moment; writes go on meanwhile.
    pub fn save_archive(&self, quorate_version: &str) -> mpsc::Receiver<Bytes> {
        let state = self.snapshot();
        let header = ArchiveHeader {
            index: state.index(),
            created_ms: self.0.host.wall.now_ms(),
            quorate_version: quorate_version.to_owned(),
        };
        let (pieces, receiver) = mpsc::channel(ARCHIVE_PIECES_WAITING);
        self.0.host.spawn(async move {
            // A failed send means that the reader is gone, and nobody is left to tell.
            let _ = write_archive(&state, &header, &pieces).await;
        });
        receiver
    }

    /// Starts to replace the state by an archive.
    pub fn restore_archive(&self) -> Restore {
        Restore::new(self.clone())
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
            role: status.role,
            term: status.term,
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

    pub(crate) fn tombstone_ttl(&self) -> Duration {
        self.0.tombstone_ttl
    }
}

const LEADER_IS_HERE: Freshness = Freshness { known_leader: true, last_contact_ms: 0 };

async fn write_archive(
    state: &State,
    header: &ArchiveHeader,
    pieces: &mpsc::Sender<Bytes>,
) -> Result<(), mpsc::error::SendError<Bytes>> {
    let mut piece = Vec::with_capacity(ARCHIVE_PIECE_BYTES * 2);
    archive::write_header(header, &mut piece);
    let mut count = 0;
    for record in state.records() {
        archive::write_record(&record, &mut piece);
        count += 1;
        if piece.len() >= ARCHIVE_PIECE_BYTES {
            pieces.send(std::mem::replace(&mut piece, Vec::with_capacity(ARCHIVE_PIECE_BYTES * 2)).into()).await?;
            tokio::task::yield_now().await;
        }
    }
    archive::write_end(count, &mut piece);
    pieces.send(piece.into()).await
}
