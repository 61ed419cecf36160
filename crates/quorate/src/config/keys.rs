//! The keys of the configuration: all that Consul 1.13 knows, and a few of our own.
//!
//! A key that is served ends in [`Settings`](super::Settings). One that is not says so with a warning when it is given,
//! unless nothing is lost, or, where it asks for protection that is not there, keeps the agent from starting.

mod access;
mod mesh;
mod process;
mod telemetry;
mod tls;

use self::Kind::{Any, Bool, Float, Int, List, Text, TextMap};
use self::Treatment::{Moot, MootIf, Served, Warned, WarnedThat};

/// A key by its path.
#[derive(Debug)]
pub(crate) struct Key {
    /// Groups and key joined by dots: `ports.http`.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    pub(crate) treatment: Treatment,
}

/// What kind of value a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int,
    Float,
    /// Also durations, in Go's form.
    Text,
    /// Texts; lists given in several places are joined.
    List,
    /// Texts by name; maps given in several places are laid over each other.
    TextMap,
    /// Anything: it is not looked into.
    Any,
}

/// What becomes of a key that is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// It does what it says.
    Served,
    /// It has no effect and a warning says so.
    Warned,
    /// The same, with what that means.
    WarnedThat(&'static str),
    /// What it could say makes no difference here.
    Moot,
    /// This value says what is so anyway; any other is warned about.
    MootIf(&'static str),
    /// An old name of this key.
    Renamed(&'static str),
    /// The agent does not start unless the value is false, empty or none; the sentence says why.
    Refused(&'static str),
}

const ALONE: &str = "there is no cluster to join yet";

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

/// How far a known key may be from a mistyped one to be suggested: a third of its letters.
const SUGGESTION_DISTANCE_DIVISOR: usize = 3;

/// The key or group that was perhaps meant.
pub(crate) fn nearest(path: &str) -> Option<&'static str> {
    let groups = all().filter_map(|key| key.path.rsplit_once('.').map(|(group, _)| group));
    nearest_of(&path.to_ascii_lowercase(), all().map(|key| key.path).chain(groups))
}

/// That of the known names which was perhaps meant by another one.
pub(crate) fn nearest_of<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (strsim::damerau_levenshtein(name, known), known));
    near.min().filter(|(distance, known)| distance * SUGGESTION_DISTANCE_DIVISOR <= known.len()).map(|(_, known)| known)
}

const fn key(path: &'static str, kind: Kind, treatment: Treatment) -> Key {
    Key { path, kind, treatment }
}

