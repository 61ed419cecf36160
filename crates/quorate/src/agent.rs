//! The agent: a server from its settings, until a signal or its own disk stops it.
//!
//! One runtime thread runs consensus, the apply task and HTTP; the log and checks have a thread of their own each, DNS has
//! several, and long encodings go to the runtime's blocking threads. On one or two processors that costs two thirds of what a pool of threads does.

mod check_thread;
mod files;
mod identity;
mod listening;
mod local;
mod notify;
mod open_files;
mod registration;
pub(crate) mod reload;
mod signals;
mod telemetry;
mod watches;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use quorate_agent::Agent;
use quorate_base::duration::GoDuration;
use quorate_base::metrics::Registry;
use quorate_base::{Host, MemoryDisk};
use quorate_http::Server;
use quorate_node::{
    BoxFuture, Config, ConsensusConfig, Handle, Member, NodeId, Rpc, RpcReply, Transport, TransportError,
};
use tokio::sync::{Notify, mpsc, watch};
use tracing::{info, warn};

use self::check_thread::CheckThread;
use self::identity::Identity;
use self::reload::{Parts, Reloader};
use self::signals::Signals;
use self::watches::Watches;
use crate::config::settings::{Limits, Mode};
use crate::config::{Configuration, Settings};
use crate::logging::Log;
use crate::version;

/// How much a development server may keep: the log and snapshots of some hundred thousand keys.
const DEV_DISK_BYTES: u64 = 2 << 30;

/// Heartbeats for each step of `raft_multiplier`, in milliseconds.
const HEARTBEAT_MS: u64 = 40;
/// The shortest silence before an election for each step of `raft_multiplier`, in milliseconds.
const ELECTION_MS: u64 = 200;

/// How long a request waits for a leader to be found, as long as Consul's.
const LEADER_WAIT_MS: u64 = 7_000;

/// How many requests to read the configuration again may wait; one past it is answered with an error.
const RELOADS_WAITING: usize = 4;

/// Runs the agent until it is told to stop.
pub(crate) fn run(configuration: Configuration, log: Log) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("runtime")?;
    runtime.block_on(serve(configuration, log))
}

