//! Every route of Consul 1.13.9, those that newer ones added to what is served here, what each is answered by, and the
//! right that it needs. What is refused to everybody needs none.

use hyper::Method;
use quorate_node::Access::{Read, Write};
use quorate_node::Resource::{Agent, Event, Key, Node, Operator, Service, Session};
use quorate_node::Right;
use quorate_node::Right::{EachStep, Filtered, Management, Nothing, To};

use super::acl::DISABLED;
use super::not_yet::NOT_YET;
use super::{
    Action, Verb, agent, agent_checks, agent_control, agent_health, agent_host, agent_metrics, agent_services,
};
use super::{catalog, event, health, kv, session, snapshot, status, txn};

type Entry = (&'static str, &'static [Verb]);

const fn get(needs: Right, action: Action) -> Verb {
    Verb { method: Method::GET, needs, action }
}

const fn put(needs: Right, action: Action) -> Verb {
    Verb { method: Method::PUT, needs, action }
}

const fn post(needs: Right, action: Action) -> Verb {
    Verb { method: Method::POST, needs, action }
}

const fn delete(needs: Right, action: Action) -> Verb {
    Verb { method: Method::DELETE, needs, action }
}

/// All routes, in no order.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    [SERVED, ACL, AGENT, MESH_NOT_YET, INTERNAL_NOT_YET, OTHERS_NOT_YET].into_iter().flatten().copied()
}

const SERVED: &[Entry] = &[
    ("/v1/agent/members", &[get(Filtered(Node), agent::MEMBERS)]),
    ("/v1/agent/metrics", &[get(To(Agent, Read), agent_metrics::GET)]),
    ("/v1/agent/self", &[get(To(Agent, Read), agent::SELF)]),
    ("/v1/agent/version", &[get(To(Agent, Read), agent::VERSION)]),
    ("/v1/catalog/datacenters", &[get(Nothing, catalog::DATACENTERS)]),
    ("/v1/catalog/deregister", &[put(To(Node, Write), catalog::DEREGISTER)]),
    ("/v1/catalog/node-services/", &[get(To(Node, Read), catalog::NODE_SERVICES)]),
    ("/v1/catalog/node/", &[get(To(Node, Read), catalog::NODE)]),
    ("/v1/catalog/nodes", &[get(Filtered(Node), catalog::NODES)]),
    ("/v1/catalog/register", &[put(To(Node, Write), catalog::REGISTER)]),
    ("/v1/catalog/service/", &[get(Filtered(Service), catalog::SERVICE)]),
    ("/v1/catalog/services", &[get(Filtered(Service), catalog::SERVICES)]),
    ("/v1/event/fire/", &[put(To(Event, Write), event::FIRE)]),
    ("/v1/event/list", &[get(Filtered(Event), event::LIST)]),
    ("/v1/health/checks/", &[get(Filtered(Service), health::CHECKS)]),
    ("/v1/health/node/", &[get(To(Node, Read), health::NODE)]),
    ("/v1/health/service/", &[get(Filtered(Service), health::SERVICE)]),
    ("/v1/health/state/", &[get(Filtered(Service), health::STATE)]),
    ("/v1/kv/", &[get(To(Key, Read), kv::GET), put(To(Key, Write), kv::PUT), delete(To(Key, Write), kv::DELETE)]),
    ("/v1/operator/raft/configuration", &[get(To(Operator, Read), status::RAFT_CONFIGURATION)]),
    ("/v1/session/create", &[put(To(Session, Write), session::CREATE)]),
    ("/v1/session/destroy/", &[put(To(Session, Write), session::DESTROY)]),
    ("/v1/session/info/", &[get(Filtered(Session), session::INFO)]),
    ("/v1/session/list", &[get(Filtered(Session), session::LIST)]),
    ("/v1/session/node/", &[get(Filtered(Session), session::NODE)]),
    ("/v1/session/renew/", &[put(To(Session, Write), session::RENEW)]),
    ("/v1/snapshot", &[get(Management, snapshot::GET), put(Management, snapshot::PUT)]),
    ("/v1/status/leader", &[get(Nothing, status::LEADER)]),
    ("/v1/status/peers", &[get(Nothing, status::PEERS)]),
    ("/v1/txn", &[put(EachStep, txn::PUT)]),
];

