//! What an agent is told when it starts. Parsing flags and files is the binary's affair.

use std::path::PathBuf;
use std::time::Duration;

use quorate_state::Node;

/// The settings of one agent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node as it is registered; only if the catalog does not have it, for it is the server's or client's own affair.
    pub node: Node,
    /// Services and checks of the own node that somebody else keeps: never written and never removed. On a server these
    /// are `consul` and `serfHealth`.
    pub protected: Vec<String>,
    /// Where definitions and the state of TTL checks are kept; `None` keeps nothing.
    pub directory: Option<PathBuf>,
    /// Whether scripts may be checks at all, also those that anybody who reaches the API registers. With an API that is
    /// reachable from other machines this lets them run commands here.
    pub enable_script_checks: bool,
    /// Whether scripts from configuration files may be checks.
    pub enable_local_script_checks: bool,
    /// How long a change of a check's output alone may stay untold; 5 min by default, and 0 tells each at once. Each is a
    /// write to the log of the servers: with many checks that print the time, short ones are most of all writes.
    pub check_update_interval: Duration,
    /// Whether the output of checks is thrown away.
    pub discard_check_output: bool,
    /// The bytes of output that are kept of a run; 4 KiB by default. A check's own definition may say less or more.
    pub check_output_bytes_max: usize,
    /// How often all entries are compared with the catalog, and unknown ones removed; a minute by default. A random part
    /// of it is added each time, so that agents do not come all at once.
    pub full_sync_interval: Duration,
    /// How many runs that start commands (scripts, containers, services of the system) may be under way at once. Others wait
    /// for their turn: too few delay checks behind slow ones, too many exhaust processes, files (about three each) and memory.
    pub commands_max: usize,
    /// How many runs that open connections may be under way at once. With too few, targets that hang delay the others: a
    /// hundred in a second take a thousand places at a time-out of 10 s; too many exhaust files (one or two each).
    pub connections_max: usize,
    /// The shortest interval of a check; shorter ones count as this. 1 s, as in Consul.
    pub interval_min: Duration,
    /// The shortest time after which a critical service is deregistered; 1 min, as in Consul.
    pub deregister_after_min: Duration,
    /// How many services and checks there may be, each; beyond, registrations are refused. Consul has no such bound.
    pub entries_max: usize,
    /// The Unix socket of Docker's API.
    pub docker_socket: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node: Node::default(),
            protected: Vec::new(),
            directory: None,
            enable_script_checks: false,
            enable_local_script_checks: false,
            check_update_interval: Duration::from_secs(300),
            discard_check_output: false,
            check_output_bytes_max: 4096,
            full_sync_interval: Duration::from_secs(60),
            commands_max: 256,
            connections_max: 4_096,
            interval_min: Duration::from_secs(1),
            deregister_after_min: Duration::from_secs(60),
            entries_max: 100_000,
            docker_socket: PathBuf::from("/var/run/docker.sock"),
        }
    }
}
