//! What the configuration means: every value checked, every default filled in, nothing started.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use quorate_base::duration::GoDuration;
use serde_json::Value;

use super::definitions::{self, Definition};
use super::dns::DnsSettings;
use super::merge::Merged;
use super::network::{self, Machine};
use super::watches::{self, Watch};
use super::{ConfigError, Entry, Treatment, values};

mod http;
mod process;
mod tls;

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
    /// Services, checks and watches, in the order of the files.
    pub(crate) definitions: Vec<Definition>,
    /// What the operator should know, one line each.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// The services and checks of this host that files define.
    pub(crate) fn of_this_host(&self) -> Result<definitions::OfThisHost, ConfigError> {
        definitions::of_this_host(&self.definitions)
    }

    /// The watches that files define.
    pub(crate) fn watches(&self) -> Result<Vec<Watch>, ConfigError> {
        watches::of(&self.definitions)
    }
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

/// Works out the settings.
pub(super) fn resolve(
    merged: &Merged,
    is_dev: bool,
    machine: &Machine,
    definitions: Vec<Definition>,
    warnings: Vec<String>,
) -> Result<Settings, ConfigError> {
    let mut resolver = Resolver { merged, is_dev, warnings };
    resolver.treat_unserved()?;
    resolver.treat_definitions(&definitions)?;
    let (mode, bootstrap) = resolver.role()?;
    let datacenter = resolver.datacenter()?;
    let node = resolver.node(machine)?;
    let (addresses, sockets) = resolver.addresses(machine)?;
    let http = resolver.http_settings(sockets)?;
    let limits = resolver.limits()?;
    let default_multiplier = if is_dev { 1 } else { 5 };
    let raft_multiplier = resolver.number("performance.raft_multiplier", default_multiplier, 1..=10)?;
    let drain = resolver.duration("performance.leave_drain_time", GoDuration(5 * GoDuration::SECOND.0))?;
    let dns = resolver.dns()?;
    let checks = resolver.checks(&addresses)?;
    let log = resolver.log()?;
    let process = resolver.process()?;
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
        warnings: resolver.warnings,
    })
}

