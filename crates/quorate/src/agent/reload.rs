//! Reads the configuration again, applies what may change while the agent runs, and says what did not.
//!
//! A configuration is taken as a whole or not at all: whatever can fail is tried before anything is changed. What it holds
//! beyond [`RELOADED`] stays as it was at the start, and each reload names the keys that wait for a restart.
//!
//! What goes on undisturbed: services, checks and watches that read as they did, parked queries, open connections.

use std::collections::BTreeSet;
use std::sync::Arc;

use quorate_agent::Agent;
use quorate_dns::Zone;
use quorate_http::Server;
use quorate_http::tls::Tls;
use quorate_node::Handle;
use tokio::sync::{oneshot, watch};
use tracing::{error, info, warn};

use super::listening;
use super::terms::{proposal_bytes_max, terms};
use super::watches::Watches;
use super::{local, registration};
use crate::config::definitions::Definitions;
use crate::config::merge::Merged;
use crate::config::network::Machine;
use crate::config::settings::{CheckSettings, HttpSettings, Limits, ProcessSettings, TelemetrySettings};
use crate::config::{self, Configuration, Purpose, Settings, Treatment};
use crate::flags::{self, Command};
use crate::logging::Log;

/// Keys whose new values hold at once. Those of a group stand for all of it.
const RELOADED: &[&str] = &[
    "alt_domain",
    "check",
    "check_output_max_size",
    "check_update_interval",
    "checks",
    "default_query_time",
    "discard_check_output",
    "dns_config.",
    "domain",
    "http_config.allow_write_http_from",
    "http_config.block_endpoints",
    "http_config.max_header_bytes",
    "http_config.response_headers",
    "leave_on_terminate",
    "limits.http_max_conns_per_client",
    "limits.https_handshake_timeout",
    "limits.kv_max_value_size",
    "limits.txn_max_ops",
    "limits.txn_max_req_len",
    "log_level",
    "max_query_time",
    "node_meta",
    "performance.leave_drain_time",
    "recursors",
    "service",
    "services",
    "session_ttl_min",
    "skip_leave_on_interrupt",
    "telemetry.",
    "tls.defaults.",
    "tls.https.",
    "watches",
];

/// The keys among them that say how large a write may be.
const SIZES: &[&str] = &["limits.kv_max_value_size", "limits.txn_max_req_len"];

/// Whether a reload applies a key.
pub(crate) fn is_reloaded(key: &str) -> bool {
    RELOADED.iter().any(|known| *known == key || (known.ends_with('.') && key.starts_with(known)))
}

/// The parts of a running agent that a reload reaches.
pub(super) struct Parts {
    pub(super) log: Log,
    pub(super) server: Server,
    pub(super) agent: Agent,
    pub(super) node: Handle,
    pub(super) watches: Watches,
    /// Of HTTPS, if that is served.
    pub(super) tls: Option<Arc<Tls>>,
    /// DNS, if that is served.
    pub(super) dns: Option<quorate_dns::Server>,
    pub(super) telemetry: watch::Sender<TelemetrySettings>,
}

/// What the agent was started with, what it runs by now, and the parts that a reload reaches.
pub(super) struct Reloader {
    started: Merged,
    current: Settings,
    /// The largest command that the log was started for.
    proposal_bytes_max: usize,
    parts: Parts,
}

/// Reads all that the agent was told at its start.
fn read() -> Result<Configuration, String> {
    let Ok(Command::Agent(sources)) = flags::parse(std::env::args_os().skip(1)) else {
        return Err("the command line can't be read again".to_owned());
    };
    config::read_for(Purpose::Reload, sources, &Machine::this()).map_err(|error| error.to_string())
}

/// Does what reads files on a thread of its own: a file system that hangs then holds up this reload and nothing else, and not the
/// end of the process either.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::Builder::new().name("reload".to_owned());
    thread.spawn(move || drop(sender.send(work()))).map_err(|error| format!("no thread to read on: {error}"))?;
    receiver.await.map_err(|_| "the configuration could not be read".to_owned())
}

impl Reloader {
    pub(super) fn new(configuration: Configuration, parts: Parts) -> Self {
        let Configuration { settings, merged } = configuration;
        let proposal_bytes_max = proposal_bytes_max(&settings.limits);
        Self { started: merged, current: settings, proposal_bytes_max, parts }
    }

    /// What the agent runs by now.
    pub(super) fn current(&self) -> &Settings {
        &self.current
    }

    /// Ends the watches, and waits until their handlers have ended.
    pub(super) async fn stop_watches(&mut self) {
        self.parts.watches.stop().await;
    }