const ACL_ITEM: &[Verb] = &[get(Nothing, DISABLED), put(Nothing, DISABLED), delete(Nothing, DISABLED)];

/// Those of the system before Consul 1.4 among them: 1.11 took them away and says so, which is no news of ours.
const ACL: &[Entry] = &[
    ("/v1/acl/auth-method", &[put(Nothing, DISABLED)]),
    ("/v1/acl/auth-method/", ACL_ITEM),
    ("/v1/acl/auth-methods", &[get(Nothing, DISABLED)]),
    ("/v1/acl/binding-rule", &[put(Nothing, DISABLED)]),
    ("/v1/acl/binding-rule/", ACL_ITEM),
    ("/v1/acl/binding-rules", &[get(Nothing, DISABLED)]),
    ("/v1/acl/bootstrap", &[put(Nothing, DISABLED)]),
    ("/v1/acl/clone/", &[put(Nothing, DISABLED)]),
    ("/v1/acl/create", &[put(Nothing, DISABLED)]),
    ("/v1/acl/destroy/", &[put(Nothing, DISABLED)]),
    ("/v1/acl/info/", &[get(Nothing, DISABLED)]),
    ("/v1/acl/list", &[get(Nothing, DISABLED)]),
    ("/v1/acl/login", &[post(Nothing, DISABLED)]),
    ("/v1/acl/logout", &[post(Nothing, DISABLED)]),
    ("/v1/acl/policies", &[get(Nothing, DISABLED)]),
    ("/v1/acl/policy", &[put(Nothing, DISABLED)]),
    ("/v1/acl/policy/", ACL_ITEM),
    ("/v1/acl/policy/name/", &[get(Nothing, DISABLED)]),
    ("/v1/acl/replication", &[get(Nothing, DISABLED)]),
    ("/v1/acl/role", &[put(Nothing, DISABLED)]),
    ("/v1/acl/role/", ACL_ITEM),
    ("/v1/acl/role/name/", &[get(Nothing, DISABLED)]),
    ("/v1/acl/roles", &[get(Nothing, DISABLED)]),
    ("/v1/acl/rules/translate", &[post(Nothing, DISABLED)]),
    ("/v1/acl/rules/translate/", &[get(Nothing, DISABLED)]),
    // The two of templated policies are newer than 1.13.
    ("/v1/acl/templated-policies", &[get(Nothing, DISABLED)]),
    ("/v1/acl/templated-policy/", &[get(Nothing, DISABLED), post(Nothing, DISABLED)]),
    ("/v1/acl/token", &[put(Nothing, DISABLED)]),
    ("/v1/acl/token/", ACL_ITEM),
    ("/v1/acl/token/self", &[get(Nothing, DISABLED)]),
    ("/v1/acl/tokens", &[get(Nothing, DISABLED)]),
    ("/v1/acl/update", &[put(Nothing, DISABLED)]),
];

const GET_NOT_YET: &[Verb] = &[get(Nothing, NOT_YET)];
const PUT_NOT_YET: &[Verb] = &[put(Nothing, NOT_YET)];
const POST_NOT_YET: &[Verb] = &[post(Nothing, NOT_YET)];
const ITEM_NOT_YET: &[Verb] = &[get(Nothing, NOT_YET), put(Nothing, NOT_YET), delete(Nothing, NOT_YET)];

