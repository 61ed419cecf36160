//! What filters see of nodes, services and checks: their fields under the names of the filter language, which are those of
//! Consul's Go types.
//!
//! A value shows its fields without being converted; only what is kept as JSON (a proxy's part) is read, and only when a
//! filter looks at it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_filter::{Place, Records, Select};
use quorate_state::{Check, Node, Service, ServiceAddress, Weights};
use serde_json::Value;

/// A node.
pub(crate) struct NodeFields<'a> {
    node: &'a Node,
    datacenter: &'a str,
}

/// A node, for the lists of nodes.
pub(crate) fn node<'a>(node: &'a Node, datacenter: &'a str) -> NodeFields<'a> {
    NodeFields { node, datacenter }
}

impl Select for NodeFields<'_> {
    fn field(&self, name: &'static str) -> Place<'_> {
        match name {
            "ID" => Place::Text(&self.node.id),
            "Node" => Place::Text(&self.node.name),
            "Address" => Place::Text(&self.node.address),
            "Datacenter" => Place::Text(self.datacenter),
            "TaggedAddresses" => Place::TextMap(&self.node.tagged_addresses),
            "Meta" => Place::TextMap(&self.node.meta),
            _ => Place::Nothing,
        }
    }
}

/// An instance of a service.
pub(crate) struct ServiceFields<'a> {
    service: &'a Service,
    addresses: Addresses<'a>,
    weights: WeightFields,
    proxy: OnceCell<Value>,
    connect: OnceCell<Value>,
}

/// An instance of a service, as its node lists it.
pub(crate) fn service(service: &Service) -> ServiceFields<'_> {
    ServiceFields {
        service,
        addresses: Addresses(&service.tagged_addresses),
        weights: WeightFields(service.weights),
        proxy: OnceCell::new(),
        connect: OnceCell::new(),
    }
}

/// A part that is kept as JSON; nothing if it is empty.
fn kept<'a>(cell: &'a OnceCell<Value>, text: &str) -> Place<'a> {
    match cell.get_or_init(|| serde_json::from_str(text).unwrap_or_default()) {
        Value::Null => Place::Nothing,
        value => Place::Json(value),
    }
}

impl Select for ServiceFields<'_> {
    fn field(&self, name: &'static str) -> Place<'_> {
        let service = self.service;
        match name {
            "Kind" => Place::Text(&service.kind),
            "ID" => Place::Text(&service.id),
            "Service" => Place::Text(&service.name),
            "Tags" => Place::Texts(&service.tags),
            "Address" => Place::Text(&service.address),
            "TaggedAddresses" => Place::Map(&self.addresses),
            "Meta" => Place::TextMap(&service.meta),
            "Port" => Place::Int(service.port),
            "SocketPath" => Place::Text(&service.socket_path),
            "Weights" => Place::Record(&self.weights),
            "EnableTagOverride" => Place::Bool(service.enable_tag_override),
            "Proxy" => kept(&self.proxy, &service.proxy),
            "Connect" => kept(&self.connect, &service.connect),
            _ => Place::Nothing,
        }
    }
}

/// An instance with its node, in one record.
pub(crate) struct InstanceFields<'a> {
    node: NodeFields<'a>,
    service: ServiceFields<'a>,
}

/// An instance with its node, for the lists of the catalog.
pub(crate) fn instance<'a>(of: &'a Node, instance: &'a Service, datacenter: &'a str) -> InstanceFields<'a> {
    InstanceFields { node: node(of, datacenter), service: service(instance) }
}

impl Select for InstanceFields<'_> {
    fn field(&self, name: &'static str) -> Place<'_> {
        match name {
            // As its registration spelled it; the node may have been written otherwise since.
            "Node" => Place::Text(&self.service.service.node),
            "NodeMeta" => self.node.field("Meta"),
            "ServiceKind" => self.service.field("Kind"),
            "ServiceID" => self.service.field("ID"),
            "ServiceName" => self.service.field("Service"),
            "ServiceTags" => self.service.field("Tags"),
            "ServiceAddress" => self.service.field("Address"),
            "ServiceTaggedAddresses" => self.service.field("TaggedAddresses"),
            "ServiceWeights" => self.service.field("Weights"),
            "ServiceMeta" => self.service.field("Meta"),
            "ServicePort" => self.service.field("Port"),
            "ServiceSocketPath" => self.service.field("SocketPath"),
            "ServiceEnableTagOverride" => self.service.field("EnableTagOverride"),
            "ServiceProxy" => self.service.field("Proxy"),
            "ServiceConnect" => self.service.field("Connect"),
            of_node => self.node.field(of_node),
        }
    }
}

/// A check.
pub(crate) struct CheckFields<'a>(&'a Check);

/// A check, for the lists of checks.
pub(crate) fn check(check: &Check) -> CheckFields<'_> {
    CheckFields(check)
}

impl Select for CheckFields<'_> {
    fn field(&self, name: &'static str) -> Place<'_> {
        let Self(check) = self;
        match name {
            "Node" => Place::Text(&check.node),
            "CheckID" => Place::Text(&check.id),
            "Name" => Place::Text(&check.name),
            "Status" => Place::Text(check.status.as_str()),
            "Notes" => Place::Text(&check.notes),
            "Output" => Place::Text(&check.output),
            "ServiceID" => Place::Text(&check.service_id),
            "ServiceName" => Place::Text(&check.service_name),
            "ServiceTags" => Place::Texts(&check.service_tags),
            "Type" => Place::Text(&check.kind),
            "Interval" => Place::Text(&check.interval),
            "Timeout" => Place::Text(&check.timeout),
            "ExposedPort" => Place::Int(check.exposed_port),
            _ => Place::Nothing,
        }
    }
}

/// An instance with the checks that count for it.
pub(crate) struct HealthFields<'a> {
    node: NodeFields<'a>,
    service: ServiceFields<'a>,
    checks: &'a [Arc<Check>],
}

/// An instance with the checks that count for it, for the lists of health.
pub(crate) fn health<'a>(
    of: &'a Node,
    instance: &'a Service,
    checks: &'a [Arc<Check>],
    datacenter: &'a str,
) -> HealthFields<'a> {
    HealthFields { node: node(of, datacenter), service: service(instance), checks }
}

impl Select for HealthFields<'_> {
    fn field(&self, name: &'static str) -> Place<'_> {
        match name {
            "Node" => Place::Record(&self.node),
            "Service" => Place::Record(&self.service),
            "Checks" => {
                Place::List(Box::new(self.checks.iter().map(|check| Box::new(CheckFields(check)) as Box<dyn Select>)))
            }
            _ => Place::Nothing,
        }
    }
}

struct WeightFields(Weights);

impl Select for WeightFields {
    fn field(&self, name: &'static str) -> Place<'_> {
        match name {
            "Passing" => Place::Int(self.0.passing),
            "Warning" => Place::Int(self.0.warning),
            _ => Place::Nothing,
        }
    }
}

struct Addresses<'a>(&'a BTreeMap<String, ServiceAddress>);

impl Records for Addresses<'_> {
    fn record(&self, key: &str) -> Option<Box<dyn Select + '_>> {
        Some(Box::new(AddressFields(self.0.get(key)?)))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

struct AddressFields<'a>(&'a ServiceAddress);

impl Select for AddressFields<'_> {
    fn field(&self, name: &'static str) -> Place<'_> {
        match name {
            "Address" => Place::Text(&self.0.address),
            "Port" => Place::Int(self.0.port),
            _ => Place::Nothing,
        }
    }
}
