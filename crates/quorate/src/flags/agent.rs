//! The flags of `agent`: one table of all that Consul 1.13 knows, each standing for a key of the configuration.
//!
//! So a flag is served, warned about or refused exactly as its key is; see [`crate::config::keys`].

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use serde_json::Value;

use super::go_bool;
use crate::config::{Entry, Kind, Origin, Sources, keys};

/// A flag, the key that it stands for, and a sentence for the help if it is served.
type Row = (&'static str, &'static str, &'static str);

/// All flags but those that [`Sources`] has fields for.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("advertise", "advertise_addr", "The address that others are told; by default the one bound to"),
    ("advertise-wan", "advertise_addr_wan", ""),
    ("allow-write-http-from", "http_config.allow_write_http_from", "A network that may write over HTTP, in CIDR form; may be given several times"),
    ("alt-domain", "alt_domain", "A second name of the DNS zone; none by default"),
    ("auto-reload-config", "auto_reload_config", ""),
    ("bind", "bind_addr", "The address for other servers; 0.0.0.0 by default, 127.0.0.1 with -dev"),
    ("bootstrap", "bootstrap", "Begins a cluster of this server alone; the same as -bootstrap-expect=1"),
    ("bootstrap-expect", "bootstrap_expect", "How many servers begin a cluster together; only 1 is served yet"),
    ("check_output_max_size", "check_output_max_size", "The bytes of output that are kept of a check; 4096 by default"),
    ("client", "client_addr", "The addresses for clients; 127.0.0.1 by default"),
    ("data-dir", "data_dir", "The directory that the data is kept in"),
    ("datacenter", "datacenter", "The datacenter; dc1 by default"),
    ("default-query-time", "default_query_time", "How long a blocking query waits that says nothing; 5m by default"),
    ("disable-host-node-id", "disable_host_node_id", "Makes a random id, as it does anyway"),
    ("disable-keyring-file", "disable_keyring_file", ""),
    ("dns-port", "ports.dns", "The port of DNS, UDP and TCP; 8600 by default, -1 for none"),
    ("domain", "domain", "The DNS zone; consul by default"),
    ("enable-local-script-checks", "enable_local_script_checks", "Lets configuration files define scripts as checks"),
    ("enable-script-checks", "enable_script_checks", "Lets requests, too, register scripts as checks"),
    ("encrypt", "encrypt", ""),
    ("grpc-port", "ports.grpc", ""),
    ("http-port", "ports.http", "The port of the HTTP API; 8500 by default, -1 for none"),
    ("https-port", "ports.https", "The port of the HTTPS API; none by default"),
    ("join", "start_join", ""),
    ("join-wan", "start_join_wan", ""),
    ("log-file", "log_file", "A file that the log is also written to, or a directory for it, which ends in /"),
    ("log-json", "log_json", "Logs JSON"),
    ("log-level", "log_level", "TRACE, DEBUG, INFO, WARN or ERR; INFO by default, DEBUG with -dev"),
    ("log-rotate-bytes", "log_rotate_bytes", "How large a file of the log may get"),
    ("log-rotate-duration", "log_rotate_duration", "How old a file of the log may get; 24h by default"),
    ("log-rotate-max-files", "log_rotate_max_files", "How many files of the log are kept; 0 for all, -1 for none"),
    ("max-query-time", "max_query_time", "The longest that a blocking query may wait; 10m by default"),
    ("node", "node_name", "The node's name; the machine's by default"),
    ("node-id", "node_id", "The node's id, a UUID; by default random and kept in the data directory"),
    ("node-meta", "node_meta", "What the node tells about itself, key:value; may be given several times"),
    ("non-voting-server", "read_replica", ""),
    ("pid-file", "pid_file", "A file to write the process id to"),
    ("primary-gateway", "primary_gateways", ""),
    ("protocol", "protocol", ""),
    ("raft-protocol", "raft_protocol", ""),
    ("read-replica", "read_replica", ""),
    ("recursor", "recursors", "A DNS server for the rest of the world, IP[:PORT]; may be given several times"),
    ("rejoin", "rejoin_after_leave", ""),
    ("retry-interval", "retry_interval", ""),
    ("retry-interval-wan", "retry_interval_wan", ""),
    ("retry-join", "retry_join", ""),
    ("retry-join-wan", "retry_join_wan", ""),
    ("retry-max", "retry_max", ""),
    ("retry-max-wan", "retry_max_wan", ""),
    ("segment", "segment", ""),
    ("serf-lan-allowed-cidrs", "serf_lan_allowed_cidrs", ""),
    ("serf-lan-bind", "serf_lan", ""),
    ("serf-lan-port", "ports.serf_lan", "The port of gossip that others are told; 8301 by default"),
    ("serf-wan-allowed-cidrs", "serf_wan_allowed_cidrs", ""),
    ("serf-wan-bind", "serf_wan", ""),
    ("serf-wan-port", "ports.serf_wan", ""),
    ("server", "server", "Runs a server, the only kind of agent that is served yet"),
    ("server-port", "ports.server", "The port of the servers' protocol that others are told; 8300 by default"),
    ("syslog", "enable_syslog", "Also logs to syslog"),
    ("ui", "ui_config.enabled", ""),
    ("ui-content-path", "ui_config.content_path", ""),
    ("ui-dir", "ui_config.dir", ""),
];