/// The keys that are in none of the tables by domain.
static KEYS: &[Key] = &[
    // Our own.
    key("limits.txn_max_ops", Int, Served),
    key("tombstone_ttl", Text, Served),
    // Consul's, by name.
    key("addresses.dns", Text, Served),
    key("addresses.grpc", Text, Warned),
    key("advertise_addr", Text, Served),
    key("advertise_addr_ipv4", Text, Warned),
    key("advertise_addr_ipv6", Text, Warned),
    key("advertise_addr_wan", Text, Warned),
    key("advertise_addr_wan_ipv4", Text, Warned),
    key("advertise_addr_wan_ipv6", Text, Warned),
    key("advertise_reconnect_timeout", Text, Warned),
    key("ae_interval", Text, Warned),
    key("alt_domain", Text, Served),
    key("auto_reload_config", Bool, MootIf("false")),
    key("autopilot.cleanup_dead_servers", Bool, Warned),
    key("autopilot.disable_upgrade_migration", Bool, Warned),
    key("autopilot.last_contact_threshold", Text, Warned),
    key("autopilot.max_trailing_logs", Int, Warned),
    key("autopilot.min_quorum", Int, Warned),
    key("autopilot.redundancy_zone_tag", Text, Warned),
    key("autopilot.server_stabilization_time", Text, Warned),
    key("autopilot.upgrade_version_tag", Text, Warned),
    key("bind_addr", Text, Served),
    key("bootstrap", Bool, Served),
    key("bootstrap_expect", Int, Served),
    key("build_date", Text, Moot),
    key("cache.entry_fetch_max_burst", Int, Warned),
    key("cache.entry_fetch_rate", Float, Warned),
    key("check", Any, Served),
    key("check_deregister_interval_min", Text, Warned),
    key("check_output_max_size", Int, Served),
    key("check_reap_interval", Text, Warned),
    key("check_update_interval", Text, Served),
    key("checks", Any, Served),
    key("client_addr", Text, Served),
    key("consul.coordinate.update_batch_size", Int, Warned),
    key("consul.coordinate.update_max_batches", Int, Warned),
    key("consul.coordinate.update_period", Text, Warned),
    key("consul.raft.election_timeout", Text, Warned),
    key("consul.raft.heartbeat_timeout", Text, Warned),
    key("consul.raft.leader_lease_timeout", Text, Warned),
    key("consul.server.health_interval", Text, Warned),
    key("data_dir", Text, Served),
    key("datacenter", Text, Served),
    key("default_query_time", Text, Served),
    key("disable_anonymous_signature", Bool, Moot),
    key("disable_coordinates", Bool, MootIf("true")),
    key("disable_host_node_id", Bool, Served),
    key("disable_http_unprintable_char_filter", Bool, Warned),
    key("disable_keyring_file", Bool, Moot),
    key("disable_remote_exec", Bool, MootIf("true")),
    key("disable_update_check", Bool, Moot),
    key("discard_check_output", Bool, Served),
    key("discovery_max_stale", Text, Warned),
    key("dns_config.a_record_limit", Int, Served),
    key("dns_config.allow_stale", Bool, Served),
    key("dns_config.cache_max_age", Text, Warned),
    key("dns_config.disable_compression", Bool, Served),
    key("dns_config.enable_additional_node_meta_txt", Bool, Served),
    key("dns_config.enable_truncate", Bool, Served),
    key("dns_config.max_stale", Text, Served),
    key("dns_config.node_ttl", Text, Served),
    key("dns_config.only_passing", Bool, Served),
    key("dns_config.prefer_namespace", Bool, Warned),
    key("dns_config.recursor_strategy", Text, Served),
    key("dns_config.recursor_timeout", Text, Served),
    key("dns_config.service_ttl", TextMap, Served),
    key("dns_config.soa.expire", Int, Served),
    key("dns_config.soa.min_ttl", Int, Served),
    key("dns_config.soa.refresh", Int, Served),
    key("dns_config.soa.retry", Int, Served),
    key("dns_config.udp_answer_limit", Int, Served),
    key("dns_config.use_cache", Bool, Warned),
    key("domain", Text, Served),
    key("enable_agent_tls_for_checks", Bool, MootIf("false")),
    key("enable_central_service_config", Bool, Warned),
    key("enable_debug", Bool, MootIf("false")),
    key("enable_local_script_checks", Bool, Served),
    key("enable_script_checks", Bool, Served),
    key("gossip_lan.gossip_interval", Text, Warned),
    key("gossip_lan.gossip_nodes", Int, Warned),
    key("gossip_lan.probe_interval", Text, Warned),
    key("gossip_lan.probe_timeout", Text, Warned),
    key("gossip_lan.retransmit_mult", Int, Warned),
    key("gossip_lan.suspicion_mult", Int, Warned),
    key("gossip_wan.gossip_interval", Text, Warned),
    key("gossip_wan.gossip_nodes", Int, Warned),
    key("gossip_wan.probe_interval", Text, Warned),
    key("gossip_wan.probe_timeout", Text, Warned),
    key("gossip_wan.retransmit_mult", Int, Warned),
    key("gossip_wan.suspicion_mult", Int, Warned),
    key("limits.http_max_conns_per_client", Int, Served),
    key("limits.https_handshake_timeout", Text, Served),
    key("limits.kv_max_value_size", Int, Served),
    key("limits.rpc_client_timeout", Text, Warned),
    key("limits.rpc_handshake_timeout", Text, Warned),
    key("limits.rpc_max_burst", Int, Warned),
    key("limits.rpc_max_conns_per_client", Int, Warned),
    key("limits.rpc_rate", Float, Warned),
    key("limits.txn_max_req_len", Int, Served),
    key("max_query_time", Text, Served),
    key("node_id", Text, Served),
    key("node_meta", TextMap, Served),
    key("node_name", Text, Served),
    key("performance.leave_drain_time", Text, Served),
    key("performance.raft_multiplier", Int, Served),
    key("performance.rpc_hold_timeout", Text, Warned),
    key("ports.dns", Int, Served),
    key("ports.expose_max_port", Int, Warned),
    key("ports.expose_min_port", Int, Warned),
    key("ports.grpc", Int, MootIf("-1")),
    key("ports.http", Int, Served),
    key("ports.https", Int, Served),
    key("ports.proxy_max_port", Int, Warned),
    key("ports.proxy_min_port", Int, Warned),
    key("ports.serf_lan", Int, Served),
    key("ports.serf_wan", Int, MootIf("-1")),
    key("ports.server", Int, Served),
    key("ports.sidecar_max_port", Int, Warned),
    key("ports.sidecar_min_port", Int, Warned),
    key("primary_datacenter", Text, Served),
    key("protocol", Int, MootIf("2")),
    key("raft_boltdb.NoFreelistSync", Bool, Warned),
    key("raft_protocol", Int, MootIf("3")),
    key("raft_snapshot_interval", Text, WarnedThat("snapshots are taken by the size of the log")),
    key("raft_snapshot_threshold", Int, WarnedThat("snapshots are taken by the size of the log")),
    key("raft_trailing_logs", Int, WarnedThat("snapshots are taken by the size of the log")),
    key("reconnect_timeout", Text, Warned),
    key("reconnect_timeout_wan", Text, Warned),
    key("recursors", List, Served),
    key("rejoin_after_leave", Bool, MootIf("false")),
    key("retry_interval", Text, Warned),
    key("retry_interval_wan", Text, Warned),
    key("retry_join", List, WarnedThat(ALONE)),
    key("retry_join_wan", List, WarnedThat(ALONE)),
    key("retry_max", Int, Warned),
    key("retry_max_wan", Int, Warned),
    key("revision", Text, Moot),
    key("rpc.enable_streaming", Bool, Moot),
    key("serf_lan", Text, Warned),
    key("serf_lan_allowed_cidrs", List, Warned),
    key("serf_wan", Text, Warned),
    key("serf_wan_allowed_cidrs", List, Warned),
    key("server", Bool, Served),
    key("service", Any, Served),
    key("services", Any, Served),
    key("session_ttl_min", Text, Served),
    key("snapshot_agent", Any, Moot),
    key("start_join", List, WarnedThat(ALONE)),
    key("start_join_wan", List, WarnedThat(ALONE)),
    key("sync_coordinate_interval_min", Text, Warned),
    key("sync_coordinate_rate_target", Float, Warned),
    key("tagged_addresses", TextMap, Warned),
    key("translate_wan_addrs", Bool, MootIf("false")),
    key("use_streaming_backend", Bool, Moot),
    key("version", Text, Moot),
    key("version_metadata", Text, Moot),
    key("version_prerelease", Text, Moot),
    key("watches", Any, Served),
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
            if let MootIf(value) = key.treatment {
                assert!(serde_json::from_str::<serde_json::Value>(value).is_ok(), "{}", key.path);
            }
        }
    }

    #[test]
    fn what_was_meant_is_suggested() {
        for (typed, meant) in [
            ("datcenter", Some("datacenter")),
            ("ports.htp", Some("ports.http")),
            ("Bind_Adr", Some("bind_addr")),
            ("acl.tokens.defalt", Some("acl.tokens.default")),
            ("port", Some("ports")),
            ("something_else_entirely", None),
        ] {
            assert_eq!(nearest(typed), meant, "{typed}");
        }
    }
}
