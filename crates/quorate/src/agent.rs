//! The agent: a server from its settings, until a signal or its own disk stops it.
//!
//! One runtime thread runs consensus, the apply task and HTTP; the log has a thread of its own, DNS has several, and long
//! encodings go to the runtime's blocking threads. On one or two processors that costs two thirds of what a pool of threads does.

mod identity;
mod registration;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use quorate_base::duration::GoDuration;
use quorate_base::metrics::Registry;
use quorate_base::{Host, MemoryDisk};
use quorate_dns::{Listeners, Zone};
use quorate_http::Server;
use quorate_node::{
    BoxFuture, Config, ConsensusConfig, Handle, Member, NodeId, Rpc, RpcReply, Transport, TransportError,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use crate::agent::identity::Identity;
use crate::config::Settings;
use crate::config::settings::Mode;
use crate::version;

/// How much a development server may keep: the log and snapshots of some hundred thousand keys.
const DEV_DISK_BYTES: u64 = 2 << 30;

/// Heartbeats for each step of `raft_multiplier`, in milliseconds.
const HEARTBEAT_MS: u64 = 40;
/// The shortest silence before an election for each step of `raft_multiplier`, in milliseconds.
const ELECTION_MS: u64 = 200;

/// How long a request waits for a leader to be found, as long as Consul's.
const LEADER_WAIT_MS: u64 = 7_000;

/// Runs the agent until it is told to stop.
pub(crate) fn run(settings: Settings) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("runtime")?;
    runtime.block_on(serve(settings))
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let file_limit = raise_file_limit();
    let (host, directory) = storage(&settings);
    let identity = Identity::find(&host, &directory, settings.node.id).context("data directory")?;
    check_bootstrap(&settings, &directory)?;
    // The ports are taken first: a second server on the same machine then touches no data.
    let listeners = listen(&settings).await?;
    let dns_listeners = listen_dns(&settings)?;
    host.disk.create_directory(&directory).with_context(|| format!("data directory {}", directory.display()))?;
    let id = identity.keep(&host, &directory).context("node id")?;
    let metrics = Registry::new(host.wall.now_ms());
    let config = node_config(&settings, id, raft_directory(&directory), metrics.clone());
    let node = Handle::start(config, host.clone(), Arc::new(NoPeers)).await?;
    // Before anything is acknowledged: nobody is served yet.
    identity::mark_formed(&host, &directory, id).context("data directory")?;
    let server = Server::new(node.clone(), http_settings(&settings, id, file_limit), metrics.clone());
    for listener in listeners {
        info!(address = %listener.local_addr()?, "serving HTTP");
        let server = server.clone();
        host.spawn(async move { server.serve(listener).await });
    }
    let _dns = serve_dns(&settings, &node, &host, &metrics, dns_listeners)?;
    let keeper = server.clone();
    host.spawn(async move { keeper.keep_metrics().await });
    info!(node = settings.node.name, %id, version = version::QUORATE, "the agent is running");

    let mut signals = Signals::listen().context("signals")?;
    let outcome = tokio::select! {
        reason = node.stopped() => Err(anyhow::anyhow!("the server stopped: {reason}")),
        name = signals.stop() => {
            info!(signal = name, "stopping");
            Ok(())
        }
    };
    tokio::select! {
        () = end_in_order(&server, &node) => {}
        name = signals.stop() => {
            warn!(signal = name, "ending at once, without waiting for clients; what was acknowledged is in the log");
            // Not by a return: that would wait for what still runs on other threads.
            std::process::exit(1);
        }
    }
    outcome
}

/// Lets clients finish, then stops taking part.
async fn end_in_order(server: &Server, node: &Handle) {
    let open = server.drain().await;
    if open > 0 {
        warn!(open, "connections were still busy when the time for them was over");
    }
    node.shutdown().await;
    info!("stopped");
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

/// Files kept for what is no client of HTTP: the log and the snapshots, sockets that listen, standard output, and clients
/// that are being told that there are too many.
const FILES_RESERVED: usize = 128;

/// Files kept for DNS beside these: its connections, and questions that wait for recursors, each at its own bound.
const FILES_RESERVED_FOR_DNS: usize = 2_048;

/// Lets this process have as many open files as it may ask for, since each client takes one, and gives that number.
fn raise_file_limit() -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current,
        Err(error) => {
            warn!(%error, "the limit on open files could not be raised; it bounds how many clients there may be");
            before
        }
    }
}