async fn serve(configuration: Configuration, log: Log) -> anyhow::Result<()> {
    let settings = &configuration.settings;
    let file_limit = open_files::raise_limit();
    let (host, directory) = storage(settings);
    let identity = Identity::find(&host, &directory, settings.node.id).context("data directory")?;
    check_bootstrap(settings, &directory)?;
    // The ports are taken first: a second server on the same machine then touches no data.
    let (listeners, tls, sockets) = listening::listen(settings).await?;
    let dns_listeners = listening::listen_dns(settings)?;
    let pid_file = settings.process.pid_file.as_deref().map(files::write_pid).transpose()?;
    host.disk.create_directory(&directory).with_context(|| format!("data directory {}", directory.display()))?;
    let id = identity.keep(&host, &directory).context("node id")?;
    let metrics = Registry::new(host.wall.now_ms());
    let config = node_config(settings, id, raft_directory(&directory), metrics.clone());
    let node = Handle::start(config, host.clone(), Arc::new(NoPeers)).await?;
    // Before anything is acknowledged: nobody is served yet.
    identity::mark_formed(&host, &directory, id).context("data directory")?;
    let leave = Arc::new(Notify::new());
    let (reload, reloads) = mpsc::channel(RELOADS_WAITING);
    let program = local::Program { log: log.clone(), leave: leave.clone(), reload };
    let check_thread = Arc::new(CheckThread::default());
    let local = local::start(settings, &host, &directory, &node, check_thread.clone(), program).context("agent")?;
    let agent = local.agent.clone();
    let server_settings = http_settings(settings, id, file_limit);
    let server = Server::with_agent(node.clone(), server_settings, terms(settings), metrics.clone(), Some(local));
    for listener in listeners {
        info!(on = %listener.name(), "serving HTTP");
        let server = server.clone();
        host.spawn(async move { server.serve(listener).await });
    }
    let dns = listening::serve_dns(settings, &node, &host, &metrics, dns_listeners)?;
    let keeper = server.clone();
    host.spawn(async move { keeper.keep_metrics().await });
    let (telemetry, telemetry_settings) = watch::channel(settings.process.telemetry.clone());
    host.spawn(telemetry::send(telemetry_settings, settings.node.name.clone(), metrics));
    info!(node = settings.node.name, %id, version = version::QUORATE, "the agent is running");
    notify::tell(notify::State::Ready);

    let mut watches = Watches::new(&host);
    watches.replace(settings.watches()?, settings);
    let (server_parts, agent_parts) = (server.clone(), agent.clone());
    let parts =
        Parts { log, server: server_parts, agent: agent_parts, node: node.clone(), watches, tls, dns, telemetry };
    let mut reloader = Reloader::new(configuration, parts);
    let mut signals = Signals::listen(reloads).context("signals")?;
    let outcome = tokio::select! {
        reason = node.stopped() => Err(anyhow::anyhow!("the server stopped: {reason}")),
        name = signals.stop(&mut reloader) => {
            info!(signal = name, "stopping");
            Ok(())
        }
        () = leave.notified() => {
            info!("stopping, as a request asked");
            Ok(())
        }
    };
    notify::tell(notify::State::Stopping);
    let end = async {
        reloader.stop_watches().await;
        end_in_order(&server, &agent, &node, reloader.current().drain).await;
        check_thread.stop();
    };
    tokio::select! {
        () = end => {}
        name = signals.stop_again() => {
            warn!(signal = name, "ending at once, without waiting for clients; what was acknowledged is in the log");
            drop((sockets, pid_file));
            // Not by a return: that would wait for what still runs on other threads.
            std::process::exit(1);
        }
    }
    drop((sockets, pid_file));
    info!("stopped");
    outcome
}

/// Lets clients finish, then stops taking part.
async fn end_in_order(server: &Server, agent: &Agent, node: &Handle, drain: Duration) {
    let open = server.drain().await;
    if open > 0 {
        warn!(open, "connections were still busy when the time for them was over");
    }
    if tokio::time::timeout(drain, agent.settle()).await.is_err() {
        warn!("what TTL checks were told last is not on disk: the disk did not take it in time");
    }
    node.shutdown().await;
}

/// The machine to run on, and where on it the data is, or will be.
fn storage(settings: &Settings) -> (Host, PathBuf) {
    let mut host = Host::real();
    match &settings.mode {
        Mode::Dev => {
            host.disk = Arc::new(MemoryDisk::new(DEV_DISK_BYTES));
            (host, PathBuf::from("/"))
        }
        Mode::Disk(path) => (host, path.clone()),
    }
}

/// A server that neither starts a cluster nor is part of one already would wait for ever, so it is refused.
fn check_bootstrap(settings: &Settings, directory: &Path) -> anyhow::Result<()> {
    if !settings.bootstrap && !raft_directory(directory).exists() {
        let directory = directory.display();
        anyhow::bail!(
            "-data-dir: {directory} holds no server's data yet; start a first server with -bootstrap-expect=1"
        );
    }
    Ok(())
}

fn node_config(settings: &Settings, id: NodeId, directory: PathBuf, metrics: Registry) -> Config {
    let addresses = &settings.addresses;
    let multiplier = u64::from(settings.raft_multiplier);
    let defaults = ConsensusConfig::new(id, directory);
    let proposal_bytes_max = proposal_bytes_max(&settings.limits);
    let consensus = ConsensusConfig {
        heartbeat_ms: HEARTBEAT_MS * multiplier,
        election_ms_min: ELECTION_MS * multiplier,
        election_ms_max: 2 * ELECTION_MS * multiplier,
        proposal_bytes_max,
        proposals_bytes_max: defaults.proposals_bytes_max.max(proposal_bytes_max),
        segment_bytes: defaults.segment_bytes.max(8 * proposal_bytes_max as u64),
        ..defaults
    };
    let member = Member {
        name: settings.node.name.clone(),
        address: SocketAddr::new(addresses.advertise, addresses.server_port).to_string(),
    };
    Config {
        consensus,
        name: settings.node.name.clone(),
        first_members: if settings.bootstrap { [(id, member)].into() } else { Default::default() },
        registration: registration::of_server(settings, id),
        tombstone_ttl_ms: settings.limits.tombstone_ttl.as_millis() as u64,
        watches_max: quorate_http::Settings::default().parked_queries_max,
        leader_wait_ms: LEADER_WAIT_MS,
        metrics,
    }
}

