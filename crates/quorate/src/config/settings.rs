//! What the configuration means: every value checked, every default filled in, nothing started.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use quorate_base::duration::GoDuration;

use super::definition::Definition;
use super::definitions::Definitions;
use super::merge::Merged;
use super::network::{self, Machine};
use super::{ConfigError, Purpose, Warning};

mod dns;
mod http;
mod limits;
mod listeners;
mod node;
mod process;
mod resolver;
mod role;
mod tls;
mod unserved;

pub(crate) use self::dns::DnsSettings;
pub(crate) use self::http::{HttpSettings, SocketAccess};
pub(crate) use self::limits::Limits;
pub(crate) use self::process::{LogFileSettings, LogSettings, ProcessSettings, SyslogFacility, TelemetrySettings};
use self::resolver::Resolver;

/// What an agent is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Where the data is.
    pub(crate) mode: Mode,
    /// Whether a new data directory begins a cluster of this server alone. An existing one is taken up either way.
    pub(crate) bootstrap: bool,
    /// The datacenter; lower-case letters, digits, `-` and `_`.
    pub(crate) datacenter: String,
    /// What the node is called.
    pub(crate) node: NodeSettings,
    /// Where it listens and what it tells others.
    pub(crate) addresses: Addresses,
    /// What requests may ask.
    pub(crate) limits: Limits,
    /// How patient Raft is, 1 to 10: its time-outs are multiplied by this. 1 finds a dead leader soonest and takes a busy
    /// machine for a dead one soonest; Consul's default is 5, and 1 in development.
    pub(crate) raft_multiplier: u32,
    /// How long requests in flight may take to finish when the agent stops; 5 s by default.
    pub(crate) drain: Duration,
    /// How DNS is answered.
    pub(crate) dns: DnsSettings,
    /// How the agent's checks are run and told.
    pub(crate) checks: CheckSettings,
    /// What is logged.
    pub(crate) log: LogSettings,
    /// Where HTTP is served beside the addresses, and by which rules.
    pub(crate) http: HttpSettings,
    /// How the process lives with its machine.
    pub(crate) process: ProcessSettings,
    /// Services, checks and watches.
    pub(crate) definitions: Definitions,
    /// What the operator should know, one line each.
    pub(crate) warnings: Vec<String>,
}

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In memory, for development: gone with the process.
    Dev,
    /// In a directory.
    Disk(PathBuf),
}

/// What the node is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeSettings {
    /// Its name; the machine's by default.
    pub(crate) name: String,
    /// Its id; by default one that is kept in the data directory.
    pub(crate) id: Option<uuid::Uuid>,
    /// What it tells about itself.
    pub(crate) meta: BTreeMap<String, String>,
}

/// Where an agent listens and what it tells others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Where servers will listen for each other.
    pub(crate) bind: IpAddr,
    /// The address that others are told.
    pub(crate) advertise: IpAddr,
    /// Where HTTP is served; nowhere if the port is disabled.
    pub(crate) http: Vec<SocketAddr>,
    /// The port of the servers' own protocol, as it is told: nothing listens there yet.
    pub(crate) server_port: u16,
    /// The port of gossip, as it is told: nothing listens there yet.
    pub(crate) gossip_port: u16,
}

impl Addresses {
    /// The advertised address by purpose, as the node's registration carries it.
    pub(crate) fn tagged(&self) -> BTreeMap<String, String> {
        let family = if self.advertise.is_ipv4() { "ipv4" } else { "ipv6" };
        let purposes = ["lan".to_owned(), "wan".to_owned(), format!("lan_{family}"), format!("wan_{family}")];
        purposes.into_iter().map(|purpose| (purpose, self.advertise.to_string())).collect()
    }
}

/// How the agent's checks are run and told. `quorate_agent::Settings` says more of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckSettings {
    /// Whether scripts may be checks, also those that requests register; off by default.
    pub(crate) enable_scripts: bool,
    /// Whether scripts from configuration files may be checks; off by default.
    pub(crate) enable_local_scripts: bool,
    /// How long a change of output alone may stay untold; 5 min by default.
    pub(crate) update_interval: Duration,
    /// The bytes of output that are kept; 4 KiB by default.
    pub(crate) output_bytes_max: usize,
    /// Whether output is thrown away.
    pub(crate) discard_output: bool,
}

impl CheckSettings {
    /// Those of them that say which checks an agent takes.
    fn of_agent(&self) -> quorate_agent::Settings {
        quorate_agent::Settings {
            enable_script_checks: self.enable_scripts,
            enable_local_script_checks: self.enable_local_scripts,
            ..quorate_agent::Settings::default()
        }
    }
}

/// The most that a size limit may be: 64 MiB, the size of a log file.
const SIZE_LIMIT_MAX: i64 = 64 << 20;

/// What settings are worked out from.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) merged: &'a Merged,
    pub(super) is_dev: bool,
    pub(super) purpose: Purpose,
    pub(super) machine: &'a Machine,
}

