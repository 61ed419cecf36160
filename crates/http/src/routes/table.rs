//! Every route of Consul 1.13.9, those that newer ones added to what is served here, and what each is answered by.

use hyper::Method;

use super::acl::DISABLED;
use super::not_yet::NOT_YET;
use super::{Action, agent, agent_checks, agent_control, agent_health, agent_host, agent_metrics, agent_services};
use super::{catalog, event, health, kv, session, snapshot, status, txn};

type Entry = (&'static str, &'static [(Method, Action)]);

/// All routes, in no order.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    [SERVED, ACL, AGENT, MESH_NOT_YET, INTERNAL_NOT_YET, OTHERS_NOT_YET].into_iter().flatten().copied()
}

const SERVED: &[Entry] = &[
    ("/v1/agent/members", &[(Method::GET, agent::MEMBERS)]),
    ("/v1/agent/metrics", &[(Method::GET, agent_metrics::GET)]),
    ("/v1/agent/self", &[(Method::GET, agent::SELF)]),
    ("/v1/agent/version", &[(Method::GET, agent::VERSION)]),
    ("/v1/catalog/datacenters", &[(Method::GET, catalog::DATACENTERS)]),
    ("/v1/catalog/deregister", &[(Method::PUT, catalog::DEREGISTER)]),
    ("/v1/catalog/node-services/", &[(Method::GET, catalog::NODE_SERVICES)]),
    ("/v1/catalog/node/", &[(Method::GET, catalog::NODE)]),
    ("/v1/catalog/nodes", &[(Method::GET, catalog::NODES)]),
    ("/v1/catalog/register", &[(Method::PUT, catalog::REGISTER)]),
    ("/v1/catalog/service/", &[(Method::GET, catalog::SERVICE)]),
    ("/v1/catalog/services", &[(Method::GET, catalog::SERVICES)]),
    ("/v1/event/fire/", &[(Method::PUT, event::FIRE)]),
    ("/v1/event/list", &[(Method::GET, event::LIST)]),
    ("/v1/health/checks/", &[(Method::GET, health::CHECKS)]),
    ("/v1/health/node/", &[(Method::GET, health::NODE)]),
    ("/v1/health/service/", &[(Method::GET, health::SERVICE)]),
    ("/v1/health/state/", &[(Method::GET, health::STATE)]),
    ("/v1/kv/", &[(Method::GET, kv::GET), (Method::PUT, kv::PUT), (Method::DELETE, kv::DELETE)]),
    ("/v1/operator/raft/configuration", &[(Method::GET, status::RAFT_CONFIGURATION)]),
    ("/v1/session/create", &[(Method::PUT, session::CREATE)]),
    ("/v1/session/destroy/", &[(Method::PUT, session::DESTROY)]),
    ("/v1/session/info/", &[(Method::GET, session::INFO)]),
    ("/v1/session/list", &[(Method::GET, session::LIST)]),
    ("/v1/session/node/", &[(Method::GET, session::NODE)]),
    ("/v1/session/renew/", &[(Method::PUT, session::RENEW)]),
    ("/v1/snapshot", &[(Method::GET, snapshot::GET), (Method::PUT, snapshot::PUT)]),
    ("/v1/status/leader", &[(Method::GET, status::LEADER)]),
    ("/v1/status/peers", &[(Method::GET, status::PEERS)]),
    ("/v1/txn", &[(Method::PUT, txn::PUT)]),
];

const ACL_ITEM: &[(Method, Action)] = &[(Method::GET, DISABLED), (Method::PUT, DISABLED), (Method::DELETE, DISABLED)];

