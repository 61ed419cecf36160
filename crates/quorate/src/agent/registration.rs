//! What a server registers of itself: its node, the service of the servers, and the check that it is alive.

use quorate_state::{Check, CheckStatus, Node, Registration, Service, Weights};
use uuid::Uuid;

use crate::config::Settings;
use crate::version;

/// What every node's meta carries in Consul; the empty segment is the only one there is.
const SEGMENT: &str = "consul-network-segment";

/// The registration of a server.
pub(super) fn of_server(settings: &Settings, id: Uuid) -> Registration {
    let name = settings.node.name.clone();
    let mut meta = settings.node.meta.clone();
    meta.insert(SEGMENT.to_owned(), String::new());
    Registration {
        node: Node {
            id: id.to_string(),
            name: name.clone(),
            address: settings.addresses.advertise.to_string(),
            tagged_addresses: settings.addresses.tagged(),
            meta,
            ..Node::default()
        },
        skip_node_update: false,
        service: Some(server_service(settings, name.clone())),
        checks: vec![Check {
            node: name,
            id: "serfHealth".to_owned(),
            name: "Serf Health Status".to_owned(),
            status: CheckStatus::Passing,
            output: "Agent alive and reachable".to_owned(),
            ..Check::default()
        }],
    }
}

/// The service under which clients find the servers. Its meta says what Consul's clients look for.
fn server_service(settings: &Settings, node: String) -> Service {
    let meta = [
        ("non_voter", "false"),
        ("raft_version", "3"),
        ("read_replica", "false"),
        ("serf_protocol_current", "2"),
        ("serf_protocol_max", "5"),
        ("serf_protocol_min", "1"),
        ("version", version::CONSUL_API),
    ];
    Service {
        node,
        id: "consul".to_owned(),
        name: "consul".to_owned(),
        meta: meta.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        port: i64::from(settings.addresses.server_port),
        weights: Weights::default(),
        ..Service::default()
    }
}