/// Works out the settings. What is wrong with a value comes before what is missing: that may be said elsewhere.
pub(super) fn resolve(
    given: Given<'_>,
    definitions: Vec<Definition>,
    warnings: Vec<Warning>,
) -> Result<Settings, ConfigError> {
    let Given { merged, is_dev, purpose, machine } = given;
    let mut resolver = Resolver { merged, is_dev, warnings };
    resolver.check_durations()?;
    resolver.treat_unserved()?;
    let (definitions, warnings) = Definitions::of(definitions)?;
    resolver.warnings.extend(warnings);
    let datacenter = resolver.datacenter()?;
    let node = resolver.node(machine)?;
    let (addresses, sockets) = resolver.addresses(machine)?;
    let http = resolver.http_settings(sockets)?;
    let limits = resolver.limits()?;
    resolver.warn_of_watches(&definitions, &limits);
    let default_multiplier = if is_dev { 1 } else { 5 };
    let raft_multiplier = resolver.number("performance.raft_multiplier", default_multiplier, 1..=10)?;
    let drain = resolver.duration("performance.leave_drain_time", GoDuration(5 * GoDuration::SECOND.0))?;
    let dns = resolver.dns()?;
    resolver.check_listeners(&addresses, &http, &dns)?;
    let checks = resolver.checks(&addresses)?;
    let log = resolver.log()?;
    let process = resolver.process()?;
    definitions.admit(checks.of_agent(), resolver.may_have_registered(purpose))?;
    let (mode, bootstrap) = resolver.role(purpose)?;
    Ok(Settings {
        mode,
        bootstrap,
        datacenter,
        node,
        addresses,
        limits,
        raft_multiplier: raft_multiplier as u32,
        drain: drain.to_std(),
        dns,
        checks,
        log,
        http,
        process,
        definitions,
        warnings: Warning::lines(resolver.warnings),
    })
}

impl Resolver<'_> {
    /// Watches are clients of the agent itself, and are bounded as such.
    fn warn_of_watches(&mut self, definitions: &Definitions, limits: &Limits) {
        let (watches, max) = (definitions.watches.len(), limits.connections_per_client_max);
        if watches >= max {
            let problem = format!("{watches} watches take all of the {max} connections that this machine may have");
            self.warn("limits.http_max_conns_per_client", problem);
        }
    }

    fn addresses(&mut self, machine: &Machine) -> Result<(Addresses, Vec<PathBuf>), ConfigError> {
        let default_bind = if self.is_dev { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let bind = self.ip("bind_addr")?.unwrap_or(default_bind.into());
        let advertise = match self.ip("advertise_addr")? {
            Some(any) if any.is_unspecified() => {
                return Err(self.wrong("advertise_addr", "nobody can reach that address; say one of this machine"));
            }
            Some(address) => address,
            None => {
                let (address, warning) = network::advertised(bind, machine);
                self.warnings.extend(warning.map(Warning::new));
                address
            }
        };
        let server_port = self.port("ports.server", 8300)?.unwrap_or_default();
        let gossip_port = self.port("ports.serf_lan", 8301)?.unwrap_or_default();
        let (http, sockets) = self.http()?;
        Ok((Addresses { bind, advertise, http, server_port, gossip_port }, sockets))
    }

    fn http(&mut self) -> Result<(Vec<SocketAddr>, Vec<PathBuf>), ConfigError> {
        let Some(port) = self.port("ports.http", 8500)? else {
            if self.port("ports.https", 0)?.is_none() {
                self.warn("ports.http", "the HTTP port is disabled: nothing can be asked");
            }
            return Ok((Vec::new(), Vec::new()));
        };
        let (ips, sockets) = self.clients("http")?;
        if ips.is_empty() && sockets.is_empty() {
            let path = if self.text("addresses.http").is_some() { "addresses.http" } else { "client_addr" };
            self.warn(path, "it is empty: nothing can be asked");
        }
        Ok((ips.into_iter().map(|address| SocketAddr::new(address, port)).collect(), sockets))
    }

    fn checks(&mut self, addresses: &Addresses) -> Result<CheckSettings, ConfigError> {
        let enable_scripts = self.flag("enable_script_checks").unwrap_or(false);
        if enable_scripts && addresses.http.iter().any(|address| !address.ip().is_loopback()) {
            let problem = "it lets everybody who reaches the HTTP address run commands on this machine; \
                           enable_local_script_checks takes scripts from configuration files alone";
            self.warn("enable_script_checks", problem);
        }
        let output_bytes_max = self.number("check_output_max_size", 4096, 1..=SIZE_LIMIT_MAX)?;
        Ok(CheckSettings {
            enable_scripts,
            enable_local_scripts: self.flag("enable_local_script_checks").unwrap_or(false),
            update_interval: self.duration("check_update_interval", GoDuration(300 * GoDuration::SECOND.0))?.to_std(),
            output_bytes_max: output_bytes_max as usize,
            discard_output: self.flag("discard_check_output").unwrap_or(false),
        })
    }
}