/// Those of the system before Consul 1.4 among them: 1.11 took them away and says so, which is no news of ours.
const ACL: &[Entry] = &[
    ("/v1/acl/auth-method", &[(Method::PUT, DISABLED)]),
    ("/v1/acl/auth-method/", ACL_ITEM),
    ("/v1/acl/auth-methods", &[(Method::GET, DISABLED)]),
    ("/v1/acl/binding-rule", &[(Method::PUT, DISABLED)]),
    ("/v1/acl/binding-rule/", ACL_ITEM),
    ("/v1/acl/binding-rules", &[(Method::GET, DISABLED)]),
    ("/v1/acl/bootstrap", &[(Method::PUT, DISABLED)]),
    ("/v1/acl/clone/", &[(Method::PUT, DISABLED)]),
    ("/v1/acl/create", &[(Method::PUT, DISABLED)]),
    ("/v1/acl/destroy/", &[(Method::PUT, DISABLED)]),
    ("/v1/acl/info/", &[(Method::GET, DISABLED)]),
    ("/v1/acl/list", &[(Method::GET, DISABLED)]),
    ("/v1/acl/login", &[(Method::POST, DISABLED)]),
    ("/v1/acl/logout", &[(Method::POST, DISABLED)]),
    ("/v1/acl/policies", &[(Method::GET, DISABLED)]),
    ("/v1/acl/policy", &[(Method::PUT, DISABLED)]),
    ("/v1/acl/policy/", ACL_ITEM),
    ("/v1/acl/policy/name/", &[(Method::GET, DISABLED)]),
    ("/v1/acl/replication", &[(Method::GET, DISABLED)]),
    ("/v1/acl/role", &[(Method::PUT, DISABLED)]),
    ("/v1/acl/role/", ACL_ITEM),
    ("/v1/acl/role/name/", &[(Method::GET, DISABLED)]),
    ("/v1/acl/roles", &[(Method::GET, DISABLED)]),
    ("/v1/acl/rules/translate", &[(Method::POST, DISABLED)]),
    ("/v1/acl/rules/translate/", &[(Method::GET, DISABLED)]),
    // The two of templated policies are newer than 1.13.
    ("/v1/acl/templated-policies", &[(Method::GET, DISABLED)]),
    ("/v1/acl/templated-policy/", &[(Method::GET, DISABLED), (Method::POST, DISABLED)]),
    ("/v1/acl/token", &[(Method::PUT, DISABLED)]),
    ("/v1/acl/token/", ACL_ITEM),
    ("/v1/acl/token/self", &[(Method::GET, DISABLED)]),
    ("/v1/acl/tokens", &[(Method::GET, DISABLED)]),
    ("/v1/acl/update", &[(Method::PUT, DISABLED)]),
];

const GET_NOT_YET: &[(Method, Action)] = &[(Method::GET, NOT_YET)];
const PUT_NOT_YET: &[(Method, Action)] = &[(Method::PUT, NOT_YET)];
const POST_NOT_YET: &[(Method, Action)] = &[(Method::POST, NOT_YET)];
const ITEM_NOT_YET: &[(Method, Action)] = &[(Method::GET, NOT_YET), (Method::PUT, NOT_YET), (Method::DELETE, NOT_YET)];

const AGENT: &[Entry] = &[
    ("/v1/agent/check/deregister/", &[(Method::PUT, agent_checks::DEREGISTER)]),
    ("/v1/agent/check/fail/", &[(Method::PUT, agent_checks::FAIL)]),
    ("/v1/agent/check/pass/", &[(Method::PUT, agent_checks::PASS)]),
    ("/v1/agent/check/register", &[(Method::PUT, agent_checks::REGISTER)]),
    ("/v1/agent/check/update/", &[(Method::PUT, agent_checks::UPDATE)]),
    ("/v1/agent/check/warn/", &[(Method::PUT, agent_checks::WARN)]),
    ("/v1/agent/checks", &[(Method::GET, agent_checks::LIST)]),
    ("/v1/agent/connect/authorize", POST_NOT_YET),
    ("/v1/agent/connect/ca/leaf/", GET_NOT_YET),
    ("/v1/agent/connect/ca/roots", GET_NOT_YET),
    ("/v1/agent/force-leave/", &[(Method::PUT, agent_control::FORCE_LEAVE)]),
    ("/v1/agent/health/service/id/", &[(Method::GET, agent_health::BY_ID)]),
    ("/v1/agent/health/service/name/", &[(Method::GET, agent_health::BY_NAME)]),
    ("/v1/agent/host", &[(Method::GET, agent_host::GET)]),
    ("/v1/agent/join/", &[(Method::PUT, agent_control::JOIN)]),
    ("/v1/agent/leave", &[(Method::PUT, agent_control::LEAVE)]),
    ("/v1/agent/maintenance", &[(Method::PUT, agent_services::NODE_MAINTENANCE)]),
    ("/v1/agent/metrics/stream", &[(Method::GET, agent_metrics::STREAM)]),
    ("/v1/agent/monitor", &[(Method::GET, agent_control::MONITOR)]),
    ("/v1/agent/reload", &[(Method::PUT, agent_control::RELOAD)]),
    ("/v1/agent/service/", &[(Method::GET, agent_services::ONE)]),
    ("/v1/agent/service/deregister/", &[(Method::PUT, agent_services::DEREGISTER)]),
    ("/v1/agent/service/maintenance/", &[(Method::PUT, agent_services::MAINTENANCE)]),
    ("/v1/agent/service/register", &[(Method::PUT, agent_services::REGISTER)]),
    ("/v1/agent/services", &[(Method::GET, agent_services::LIST)]),
    ("/v1/agent/token/", &[(Method::PUT, DISABLED)]),
];

