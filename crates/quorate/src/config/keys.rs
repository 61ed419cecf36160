//! The keys of the configuration: all that Consul 1.13 knows, and a few of our own.
//!
//! A key that is served ends in [`Settings`](super::Settings). One that is not says so with a warning when it is given,
//! unless nothing is lost, or, where it asks for protection that is not there, keeps the agent from starting.

mod access;
mod mesh;
mod process;
mod telemetry;
mod tls;

use self::Treatment::{Moot, MootIf, Served, WarnedThat};
use super::blocks;
use super::kind::Kind::{self, AnyObject, Block, Blocks, Bool, Duration, Float, Int, List, Text, TextMap};

/// A key by its path.
#[derive(Debug)]
pub(crate) struct Key {
    /// Groups and key joined by dots: `ports.http`.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    pub(crate) treatment: Treatment,
}

/// What becomes of a key that is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It does what it says.
    Served,
    /// It has no effect, and a warning says so and why.
    WarnedThat(&'static str),
    /// What it could say makes no difference here.
    Moot,
    /// This value, in JSON, says what is so anyway; any other is warned about, with the sentence.
    MootIf(&'static str, &'static str),
    /// An old name of this key.
    Renamed(&'static str),
    /// The agent does not start unless the value is false, empty or none; the sentence says why.
    Refused(&'static str),
}

/// What keys without effect are warned about with, where several share it.
const ALONE: &str = "there is no cluster to join yet";
const COORDINATES: &str = "there are no network coordinates yet";
const ENTERPRISE: &str = "Consul's Enterprise version alone has it";
const GRPC: &str = "there is no gRPC interface yet";
const MESH: &str = "the mesh and its certificate authority are not served yet";
const NO_ACL: &str = "ACLs are not served yet";
const NO_AUTO: &str = "certificates are not handed out yet";
const NO_CACHE: &str = "there is no cache of the agent that could be behind";
const NO_GOSSIP: &str = "there is no gossip yet";
const NO_UI: &str = "there are no web pages yet";
const ONE_SERVER: &str = "there are no other servers to look after yet";
const OTHER_FAMILY: &str = "one address is told of the node: advertise_addr";
const PEERING: &str = "clusters are not peered yet";
const RPC_BETWEEN: &str = "servers do not speak to each other yet";
const WAN: &str = "there is no network of datacenters yet";

/// All keys.
pub(crate) fn all() -> impl Iterator<Item = &'static Key> + Clone {
    [KEYS, access::KEYS, mesh::KEYS, process::KEYS, telemetry::KEYS, tls::KEYS].into_iter().flatten()
}

/// The key with this path, matched without regard to case as Consul does.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    all().find(|key| key.path.eq_ignore_ascii_case(path))
}

/// Whether keys stand below this path.
pub(crate) fn is_group(path: &str) -> bool {
    all().any(|key| {
        let (head, tail) = key.path.split_at_checked(path.len()).unwrap_or((key.path, ""));
        tail.starts_with('.') && head.eq_ignore_ascii_case(path)
    })
}

const fn key(path: &'static str, kind: Kind, treatment: Treatment) -> Key {
    Key { path, kind, treatment }
}

