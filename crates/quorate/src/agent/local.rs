//! The agent part of a server: its services and checks, and what the program does for its routes.

use std::path::Path;
use std::sync::Arc;

use quorate_agent::catalog::NodeCatalog;
use quorate_agent::{Agent, Settings as AgentSettings};
use quorate_base::Host;
use quorate_http::{Hooks, Local};
use quorate_node::Handle;
use tokio::sync::Notify;

use super::registration;
use crate::config::Settings;
use crate::config::settings::Mode;
use crate::logging::Followers;

/// What a server keeps of its own node by itself.
const OF_THE_SERVER: [&str; 2] = ["consul", "serfHealth"];

/// Starts the agent.
pub(super) fn start(
    settings: &Settings,
    host: &Host,
    directory: &Path,
    node: &Handle,
    followers: Arc<Followers>,
    leave: Arc<Notify>,
) -> std::io::Result<Local> {
    let checks = &settings.checks;
    let agent_settings = AgentSettings {
        node: registration::of_server(settings, node.status().id).node,
        protected: OF_THE_SERVER.map(str::to_owned).into(),
        directory: match settings.mode {
            Mode::Dev => None,
            Mode::Disk(_) => Some(directory.join("agent")),
        },
        enable_script_checks: checks.enable_scripts,
        enable_local_script_checks: checks.enable_local_scripts,
        check_update_interval: checks.update_interval,
        discard_check_output: checks.discard_output,
        check_output_bytes_max: checks.output_bytes_max,
        ..AgentSettings::default()
    };
    let catalog = Arc::new(NodeCatalog(node.clone()));
    let agent = Agent::start(agent_settings, host.clone(), catalog, Vec::new(), Vec::new())?;
    let hooks = Hooks { reload: None, leave: Some(Arc::new(move || leave.notify_one())), logs: Some(followers) };
    Ok(Local { agent, hooks })
}