pub(super) struct Resolver<'a> {
    merged: &'a Merged,
    is_dev: bool,
    pub(super) warnings: Vec<String>,
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

    /// Refuses what asks for protection that is not there, and warns of what has no effect.
    fn treat_unserved(&mut self) -> Result<(), ConfigError> {
        for entry in self.merged.values() {
            let culprit = entry.culprit();
            let no_effect = match entry.key.treatment {
                Treatment::Refused(reason) if values::asks(&entry.value) => {
                    return Err(ConfigError(format!("{culprit}: {reason}")));
                }
                Treatment::Served | Treatment::Moot | Treatment::Refused(_) | Treatment::Renamed(_) => continue,
                Treatment::MootIf(value) if is_json(&entry.value, value) => continue,
                Treatment::MootIf(_) | Treatment::Warned => "",
                Treatment::WarnedThat(meaning) => meaning,
            };
            let separator = if no_effect.is_empty() { "" } else { ": " };
            self.warnings.push(format!("{culprit} is not served yet and has no effect{separator}{no_effect}"));
        }
        Ok(())
    }

    /// Checks what holds for all definitions, and warns of watches that say what is not to be said.
    fn treat_definitions(&mut self, definitions: &[Definition]) -> Result<(), ConfigError> {
        definitions.iter().try_for_each(Definition::check)?;
        let watches = watches::of(definitions)?.len();
        self.warnings.extend(watches::warnings(definitions));
        let connections = self.entry("limits.http_max_conns_per_client").and_then(|entry| entry.value.as_u64());
        if connections.unwrap_or(200) <= watches as u64 {
            self.warnings.push(format!(
                "{watches} watches take as many connections as limits.http_max_conns_per_client lets this machine have"
            ));
        }
        definitions::of_this_host(definitions).map(drop)
    }

    /// Where the data is, and whether this server may begin a cluster alone.
    fn role(&mut self) -> Result<(Mode, bool), ConfigError> {
        const NO_CLUSTER: &str = "a cluster of several servers is not served yet; one server takes -bootstrap-expect=1";
        let expect = self.number("bootstrap_expect", 0, 0..=i64::from(u16::MAX))?;
        let bootstrap = self.flag("bootstrap").unwrap_or(false);
        if !self.is_dev && !self.flag("server").unwrap_or(false) {
            let problem = "client agents are not served yet; start with -server -bootstrap-expect=1, or with -dev";
            return Err(ConfigError(format!("this agent is no server: {problem}")));
        }
        if expect > 0 && self.is_dev {
            return Err(self.wrong("bootstrap_expect", "not together with -dev, which is one server in memory"));
        }
        if expect > 1 {
            return Err(self.wrong("bootstrap_expect", NO_CLUSTER));
        }
        if expect == 1 && bootstrap {
            return Err(self.wrong("bootstrap_expect", "not together with bootstrap, which says the same"));
        }
        let data_dir = self.text("data_dir").filter(|path| !path.is_empty());
        let mode = match (self.is_dev, data_dir) {
            (false, None) => {
                return Err(ConfigError("-data-dir (or \"data_dir\") is missing: where the data is kept".to_owned()));
            }
            (false, Some(path)) => Mode::Disk(path.into()),
            (true, None) => Mode::Dev,
            (true, Some(path)) => {
                self.warnings.push(format!("-dev keeps everything in memory: nothing is written to {path}"));
                Mode::Dev
            }
        };
        Ok((mode, self.is_dev || bootstrap || expect == 1))
    }

    fn datacenter(&mut self) -> Result<String, ConfigError> {
        let datacenter = self.text("datacenter").unwrap_or("dc1").to_ascii_lowercase();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        if datacenter.is_empty() || !datacenter.chars().all(fits) {
            return Err(self.wrong("datacenter", "it takes letters, digits, - and _"));
        }
        if let Some(entry) = self.entry("primary_datacenter")
            && let Some(primary) = entry.value.as_str()
            && !primary.is_empty()
            && !primary.eq_ignore_ascii_case(&datacenter)
        {
            let culprit = entry.culprit();
            self.warnings.push(format!("{culprit} has no effect: {datacenter:?} is the only datacenter yet"));
        }
        Ok(datacenter)
    }

    fn node(&mut self, machine: &Machine) -> Result<NodeSettings, ConfigError> {
        let name = self.text("node_name").map(str::trim).unwrap_or(&machine.hostname).to_owned();
        if name.is_empty() {
            return Err(self.wrong("node_name", "it is empty"));
        }
        if name.len() > DNS_LABEL_BYTES_MAX || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            self.warnings.push(format!("the node name {name:?} is no DNS label, so DNS won't find it"));
        }
        let id = match self.text("node_id").filter(|id| !id.is_empty()) {
            None => None,
            Some(id) => Some(uuid::Uuid::try_parse(id).map_err(|_| self.wrong("node_id", "it must be a UUID"))?),
        };
        if self.flag("disable_host_node_id") == Some(false) {
            let culprit = self.entry("disable_host_node_id").map(Entry::culprit).unwrap_or_default();
            self.warnings
                .push(format!("{culprit}: ids are random and kept in the data directory; the host's is not used"));
        }
        Ok(NodeSettings { name, id, meta: self.node_meta()? })
    }

    fn node_meta(&self) -> Result<BTreeMap<String, String>, ConfigError> {
        let Some(entries) = self.entry("node_meta").and_then(|entry| entry.value.as_object()) else {
            return Ok(BTreeMap::new());
        };
        let wrong = |problem: String| Err(self.wrong("node_meta", problem));
        if entries.len() > META_PAIRS_MAX {
            return wrong(format!("{} pairs, more than the {META_PAIRS_MAX} allowed", entries.len()));
        }
        let mut meta = BTreeMap::new();
        for (key, value) in entries {
            let value = value.as_str().unwrap_or_default();
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if key.is_empty() || key.len() > META_KEY_BYTES_MAX || !key.chars().all(fits) {
                return wrong(format!("the key {key:?} must be 1 to {META_KEY_BYTES_MAX} letters, digits, - and _"));
            }
            if key.starts_with("consul-") {
                return wrong(format!("the key {key:?} is reserved: it begins with \"consul-\""));
            }
            if value.len() > META_VALUE_BYTES_MAX {
                return wrong(format!("the value of {key:?} is longer than {META_VALUE_BYTES_MAX} bytes"));
            }
            meta.insert(key.clone(), value.to_owned());
        }
        Ok(meta)
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
                self.warnings.extend(warning);
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
                self.warnings.push("the HTTP port is disabled: nothing can be asked".to_owned());
            }
            return Ok((Vec::new(), Vec::new()));
        };
        let (ips, sockets) = self.clients("http")?;
        if ips.is_empty() && sockets.is_empty() {
            let path = if self.text("addresses.http").is_some() { "addresses.http" } else { "client_addr" };
            self.warnings.push(format!("{path:?} is empty: nothing can be asked"));
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
        let per_client = self.number("limits.http_max_conns_per_client", 200, i64::MIN..=i64::MAX)?;
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
            let culprit = self.entry("enable_script_checks").map(Entry::culprit).unwrap_or_default();
            self.warnings.push(format!(
                "{culprit} lets everybody who reaches the HTTP address run commands on this machine; \
                 enable_local_script_checks takes scripts from configuration files alone"
            ));
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

/// The longest label of a DNS name.
const DNS_LABEL_BYTES_MAX: usize = 63;

/// The most pairs of meta data that a node has, and the longest keys and values; Consul's bounds.
const META_PAIRS_MAX: usize = 64;
const META_KEY_BYTES_MAX: usize = 128;
const META_VALUE_BYTES_MAX: usize = 512;

/// Whether a value is the one of this JSON text.
fn is_json(value: &Value, text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|expected| expected == *value)
}
