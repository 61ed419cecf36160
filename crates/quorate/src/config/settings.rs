//! What the configuration means: every value checked, every default filled in, nothing started.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use quorate_base::duration::GoDuration;

use super::definitions::{Definition, Definitions};
use super::dns::DnsSettings;
use super::merge::Merged;
use super::network::{self, Machine};
use super::{ConfigError, Entry, Purpose, Warning};

mod http;
mod listeners;
mod node;
mod process;
mod role;
mod tls;
mod unserved;

pub(crate) use self::http::{HttpSettings, SocketAccess};
pub(crate) use self::process::{LogFileSettings, LogSettings, ProcessSettings, SyslogFacility, TelemetrySettings};

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

/// What requests may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many connections each client, by its address, may have at once; 200 by default. The processes on one machine
    /// share them.
    pub(crate) connections_per_client_max: usize,
    /// How long a client may take to begin TLS; 5 s by default.
    pub(crate) handshake_timeout: Duration,
    /// The largest value of a key in bytes; 512 KiB by default. Each is one entry of the log: megabytes delay heartbeats.
    pub(crate) kv_value_bytes_max: usize,
    /// The largest body of a transaction in bytes; 512 KiB by default, never below the above.
    pub(crate) txn_body_bytes_max: usize,
    /// The most operations of a transaction; 128 by default.
    pub(crate) txn_operations_max: usize,
    /// The shortest time-to-live of a session; 10 s by default. Shorter ones cost a write each renewal.
    pub(crate) session_ttl_min: Duration,
    /// How long a blocking query waits that names no time; 5 min by default, never above the next.
    pub(crate) wait_default: Duration,
    /// The longest that a blocking query may wait; 10 min by default.
    pub(crate) wait_max: Duration,
    /// How long a deleted key is remembered for those who watch; 15 min by default. Shorter than a watcher's absence, and
    /// it gets one answer too many; longer, and mass deletes hold memory.
    pub(crate) tombstone_ttl: Duration,
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

/// The most that a size limit may be: 64 MiB, the size of a log file.
const SIZE_LIMIT_MAX: i64 = 64 << 20;

/// The most operations that a transaction may be allowed: each is applied while nothing else is.
const TXN_OPERATIONS_LIMIT_MAX: i64 = 65_536;

/// The longest duration that a setting takes: a day.
const DURATION_MAX: GoDuration = GoDuration(24 * 3_600 * GoDuration::SECOND.0);

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
    definitions.admit(&checks, resolver.may_have_registered(purpose))?;
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

pub(super) struct Resolver<'a> {
    merged: &'a Merged,
    is_dev: bool,
    pub(super) warnings: Vec<Warning>,
}

impl<'a> Resolver<'a> {
    pub(super) fn entry(&self, path: &str) -> Option<&'a Entry> {
        self.merged.get(path)
    }

    /// An error about the value of a key.
    pub(super) fn wrong(&self, path: &str, problem: impl std::fmt::Display) -> ConfigError {
        let culprit = self.entry(path).map_or_else(|| path.to_owned(), Entry::culprit);
        ConfigError(format!("{culprit}: {problem}"))
    }

    /// The same about an element of its list or a member of its map.
    pub(super) fn wrong_part(&self, path: &str, part: &str, problem: impl std::fmt::Display) -> ConfigError {
        let culprit = self.entry(path).map_or_else(|| path.to_owned(), |entry| entry.culprit_of(part));
        ConfigError(format!("{culprit}: {problem}"))
    }

    /// A warning about the value of a key.
    pub(super) fn warn(&mut self, path: &str, problem: impl std::fmt::Display) {
        let warning = match self.entry(path) {
            Some(entry) => Warning::of(entry, problem),
            None => Warning::new(format!("{path:?}: {problem}")),
        };
        self.warnings.push(warning);
    }

    pub(super) fn text(&self, path: &str) -> Option<&'a str> {
        self.entry(path)?.value.as_str()
    }

    pub(super) fn flag(&self, path: &str) -> Option<bool> {
        self.entry(path)?.value.as_bool()
    }

    pub(super) fn number(
        &self,
        path: &str,
        default: i64,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Result<i64, ConfigError> {
        let Some(entry) = self.entry(path) else { return Ok(default) };
        match entry.value.as_i64() {
            Some(number) if bounds.contains(&number) => Ok(number),
            _ => {
                let (low, high) = bounds.into_inner();
                Err(self.wrong(path, format_args!("{} is not between {low} and {high}", entry.value)))
            }
        }
    }

    /// A duration that is neither negative nor longer than a day.
    pub(super) fn duration(&self, path: &str, default: GoDuration) -> Result<GoDuration, ConfigError> {
        let Some(text) = self.text(path) else { return Ok(default) };
        let duration = GoDuration::parse(text).map_err(|error| self.wrong(path, error))?;
        if (GoDuration(0)..=DURATION_MAX).contains(&duration) {
            Ok(duration)
        } else {
            Err(self.wrong(path, format_args!("{text} is not between 0s and {DURATION_MAX}")))
        }
    }

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

    fn ip(&self, path: &str) -> Result<Option<IpAddr>, ConfigError> {
        let text = self.text(path).filter(|text| !text.trim().is_empty());
        text.map(|text| network::parse_ip(text).map_err(|problem| self.wrong(path, problem))).transpose()
    }

    /// A port; `None` if it is disabled, as anything below 1 says.
    pub(super) fn port(&self, path: &str, default: u16) -> Result<Option<u16>, ConfigError> {
        let port = self.number(path, default.into(), i64::MIN..=i64::MAX)?;
        if port < 1 {
            return Ok(None);
        }
        u16::try_from(port).map(Some).map_err(|_| self.wrong(path, format_args!("{port} is no port")))
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

    fn limits(&self) -> Result<Limits, ConfigError> {
        let size = |path| self.number(path, 512 * 1024, 1..=SIZE_LIMIT_MAX).map(|bytes| bytes as usize);
        let seconds = |count: i64| GoDuration(count * GoDuration::SECOND.0);
        let kv_value_bytes_max = size("limits.kv_max_value_size")?;
        let session_ttl_min = match self.duration("session_ttl_min", GoDuration(0))? {
            GoDuration(0) => seconds(10),
            given => given,
        };
        let wait_max = self.duration("max_query_time", seconds(600))?;
        let wait_default = self.duration("default_query_time", seconds(300))?.min(wait_max);
        let per_client =
            self.number("limits.http_max_conns_per_client", CONNECTIONS_PER_CLIENT, i64::MIN..=i64::MAX)?;
        Ok(Limits {
            // As in Consul, there is no limit without a positive one.
            connections_per_client_max: usize::try_from(per_client).ok().filter(|max| *max > 0).unwrap_or(usize::MAX),
            handshake_timeout: self.duration("limits.https_handshake_timeout", seconds(5))?.to_std(),
            kv_value_bytes_max,
            txn_body_bytes_max: size("limits.txn_max_req_len")?.max(kv_value_bytes_max),
            txn_operations_max: self.number("limits.txn_max_ops", 128, 1..=TXN_OPERATIONS_LIMIT_MAX)? as usize,
            session_ttl_min: session_ttl_min.to_std(),
            wait_default: wait_default.to_std(),
            wait_max: wait_max.to_std(),
            tombstone_ttl: self.duration("tombstone_ttl", seconds(15 * 60))?.to_std(),
        })
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

/// How many connections a client may have unless the configuration says; Consul's default.
const CONNECTIONS_PER_CLIENT: i64 = 200;
