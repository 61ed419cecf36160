//! The keys of the configuration: all that Consul 1.13 knows, and a few of our own.
//!
//! A key that is served ends in [`Settings`](super::Settings). One that is not says so with a warning when it is given,
//! unless nothing is lost, or, where it asks for protection that is not there, keeps the agent from starting.

use self::Kind::{Any, Bool, Float, Int, List, Text, TextMap};
use self::Treatment::{Moot, MootIf, Refused, Served, Warned, WarnedThat};

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
    /// The agent does not start unless the value is false, empty or none; the sentence says why.
    Refused(&'static str),
}

const ACL: &str = "ACLs are not served yet, and an agent that ignored this would let everyone in";
const TLS: &str = "TLS is not served yet, and an agent that ignored this would speak in the clear";
const GOSSIP: &str =
    "gossip and its encryption are not served yet, and an agent that ignored this would speak in the clear";
const MESH: &str = "the mesh and its certificate authority are not served yet";
const ALONE: &str = "there is no cluster to join yet";
const UNREGISTERED: &str = "nothing is registered from the configuration yet; use the HTTP API";
const OPEN: &str = "every client may use every route";

/// The key with this path, matched without regard to case as Consul does.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path.eq_ignore_ascii_case(path))
}

/// Whether keys stand below this path.
pub(crate) fn is_group(path: &str) -> bool {
    KEYS.iter().any(|key| {
        let (head, tail) = key.path.split_at_checked(path.len()).unwrap_or((key.path, ""));
        tail.starts_with('.') && head.eq_ignore_ascii_case(path)
    })
}

/// How far a known key may be from a mistyped one to be suggested: a third of its letters.
const SUGGESTION_DISTANCE_DIVISOR: usize = 3;

/// The key or group that was perhaps meant.
pub(crate) fn nearest(path: &str) -> Option<&'static str> {
    let path = path.to_ascii_lowercase();
    let groups = KEYS.iter().filter_map(|key| key.path.rsplit_once('.').map(|(group, _)| group));
    let known = KEYS.iter().map(|key| key.path).chain(groups);
    let near = known.map(|known| (strsim::damerau_levenshtein(&path, known), known));
    near.min().filter(|(distance, known)| distance * SUGGESTION_DISTANCE_DIVISOR <= known.len()).map(|(_, known)| known)
}

const fn key(path: &'static str, kind: Kind, treatment: Treatment) -> Key {
    Key { path, kind, treatment }
}

