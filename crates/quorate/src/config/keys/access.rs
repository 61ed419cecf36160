//! Access control: nothing of it is served yet.

use super::Kind::{Any, Blocks, Bool, Duration, Text};
use super::Treatment::{MootIf, Refused, Renamed, WarnedThat};
use super::{Key, NO_ACL, blocks, key};

const ACL: &str = "ACLs are not served yet, and an agent that ignored this would let everyone in";

pub(super) static KEYS: &[Key] = &[
    key("acl.default_policy", Text, MootIf("\"allow\"", NO_ACL)),
    key("acl.down_policy", Text, WarnedThat(NO_ACL)),
    key("acl.enable_key_list_policy", Bool, MootIf("false", NO_ACL)),
    key("acl.enable_token_persistence", Bool, MootIf("false", NO_ACL)),
    key("acl.enable_token_replication", Bool, MootIf("false", NO_ACL)),
    key("acl.enabled", Bool, Refused(ACL)),
    key("acl.msp_disable_bootstrap", Bool, WarnedThat(NO_ACL)),
    key("acl.policy_ttl", Duration, WarnedThat(NO_ACL)),
    key("acl.role_ttl", Duration, WarnedThat(NO_ACL)),
    key("acl.token_ttl", Duration, WarnedThat(NO_ACL)),
    key("acl.tokens.agent", Text, WarnedThat(NO_ACL)),
    key("acl.tokens.agent_master", Text, Renamed("acl.tokens.agent_recovery")),
    key("acl.tokens.agent_recovery", Text, WarnedThat(NO_ACL)),
    key("acl.tokens.default", Text, WarnedThat(NO_ACL)),
    key("acl.tokens.initial_management", Text, WarnedThat(NO_ACL)),
    key("acl.tokens.managed_service_provider", Blocks(&blocks::MANAGED_SERVICE_PROVIDER), WarnedThat(NO_ACL)),
    key("acl.tokens.master", Text, Renamed("acl.tokens.initial_management")),
    key("acl.tokens.replication", Text, WarnedThat(NO_ACL)),
    key("acl_agent_master_token", Text, Renamed("acl.tokens.agent_recovery")),
    key("acl_agent_token", Text, Renamed("acl.tokens.agent")),
    key("acl_datacenter", Text, Refused(ACL)),
    key("acl_default_policy", Text, Renamed("acl.default_policy")),
    key("acl_down_policy", Text, Renamed("acl.down_policy")),
    key("acl_enable_key_list_policy", Bool, Renamed("acl.enable_key_list_policy")),
    key("acl_enforce_version_8", Any, WarnedThat(NO_ACL)),
    key("acl_master_token", Text, Renamed("acl.tokens.initial_management")),
    key("acl_replication_token", Text, Renamed("acl.tokens.replication")),
    key("acl_token", Text, Renamed("acl.tokens.default")),
    key("acl_ttl", Duration, Renamed("acl.token_ttl")),
    key("enable_acl_replication", Bool, Renamed("acl.enable_token_replication")),
];