    /// Reads the configuration again. An error says why nothing was changed. Given up before it is through, it has changed
    /// nothing but certificates.
    pub(super) async fn reload(&mut self) -> Result<(), String> {
        let configuration = apart(read).await??;
        let zone = self.check(&configuration)?;
        // The last step that can fail, so the first that changes something.
        self.replace_certificates(&configuration.settings).await?;
        // What was said before is known.
        let is_new = |warning: &&String| !self.current.warnings.contains(warning);
        for warning in configuration.settings.warnings.iter().filter(is_new) {
            warn!("{warning}");
        }
        let Definitions { services, checks, watches, .. } = configuration.settings.definitions.clone();
        let kept = self.kept_keys(&configuration);
        self.adopt(configuration.settings);
        self.apply();
        if let Some(dns) = &self.parts.dns {
            dns.set_zone(zone);
        }
        for (id, error) in self.parts.agent.replace_files(services, checks) {
            error!(id, %error, "a service or check of the configuration was not taken");
        }
        self.parts.watches.replace(watches, &self.current);
        if !kept.is_empty() {
            warn!("kept until a restart: {}", kept.join(", "));
        }
        info!("the configuration was read again");
        Ok(())
    }

    /// Sees whether the agent would take a configuration; gives its zone.
    fn check(&self, configuration: &Configuration) -> Result<Zone, String> {
        let zone = listening::zone(&self.current, &configuration.settings.dns).map_err(|error| format!("{error:#}"))?;
        let agent = &self.parts.agent;
        let definitions = &configuration.settings.definitions;
        let refused = definitions.refusal(|services, checks| agent.refusal_of_files(services, checks));
        refused.map_err(|error| error.to_string())?;
        Ok(zone)
    }

    /// Whether HTTPS is served and goes on being served, so that other certificates may take the place of its own.
    fn keeps_tls(&self, fresh: &Settings) -> bool {
        self.parts.tls.is_some() && fresh.http.tls.is_some()
    }

    async fn replace_certificates(&self, fresh: &Settings) -> Result<(), String> {
        let (Some(tls), Some(files)) = (self.parts.tls.clone(), fresh.http.tls.clone()) else { return Ok(()) };
        let replaced = apart(move || tls.replace(&files)).await?;
        replaced.map_err(|error| fresh.http.tls_problem(&error))
    }

    /// Whether writes as large as these limits allow fit into the log files.
    fn sizes_fit(&self, fresh: &Settings) -> bool {
        proposal_bytes_max(&fresh.limits) <= self.proposal_bytes_max
    }

    /// The keys that have another value than the agent was started with, and keep the old one.
    fn kept_keys(&self, fresh: &Configuration) -> Vec<&'static str> {
        let (before, now) = (&self.started, &fresh.merged);
        let value = |of: &Merged, key: &str| of.get(key).map(|entry| entry.value.clone());
        let holds = |key: &str| match key {
            key if key.starts_with("tls.") => is_reloaded(key) && self.keeps_tls(&fresh.settings),
            key if SIZES.contains(&key) => self.sizes_fit(&fresh.settings),
            key => is_reloaded(key),
        };
        // What has no effect anyway says so in a warning of its own.
        let served = before.iter().chain(now).filter(|(_, entry)| entry.key.treatment == Treatment::Served);
        let keys: BTreeSet<&'static str> = served.map(|(key, _)| *key).collect();
        keys.into_iter().filter(|key| value(before, key) != value(now, key) && !holds(key)).collect()
    }

    /// Takes over what may change. All else stays as sockets, files and the log were begun with.
    fn adopt(&mut self, fresh: Settings) {
        let (keeps_tls, sizes_fit) = (self.keeps_tls(&fresh), self.sizes_fit(&fresh));
        let now = &mut self.current;
        now.warnings = fresh.warnings;
        now.node.meta = fresh.node.meta;
        now.drain = fresh.drain;
        now.log.level = fresh.log.level;
        now.dns.zone = fresh.dns.zone;
        now.process = ProcessSettings { pid_file: now.process.pid_file.take(), ..fresh.process };
        now.checks = CheckSettings {
            enable_scripts: now.checks.enable_scripts,
            enable_local_scripts: now.checks.enable_local_scripts,
            ..fresh.checks
        };
        let before = now.limits.clone();
        now.limits = Limits { tombstone_ttl: before.tombstone_ttl, ..fresh.limits };
        if !sizes_fit {
            now.limits.kv_value_bytes_max = before.kv_value_bytes_max;
            now.limits.txn_body_bytes_max = before.txn_body_bytes_max;
        }
        let HttpSettings { tls, response_headers, write_networks, blocked_paths, head_bytes_max, .. } = fresh.http;
        now.http = HttpSettings {
            tls: if keeps_tls { tls } else { now.http.tls.take() },
            response_headers,
            write_networks,
            blocked_paths,
            head_bytes_max,
            ..std::mem::take(&mut now.http)
        };
    }

    /// Has all parts go by the settings as they are now.
    fn apply(&self) {
        let Parts { log, server, agent, node, telemetry, .. } = &self.parts;
        log.set_level(self.current.log.level);
        server.set_terms(terms(&self.current));
        node.set_registration(registration::of_server(&self.current, node.status().id));
        agent.set_settings(local::agent_settings(&self.current, node));
        telemetry.send_replace(self.current.process.telemetry.clone());
    }
}