/// All keys.
static KEYS: &[Key] = &[
    // Our own.
    key("limits.txn_max_ops", Int, Served),
    key("tombstone_ttl", Text, Served),
    // Consul's, by name.
    key("acl.default_policy", Text, MootIf("\"allow\"")),
    key("acl.down_policy", Text, Warned),
    key("acl.enable_key_list_policy", Bool, MootIf("false")),
    key("acl.enable_token_persistence", Bool, MootIf("false")),
    key("acl.enable_token_replication", Bool, MootIf("false")),
    key("acl.enabled", Bool, Refused(ACL)),
    key("acl.msp_disable_bootstrap", Bool, Warned),
    key("acl.policy_ttl", Text, Warned),
    key("acl.role_ttl", Text, Warned),
    key("acl.token_ttl", Text, Warned),
    key("acl.tokens.agent", Text, Warned),
    key("acl.tokens.agent_master", Text, Warned),
    key("acl.tokens.agent_recovery", Text, Warned),
    key("acl.tokens.default", Text, Warned),
    key("acl.tokens.initial_management", Text, Warned),
    key("acl.tokens.managed_service_provider", Any, Warned),
    key("acl.tokens.master", Text, Warned),
    key("acl.tokens.replication", Text, Warned),
    key("acl_agent_master_token", Text, Warned),
    key("acl_agent_token", Text, Warned),
    key("acl_datacenter", Text, Refused(ACL)),
    key("acl_default_policy", Text, Warned),
    key("acl_down_policy", Text, Warned),
    key("acl_enable_key_list_policy", Bool, MootIf("false")),
    key("acl_enforce_version_8", Any, Warned),
    key("acl_master_token", Text, Warned),
    key("acl_replication_token", Text, Warned),
    key("acl_token", Text, Warned),
    key("acl_ttl", Text, Warned),
    key("addresses.dns", Text, Warned),
    key("addresses.grpc", Text, Warned),
    key("addresses.http", Text, Served),
    key("addresses.https", Text, Warned),
    key("advertise_addr", Text, Served),
    key("advertise_addr_ipv4", Text, Warned),
    key("advertise_addr_ipv6", Text, Warned),
    key("advertise_addr_wan", Text, Warned),
    key("advertise_addr_wan_ipv4", Text, Warned),
    key("advertise_addr_wan_ipv6", Text, Warned),
    key("advertise_reconnect_timeout", Text, Warned),
    key("ae_interval", Text, Warned),
    key("alt_domain", Text, Warned),
    key("audit.enabled", Bool, MootIf("false")),
    key("audit.sink", Any, Warned),
    key("auto_config.authorization.enabled", Bool, Refused(TLS)),
    key("auto_config.authorization.static.allow_reuse", Bool, Warned),
    key("auto_config.authorization.static.bound_audiences", List, Warned),
    key("auto_config.authorization.static.bound_issuer", Text, Warned),
    key("auto_config.authorization.static.claim_assertions", List, Warned),
    key("auto_config.authorization.static.claim_mappings", TextMap, Warned),
    key("auto_config.authorization.static.clock_skew_leeway", Text, Warned),
    key("auto_config.authorization.static.expiration_leeway", Text, Warned),
    key("auto_config.authorization.static.jwks_ca_cert", Text, Warned),
    key("auto_config.authorization.static.jwks_url", Text, Warned),
    key("auto_config.authorization.static.jwt_supported_algs", List, Warned),
    key("auto_config.authorization.static.jwt_validation_pub_keys", List, Warned),
    key("auto_config.authorization.static.list_claim_mappings", TextMap, Warned),
    key("auto_config.authorization.static.not_before_leeway", Text, Warned),
    key("auto_config.authorization.static.oidc_discovery_ca_cert", Text, Warned),
    key("auto_config.authorization.static.oidc_discovery_url", Text, Warned),
    key("auto_config.dns_sans", List, Warned),
    key("auto_config.enabled", Bool, Refused(TLS)),
    key("auto_config.intro_token", Text, Warned),
    key("auto_config.intro_token_file", Text, Warned),
    key("auto_config.ip_sans", List, Warned),
    key("auto_config.server_addresses", List, Warned),
    key("auto_encrypt.allow_tls", Bool, Refused(TLS)),
    key("auto_encrypt.dns_san", List, Warned),
    key("auto_encrypt.ip_san", List, Warned),
    key("auto_encrypt.tls", Bool, Refused(TLS)),
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
    key("ca_file", Text, Refused(TLS)),
    key("ca_path", Text, Refused(TLS)),
    key("cache.entry_fetch_max_burst", Int, Warned),
    key("cache.entry_fetch_rate", Float, Warned),
    key("cert_file", Text, Refused(TLS)),
    key("check", Any, WarnedThat(UNREGISTERED)),
    key("check_deregister_interval_min", Text, Warned),
    key("check_output_max_size", Int, Served),
    key("check_reap_interval", Text, Warned),
    key("check_update_interval", Text, Served),
    key("checks", Any, WarnedThat(UNREGISTERED)),
    key("client_addr", Text, Served),
    key("config_entries.bootstrap", Any, Warned),
    key("connect.ca_config", Any, Refused(MESH)),
    key("connect.ca_provider", Text, Refused(MESH)),
    key("connect.enable_mesh_gateway_wan_federation", Bool, MootIf("false")),
    key("connect.enable_serverless_plugin", Bool, MootIf("false")),
    key("connect.enabled", Bool, Refused(MESH)),
    key("connect.test_ca_leaf_root_change_spread", Text, Warned),
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
    key("dns_config.a_record_limit", Int, Warned),
    key("dns_config.allow_stale", Bool, Warned),
    key("dns_config.cache_max_age", Text, Warned),
    key("dns_config.disable_compression", Bool, Warned),
    key("dns_config.enable_additional_node_meta_txt", Bool, Warned),
    key("dns_config.enable_truncate", Bool, Warned),
    key("dns_config.max_stale", Text, Warned),
    key("dns_config.node_ttl", Text, Warned),
    key("dns_config.only_passing", Bool, Warned),
    key("dns_config.prefer_namespace", Bool, Warned),
    key("dns_config.recursor_strategy", Text, Warned),
    key("dns_config.recursor_timeout", Text, Warned),
    key("dns_config.service_ttl", TextMap, Warned),
    key("dns_config.soa.expire", Int, Warned),
    key("dns_config.soa.min_ttl", Int, Warned),
    key("dns_config.soa.refresh", Int, Warned),
    key("dns_config.soa.retry", Int, Warned),
    key("dns_config.udp_answer_limit", Int, Warned),
    key("dns_config.use_cache", Bool, Warned),
    key("domain", Text, Warned),
    key("enable_acl_replication", Bool, MootIf("false")),
    key("enable_agent_tls_for_checks", Bool, MootIf("false")),
    key("enable_central_service_config", Bool, Warned),
    key("enable_debug", Bool, MootIf("false")),
    key("enable_local_script_checks", Bool, Served),
    key("enable_script_checks", Bool, Served),
    key("enable_syslog", Bool, MootIf("false")),
    key("encrypt", Text, Refused(GOSSIP)),
    key("encrypt_verify_incoming", Bool, Warned),
    key("encrypt_verify_outgoing", Bool, Warned),
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
    key("http_config.allow_write_http_from", List, WarnedThat(OPEN)),
    key("http_config.block_endpoints", List, WarnedThat(OPEN)),
    key("http_config.max_header_bytes", Int, Warned),
    key("http_config.response_headers", TextMap, Warned),
    key("http_config.use_cache", Bool, Warned),
    key("key_file", Text, Refused(TLS)),
    key("leave_on_terminate", Bool, MootIf("false")),
    key("license_path", Text, Warned),
    key("license_poll_base_time", Text, Warned),
    key("license_poll_max_time", Text, Warned),
    key("license_update_base_time", Text, Warned),
    key("license_update_max_time", Text, Warned),
    key("limits.http_max_conns_per_client", Int, Warned),
    key("limits.https_handshake_timeout", Text, Warned),
    key("limits.kv_max_value_size", Int, Served),
    key("limits.rpc_client_timeout", Text, Warned),
    key("limits.rpc_handshake_timeout", Text, Warned),
    key("limits.rpc_max_burst", Int, Warned),
    key("limits.rpc_max_conns_per_client", Int, Warned),
    key("limits.rpc_rate", Float, Warned),
    key("limits.txn_max_req_len", Int, Served),
    key("log_file", Text, Warned),
    key("log_json", Bool, Served),
    key("log_level", Text, Served),
    key("log_rotate_bytes", Int, Warned),
    key("log_rotate_duration", Text, Warned),
    key("log_rotate_max_files", Int, Warned),
    key("max_query_time", Text, Served),
    key("node_id", Text, Served),
    key("node_meta", TextMap, Served),
    key("node_name", Text, Served),
    key("non_voting_server", Bool, Warned),
    key("partition", Text, Warned),
    key("peering.enabled", Bool, MootIf("false")),
    key("peering.test_allow_peer_registrations", Bool, Warned),
    key("performance.leave_drain_time", Text, Served),
    key("performance.raft_multiplier", Int, Served),
    key("performance.rpc_hold_timeout", Text, Warned),
    key("pid_file", Text, Warned),
    key("ports.dns", Int, MootIf("-1")),
    key("ports.expose_max_port", Int, Warned),
    key("ports.expose_min_port", Int, Warned),
    key("ports.grpc", Int, MootIf("-1")),
    key("ports.http", Int, Served),
    key("ports.https", Int, Refused(TLS)),
    key("ports.proxy_max_port", Int, Warned),
    key("ports.proxy_min_port", Int, Warned),
    key("ports.serf_lan", Int, Served),
    key("ports.serf_wan", Int, MootIf("-1")),
    key("ports.server", Int, Served),
    key("ports.sidecar_max_port", Int, Warned),
    key("ports.sidecar_min_port", Int, Warned),
    key("primary_datacenter", Text, Served),
    key("primary_gateways", List, Warned),
    key("primary_gateways_interval", Text, Warned),
    key("protocol", Int, MootIf("2")),
    key("raft_boltdb.NoFreelistSync", Bool, Warned),
    key("raft_protocol", Int, MootIf("3")),
    key("raft_snapshot_interval", Text, WarnedThat("snapshots are taken by the size of the log")),
    key("raft_snapshot_threshold", Int, WarnedThat("snapshots are taken by the size of the log")),
    key("raft_trailing_logs", Int, WarnedThat("snapshots are taken by the size of the log")),
    key("read_replica", Bool, Warned),
    key("reconnect_timeout", Text, Warned),
    key("reconnect_timeout_wan", Text, Warned),
    key("recursors", List, Warned),
    key("rejoin_after_leave", Bool, MootIf("false")),
    key("reporting.license.enabled", Bool, MootIf("false")),
    key("retry_interval", Text, Warned),
    key("retry_interval_wan", Text, Warned),
    key("retry_join", List, WarnedThat(ALONE)),
    key("retry_join_wan", List, WarnedThat(ALONE)),
    key("retry_max", Int, Warned),
    key("retry_max_wan", Int, Warned),
    key("revision", Text, Moot),
    key("rpc.enable_streaming", Bool, Moot),
    key("segment", Text, Warned),
    key("segment_limit", Int, Moot),
    key("segment_name_limit", Int, Moot),
    key("segments", Any, Warned),
    key("serf_lan", Text, Warned),
    key("serf_lan_allowed_cidrs", List, Warned),
    key("serf_wan", Text, Warned),
    key("serf_wan_allowed_cidrs", List, Warned),
    key("server", Bool, Served),
    key("server_name", Text, Warned),
    key("service", Any, WarnedThat(UNREGISTERED)),
    key("services", Any, WarnedThat(UNREGISTERED)),
    key("session_ttl_min", Text, Served),
    key("skip_leave_on_interrupt", Bool, MootIf("true")),
    key("snapshot_agent", Any, Moot),
    key("start_join", List, WarnedThat(ALONE)),
    key("start_join_wan", List, WarnedThat(ALONE)),
    key("sync_coordinate_interval_min", Text, Warned),
    key("sync_coordinate_rate_target", Float, Warned),
    key("syslog_facility", Text, Warned),
    key("tagged_addresses", TextMap, Warned),
    key("telemetry.circonus_api_app", Text, Warned),
    key("telemetry.circonus_api_token", Text, Warned),
    key("telemetry.circonus_api_url", Text, Warned),
    key("telemetry.circonus_broker_id", Text, Warned),
    key("telemetry.circonus_broker_select_tag", Text, Warned),
    key("telemetry.circonus_check_display_name", Text, Warned),
    key("telemetry.circonus_check_force_metric_activation", Text, Warned),
    key("telemetry.circonus_check_id", Text, Warned),
    key("telemetry.circonus_check_instance_id", Text, Warned),
    key("telemetry.circonus_check_search_tag", Text, Warned),
    key("telemetry.circonus_check_tags", Text, Warned),
    key("telemetry.circonus_submission_interval", Text, Warned),
    key("telemetry.circonus_submission_url", Text, Warned),
    key("telemetry.disable_hostname", Bool, Warned),
    key("telemetry.dogstatsd_addr", Text, Warned),
    key("telemetry.dogstatsd_tags", List, Warned),
    key("telemetry.filter_default", Bool, Warned),
    key("telemetry.metrics_prefix", Text, Warned),
    key("telemetry.prefix_filter", List, Warned),
    key("telemetry.prometheus_retention_time", Text, Moot),
    key("telemetry.retry_failed_connection", Bool, Warned),
    key("telemetry.statsd_address", Text, Warned),
    key("telemetry.statsite_address", Text, Warned),
    key("tls.defaults.ca_file", Text, Refused(TLS)),
    key("tls.defaults.ca_path", Text, Refused(TLS)),
    key("tls.defaults.cert_file", Text, Refused(TLS)),
    key("tls.defaults.key_file", Text, Refused(TLS)),
    key("tls.defaults.tls_cipher_suites", Text, Warned),
    key("tls.defaults.tls_min_version", Text, Warned),
    key("tls.defaults.use_auto_cert", Bool, Refused(TLS)),
    key("tls.defaults.verify_incoming", Bool, Refused(TLS)),
    key("tls.defaults.verify_outgoing", Bool, Refused(TLS)),
    key("tls.defaults.verify_server_hostname", Bool, Refused(TLS)),
    key("tls.grpc.ca_file", Text, Refused(TLS)),
    key("tls.grpc.ca_path", Text, Refused(TLS)),
    key("tls.grpc.cert_file", Text, Refused(TLS)),
    key("tls.grpc.key_file", Text, Refused(TLS)),
    key("tls.grpc.tls_cipher_suites", Text, Warned),
    key("tls.grpc.tls_min_version", Text, Warned),
    key("tls.grpc.use_auto_cert", Bool, Refused(TLS)),
    key("tls.grpc.verify_incoming", Bool, Refused(TLS)),
    key("tls.grpc.verify_outgoing", Bool, Refused(TLS)),
    key("tls.grpc.verify_server_hostname", Bool, Refused(TLS)),
    key("tls.https.ca_file", Text, Refused(TLS)),
    key("tls.https.ca_path", Text, Refused(TLS)),
    key("tls.https.cert_file", Text, Refused(TLS)),
    key("tls.https.key_file", Text, Refused(TLS)),
    key("tls.https.tls_cipher_suites", Text, Warned),
    key("tls.https.tls_min_version", Text, Warned),
    key("tls.https.use_auto_cert", Bool, Refused(TLS)),
    key("tls.https.verify_incoming", Bool, Refused(TLS)),
    key("tls.https.verify_outgoing", Bool, Refused(TLS)),
    key("tls.https.verify_server_hostname", Bool, Refused(TLS)),
    key("tls.internal_rpc.ca_file", Text, Refused(TLS)),
    key("tls.internal_rpc.ca_path", Text, Refused(TLS)),
    key("tls.internal_rpc.cert_file", Text, Refused(TLS)),
    key("tls.internal_rpc.key_file", Text, Refused(TLS)),
    key("tls.internal_rpc.tls_cipher_suites", Text, Warned),
    key("tls.internal_rpc.tls_min_version", Text, Warned),
    key("tls.internal_rpc.use_auto_cert", Bool, Refused(TLS)),
    key("tls.internal_rpc.verify_incoming", Bool, Refused(TLS)),
    key("tls.internal_rpc.verify_outgoing", Bool, Refused(TLS)),
    key("tls.internal_rpc.verify_server_hostname", Bool, Refused(TLS)),
    key("tls_cipher_suites", Text, Warned),
    key("tls_min_version", Text, Warned),
    key("tls_prefer_server_cipher_suites", Bool, MootIf("false")),
    key("translate_wan_addrs", Bool, MootIf("false")),
    key("ui", Bool, MootIf("false")),
    key("ui_config.content_path", Text, Warned),
    key("ui_config.dashboard_url_templates", TextMap, Warned),
    key("ui_config.dir", Text, Warned),
    key("ui_config.enabled", Bool, MootIf("false")),
    key("ui_config.metrics_provider", Text, Warned),
    key("ui_config.metrics_provider_files", List, Warned),
    key("ui_config.metrics_provider_options_json", Text, Warned),
    key("ui_config.metrics_proxy.add_headers", Any, Warned),
    key("ui_config.metrics_proxy.base_url", Text, Warned),
    key("ui_config.metrics_proxy.path_allowlist", List, Warned),
    key("ui_content_path", Text, Warned),
    key("ui_dir", Text, Warned),
    key("unix_sockets.group", Text, Warned),
    key("unix_sockets.mode", Text, Warned),
    key("unix_sockets.user", Text, Warned),
    key("use_streaming_backend", Bool, Moot),
    key("verify_incoming", Bool, Refused(TLS)),
    key("verify_incoming_https", Bool, Refused(TLS)),
    key("verify_incoming_rpc", Bool, Refused(TLS)),
    key("verify_outgoing", Bool, Refused(TLS)),
    key("verify_server_hostname", Bool, Refused(TLS)),
    key("version", Text, Moot),
    key("version_metadata", Text, Moot),
    key("version_prerelease", Text, Moot),
    key("watches", Any, Warned),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_stands_once_and_no_group_is_a_key() {
        for (position, key) in KEYS.iter().enumerate() {
            assert!(!KEYS[..position].iter().any(|other| other.path == key.path), "{} stands twice", key.path);
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
