//! Entries of the state as a filter sees them: the fields of Consul's Go types, found in borrowed domain values.
//!
//! The names are the filter language's own vocabulary; which of them a filter may use, and of what kind each is, says its
//! schema (`quorate_filter::HEALTH_SERVICE` and so on). A name that is not found here has its kind's zero value.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use quorate_filter::{Place, Select};
use quorate_state::{Check, Node, Service, ServiceAddress, State, Weights};

/// What a filter can enter on its way through an entry of the state.
#[derive(Clone, Copy, Debug)]
pub enum Selected<'a> {
    /// A node (`CATALOG_NODES`).
    Node {
        /// It.
        node: &'a Node,
        /// The datacenter that it is in.
        datacenter: &'a str,
    },
    /// An instance as its node lists it (`CATALOG_NODE`).
    Service(&'a Service),
    /// An instance as its agent lists it (`CATALOG_NODE`): with a proxy's part only if it is of a kind of proxy.
    LocalService(&'a Service),
    /// An instance and its node in one flat record (`CATALOG_SERVICE`).
    CatalogService {
        /// The node.
        node: &'a Node,
        /// The instance.
        service: &'a Service,
        /// The datacenter that both are in.
        datacenter: &'a str,
    },
    /// A check (`HEALTH_CHECKS`).
    Check(&'a Check),
    /// An instance, its node and the checks that count for it (`HEALTH_SERVICE`).
    Instance {
        /// Where its checks are found.
        state: &'a State,
        /// The node.
        node: &'a Node,
        /// The instance.
        service: &'a Service,
        /// The datacenter that both are in.
        datacenter: &'a str,
    },
    /// The checks that count for an instance.
    Checks {
        /// Where they are found.
        state: &'a State,
        /// The node.
        node: &'a Node,
        /// The instance.
        service: &'a Service,
    },
    /// An instance's addresses by purpose.
    Addresses(&'a BTreeMap<String, ServiceAddress>),
    /// One of them.
    Address(&'a ServiceAddress),
    /// An instance's weights.
    Weights(Weights),
}

/// The kinds of services that an agent shows with a proxy's part, also where there is nothing in it.
pub const PROXY_KINDS: [&str; 4] = ["connect-proxy", "mesh-gateway", "terminating-gateway", "ingress-gateway"];

/// The checks that count for an instance: its node's, then its own.
pub fn checks_of<'a>(
    state: &'a State,
    node: &Node,
    service: &Service,
) -> impl Iterator<Item = &'a Arc<Check>> + use<'a> {
    state.checks_of_node(&node.name).chain(state.checks_of_instance(&node.name, &service.id))
}

impl<'a> Select<'a> for Selected<'a> {
    fn field(self, name: &'static str) -> Place<'a, Self> {
        match self {
            Self::Node { node, datacenter } => node_field(node, datacenter, name),
            Self::LocalService(service) if name == "Proxy" && !PROXY_KINDS.contains(&&*service.kind) => Place::Nothing,
            Self::Service(service) | Self::LocalService(service) => service_field(service, name),
            Self::CatalogService { node, service, datacenter } => {
                catalog_service_field(node, service, datacenter, name)
            }
            Self::Check(check) => check_field(check, name),
            Self::Instance { state, node, service, datacenter } => match name {
                "Node" => Place::Inner(Self::Node { node, datacenter }),
                "Service" => Place::Inner(Self::Service(service)),
                "Checks" => Place::Inner(Self::Checks { state, node, service }),
                _ => Place::Nothing,
            },
            Self::Address(address) => match name {
                "Address" => Place::Text(&address.address),
                "Port" => Place::Int(address.port),
                _ => Place::Nothing,
            },
            Self::Weights(weights) => match name {
                "Passing" => Place::Int(weights.passing),
                "Warning" => Place::Int(weights.warning),
                _ => Place::Nothing,
            },
            Self::Checks { .. } | Self::Addresses(_) => Place::Nothing,
        }
    }

    fn key(self, key: &str) -> Option<Place<'a, Self>> {
        let Self::Addresses(addresses) = self else { return None };
        addresses.get(key).map(|address| Place::Inner(Self::Address(address)))
    }

    fn each(self, visit: &mut dyn FnMut(Place<'a, Self>) -> ControlFlow<()>) {
        if let Self::Checks { state, node, service } = self {
            let _ = checks_of(state, node, service).try_for_each(|check| visit(Place::Inner(Self::Check(check))));
        }
    }

    fn is_empty(self) -> bool {
        match self {
            Self::Checks { state, node, service } => checks_of(state, node, service).next().is_none(),
            Self::Addresses(addresses) => addresses.is_empty(),
            _ => true,
        }
    }
}

fn node_field<'a>(node: &'a Node, datacenter: &'a str, name: &str) -> Place<'a, Selected<'a>> {
    match name {
        "ID" => Place::Text(&node.id),
        "Node" => Place::Text(&node.name),
        "Address" => Place::Text(&node.address),
        "Datacenter" => Place::Text(datacenter),
        "TaggedAddresses" => Place::Texts(&node.tagged_addresses),
        "Meta" => Place::Texts(&node.meta),
        _ => Place::Nothing,
    }
}

fn service_field<'a>(service: &'a Service, name: &str) -> Place<'a, Selected<'a>> {
    match name {
        "Kind" => Place::Text(&service.kind),
        "ID" => Place::Text(&service.id),
        "Service" => Place::Text(&service.name),
        "Tags" => Place::Strings(&service.tags),
        "Address" => Place::Text(&service.address),
        "TaggedAddresses" => Place::Inner(Selected::Addresses(&service.tagged_addresses)),
        "Meta" => Place::Texts(&service.meta),
        "Port" => Place::Int(service.port),
        "SocketPath" => Place::Text(&service.socket_path),
        "Weights" => Place::Inner(Selected::Weights(service.weights)),
        "EnableTagOverride" => Place::Bool(service.enable_tag_override),
        "Proxy" => Place::Json(&service.proxy),
        "Connect" => Place::Json(&service.connect),
        _ => Place::Nothing,
    }
}

fn catalog_service_field<'a>(
    node: &'a Node,
    service: &'a Service,
    datacenter: &'a str,
    name: &str,
) -> Place<'a, Selected<'a>> {
    match name {
        "ID" => Place::Text(&node.id),
        // As its registration spelled it; the node may have been written otherwise since.
        "Node" => Place::Text(&service.node),
        "Address" => Place::Text(&node.address),
        "Datacenter" => Place::Text(datacenter),
        "TaggedAddresses" => Place::Texts(&node.tagged_addresses),
        "NodeMeta" => Place::Texts(&node.meta),
        "ServiceName" => Place::Text(&service.name),
        // The others are the service's own, with a word before them.
        _ => name.strip_prefix("Service").map_or(Place::Nothing, |own| service_field(service, own)),
    }
}

fn check_field<'a>(check: &'a Check, name: &str) -> Place<'a, Selected<'a>> {
    match name {
        "Node" => Place::Text(&check.node),
        "CheckID" => Place::Text(&check.id),
        "Name" => Place::Text(&check.name),
        "Status" => Place::Text(check.status.as_str()),
        "Notes" => Place::Text(&check.notes),
        "Output" => Place::Text(&check.output),
        "ServiceID" => Place::Text(&check.service_id),
        "ServiceName" => Place::Text(&check.service_name),
        "ServiceTags" => Place::Strings(&check.service_tags),
        "Type" => Place::Text(&check.kind),
        "Interval" => Place::Text(&check.interval),
        "Timeout" => Place::Text(&check.timeout),
        "ExposedPort" => Place::Int(check.exposed_port),
        _ => Place::Nothing,
    }
}
