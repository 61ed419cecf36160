//! What the server is told when it starts: names, versions, bounds, and the terms on which requests are served. Parsing flags
//! and files is the binary's affair.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_base::duration::GoDuration;

use crate::rules::Network;

/// The terms on which requests are served. Others may take their place while the server runs
/// ([`Server::set_terms`](crate::Server::set_terms)).
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The largest value of a key in bytes. Each is a log entry, and a larger one delays heartbeats behind it: beyond a
    /// few MiB, leadership gets lost under load.
    pub kv_value_bytes_max: usize,
    /// The largest body of a transaction in bytes; never below `kv_value_bytes_max`, as in Consul.
    pub txn_body_bytes_max: usize,
    /// The most operations in one transaction. Consul 1.13 allows 64, newer ones 128.
    pub txn_operations_max: usize,
    /// The shortest time-to-live a session may ask for.
    pub session_ttl_min: GoDuration,
    /// The longest wait of a blocking query; longer ones are cut to it.
    pub wait_max: Duration,
    /// The wait of a blocking query that names none.
    pub wait_default: Duration,
    /// The most connections of one client, by its address, at once; an IPv6 client is a /64. One past it is answered 429
    /// and closed.
    pub connections_per_client_max: usize,
    /// How long a client may take to begin TLS.
    pub handshake_timeout: Duration,
    /// The largest head of a request in bytes, its line and its headers; one past it is answered 431. Connections that are
    /// open keep theirs. Each may hold as much in memory until the head is whole.
    pub head_bytes_max: usize,
    /// Headers that every answer has, unless its route says otherwise.
    pub response_headers: BTreeMap<String, String>,
    /// Beginnings of paths that are answered 403.
    pub blocked_paths: Vec<String>,
    /// The networks from which writes are taken; from everywhere if there are none.
    pub write_networks: Vec<Network>,
    /// How long the requests in flight may take to finish when the server stops.
    pub drain_timeout: Duration,
}

impl Default for Terms {
    /// Consul's limits where it has them.
    fn default() -> Self {
        Self {
            kv_value_bytes_max: 512 * 1024,
            txn_body_bytes_max: 512 * 1024,
            txn_operations_max: 128,
            session_ttl_min: GoDuration(10 * GoDuration::SECOND.0),
            wait_max: Duration::from_secs(600),
            wait_default: Duration::from_secs(300),
            connections_per_client_max: 200,
            handshake_timeout: Duration::from_secs(5),
            head_bytes_max: 256 << 10,
            response_headers: BTreeMap::new(),
            blocked_paths: Vec::new(),
            write_networks: Vec::new(),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// The names, versions and bounds of one HTTP server, for as long as it lives.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The agent's node name: the default for sessions, and what `?near=_agent` means.
    pub node_name: String,
    /// The agent's node id, a UUID.
    pub node_id: String,
    /// The version of the Consul API served, a plain semantic version that clients compare.
    pub consul_version: String,
    /// Quorate's own version.
    pub quorate_version: String,
    /// The commit it was built from; may be empty.
    pub revision: String,
    /// When it was built, RFC 3339.
    pub build_date: String,
    /// The address that others are told, without a port.
    pub advertise_address: String,
    /// The port of the server's own protocol, as told in its registration.
    pub server_port: u16,
    /// The port of gossip, as told in `agent/members`.
    pub gossip_port: u16,
    /// The port this server listens on, as told in `agent/self`.
    pub http_port: u16,
    /// The directory of the data, as told in `agent/self`; empty in memory.
    pub data_directory: String,
    /// Whether every JSON answer is indented, as in Consul's development mode.
    pub pretty_always: bool,
    /// The largest body of any other request but a snapshot, in bytes.
    pub body_bytes_max: usize,
    /// The longest time-to-live a session may ask for.
    pub session_ttl_max: GoDuration,
    /// The most connections at once. One past it is answered 429 and closed. Each costs up to 20 KiB while it is used,
    /// 4 KiB while it is parked, and a file descriptor always.
    pub connections_max: usize,
    /// The most parked queries at once; one past it is answered 429.
    pub parked_queries_max: usize,
    /// How long a request's head may take to arrive from its first byte on. Slower clients hold memory for nothing.
    pub head_timeout: Duration,
    /// How long a connection may stay open without a request. Well above what clients keep theirs, so that they close
    /// first and do not lose a request to the race.
    pub idle_timeout: Duration,
    /// How long a client may leave a body unfinished or an answer unread without a byte moving.
    pub stall_timeout: Duration,
    /// Encoded answers that are kept for the next asker, in bytes. None are kept with 0.
    pub answer_cache_bytes_max: usize,
}

impl Default for Settings {
    /// Consul's limits where it has them.
    fn default() -> Self {
        const DAY: i64 = 24 * 3_600;
        Self {
            node_name: String::new(),
            node_id: String::new(),
            consul_version: "1.13.9".into(),
            quorate_version: env!("CARGO_PKG_VERSION").into(),
            revision: String::new(),
            build_date: "1970-01-01T00:00:01Z".into(),
            advertise_address: "127.0.0.1".into(),
            server_port: 8300,
            gossip_port: 8301,
            http_port: 8500,
            data_directory: String::new(),
            pretty_always: false,
            body_bytes_max: 4 * 1024 * 1024,
            session_ttl_max: GoDuration(DAY * GoDuration::SECOND.0),
            connections_max: 32_768,
            parked_queries_max: 32_768,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(600),
            stall_timeout: Duration::from_secs(60),
            answer_cache_bytes_max: 16 * 1024 * 1024,
        }
    }
}