const AGENT: &[Entry] = &[
    ("/v1/agent/check/deregister/", &[put(To(Service, Write), agent_checks::DEREGISTER)]),
    ("/v1/agent/check/fail/", &[put(To(Service, Write), agent_checks::FAIL)]),
    ("/v1/agent/check/pass/", &[put(To(Service, Write), agent_checks::PASS)]),
    ("/v1/agent/check/register", &[put(To(Service, Write), agent_checks::REGISTER)]),
    ("/v1/agent/check/update/", &[put(To(Service, Write), agent_checks::UPDATE)]),
    ("/v1/agent/check/warn/", &[put(To(Service, Write), agent_checks::WARN)]),
    ("/v1/agent/checks", &[get(Filtered(Service), agent_checks::LIST)]),
    ("/v1/agent/connect/authorize", POST_NOT_YET),
    ("/v1/agent/connect/ca/leaf/", GET_NOT_YET),
    ("/v1/agent/connect/ca/roots", GET_NOT_YET),
    ("/v1/agent/force-leave/", &[put(To(Operator, Write), agent_control::FORCE_LEAVE)]),
    ("/v1/agent/health/service/id/", &[get(To(Service, Read), agent_health::BY_ID)]),
    ("/v1/agent/health/service/name/", &[get(To(Service, Read), agent_health::BY_NAME)]),
    ("/v1/agent/host", &[get(To(Operator, Read), agent_host::GET)]),
    ("/v1/agent/join/", &[put(To(Agent, Write), agent_control::JOIN)]),
    ("/v1/agent/leave", &[put(To(Agent, Write), agent_control::LEAVE)]),
    ("/v1/agent/maintenance", &[put(To(Node, Write), agent_services::NODE_MAINTENANCE)]),
    ("/v1/agent/metrics/stream", &[get(To(Agent, Read), agent_metrics::STREAM)]),
    ("/v1/agent/monitor", &[get(To(Agent, Read), agent_control::MONITOR)]),
    ("/v1/agent/reload", &[put(To(Agent, Write), agent_control::RELOAD)]),
    ("/v1/agent/service/", &[get(To(Service, Read), agent_services::ONE)]),
    ("/v1/agent/service/deregister/", &[put(To(Service, Write), agent_services::DEREGISTER)]),
    ("/v1/agent/service/maintenance/", &[put(To(Service, Write), agent_services::MAINTENANCE)]),
    ("/v1/agent/service/register", &[put(To(Service, Write), agent_services::REGISTER)]),
    ("/v1/agent/services", &[get(Filtered(Service), agent_services::LIST)]),
    ("/v1/agent/token/", &[put(Nothing, DISABLED)]),
];

const MESH_NOT_YET: &[Entry] = &[
    ("/v1/catalog/connect/", GET_NOT_YET),
    ("/v1/catalog/gateway-services/", GET_NOT_YET),
    ("/v1/config", PUT_NOT_YET),
    ("/v1/config/", &[get(Nothing, NOT_YET), delete(Nothing, NOT_YET)]),
    ("/v1/connect/ca/configuration", &[get(Nothing, NOT_YET), put(Nothing, NOT_YET)]),
    ("/v1/connect/ca/roots", GET_NOT_YET),
    ("/v1/connect/intentions", &[get(Nothing, NOT_YET), post(Nothing, NOT_YET)]),
    ("/v1/connect/intentions/", ITEM_NOT_YET),
    ("/v1/connect/intentions/check", GET_NOT_YET),
    ("/v1/connect/intentions/exact", ITEM_NOT_YET),
    ("/v1/connect/intentions/match", GET_NOT_YET),
    ("/v1/discovery-chain/", &[get(Nothing, NOT_YET), post(Nothing, NOT_YET)]),
    ("/v1/health/connect/", GET_NOT_YET),
    ("/v1/health/ingress/", GET_NOT_YET),
    ("/v1/peering/", &[get(Nothing, NOT_YET), delete(Nothing, NOT_YET)]),
    ("/v1/peering/establish", POST_NOT_YET),
    ("/v1/peering/token", POST_NOT_YET),
    ("/v1/peerings", GET_NOT_YET),
];

const INTERNAL_NOT_YET: &[Entry] = &[
    ("/v1/internal/acl/authorize", &[post(Nothing, DISABLED)]),
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
    ("/v1/operator/autopilot/configuration", &[get(Nothing, NOT_YET), put(Nothing, NOT_YET)]),
    ("/v1/operator/autopilot/health", GET_NOT_YET),
    ("/v1/operator/autopilot/state", GET_NOT_YET),
    (
        "/v1/operator/keyring",
        &[get(Nothing, NOT_YET), post(Nothing, NOT_YET), put(Nothing, NOT_YET), delete(Nothing, NOT_YET)],
    ),
    ("/v1/operator/raft/peer", &[delete(Nothing, NOT_YET)]),
    // Newer than 1.13.
    ("/v1/operator/raft/transfer-leader", POST_NOT_YET),
    ("/v1/operator/usage", GET_NOT_YET),
    ("/v1/query", &[get(Nothing, NOT_YET), post(Nothing, NOT_YET)]),
    ("/v1/query/", ITEM_NOT_YET),
];
