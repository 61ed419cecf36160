//! Reads the configuration again, applies what may change while the agent runs, and says what did not.
//!
//! What may change: services, checks and watches, the log's level, the certificates of HTTPS, how many connections a client
//! may have, and how DNS is answered.
//! A configuration with a mistake in it changes nothing.

use std::sync::Arc;

use quorate_agent::Agent;
use quorate_http::Server;
use quorate_http::tls::Tls;
use tracing::{error, info, warn};

use super::listening;
use super::watches::Watches;
use crate::config::network::Machine;
use crate::config::{self, Configuration};
use crate::flags::{self, Command};
use crate::logging::Log;

/// Keys whose new values hold at once. Those of a group stand for all of it.
const RELOADED: &[&str] = &[
    "alt_domain",
    "dns_config.",
    "domain",
    "limits.http_max_conns_per_client",
    "log_level",
    "recursors",
    "tls.defaults.",
    "tls.https.",
];

/// What a reload changes, and what the agent runs with now.
pub(super) struct Reloader {
    pub(super) current: Configuration,
    pub(super) log: Log,
    pub(super) server: Server,
    pub(super) agent: Agent,
    pub(super) watches: Watches,
    /// Of HTTPS, if that is served.
    pub(super) tls: Option<Arc<Tls>>,
    /// DNS, if that is served.
    pub(super) dns: Option<quorate_dns::Server>,
}

impl Reloader {
    /// Reads the configuration again. An error says why nothing was changed.
    pub(super) fn reload(&mut self) -> Result<(), String> {
        let Ok(Command::Agent(flags)) = flags::parse(std::env::args_os().skip(1)) else {
            return Err("the command line can't be read again".to_owned());
        };
        let fresh = config::read(flags, &Machine::this()).map_err(|error| error.to_string())?;
        let (services, checks) = fresh.settings.of_this_host().map_err(|error| error.to_string())?;
        let watches = fresh.settings.watches().map_err(|error| error.to_string())?;
        let zone =
            listening::zone(&self.current.settings, &fresh.settings.dns).map_err(|error| format!("{error:#}"))?;
        if let (Some(tls), Some(files)) = (&self.tls, &fresh.settings.http.tls) {
            // Before anything is changed, since it can fail.
            tls.replace(files).map_err(|error| error.to_string())?;
        }
        for warning in &fresh.settings.warnings {
            warn!("{warning}");
        }
        for (id, error) in self.agent.replace_files(services, checks) {
            error!(id, %error, "a service or check of the configuration was not taken");
        }
        self.watches.replace(watches);
        self.log.set_level(fresh.settings.log.level);
        self.server.set_connections_per_client_max(fresh.settings.limits.connections_per_client_max);
        if let Some(dns) = &self.dns {
            dns.set_zone(zone);
        }
        let kept = self.kept_keys(&fresh);
        if !kept.is_empty() {
            warn!(keys = kept.join(", "), "changed in the configuration, and in effect only after the next start");
        }
        info!("the configuration was read again");
        Ok(())
    }

    /// The keys that have another value than the agent runs with, and keep the old one. They are told each time, since
    /// what the agent runs with is what it was started with.
    fn kept_keys(&self, fresh: &Configuration) -> Vec<&'static str> {
        let (before, now) = (&self.current.merged, &fresh.merged);
        let keys: std::collections::BTreeSet<&'static str> = before.keys().chain(now.keys()).copied().collect();
        let value = |of: &config::merge::Merged, key: &str| of.get(key).map(|entry| entry.value.clone());
        let is_reloaded = |key: &str| {
            RELOADED.iter().any(|known| *known == key || (known.ends_with('.') && key.starts_with(known)))
                && (!key.starts_with("tls.") || self.tls.is_some())
        };
        keys.into_iter().filter(|key| value(before, key) != value(now, key) && !is_reloaded(key)).collect()
    }
}