const MESH_NOT_YET: &[Entry] = &[
    ("/v1/catalog/connect/", GET_NOT_YET),
    ("/v1/catalog/gateway-services/", GET_NOT_YET),
    ("/v1/config", PUT_NOT_YET),
    ("/v1/config/", &[(Method::GET, NOT_YET), (Method::DELETE, NOT_YET)]),
    ("/v1/connect/ca/configuration", &[(Method::GET, NOT_YET), (Method::PUT, NOT_YET)]),
    ("/v1/connect/ca/roots", GET_NOT_YET),
    ("/v1/connect/intentions", &[(Method::GET, NOT_YET), (Method::POST, NOT_YET)]),
    ("/v1/connect/intentions/", ITEM_NOT_YET),
    ("/v1/connect/intentions/check", GET_NOT_YET),
    ("/v1/connect/intentions/exact", ITEM_NOT_YET),
    ("/v1/connect/intentions/match", GET_NOT_YET),
    ("/v1/discovery-chain/", &[(Method::GET, NOT_YET), (Method::POST, NOT_YET)]),
    ("/v1/health/connect/", GET_NOT_YET),
    ("/v1/health/ingress/", GET_NOT_YET),
    ("/v1/peering/", &[(Method::GET, NOT_YET), (Method::DELETE, NOT_YET)]),
    ("/v1/peering/establish", POST_NOT_YET),
    ("/v1/peering/token", POST_NOT_YET),
    ("/v1/peerings", GET_NOT_YET),
];

const INTERNAL_NOT_YET: &[Entry] = &[
    ("/v1/internal/acl/authorize", &[(Method::POST, DISABLED)]),
    ("/v1/internal/federation-state/", GET_NOT_YET),
    ("/v1/internal/federation-states", GET_NOT_YET),
    ("/v1/internal/federation-states/mesh-gateways", GET_NOT_YET),
    ("/v1/internal/ui/catalog-overview", GET_NOT_YET),
    ("/v1/internal/ui/exported-services", GET_NOT_YET),
    ("/v1/internal/ui/gateway-intentions/", GET_NOT_YET),
    ("/v1/internal/ui/gateway-services-nodes/", GET_NOT_YET),
    ("/v1/internal/ui/metrics-proxy/", GET_NOT_YET),
    ("/v1/internal/ui/node/", GET_NOT_YET),
    ("/v1/internal/ui/nodes", GET_NOT_YET),
    ("/v1/internal/ui/service-topology/", GET_NOT_YET),
    ("/v1/internal/ui/services", GET_NOT_YET),
];

const OTHERS_NOT_YET: &[Entry] = &[
    ("/v1/coordinate/datacenters", GET_NOT_YET),
    ("/v1/coordinate/node/", GET_NOT_YET),
    ("/v1/coordinate/nodes", GET_NOT_YET),
    ("/v1/coordinate/update", PUT_NOT_YET),
    ("/v1/operator/autopilot/configuration", &[(Method::GET, NOT_YET), (Method::PUT, NOT_YET)]),
    ("/v1/operator/autopilot/health", GET_NOT_YET),
    ("/v1/operator/autopilot/state", GET_NOT_YET),
    (
        "/v1/operator/keyring",
        &[(Method::GET, NOT_YET), (Method::POST, NOT_YET), (Method::PUT, NOT_YET), (Method::DELETE, NOT_YET)],
    ),
    ("/v1/operator/raft/peer", &[(Method::DELETE, NOT_YET)]),
    // Newer than 1.13.
    ("/v1/operator/raft/transfer-leader", POST_NOT_YET),
    ("/v1/operator/usage", GET_NOT_YET),
    ("/v1/query", &[(Method::GET, NOT_YET), (Method::POST, NOT_YET)]),
    ("/v1/query/", ITEM_NOT_YET),
];
