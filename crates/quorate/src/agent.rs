//! The agent: a server from its settings, until a signal or its own disk stops it.
//!
//! One runtime thread runs consensus, the apply task and HTTP; the log has a thread of its own, DNS has several, and long
//! encodings go to the runtime's blocking threads. On one or two processors that costs two thirds of what a pool of threads does.

mod files;
mod identity;
mod local;
mod notify;
mod registration;
mod reload;
mod telemetry;
mod watches;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use quorate_base::duration::GoDuration;
use quorate_base::metrics::Registry;
use quorate_base::{Host, MemoryDisk};
use quorate_dns::{Listeners, Zone};
use quorate_http::tls::Tls;
use quorate_http::{Listener, Server};
use quorate_node::{
    BoxFuture, Config, ConsensusConfig, Handle, Member, NodeId, Rpc, RpcReply, Transport, TransportError,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{error, info, warn};

use self::files::Temporary;
use self::reload::Reloader;
use self::watches::Watches;
use crate::config::settings::Mode;
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
/// Who waits for the configuration to be read again.
type Reloads = mpsc::Receiver<oneshot::Sender<Result<(), String>>>;

/// Runs the agent until it is told to stop.
pub(crate) fn run(configuration: Configuration, log: Log) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("runtime")?;
    runtime.block_on(serve(configuration, log))
}

async fn serve(configuration: Configuration, log: Log) -> anyhow::Result<()> {
    let settings = &configuration.settings;
    raise_file_limit();
    let (host, directory) = storage(settings)?;
    let id = identity::find(&host, &directory, settings.node.id).context("node id")?;
    let metrics = Registry::new(host.wall.now_ms());
    // The port is taken first: a second server on the same machine then touches no data.
    let (listeners, tls, sockets) = listen(settings).await?;
    let dns_listeners = listen_dns(settings)?;
    let pid_file = settings.process.pid_file.as_deref().map(files::write_pid).transpose()?;
    let config = node_config(settings, id, raft_directory(&directory), metrics.clone());
    let node = Handle::start(config, host.clone(), Arc::new(NoPeers)).await?;
    let leave = Arc::new(Notify::new());
    let (reload, mut reloads) = mpsc::channel(RELOADS_WAITING);
    let local = local::start(
        settings,
        &host,
        &directory,
        &node,
        local::Program { log: log.clone(), leave: leave.clone(), reload },
    );
    let local = local.context("agent")?;
    let agent = local.agent.clone();
    let server = Server::with_agent(node.clone(), http_settings(settings, id), metrics.clone(), Some(local));
    for listener in listeners {
        info!(on = %listener.name(), "serving HTTP");
        let server = server.clone();
        host.spawn(async move { server.serve(listener).await });
    }
    let _dns = serve_dns(settings, &node, &host, &metrics, dns_listeners)?;
    let keeper = server.clone();
    host.spawn(async move { keeper.keep_metrics().await });
    host.spawn(telemetry::send(settings.process.telemetry.clone(), settings.node.name.clone(), metrics));
    info!(node = settings.node.name, %id, version = version::QUORATE, "the agent is running");
    notify::tell(notify::State::Ready);

    let drain = settings.drain;
    let mut watches = Watches::new(settings, &host);
    watches.replace(settings.watches()?);
    let mut reloader =
        Reloader { current: configuration, log, server: server.clone(), agent: agent.clone(), watches, tls };
    let outcome = tokio::select! {
        reason = node.stopped() => Err(anyhow::anyhow!("the server stopped: {reason}")),
        signal = stop_signal(&mut reloader, &mut reloads) => signal.map(|name| info!(signal = name, "stopping")),
        () = leave.notified() => {
            info!("stopping, as a request asked");
            Ok(())
        }
    };
    notify::tell(notify::State::Stopping);
    reloader.watches.stop().await;
    let open = server.drain().await;
    if open > 0 {
        warn!(open, "connections were still busy when the time for them was over");
    }
    if tokio::time::timeout(drain, agent.settle()).await.is_err() {
        warn!("what TTL checks were told last is not on disk: the disk did not take it in time");
    }
    node.shutdown().await;
    drop((sockets, pid_file));
    info!("stopped");
    outcome
}

