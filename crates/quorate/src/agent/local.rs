//! The agent part of a server: its services and checks, and what the program does for its routes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use quorate_agent::catalog::NodeCatalog;
use quorate_agent::{Agent, Settings as AgentSettings};
use quorate_base::Host;
use quorate_http::{Hooks, Local, Reloading};
use quorate_node::Handle;
use tokio::sync::{Notify, mpsc, oneshot};
use tracing::warn;

use super::check_thread::CheckThread;
use super::open_files;
use crate::config::Settings;
use crate::config::definitions::OF_THE_SERVER;
use crate::config::settings::Mode;
use crate::logging::Log;

/// What the program does when a request asks for it.
pub(super) struct Program {
    /// What is logged.
    pub(super) log: Log,
    /// Told when the program is to stop.
    pub(super) leave: Arc<Notify>,
    /// Told who waits for the configuration to be read again.
    pub(super) reload: mpsc::Sender<oneshot::Sender<Result<(), String>>>,
}

/// Starts the agent.
pub(super) fn start(
    settings: &Settings,
    host: &Host,
    directory: &Path,
    node: &Handle,
    thread: Arc<CheckThread>,
    program: Program,
) -> anyhow::Result<Local> {
    let directory = match settings.mode {
        Mode::Dev => None,
        Mode::Disk(_) => Some(directory.join("agent")),
    };
    let agent_settings = AgentSettings { directory, ..agent_settings(settings, node) };
    let catalog = Arc::new(NodeCatalog(node.clone()));
    let (services, checks) = (settings.definitions.services.clone(), settings.definitions.checks.clone());
    let runs_host = Host { tasks: thread, ..host.clone() };
    let agent = Agent::start(agent_settings, host.clone(), runs_host, catalog, services, checks);
    let agent = agent.context("the agent's files")?;
    // Only now it knows the services that requests had registered before.
    settings.definitions.refusal(|services, checks| agent.refusal_of_files(services, checks))?;
    Ok(Local { agent, hooks: program.hooks() })
}

/// The settings of the agent, but where it keeps things.
pub(super) fn agent_settings(settings: &Settings, node: &Handle) -> AgentSettings {
    let checks = &settings.checks;
    let defaults = AgentSettings::default();
    AgentSettings {
        node: node.registration().node.clone(),
        protected: OF_THE_SERVER.map(str::to_owned).into(),
        enable_script_checks: checks.enable_scripts,
        enable_local_script_checks: checks.enable_local_scripts,
        check_update_interval: checks.update_interval,
        discard_check_output: checks.discard_output,
        check_output_bytes_max: checks.output_bytes_max,
        docker_socket: docker_socket().unwrap_or(defaults.docker_socket),
        connections_max: open_files::share_of_checks(defaults.connections_max),
        ..defaults
    }
}

/// The socket of the Docker engine that `DOCKER_HOST` names, as Docker's own clients take it. Other ways to an engine than
/// a socket are not served, and checks that need one say that they can't reach it.
fn docker_socket() -> Option<PathBuf> {
    let host = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty())?;
    let socket = host.strip_prefix("unix://");
    if socket.is_none() {
        warn!(DOCKER_HOST = host, "checks reach Docker by a Unix socket only; write unix:///path");
    }
    socket.map(PathBuf::from)
}

impl Program {
    fn hooks(self) -> Hooks {
        let Self { log, leave, reload } = self;
        Hooks {
            reload: Some(Arc::new(move || -> Reloading {
                let reload = reload.clone();
                Box::pin(async move {
                    let (sender, receiver) = oneshot::channel();
                    reload.try_send(sender).map_err(|_| "too many requests to reload wait already".to_owned())?;
                    receiver.await.unwrap_or_else(|_| Err("the agent is stopping".to_owned()))
                })
            })),
            leave: Some(Arc::new(move || leave.notify_one())),
            logs: Some(log.followers),
        }
    }
}
