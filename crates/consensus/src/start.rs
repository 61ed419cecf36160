//! Starting a server: what is on its disk is read, checked and brought together before it takes part.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use openraft::SnapshotPolicy;
use quorate_base::{Host, task};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::admission::Gate;
use crate::application::{Application, RestoreError};
use crate::config::Config;
use crate::error::{LogError, StartError};
use crate::handle::{Contact, Server};
use crate::log::{Log, LogConfig, LogSummary};
use crate::metrics::{LogMetrics, Metrics, RoleCounter};
use crate::protocol::LogId;
use crate::raft::chores::{self, Raft, View};
use crate::raft::network::NetworkFactory;
use crate::raft::receive;
use crate::raft::state_machine::{Machine, Restored, StateMachine};
use crate::raft::storage::LogStorage;
use crate::raft::type_config::RaftId;
use crate::snapshot::SnapshotStore;
use crate::transport::Transport;

/// The name of the lock file.
const LOCK_NAME: &str = "lock";

/// How much log is read at a time to bring the state up to what was committed.
const REPLAY_READ_BYTES: usize = 4 << 20;

/// Starts a server, as part of `host`.
pub(crate) async fn start<A: Application>(
    config: Config,
    host: Host,
    transport: Arc<dyn Transport>,
    application: A,
) -> Result<Server<A>, StartError> {
    let parts = start_here(config, host.clone(), transport, application);
    // openraft starts its tasks on the host of the task that calls it.
    task::scoped(host, parts).await
}

async fn start_here<A: Application>(
    config: Config,
    host: Host,
    transport: Arc<dyn Transport>,
    application: A,
) -> Result<Server<A>, StartError> {
    config.check().map_err(StartError::Config)?;
    let lock = lock(&host, &config.directory)?;
    let (store, newest) = SnapshotStore::open(host.clone(), &config.directory)?;
    let metrics = Metrics::new(&config.metrics);
    let started = Instant::now();
    let restored = Restored::from_snapshot(store, newest, application).map_err(restore_error)?;
    let covered = restored.covered();
    if covered.is_some() {
        metrics.restored(started.elapsed());
    }
    let accept = |log| check_together(&config.directory, covered, log);
    let log = Log::open(host.clone(), log_config(&config, metrics.log.clone()), accept)?;
    let machine = Machine::start(host.clone(), log.clone(), restored, config.snapshot_after_log_bytes, metrics.clone());
    let machine = Arc::new(machine);
    let at_directory = |source| StartError::Io { path: config.directory.display().to_string(), source };
    // Only now is it known that the newest snapshot is whole and the log goes on from it.
    machine.store().clean().map_err(at_directory)?;
    replay(&log, &machine).await?;
    let vote = log.summary().vote;
    let raft = start_raft(&config, &host, transport, &log, &machine).await?;

    let started = Instant::now();
    // What this server promised to a leader before it stopped, it has forgotten: see `crate::handle`.
    let promised = vote.is_some_and(|vote| vote.committed && vote.node != config.id);
    let no_votes_before = promised.then(|| started + Duration::from_millis(config.election_ms_min));
    let contact = Arc::new(Contact::new(started));
    let poke = Arc::new(Notify::new());
    let (stop, stopped) = watch::channel(false);
    let failure = machine.failure().map(str::to_owned);
    let view = View { unreadable: failure.is_some(), failure, ..View::default() };
    let (told, status) = watch::channel(chores::status(&raft, view));
    let mut roles = RoleCounter::new(metrics);
    roles.see(&status.borrow());
    let told = (told, roles);
    spawn_chores(&host, &config, &raft, &log, &machine, (told, contact.clone(), poke.clone()), stopped);
    let reception = Arc::default();
    let rpc_timeout = Duration::from_millis(config.rpc_timeout_ms);
    host.spawn(receive::forget_silent(Arc::clone(&reception), rpc_timeout, stop.subscribe()));
    let metrics = raft.metrics();
    Ok(Server {
        gate: Arc::new(Gate::new(&config)),
        config,
        host,
        raft,
        log,
        machine,
        metrics,
        status,
        poke,
        contact,
        no_votes_before,
        transferring: AtomicU64::new(0),
        reception,
        stop,
        lock: std::sync::Mutex::new(Some(lock)),
    })
}

/// Starts openraft on what was read.
async fn start_raft<A: Application>(
    config: &Config,
    host: &Host,
    transport: Arc<dyn Transport>,
    log: &Log,
    machine: &Arc<Machine<A>>,
) -> Result<Raft<A>, StartError> {
    let network = NetworkFactory {
        id: config.id,
        host: host.clone(),
        transport,
        rpc_timeout: Duration::from_millis(config.rpc_timeout_ms),
        snapshot_chunk_bytes: config.snapshot_chunk_bytes,
    };
    let mut storage = LogStorage::new(host.clone(), log.clone(), config.replication_bytes_max);
    let state_machine = StateMachine::new(machine.clone());
    let mut raft_config = raft_config(config)?;
    let failed = machine.failure().is_some();
    if failed {
        // openraft must neither apply what could not be read nor stand for election before it is stopped.
        storage = storage.committed_up_to(machine.last_applied());
        raft_config.enable_tick = false;
    }
    let started = openraft::Raft::new(RaftId(config.id), Arc::new(raft_config), network, storage, state_machine);
    let raft = started.await.map_err(|fatal| StartError::Raft(fatal.to_string()))?;
    if failed && let Err(ended) = raft.shutdown().await {
        tracing::warn!("consensus had ended before: {ended}");
    }
    Ok(raft)
}

