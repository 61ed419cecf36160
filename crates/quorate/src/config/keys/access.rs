//! Access control: nothing of it is served yet.

use super::Kind::{Any, Bool, Text};
use super::Treatment::{MootIf, Refused, Renamed, Warned};
use super::{Key, key};

const ACL: &str = "ACLs are not served yet, and an agent that ignored this would let everyone in";

pub(super) static KEYS: &[Key] = &[
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
    key("acl.tokens.agent_master", Text, Renamed("acl.tokens.agent_recovery")),
    key("acl.tokens.agent_recovery", Text, Warned),
    key("acl.tokens.default", Text, Warned),
    key("acl.tokens.initial_management", Text, Warned),
    key("acl.tokens.managed_service_provider", Any, Warned),
    key("acl.tokens.master", Text, Renamed("acl.tokens.initial_management")),
    key("acl.tokens.replication", Text, Warned),
    key("acl_agent_master_token", Text, Renamed("acl.tokens.agent_recovery")),
    key("acl_agent_token", Text, Renamed("acl.tokens.agent")),
    key("acl_datacenter", Text, Refused(ACL)),
    key("acl_default_policy", Text, Renamed("acl.default_policy")),
    key("acl_down_policy", Text, Renamed("acl.down_policy")),
    key("acl_enable_key_list_policy", Bool, Renamed("acl.enable_key_list_policy")),
    key("acl_enforce_version_8", Any, Warned),
    key("acl_master_token", Text, Renamed("acl.tokens.initial_management")),
    key("acl_replication_token", Text, Renamed("acl.tokens.replication")),
    key("acl_token", Text, Renamed("acl.tokens.default")),
    key("acl_ttl", Text, Renamed("acl.token_ttl")),
    key("enable_acl_replication", Bool, Renamed("acl.enable_token_replication")),
];
