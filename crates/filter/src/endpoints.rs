//! The results that filters run over, endpoint by endpoint.
//!
//! The names are those of Consul 1.13.9. What it keeps out of filters is not here: indexes, check definitions, the
//! opaque `Config` of proxies and upstreams, and the fields of Consul's paid edition except a node's `Partition`.

use crate::schema::Kind::{Bool, Int, Map, Record, Records, String, Strings};
use crate::schema::{Field, Kind, Schema};

/// `catalog/nodes`: one node.
pub static CATALOG_NODES: Schema = Schema { name: "catalog nodes", fields: NODE };

/// `catalog/service/:name`: one instance with its node, in one flat record.
///
/// `catalog/services` takes no filter in Consul 1.13.9; a later one runs it over these records before it collects tags.
pub static CATALOG_SERVICE: Schema = Schema { name: "catalog service", fields: SERVICE_NODE };

/// `catalog/node/:name` and `catalog/node-services/:name`: one service of the node.
pub static CATALOG_NODE: Schema = Schema { name: "catalog node", fields: SERVICE };

/// `health/node/:name`, `health/checks/:service` and `health/state/:state`: one check.
pub static HEALTH_CHECKS: Schema = Schema { name: "health checks", fields: CHECK };

/// `health/service/:name`: one instance as its node, service and checks.
pub static HEALTH_SERVICE: Schema = Schema {
    name: "health service",
    fields: &[field("Node", Record(NODE)), field("Service", Record(SERVICE)), field("Checks", Records(CHECK))],
};

/// `agent/members`: one member. 1.13.9 takes no filter there; a later one does.
pub static AGENT_MEMBERS: Schema = Schema {
    name: "agent members",
    fields: &[
        field("Name", String),
        field("Addr", String),
        field("Port", Int),
        field("Tags", Map(&String)),
        field("Status", Int),
        field("ProtocolMin", Int),
        field("ProtocolMax", Int),
        field("ProtocolCur", Int),
        field("DelegateMin", Int),
        field("DelegateMax", Int),
        field("DelegateCur", Int),
    ],
};

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

const NODE: &[Field] = &[
    field("ID", String),
    field("Node", String),
    field("Address", String),
    field("Datacenter", String),
    field("Partition", String),
    field("PeerName", String),
    field("TaggedAddresses", Map(&String)),
    field("Meta", Map(&String)),
];

const SERVICE: &[Field] = &[
    field("Kind", String),
    field("ID", String),
    field("Service", String),
    field("Tags", Strings),
    field("Address", String),
    field("TaggedAddresses", Map(&Record(SERVICE_ADDRESS))),
    field("Meta", Map(&String)),
    field("Port", Int),
    field("SocketPath", String),
    field("Weights", Record(WEIGHTS)),
    field("EnableTagOverride", Bool),
    field("Proxy", Record(PROXY)),
    field("Connect", Record(CONNECT)),
    field("PeerName", String),
];

const SERVICE_NODE: &[Field] = &[
    field("ID", String),
    field("Node", String),
    field("Address", String),
    field("Datacenter", String),
    field("TaggedAddresses", Map(&String)),
    field("NodeMeta", Map(&String)),
    field("ServiceKind", String),
    field("ServiceID", String),
    field("ServiceName", String),
    field("ServiceTags", Strings),
    field("ServiceAddress", String),
    field("ServiceTaggedAddresses", Map(&Record(SERVICE_ADDRESS))),
    field("ServiceWeights", Record(WEIGHTS)),
    field("ServiceMeta", Map(&String)),
    field("ServicePort", Int),
    field("ServiceSocketPath", String),
    field("ServiceEnableTagOverride", Bool),
    field("ServiceProxy", Record(PROXY)),
    field("ServiceConnect", Record(CONNECT)),
    field("PeerName", String),
];

const CHECK: &[Field] = &[
    field("Node", String),
    field("CheckID", String),
    field("Name", String),
    field("Status", String),
    field("Notes", String),
    field("Output", String),
    field("ServiceID", String),
    field("ServiceName", String),
    field("ServiceTags", Strings),
    field("Type", String),
    field("Interval", String),
    field("Timeout", String),
    field("ExposedPort", Int),
    field("PeerName", String),
];

const SERVICE_ADDRESS: &[Field] = &[field("Address", String), field("Port", Int)];

const WEIGHTS: &[Field] = &[field("Passing", Int), field("Warning", Int)];

const CONNECT: &[Field] = &[field("Native", Bool)];

const PROXY: &[Field] = &[
    field("DestinationServiceName", String),
    field("DestinationServiceID", String),
    field("LocalServiceAddress", String),
    field("LocalServicePort", Int),
    field("LocalServiceSocketPath", String),
    field("Mode", String),
    field("Upstreams", Records(UPSTREAM)),
    field("MeshGateway", Record(MESH_GATEWAY)),
    field("Expose", Record(&[field("Checks", Bool), field("Paths", Records(EXPOSED_PATH))])),
    field("TransparentProxy", Record(&[field("OutboundListenerPort", Int), field("DialedDirectly", Bool)])),
];

const UPSTREAM: &[Field] = &[
    field("DestinationType", String),
    field("DestinationNamespace", String),
    field("DestinationPartition", String),
    field("DestinationPeer", String),
    field("DestinationName", String),
    field("Datacenter", String),
    field("LocalBindAddress", String),
    field("LocalBindPort", Int),
    field("LocalBindSocketPath", String),
    field("LocalBindSocketMode", String),
    field("MeshGateway", Record(MESH_GATEWAY)),
];

const MESH_GATEWAY: &[Field] = &[field("Mode", String)];

const EXPOSED_PATH: &[Field] = &[
    field("ListenerPort", Int),
    field("Path", String),
    field("LocalPathPort", Int),
    field("Protocol", String),
    field("ParsedFromCheck", Bool),
];