/// The width of the help's lines.
const HELP_WIDTH: usize = 100;

/// What stands behind the flags in the help: an example, and the flags that are known and do nothing yet.
pub(super) fn after_help() -> String {
    let mut help = "Example: quorate agent -server -bootstrap-expect=1 -data-dir=/var/lib/quorate\n\n\
        What Consul also takes; each is warned of or refused, as its key in the configuration is:\n"
        .to_owned();
    let mut width = 0;
    for (name, ..) in TABLE.iter().filter(|(.., help)| help.is_empty()) {
        if width + name.len() + 2 > HELP_WIDTH {
            help.push('\n');
            width = 0;
        }
        help.push_str(if width == 0 { "  -" } else { " -" });
        help.push_str(name);
        width += name.len() + 2;
    }
    help
}

/// The flags that stand for a key.
#[cfg(test)]
pub(crate) fn flags_of(path: &str) -> Vec<&'static str> {
    TABLE.iter().filter(|(_, key, _)| *key == path).map(|(name, ..)| *name).collect()
}

impl Args for Sources {
    fn augment_args(command: Command) -> Command {
        let dev = Arg::new("dev").long("dev").value_parser(go_bool).value_name("BOOL");
        let dev = dev.help("Runs one server in memory, for development");
        let paths = Arg::new("config-file").long("config-file").alias("config-dir").action(ArgAction::Append);
        let paths = paths.value_parser(clap::value_parser!(PathBuf)).value_name("PATH");
        let paths =
            paths.help("A file of configuration or a directory of them (-config-dir); may be given several times");
        let format = Arg::new("config-format").long("config-format").value_name("FORMAT");
        let format = format.help("hcl or json: what the files are, whatever their names say");
        let hcl = Arg::new("hcl").long("hcl").action(ArgAction::Append).value_name("HCL");
        let hcl =
            hcl.help("Configuration in HCL, which counts where files say something else; may be given several times");
        let extra = Arg::new("extra").action(ArgAction::Append).hide(true);
        TABLE.iter().fold(command.args([dev, paths, format, hcl, extra]), |command, row| command.arg(argument(row)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The flag of a row.
fn argument(&(name, key, help): &Row) -> Arg {
    let argument = Arg::new(name).long(name).action(ArgAction::Append).help(help).hide(help.is_empty());
    match kind(key) {
        Kind::Bool => argument.value_parser(go_bool).value_name("BOOL"),
        Kind::Int => argument.value_parser(clap::value_parser!(i64)).value_name("NUMBER"),
        _ => argument.value_name("VALUE"),
    }
}

fn kind(key: &str) -> Kind {
    keys::find(key).map_or(Kind::Any, |key| key.kind)
}

impl FromArgMatches for Sources {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.is_dev = matches.get_one("dev").copied().unwrap_or(false);
        self.config_paths = matches.get_many("config-file").into_iter().flatten().cloned().collect();
        self.config_format = matches.get_one("config-format").cloned();
        self.hcl = matches.get_many("hcl").into_iter().flatten().cloned().collect();
        self.extra = matches.get_many("extra").into_iter().flatten().cloned().collect();
        self.entries = TABLE.iter().flat_map(|row| entries(matches, row)).collect();
        Ok(())
    }
}

/// What was given for a row, once for each time.
fn entries(matches: &ArgMatches, &(name, path, _): &Row) -> Vec<Entry> {
    let Some(key) = keys::find(path) else { return Vec::new() };
    let values: Vec<Value> = match key.kind {
        Kind::Bool => matches.get_many::<bool>(name).into_iter().flatten().map(|value| (*value).into()).collect(),
        Kind::Int => matches.get_many::<i64>(name).into_iter().flatten().map(|value| (*value).into()).collect(),
        kind => matches.get_many::<String>(name).into_iter().flatten().map(|text| from_text(kind, text)).collect(),
    };
    values.into_iter().map(|value| Entry::new(key, value, Origin::Flag(name))).collect()
}

/// What a text says for a key of this kind.
fn from_text(kind: Kind, text: &str) -> Value {
    match kind {
        Kind::List => Value::from(vec![text]),
        Kind::TextMap => {
            let (name, value) = text.split_once(':').unwrap_or((text, ""));
            Value::from_iter([(name, value)])
        }
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Treatment;

    #[test]
    fn each_flag_stands_for_a_key_and_is_shown_if_it_is_served() {
        for (name, path, help) in TABLE {
            let key = keys::find(path).unwrap_or_else(|| panic!("-{name} stands for {path}, which is no key"));
            assert_eq!(!help.is_empty(), key.treatment == Treatment::Served, "-{name}");
        }
    }
}
