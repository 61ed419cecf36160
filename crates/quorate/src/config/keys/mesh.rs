//! The mesh, peering and what Consul has in its Enterprise version alone.

use super::Kind::{Any, AnyObject, BlockMap, Blocks, Bool, Duration, Int, List, Text};
use super::Treatment::{Moot, MootIf, Renamed, WarnedThat};
use super::{ENTERPRISE, Key, MESH, PEERING, blocks, key};

pub(super) static KEYS: &[Key] = &[
    key("audit.enabled", Bool, MootIf("false", ENTERPRISE)),
    key("audit.sink", BlockMap(&blocks::AUDIT_SINK), WarnedThat(ENTERPRISE)),
    key("config_entries.bootstrap", Any, WarnedThat("there are no configuration entries yet")),
    key("connect.ca_config", AnyObject, WarnedThat(MESH)),
    key("connect.ca_provider", Text, WarnedThat(MESH)),
    key("connect.enable_mesh_gateway_wan_federation", Bool, MootIf("false", MESH)),
    key("connect.enable_serverless_plugin", Bool, MootIf("false", MESH)),
    key("connect.enabled", Bool, MootIf("false", MESH)),
    key("connect.test_ca_leaf_root_change_spread", Text, WarnedThat(MESH)),
    key("license_path", Text, WarnedThat(ENTERPRISE)),
    key("license_poll_base_time", Text, WarnedThat(ENTERPRISE)),
    key("license_poll_max_time", Text, WarnedThat(ENTERPRISE)),
    key("license_update_base_time", Text, WarnedThat(ENTERPRISE)),
    key("license_update_max_time", Text, WarnedThat(ENTERPRISE)),
    key("non_voting_server", Bool, Renamed("read_replica")),
    key("partition", Text, WarnedThat(ENTERPRISE)),
    key("peering.enabled", Bool, MootIf("false", PEERING)),
    key("peering.test_allow_peer_registrations", Bool, WarnedThat(PEERING)),
    key("primary_gateways", List, WarnedThat(MESH)),
    key("primary_gateways_interval", Duration, WarnedThat(MESH)),
    key("read_replica", Bool, WarnedThat(ENTERPRISE)),
    key("reporting.license.enabled", Bool, MootIf("false", ENTERPRISE)),
    key("segment", Text, WarnedThat(ENTERPRISE)),
    key("segment_limit", Int, Moot),
    key("segment_name_limit", Int, Moot),
    key("segments", Blocks(&blocks::SEGMENT), WarnedThat(ENTERPRISE)),
];
