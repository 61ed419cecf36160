//! The start of the agent, in its order: what can be refused comes first, what others see comes last.
//!
//! 1. the ports and sockets are taken: a second server on the same machine then touches no data;
//! 2. the data directory and the node's id;
//! 3. the server itself, which reads its log, and the agent with what files define;
//! 4. clients are served.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use quorate_agent::Agent;
use quorate_base::metrics::Registry;
use quorate_base::{Host, MemoryDisk};
use quorate_http::{Local, Server};
use quorate_node::{BoxFuture, Handle, Member, NodeId, Rpc, RpcReply, Transport, TransportError};
use tokio::sync::watch;
use tracing::{info, warn};

use super::check_thread::CheckThread;
use super::data_directory::raft_directory;
use super::files::Temporary;
use super::identity::{self, Identity};
use super::reload::{Parts, Reloader};
use super::terms::{http_settings, node_config, terms};
use super::watches::Watches;
use super::{files, listening, local, open_files, telemetry};
use crate::config::settings::Mode;
use crate::config::{Configuration, Settings};
use crate::version;

/// How much a development server may keep: the log and snapshots of some hundred thousand keys.
const DEV_DISK_BYTES: u64 = 2 << 30;

/// An agent that serves its clients.
pub(super) struct Running {
    pub(super) node: Handle,
    pub(super) reloader: Reloader,
    server: Server,
    agent: Agent,
    check_thread: Arc<CheckThread>,
    /// Its sockets and the file with its process id: they go with it.
    _files: Vec<Temporary>,
}

/// Starts all parts of the agent. Dropped before it is through, it leaves nothing that was acknowledged.
pub(super) async fn start(configuration: Configuration, program: local::Program) -> anyhow::Result<Running> {
    let settings = &configuration.settings;
    let file_limit = open_files::raise_limit();
    let (host, directory) = storage(settings);
    let identity = Identity::find(&host, &directory, settings.node.id).context("data directory")?;
    check_bootstrap(settings, &directory)?;
    let (listeners, tls, mut files) = listening::listen(settings).await?;
    let dns_listeners = listening::listen_dns(settings)?;
    files.extend(settings.process.pid_file.as_deref().map(files::write_pid).transpose()?);

    host.disk.create_directory(&directory).with_context(|| format!("data directory {}", directory.display()))?;
    let id = identity.keep(&host, &directory).context("node id")?;
    let metrics = Registry::new(host.wall.now_ms());
    let node = start_node(settings, id, &directory, &host, &metrics).await?;
    let log = program.log.clone();
    log.lost.count_into(&metrics);
    let check_thread = Arc::new(CheckThread::default());
    let local = local::start(settings, &host, &directory, &node, check_thread.clone(), program)?;
    let agent = local.agent.clone();

    let server = http_server(settings, id, file_limit, &node, local, &metrics);
    serve_http(&host, &server, listeners);
    let dns = listening::serve_dns(settings, &node, &host, &metrics, dns_listeners)?;
    let (telemetry, telemetry_settings) = watch::channel(settings.process.telemetry.clone());
    host.spawn(telemetry::send(telemetry_settings, settings.node.name.clone(), metrics));
    let mut watches = Watches::new(&host);
    watches.replace(settings.definitions.watches.clone(), settings);
    info!(node = settings.node.name, %id, version = version::QUORATE, "the agent is running");

    let (server_parts, agent_parts) = (server.clone(), agent.clone());
    let parts =
        Parts { log, server: server_parts, agent: agent_parts, node: node.clone(), watches, tls, dns, telemetry };
    let reloader = Reloader::new(configuration, parts);
    Ok(Running { node, reloader, server, agent, check_thread, _files: files })
}

impl Running {
    /// Lets handlers of watches and clients finish, then stops taking part.
    pub(super) async fn end_in_order(&mut self) {
        self.reloader.stop_watches().await;
        let open = self.server.drain().await;
        if open > 0 {
            warn!(open, "connections were still busy when the time for them was over");
        }
        let drain = self.reloader.current().drain;
        if tokio::time::timeout(drain, self.agent.settle()).await.is_err() {
            warn!("what TTL checks were told last is not on disk: the disk did not take it in time");
        }
        self.node.shutdown().await;
        self.check_thread.stop();
    }
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

/// Starts the server's part in consensus; nobody is served yet.
async fn start_node(
    settings: &Settings,
    id: NodeId,
    directory: &Path,
    host: &Host,
    metrics: &Registry,
) -> anyhow::Result<Handle> {
    let config = node_config(settings, id, raft_directory(directory), metrics.clone());
    let node = Handle::start(config, Vec::new(), host.clone(), Arc::new(NoPeers)).await?;
    // Before anything is acknowledged.
    identity::mark_formed(host, directory, id).context("data directory")?;
    Ok(node)
}

fn http_server(
    settings: &Settings,
    id: NodeId,
    file_limit: Option<u64>,
    node: &Handle,
    local: Local,
    metrics: &Registry,
) -> Server {
    let own = http_settings(settings, id, file_limit);
    Server::with_agent(node.clone(), own, terms(settings), metrics.clone(), Some(local))
}

fn serve_http(host: &Host, server: &Server, listeners: Vec<quorate_http::Listener>) {
    for listener in listeners {
        info!(on = %listener.name(), "serving HTTP");
        let server = server.clone();
        host.spawn(async move { server.serve(listener).await });
    }
    let keeper = server.clone();
    host.spawn(async move { keeper.keep_metrics().await });
}

/// The way to other servers, of which there are none yet.
struct NoPeers;

impl Transport for NoPeers {
    fn call(&self, _: NodeId, member: &Member, _: Rpc) -> BoxFuture<'static, Result<RpcReply, TransportError>> {
        let error = TransportError::Unreachable(format!("{}: servers do not talk to each other yet", member.name));
        Box::pin(std::future::ready(Err(error)))
    }
}