/// The machine to run on, and where on it the data is. A server that neither starts a cluster nor is part of one already
/// would wait for ever, so it is refused before anything is touched.
fn storage(settings: &Settings) -> anyhow::Result<(Host, PathBuf)> {
    let mut host = Host::real();
    let directory = match &settings.mode {
        Mode::Dev => {
            host.disk = Arc::new(MemoryDisk::new(DEV_DISK_BYTES));
            PathBuf::from("/")
        }
        Mode::Disk(path) => path.clone(),
    };
    if !settings.bootstrap && !raft_directory(&directory).exists() {
        let directory = directory.display();
        anyhow::bail!(
            "-data-dir: {directory} holds no server's data yet; start a first server with -bootstrap-expect=1"
        );
    }
    host.disk.create_directory(&directory).with_context(|| format!("data directory {}", directory.display()))?;
    Ok((host, directory))
}

/// Lets this process have as many open files as it may ask for: each client takes one.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "the limit on open files could not be raised; it bounds how many clients there may be");
    }
}

/// Where HTTP comes from, the certificates of HTTPS, and the files of sockets.
type Listening = (Vec<Listener>, Option<Arc<Tls>>, Vec<Temporary>);

async fn listen(settings: &Settings) -> anyhow::Result<Listening> {
    let http = &settings.http;
    let (mut listeners, mut sockets) = (Vec::new(), Vec::new());
    for address in &settings.addresses.http {
        let listener = TcpListener::bind(address).await;
        listeners.push(Listener::Tcp(listener.with_context(|| format!("HTTP address {address}"))?));
    }
    let tls = http.tls.as_ref().map(Tls::new).transpose()?.map(Arc::new);
    for address in &http.https {
        let listener = TcpListener::bind(address).await.with_context(|| format!("HTTPS address {address}"))?;
        if let Some(tls) = &tls {
            listeners.push(Listener::Tls(listener, tls.clone()));
        }
    }
    for path in &http.sockets {
        let (listener, file) = files::listen(path, &http.socket_access)?;
        listeners.push(Listener::Unix(listener));
        sockets.push(file);
    }
    Ok((listeners, tls, sockets))
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

fn http_settings(settings: &Settings, id: NodeId) -> quorate_http::Settings {
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
        connections_per_client_max: limits.connections_per_client_max,
        handshake_timeout: limits.handshake_timeout,
        response_headers: settings.http.response_headers.clone(),
        blocked_paths: settings.http.blocked_paths.clone(),
        write_networks: settings.http.write_networks.clone(),
        drain_timeout: settings.drain,
        ..defaults
    }
}

/// Waits for the signal to stop and gives its name; reads the configuration again for SIGHUP.
async fn stop_signal(reloader: &mut Reloader, reloads: &mut Reloads) -> anyhow::Result<&'static str> {
    let process = reloader.current.settings.process.clone();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {
                say_leave(!process.skip_leave_on_interrupt);
                return Ok("SIGINT");
            }
            _ = terminate.recv() => {
                say_leave(process.leave_on_terminate);
                return Ok("SIGTERM");
            }
            _ = hangup.recv() => drop(reload(reloader, "SIGHUP")),
            Some(asker) = reloads.recv() => {
                // An asker that has gone is no reason to take it back.
                let _ = asker.send(reload(reloader, "a request"));
            }
        }
    }
}

/// Reads the configuration again.
fn reload(reloader: &mut Reloader, by: &str) -> Result<(), String> {
    notify::tell(notify::State::Reloading);
    let outcome = reloader.reload();
    if let Err(error) = &outcome {
        error!(error, by, "the configuration was not taken, and nothing has changed");
    }
    notify::tell(notify::State::Ready);
    outcome
}

/// Says what leaving means for a server that has nobody to tell.
fn say_leave(leaves: bool) {
    if leaves {
        info!("leaving: there are no other members, so this is the same as stopping");
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

/// The file in the data directory that keeps the node's id.
pub(super) fn id_file(directory: &Path) -> PathBuf {
    directory.join("node-id")
}
