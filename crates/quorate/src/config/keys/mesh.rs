//! The mesh, peering and what Consul has in its Enterprise version alone.

use super::Kind::{Any, Bool, Int, List, Text};
use super::Treatment::{Moot, MootIf, Renamed, Warned, WarnedThat};
use super::{Key, key};

const MESH: &str = "the mesh and its certificate authority are not served yet";

pub(super) static KEYS: &[Key] = &[
    key("audit.enabled", Bool, MootIf("false")),
    key("audit.sink", Any, Warned),
    key("config_entries.bootstrap", Any, Warned),
    key("connect.ca_config", Any, WarnedThat(MESH)),
    key("connect.ca_provider", Text, WarnedThat(MESH)),
    key("connect.enable_mesh_gateway_wan_federation", Bool, MootIf("false")),
    key("connect.enable_serverless_plugin", Bool, MootIf("false")),
    key("connect.enabled", Bool, MootIf("false")),
    key("connect.test_ca_leaf_root_change_spread", Text, Warned),
    key("license_path", Text, Warned),
    key("license_poll_base_time", Text, Warned),
    key("license_poll_max_time", Text, Warned),
    key("license_update_base_time", Text, Warned),
    key("license_update_max_time", Text, Warned),
    key("non_voting_server", Bool, Renamed("read_replica")),
    key("partition", Text, Warned),
    key("peering.enabled", Bool, MootIf("false")),
    key("peering.test_allow_peer_registrations", Bool, Warned),
    key("primary_gateways", List, Warned),
    key("primary_gateways_interval", Text, Warned),
    key("read_replica", Bool, Warned),
    key("reporting.license.enabled", Bool, MootIf("false")),
    key("segment", Text, Warned),
    key("segment_limit", Int, Moot),
    key("segment_name_limit", Int, Moot),
    key("segments", Any, Warned),
];