/// How many connections HTTP may have, of those wanted, so that the server never lacks a file for itself. Of a limit too low
/// for the reserve HTTP gets half.
fn connections_max(wanted: usize, file_limit: Option<u64>, serves_dns: bool) -> usize {
    let Some(limit) = file_limit else { return wanted };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let reserve = FILES_RESERVED + if serves_dns { FILES_RESERVED_FOR_DNS } else { 0 };
    wanted.min(limit - reserve.min(limit / 2))
}

/// Fewer connections than this are worth a warning: a host of clients that keep one open each needs more.
const CONNECTIONS_FEW: usize = 1_024;

/// [`connections_max`], logged if it is less than wanted.
fn bound_connections(wanted: usize, file_limit: Option<u64>, serves_dns: bool) -> usize {
    let bound = connections_max(wanted, file_limit, serves_dns);
    let open_files = file_limit.unwrap_or_default();
    if bound < wanted.min(CONNECTIONS_FEW) {
        warn!(
            open_files,
            connections = bound,
            "the limit on open files leaves few connections for HTTP; raise it (ulimit -n)"
        );
    } else if bound < wanted {
        info!(open_files, connections = bound, "the limit on open files bounds the connections of HTTP");
    }
    bound
}

async fn listen(settings: &Settings) -> anyhow::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in &settings.addresses.http {
        let listener = TcpListener::bind(address).await;
        listeners.push(listener.with_context(|| format!("HTTP address {address}"))?);
    }
    Ok(listeners)
}

/// Takes the addresses of DNS.
fn listen_dns(settings: &Settings) -> anyhow::Result<Vec<Listeners>> {
    let bind = |address: &SocketAddr| {
        Listeners::bind(*address, settings.dns.zone.udp_sockets).with_context(|| format!("DNS address {address}"))
    };
    settings.dns.addresses.iter().map(bind).collect()
}

/// Serves DNS on threads of its own until the value is dropped; nothing if no address was taken.
fn serve_dns(
    settings: &Settings,
    node: &Handle,
    host: &Host,
    metrics: &Registry,
    listeners: Vec<Listeners>,
) -> anyhow::Result<Option<quorate_dns::Server>> {
    if listeners.is_empty() {
        return Ok(None);
    }
    for listener in &listeners {
        info!(address = %listener.address(), "serving DNS");
    }
    let zone = Zone::new(quorate_dns::Settings {
        datacenter: settings.datacenter.clone(),
        node_name: settings.node.name.clone(),
        ..settings.dns.zone.clone()
    });
    let zone = zone.context("the DNS zone")?;
    let server = quorate_dns::Server::start(zone, node.clone(), host.clone(), metrics, listeners).context("DNS")?;
    Ok(Some(server))
}

fn node_config(settings: &Settings, id: NodeId, directory: PathBuf, metrics: Registry) -> Config {
    let addresses = &settings.addresses;
    let multiplier = u64::from(settings.raft_multiplier);
    let defaults = ConsensusConfig::new(id, directory);
    // Room for the largest value or transaction that HTTP lets in, as it is encoded.
    let largest = settings.limits.kv_value_bytes_max.max(settings.limits.txn_body_bytes_max) + (64 << 10);
    let proposal_bytes_max = defaults.proposal_bytes_max.max(largest);
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

fn http_settings(settings: &Settings, id: NodeId, file_limit: Option<u64>) -> quorate_http::Settings {
    let limits = &settings.limits;
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
        kv_value_bytes_max: limits.kv_value_bytes_max,
        txn_body_bytes_max: limits.txn_body_bytes_max,
        txn_operations_max: limits.txn_operations_max,
        session_ttl_min: GoDuration::from_ms(limits.session_ttl_min.as_millis() as u64),
        wait_default: limits.wait_default,
        wait_max: limits.wait_max,
        drain_timeout: settings.drain,
        connections_max: bound_connections(defaults.connections_max, file_limit, !settings.dns.addresses.is_empty()),
        ..defaults
    }
}

/// The signals that the agent listens to.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal to stop and gives its name.
    async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.hangup.recv() => {
                    warn!("SIGHUP: the configuration is not read again yet; restart the agent for that");
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_server() {
        assert_eq!(connections_max(32_768, None, true), 32_768);
        assert_eq!(connections_max(32_768, Some(1 << 20), true), 32_768);
        assert_eq!(connections_max(32_768, Some(20_000), true), 20_000 - 128 - 2_048);
        assert_eq!(connections_max(32_768, Some(1_024), false), 896);
        assert_eq!(connections_max(32_768, Some(120), false), 60);
        assert_eq!(connections_max(32_768, Some(120), true), 60);
    }
}