fn lock(host: &Host, directory: &Path) -> Result<Box<dyn Send + Sync>, StartError> {
    let io = |source| StartError::Io { path: directory.display().to_string(), source };
    host.disk.create_directory(directory).map_err(io)?;
    host.disk.lock(&directory.join(LOCK_NAME)).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => StartError::Locked { directory: directory.display().to_string() },
        _ => io(error),
    })
}

fn log_config(config: &Config, metrics: LogMetrics) -> LogConfig {
    LogConfig {
        directory: config.directory.clone(),
        segment_bytes: config.segment_bytes,
        tail_bytes_max: config.tail_bytes_max,
        writer: config.log_writer,
        metrics,
    }
}

/// A damaged snapshot file is named as such, not as a failed restore.
fn restore_error(error: RestoreError) -> StartError {
    match error {
        RestoreError::Snapshot(error) => StartError::Snapshot(error),
        other => StartError::Restore(other),
    }
}

/// The log must begin where the snapshot ends or before, and neither may have been lost alone: with the log went the vote,
/// and this server could vote twice in one term.
fn check_together(directory: &Path, covered: Option<LogId>, log: LogSummary) -> Result<(), LogError> {
    let gap = |what: String| Err(LogError::Gap { directory: directory.display().to_string(), what });
    match (covered, log.purged) {
        (Some(covered), _) if log == LogSummary::default() => {
            gap(format!("there is a snapshot up to entry {covered}, and no log"))
        }
        (Some(covered), Some(purged)) if purged.index > covered.index => {
            gap(format!("the snapshot ends at entry {covered}, and the log begins after {purged}"))
        }
        (None, Some(purged)) => gap(format!("the log begins after entry {purged}, and there is no snapshot")),
        _ => Ok(()),
    }
}

/// Applies what is known to be committed, so that the state is not older than it was, but for the last moments.
async fn replay<A: Application>(log: &Log, machine: &Arc<Machine<A>>) -> Result<(), StartError> {
    let error = |source| StartError::Io { path: "replaying the log".to_owned(), source };
    let Some(committed) = log.summary().committed else { return Ok(()) };
    loop {
        let next = machine.last_applied().map_or(0, |applied| applied.index + 1);
        let read = log.read(next, committed.index + 1, REPLAY_READ_BYTES).map_err(error)?;
        if read.is_empty() || machine.failure().is_some() {
            return Ok(());
        }
        machine.replay(read).await.map_err(error)?;
        tokio::task::yield_now().await;
    }
}

fn raft_config(config: &Config) -> Result<openraft::Config, StartError> {
    let raft = openraft::Config {
        cluster_name: "quorate".to_owned(),
        heartbeat_interval: config.heartbeat_ms,
        election_timeout_min: config.election_ms_min,
        election_timeout_max: config.election_ms_max,
        max_payload_entries: config.replication_entries_max,
        // Snapshots are asked for by the log's size: see `Machine`.
        snapshot_policy: SnapshotPolicy::Never,
        // The log is shortened by its size too: see `chores::shorten_log`.
        max_in_snapshot_log_to_keep: u64::MAX,
        api_channel_size: Some(config.proposals_max as u64 + 1024),
        backoff: format!("{}ms ..{}ms", config.heartbeat_ms, config.election_ms_max),
        // Only its feature `runtime-stats`, which is off, would fill this.
        log_stage_capacity: Some(1),
        enable_pre_vote: Some(true),
        // See `crate::handle`.
        enable_leader_restore: Some(false),
        ..openraft::Config::default()
    };
    raft.validate().map_err(|error| StartError::Config(error.to_string()))
}

fn spawn_chores<A: Application>(
    host: &Host,
    config: &Config,
    raft: &Raft<A>,
    log: &Log,
    machine: &Arc<Machine<A>>,
    (told, contact, poke): ((watch::Sender<crate::status::Status>, RoleCounter), Arc<Contact>, Arc<Notify>),
    stopped: chores::Stop,
) {
    host.spawn(chores::keep_log(raft.clone(), machine.clone(), log.downgrade(), poke.clone(), stopped.clone()));
    let kept = chores::Kept { entries_max: config.log_kept_entries, bytes_max: config.log_kept_bytes };
    let shorten = chores::shorten_log(raft.clone(), machine.clone(), log.downgrade(), kept, stopped.clone());
    host.spawn(shorten);
    // A snapshot may have been taken without the log having been shortened by it.
    machine.shorten_due.notify_one();
    host.spawn(chores::take_snapshots(raft.clone(), machine.clone(), stopped.clone()));
    let weak = log.downgrade();
    let applying = machine.clone();
    let view = move || {
        let log = weak.upgrade();
        let unreadable = applying.failure().map(str::to_owned);
        View {
            contact: contact.last(),
            unreadable: unreadable.is_some(),
            failure: log.as_ref().and_then(Log::failure).map(|failure| failure.to_string()).or(unreadable),
            disk_full: log.is_some_and(|log| log.space().is_full()),
        }
    };
    let interval = Duration::from_millis(config.heartbeat_ms / 2);
    host.spawn(chores::tell_status(raft.clone(), view, told, poke, interval, stopped));
}