/// The keys that are in none of the tables by domain.
static KEYS: &[Key] = &[
    // Our own.
    key("limits.txn_max_ops", Int, Served),
    key("tombstone_ttl", Duration, Served),
    // Consul's, by name.
    key("addresses.dns", Text, Served),
    key("addresses.grpc", Text, WarnedThat(GRPC)),
    key("advertise_addr", Text, Served),
    key("advertise_addr_ipv4", Text, WarnedThat(OTHER_FAMILY)),
    key("advertise_addr_ipv6", Text, WarnedThat(OTHER_FAMILY)),
    key("advertise_addr_wan", Text, WarnedThat(WAN)),
    key("advertise_addr_wan_ipv4", Text, WarnedThat(WAN)),
    key("advertise_addr_wan_ipv6", Text, WarnedThat(WAN)),
    key("advertise_reconnect_timeout", Duration, WarnedThat(ALONE)),
    key("ae_interval", Duration, WarnedThat("the catalog is compared each one to two minutes")),
    key("alt_domain", Text, Served),
    key("auto_reload_config", Bool, MootIf("false", "files are read again on SIGHUP and quorate reload alone")),
    key("autopilot.cleanup_dead_servers", Bool, WarnedThat(ONE_SERVER)),
    key("autopilot.disable_upgrade_migration", Bool, WarnedThat(ONE_SERVER)),
    key("autopilot.last_contact_threshold", Duration, WarnedThat(ONE_SERVER)),
    key("autopilot.max_trailing_logs", Int, WarnedThat(ONE_SERVER)),
    key("autopilot.min_quorum", Int, WarnedThat(ONE_SERVER)),
    key("autopilot.redundancy_zone_tag", Text, WarnedThat(ONE_SERVER)),
    key("autopilot.server_stabilization_time", Duration, WarnedThat(ONE_SERVER)),
    key("autopilot.upgrade_version_tag", Text, WarnedThat(ONE_SERVER)),
    key("bind_addr", Text, Served),
    key("bootstrap", Bool, Served),
    key("bootstrap_expect", Int, Served),
    key("build_date", Text, Moot),
    key("cache.entry_fetch_max_burst", Int, WarnedThat(NO_CACHE)),
    key("cache.entry_fetch_rate", Float, WarnedThat(NO_CACHE)),
    key("check", Block(&blocks::CHECK), Served),
    key(
        "check_deregister_interval_min",
        Duration,
        WarnedThat("deregister_critical_service_after is at least one minute"),
    ),
    key("check_output_max_size", Int, Served),
    key(
        "check_reap_interval",
        Duration,
        WarnedThat("critical services are deregistered when their time has come, without a sweep"),
    ),
    key("check_update_interval", Duration, Served),
    key("checks", Blocks(&blocks::CHECK), Served),
    key("client_addr", Text, Served),
    key("consul.coordinate.update_batch_size", Int, WarnedThat(COORDINATES)),
    key("consul.coordinate.update_max_batches", Int, WarnedThat(COORDINATES)),
    key("consul.coordinate.update_period", Duration, WarnedThat(COORDINATES)),
    key("consul.raft.election_timeout", Duration, WarnedThat("performance.raft_multiplier sets the times of Raft")),
    key("consul.raft.heartbeat_timeout", Duration, WarnedThat("performance.raft_multiplier sets the times of Raft")),
    key("consul.raft.leader_lease_timeout", Duration, WarnedThat("performance.raft_multiplier sets the times of Raft")),
    key("consul.server.health_interval", Duration, WarnedThat(ONE_SERVER)),
    key("data_dir", Text, Served),
    key("datacenter", Text, Served),
    key("default_query_time", Duration, Served),
    key("disable_anonymous_signature", Bool, Moot),
    key("disable_coordinates", Bool, MootIf("true", COORDINATES)),
    key("disable_host_node_id", Bool, Served),
    key("disable_http_unprintable_char_filter", Bool, WarnedThat("paths with control characters are refused always")),
    key("disable_keyring_file", Bool, Moot),
    key("disable_remote_exec", Bool, MootIf("true", "there is no remote execution")),
    key("disable_update_check", Bool, Moot),
    key("discard_check_output", Bool, Served),
    key("discovery_max_stale", Duration, WarnedThat("one server's answers are never stale")),
    key("dns_config.a_record_limit", Int, Served),
    key("dns_config.allow_stale", Bool, Served),
    key("dns_config.cache_max_age", Duration, WarnedThat(NO_CACHE)),
    key("dns_config.disable_compression", Bool, Served),
    key("dns_config.enable_additional_node_meta_txt", Bool, Served),
    key("dns_config.enable_truncate", Bool, Served),
    key("dns_config.max_stale", Duration, Served),
    key("dns_config.node_ttl", Duration, Served),
    key("dns_config.only_passing", Bool, Served),
    key("dns_config.prefer_namespace", Bool, WarnedThat(ENTERPRISE)),
    key("dns_config.recursor_strategy", Text, Served),
    key("dns_config.recursor_timeout", Duration, Served),
    key("dns_config.service_ttl", TextMap, Served),
    key("dns_config.soa.expire", Int, Served),
    key("dns_config.soa.min_ttl", Int, Served),
    key("dns_config.soa.refresh", Int, Served),
    key("dns_config.soa.retry", Int, Served),
    key("dns_config.udp_answer_limit", Int, Served),
    key("dns_config.use_cache", Bool, WarnedThat(NO_CACHE)),
    key("domain", Text, Served),
    key("enable_agent_tls_for_checks", Bool, MootIf("false", "checks present no certificate")),
    key("enable_central_service_config", Bool, WarnedThat(MESH)),
    key("enable_debug", Bool, MootIf("false", "there are no debug routes")),
    key("enable_local_script_checks", Bool, Served),
    key("enable_script_checks", Bool, Served),
    key("gossip_lan.gossip_interval", Duration, WarnedThat(NO_GOSSIP)),
    key("gossip_lan.gossip_nodes", Int, WarnedThat(NO_GOSSIP)),
    key("gossip_lan.probe_interval", Duration, WarnedThat(NO_GOSSIP)),
    key("gossip_lan.probe_timeout", Duration, WarnedThat(NO_GOSSIP)),
    key("gossip_lan.retransmit_mult", Int, WarnedThat(NO_GOSSIP)),
    key("gossip_lan.suspicion_mult", Int, WarnedThat(NO_GOSSIP)),
    key("gossip_wan.gossip_interval", Duration, WarnedThat(NO_GOSSIP)),
    key("gossip_wan.gossip_nodes", Int, WarnedThat(NO_GOSSIP)),
    key("gossip_wan.probe_interval", Duration, WarnedThat(NO_GOSSIP)),
    key("gossip_wan.probe_timeout", Duration, WarnedThat(NO_GOSSIP)),
    key("gossip_wan.retransmit_mult", Int, WarnedThat(NO_GOSSIP)),
    key("gossip_wan.suspicion_mult", Int, WarnedThat(NO_GOSSIP)),
    key("limits.http_max_conns_per_client", Int, Served),
    key("limits.https_handshake_timeout", Duration, Served),
    key("limits.kv_max_value_size", Int, Served),
    key("limits.rpc_client_timeout", Duration, WarnedThat(RPC_BETWEEN)),
    key("limits.rpc_handshake_timeout", Duration, WarnedThat(RPC_BETWEEN)),
    key("limits.rpc_max_burst", Int, WarnedThat(RPC_BETWEEN)),
    key("limits.rpc_max_conns_per_client", Int, WarnedThat(RPC_BETWEEN)),
    key("limits.rpc_rate", Float, WarnedThat(RPC_BETWEEN)),
    key("limits.txn_max_req_len", Int, Served),
    key("max_query_time", Duration, Served),
    key("node_id", Text, Served),
    key("node_meta", TextMap, Served),
    key("node_name", Text, Served),
    key("performance.leave_drain_time", Duration, Served),
    key("performance.raft_multiplier", Int, Served),
    key("performance.rpc_hold_timeout", Duration, WarnedThat("a request waits 7 s for a leader")),
    key("ports.dns", Int, Served),
    key("ports.expose_max_port", Int, WarnedThat(MESH)),
    key("ports.expose_min_port", Int, WarnedThat(MESH)),
    key("ports.grpc", Int, MootIf("-1", GRPC)),
    key("ports.http", Int, Served),
    key("ports.https", Int, Served),
    key("ports.proxy_max_port", Int, WarnedThat(MESH)),
    key("ports.proxy_min_port", Int, WarnedThat(MESH)),
    key("ports.serf_lan", Int, Served),
    key("ports.serf_wan", Int, MootIf("-1", WAN)),
    key("ports.server", Int, Served),
    key("ports.sidecar_max_port", Int, WarnedThat(MESH)),
    key("ports.sidecar_min_port", Int, WarnedThat(MESH)),
    key("primary_datacenter", Text, Served),
    key("protocol", Int, MootIf("2", "this is the version that is told")),
    key("raft_boltdb.NoFreelistSync", Bool, WarnedThat("the log is not kept in BoltDB")),
    key("raft_protocol", Int, MootIf("3", "this is the version that is told")),
    key("raft_snapshot_interval", Duration, WarnedThat("snapshots are taken by the size of the log")),
    key("raft_snapshot_threshold", Int, WarnedThat("snapshots are taken by the size of the log")),
    key("raft_trailing_logs", Int, WarnedThat("snapshots are taken by the size of the log")),
    key("reconnect_timeout", Duration, WarnedThat(ALONE)),
    key("reconnect_timeout_wan", Duration, WarnedThat(ALONE)),
    key("recursors", List, Served),
    key("rejoin_after_leave", Bool, MootIf("false", ALONE)),
    key("retry_interval", Duration, WarnedThat(ALONE)),
    key("retry_interval_wan", Duration, WarnedThat(ALONE)),
    key("retry_join", List, WarnedThat(ALONE)),
    key("retry_join_wan", List, WarnedThat(ALONE)),
    key("retry_max", Int, WarnedThat(ALONE)),
    key("retry_max_wan", Int, WarnedThat(ALONE)),
    key("revision", Text, Moot),
    key("rpc.enable_streaming", Bool, Moot),
    key("serf_lan", Text, WarnedThat(NO_GOSSIP)),
    key("serf_lan_allowed_cidrs", List, WarnedThat(NO_GOSSIP)),
    key("serf_wan", Text, WarnedThat(NO_GOSSIP)),
    key("serf_wan_allowed_cidrs", List, WarnedThat(NO_GOSSIP)),
    key("server", Bool, Served),
    key("service", Block(&blocks::SERVICE), Served),
    key("services", Blocks(&blocks::SERVICE), Served),
    key("session_ttl_min", Duration, Served),
    key("snapshot_agent", AnyObject, Moot),
    key("start_join", List, WarnedThat(ALONE)),
    key("start_join_wan", List, WarnedThat(ALONE)),
    key("sync_coordinate_interval_min", Duration, WarnedThat(COORDINATES)),
    key("sync_coordinate_rate_target", Float, WarnedThat(COORDINATES)),
    key("tagged_addresses", TextMap, WarnedThat("only the addresses that are advertised are told of the node")),
    key("translate_wan_addrs", Bool, MootIf("false", WAN)),
    key("use_streaming_backend", Bool, Moot),
    key("version", Text, Moot),
    key("version_metadata", Text, Moot),
    key("version_prerelease", Text, Moot),
    key("watches", Blocks(&blocks::WATCH), Served),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_stands_once_and_no_group_is_a_key() {
        for (position, key) in all().enumerate() {
            assert!(!all().take(position).any(|other| other.path == key.path), "{} stands twice", key.path);
            if let Treatment::Renamed(now) = key.treatment {
                let now = find(now).unwrap_or_else(|| panic!("{now} is no key"));
                assert_eq!(now.kind, key.kind, "{}", key.path);
            }
            assert!(!is_group(key.path), "{} is a key and a group", key.path);
            if let MootIf(value, _) = key.treatment {
                assert!(serde_json::from_str::<serde_json::Value>(value).is_ok(), "{}", key.path);
            }
        }
    }
}