/// The largest command: room for the largest value or transaction that HTTP lets in, as it is encoded, and for what an eighth
/// of a log file of the usual size takes. So these limits can be raised up to there while the server runs; beyond, log files
/// have to be larger from the start.
fn proposal_bytes_max(limits: &Limits) -> usize {
    const ENCODING_BYTES: usize = 64 << 10;
    let largest = limits.kv_value_bytes_max.max(limits.txn_body_bytes_max) + ENCODING_BYTES;
    largest.max(ConsensusConfig::default().segment_bytes as usize / 8)
}

fn http_settings(settings: &Settings, id: NodeId, file_limit: Option<u64>) -> quorate_http::Settings {
    let addresses = &settings.addresses;
    let defaults = quorate_http::Settings::default();
    quorate_http::Settings {
        datacenter: settings.datacenter.clone(),
        node_name: settings.node.name.clone(),
        node_id: id.to_string(),
        consul_version: version::CONSUL_API.to_owned(),
        quorate_version: version::QUORATE.to_owned(),
        advertise_address: addresses.advertise.to_string(),
        server_port: addresses.server_port,
        gossip_port: addresses.gossip_port,
        http_port: addresses.http.first().map_or(0, |address| address.port()),
        data_directory: match &settings.mode {
            Mode::Dev => String::new(),
            Mode::Disk(path) => path.display().to_string(),
        },
        pretty_always: settings.mode == Mode::Dev,
        connections_max: open_files::bound_connections(
            defaults.connections_max,
            file_limit,
            !settings.dns.addresses.is_empty(),
        ),
        ..defaults
    }
}

/// The part of the HTTP settings that a reload may change.
fn terms(settings: &Settings) -> quorate_http::Terms {
    let limits = &settings.limits;
    quorate_http::Terms {
        kv_value_bytes_max: limits.kv_value_bytes_max,
        txn_body_bytes_max: limits.txn_body_bytes_max,
        txn_operations_max: limits.txn_operations_max,
        session_ttl_min: GoDuration::from_ms(limits.session_ttl_min.as_millis() as u64),
        wait_default: limits.wait_default,
        wait_max: limits.wait_max,
        connections_per_client_max: limits.connections_per_client_max,
        handshake_timeout: limits.handshake_timeout,
        head_bytes_max: settings.http.head_bytes_max,
        response_headers: settings.http.response_headers.clone(),
        blocked_paths: settings.http.blocked_paths.clone(),
        write_networks: settings.http.write_networks.clone(),
        drain_timeout: settings.drain,
    }
}

/// The way to other servers, of which there are none yet.
struct NoPeers;

impl Transport for NoPeers {
    fn call(&self, _: NodeId, member: &Member, _: Rpc) -> BoxFuture<'static, Result<RpcReply, TransportError>> {
        let error = TransportError::Unreachable(format!("{}: servers do not talk to each other yet", member.name));
        Box::pin(std::future::ready(Err(error)))
    }
}

/// The log and the snapshots in the data directory.
fn raft_directory(directory: &Path) -> PathBuf {
    directory.join("raft")
}

/// The file in the data directory that tells that its log is one of a cluster.
pub(super) fn formed_file(directory: &Path) -> PathBuf {
    directory.join("formed")
}

/// The file in the data directory that keeps the node's id.
pub(super) fn id_file(directory: &Path) -> PathBuf {
    directory.join("node-id")
}
