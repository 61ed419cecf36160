//! The settings as the parts of a server take them.

use std::net::SocketAddr;
use std::path::PathBuf;

use quorate_base::Account;
use quorate_base::duration::GoDuration;
use quorate_base::metrics::Registry;
use quorate_node::codec::FORMAT_NEWEST;
use quorate_node::{Config, ConsensusConfig, Member, NodeId};

use super::{open_files, registration};
use crate::config::Settings;
use crate::config::settings::{Limits, Mode};
use crate::version;

/// Heartbeats for each step of `raft_multiplier`, in milliseconds.
const HEARTBEAT_MS: u64 = 40;
/// The shortest silence before an election for each step of `raft_multiplier`, in milliseconds.
const ELECTION_MS: u64 = 200;

/// How long a request waits for a leader to be found, as long as Consul's.
const LEADER_WAIT_MS: u64 = 7_000;

/// The most parked requests; each costs a connection as well, of which there are no more.
const PARKED_MAX: usize = 32_768;
/// How much memory clients may make the server hold: bodies on their way in, answers not read yet, parked requests. A
/// quarter of it is one client's.
const CLIENT_MEMORY_BYTES_MAX: usize = 512 << 20;
/// About how many bytes of answers the node keeps for the next asker: as many as HTTP keeps of their encoded form.
const KEPT_ANSWER_BYTES_MAX: usize = 16 << 20;
/// Kept answers wait for changes, too. Each counts for at least half a kilobyte, so this is how many there can be.
const KEPT_ANSWERS_MAX: usize = KEPT_ANSWER_BYTES_MAX / 512;

pub(super) fn node_config(settings: &Settings, id: NodeId, directory: PathBuf, metrics: Registry) -> Config {
    let addresses = &settings.addresses;
    let multiplier = u64::from(settings.raft_multiplier);
    let defaults = ConsensusConfig::new(id, directory);
    let proposal_bytes_max = proposal_bytes_max(&settings.limits);
    let consensus = ConsensusConfig {
        heartbeat_ms: HEARTBEAT_MS * multiplier,
        election_ms_min: ELECTION_MS * multiplier,
        election_ms_max: 2 * ELECTION_MS * multiplier,
        proposal_bytes_max,
        proposals_bytes_max: defaults.proposals_bytes_max.max(proposal_bytes_max),
        segment_bytes: defaults.segment_bytes.max(8 * proposal_bytes_max as u64),
        ..defaults
    };
    let member = Member {
        name: settings.node.name.clone(),
        address: SocketAddr::new(addresses.advertise, addresses.server_port).to_string(),
    };
    Config {
        consensus,
        name: settings.node.name.clone(),
        datacenter: settings.datacenter.clone(),
        version: version::QUORATE.to_owned(),
        peers: None,
        first_members: if settings.bootstrap { [(id, member)].into() } else { Default::default() },
        registration: registration::of_server(settings, id),
        format_newest: FORMAT_NEWEST,
        tombstone_ttl_ms: settings.limits.tombstone_ttl.as_millis() as u64,
        watches_max: PARKED_MAX + KEPT_ANSWERS_MAX,
        account: Account::new(CLIENT_MEMORY_BYTES_MAX, &metrics),
        parked_max: PARKED_MAX,
        kept_answer_bytes_max: KEPT_ANSWER_BYTES_MAX,
        leader_wait_ms: LEADER_WAIT_MS,
        metrics,
    }
}

/// The largest command: room for the largest value or transaction that HTTP lets in, as it is encoded, and for what an eighth
/// of a log file of the usual size takes. So these limits can be raised up to there while the server runs; beyond, log files
/// have to be larger from the start.
pub(super) fn proposal_bytes_max(limits: &Limits) -> usize {
    const ENCODING_BYTES: usize = 64 << 10;
    let largest = limits.kv_value_bytes_max.max(limits.txn_body_bytes_max) + ENCODING_BYTES;
    largest.max(ConsensusConfig::default().segment_bytes as usize / 8)
}

pub(super) fn http_settings(settings: &Settings, id: NodeId, file_limit: Option<u64>) -> quorate_http::Settings {
    let addresses = &settings.addresses;
    let defaults = quorate_http::Settings::default();
    quorate_http::Settings {
        node_name: settings.node.name.clone(),
        node_id: id.to_string(),
        consul_version: version::CONSUL_API.to_owned(),
        quorate_version: version::QUORATE.to_owned(),
        advertise_address: addresses.advertise.to_string(),
        server_port: addresses.server_port,
        gossip_port: addresses.gossip_port,
        http_port: addresses.http.first().map_or(0, |address| address.port()),
        data_directory: match &settings.mode {
            Mode::Dev => String::new(),
            Mode::Disk(path) => path.display().to_string(),
        },
        pretty_always: settings.mode == Mode::Dev,
        connections_max: open_files::bound_connections(
            defaults.connections_max,
            file_limit,
            !settings.dns.addresses.is_empty(),
        ),
        ..defaults
    }
}

/// The part of the HTTP settings that a reload may change.
pub(super) fn terms(settings: &Settings) -> quorate_http::Terms {
    let limits = &settings.limits;
    quorate_http::Terms {
        kv_value_bytes_max: limits.kv_value_bytes_max,
        txn_body_bytes_max: limits.txn_body_bytes_max,
        txn_operations_max: limits.txn_operations_max,
        session_ttl_min: GoDuration::from_ms(limits.session_ttl_min.as_millis() as u64),
        wait_default: limits.wait_default,
        wait_max: limits.wait_max,
        connections_per_client_max: limits.connections_per_client_max,
        handshake_timeout: limits.handshake_timeout,
        head_bytes_max: settings.http.head_bytes_max,
        response_headers: settings.http.response_headers.clone(),
        blocked_paths: settings.http.blocked_paths.clone(),
        write_networks: settings.http.write_networks.clone(),
        drain_timeout: settings.drain,
    }
}
