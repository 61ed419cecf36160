//! Nodes and services: `/v1/catalog`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::HealthCheck;
use crate::kept::Kept;
use crate::port::ServicePort;
use crate::proxy::{ConnectProxy, ServiceConnect};
use crate::wire::{is_empty, is_zero};

/// Texts by name.
pub type TextMap = BTreeMap<String, String>;

/// Addresses by purpose.
pub type AddressMap = BTreeMap<String, ServiceAddress>;

/// A node as it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "api.Node", rename_all = "PascalCase", default)]
pub struct Node<'a> {
    /// Its UUID, or empty.
    #[serde(rename = "ID")]
    pub id: Cow<'a, str>,
    /// Its name.
    pub node: Cow<'a, str>,
    /// Its address.
    pub address: Cow<'a, str>,
    /// Its datacenter.
    pub datacenter: Cow<'a, str>,
    /// The partition a request names; none but the default exists.
    #[serde(skip_serializing_if = "is_empty")]
    pub partition: Cow<'a, str>,
    /// The cluster it was imported from; left out if this one.
    #[serde(skip_serializing_if = "is_empty")]
    pub peer_name: Cow<'a, str>,
    /// Its addresses by purpose; `null` if it has none.
    pub tagged_addresses: Option<Cow<'a, TextMap>>,
    /// Its meta data; `null` if it has none.
    pub meta: Option<Cow<'a, TextMap>>,
    /// Where it is, since Consul 1.16; left out if nobody said.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub locality: Kept<'a, Option<Locality>>,
    /// The index of its creation.
    pub create_index: u64,
    /// The index of its last change.
    pub modify_index: u64,
}

/// An instance with its node's fields beside it: an element of `GET /v1/catalog/service/NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CatalogService<'a> {
    /// The node's UUID, or empty.
    #[serde(rename = "ID")]
    pub id: Cow<'a, str>,
    /// The node's name.
    pub node: Cow<'a, str>,
    /// The node's address.
    pub address: Cow<'a, str>,
    /// The datacenter.
    pub datacenter: Cow<'a, str>,
    /// The node's addresses by purpose; `null` if it has none.
    pub tagged_addresses: Option<Cow<'a, TextMap>>,
    /// The node's meta data; `null` if it has none.
    pub node_meta: Option<Cow<'a, TextMap>>,
    /// The kind of service; empty for a typical one.
    pub service_kind: Cow<'a, str>,
    /// The instance's id.
    #[serde(rename = "ServiceID")]
    pub service_id: Cow<'a, str>,
    /// The service's name.
    pub service_name: Cow<'a, str>,
    /// The tags; `[]` if there are none.
    pub service_tags: Cow<'a, [String]>,
    /// The instance's own address, or empty.
    pub service_address: Cow<'a, str>,
    /// The instance's addresses by purpose; left out if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tagged_addresses: Option<Cow<'a, AddressMap>>,
    /// The weights.
    pub service_weights: Weights,
    /// The meta data; `{}` if there is none.
    pub service_meta: Cow<'a, TextMap>,
    /// The port; 0 for none.
    pub service_port: i64,
    /// The path of the Unix socket, or empty.
    pub service_socket_path: Cow<'a, str>,
    /// Whether others may change the tags.
    pub service_enable_tag_override: bool,
    /// The proxy part.
    pub service_proxy: Kept<'a, ConnectProxy>,
    /// The connect part.
    pub service_connect: Kept<'a, ServiceConnect>,
    /// Where the instance is, since Consul 1.16; left out if nobody said.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub service_locality: Kept<'a, Option<Locality>>,
    /// The cluster it was imported from; left out if this one.
    #[serde(skip_serializing_if = "is_empty")]
    pub peer_name: Cow<'a, str>,
    /// The index of the instance's creation.
    pub create_index: u64,
    /// The index of the instance's last change.
    pub modify_index: u64,
}

/// An instance as its node lists it and as `/v1/health` shows it, and as a registration gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.NodeService", rename_all = "PascalCase", default)]
pub struct NodeService<'a> {
    /// The kind of service; left out for a typical one.
    #[serde(skip_serializing_if = "is_empty")]
    pub kind: Cow<'a, str>,
    /// Unique on its node.
    #[serde(rename = "ID")]
    pub id: Cow<'a, str>,
    /// The service's name.
    pub service: Cow<'a, str>,
    /// The tags; an answer has `[]` if there are none.
    pub tags: Option<Cow<'a, [String]>>,
    /// Its own address, or empty.
    pub address: Cow<'a, str>,
    /// Its addresses by purpose; left out if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tagged_addresses: Option<Cow<'a, AddressMap>>,
    /// The meta data; `null` if there is none.
    pub meta: Option<Cow<'a, TextMap>>,
    /// The port; left out for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i64,
    /// The path of the Unix socket; left out for none.
    #[serde(skip_serializing_if = "is_empty")]
    pub socket_path: Cow<'a, str>,
    /// The weights; a registration without any gets [`Weights::default`].
    pub weights: Option<Weights>,
    /// Whether others may change the tags.
    pub enable_tag_override: bool,
    /// The proxy part.
    pub proxy: Kept<'a, ConnectProxy>,
    /// The connect part.
    pub connect: Kept<'a, ServiceConnect>,
    /// Its named ports, as newer clients register them; left out if it has none.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub ports: Kept<'a, Vec<ServicePort>>,
    /// Where it is, since Consul 1.16; left out if nobody said.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub locality: Kept<'a, Option<Locality>>,
    /// What it does among agents of artificial intelligence, as newer clients register it; left out if nobody said.
    #[serde(rename = "AI", skip_serializing_if = "Kept::is_default")]
    pub ai: Kept<'a, Option<Value>>,
    /// The cluster it was imported from; empty for this one.
    pub peer_name: Cow<'a, str>,
    /// The index of its creation.
    pub create_index: u64,
    /// The index of its last change.
    pub modify_index: u64,
}

/// `GET /v1/catalog/node/NODE`: the services by id. `null` in its place if there is no such node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeServices<'a> {
    /// The node.
    pub node: Node<'a>,
    /// Its services by id.
    pub services: BTreeMap<Cow<'a, str>, NodeService<'a>>,
}

/// `GET /v1/catalog/node-services/NODE`: the services as a list. Both are `null` if there is no such node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeServiceList<'a> {
    /// The node.
    pub node: Option<Node<'a>>,
    /// Its services.
    pub services: Option<Vec<NodeService<'a>>>,
}

/// An address with its port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.ServiceAddress", rename_all = "PascalCase", default)]
pub struct ServiceAddress {
    /// An IP or a host name.
    pub address: String,
    /// The port; 0 for none.
    pub port: i64,
}

/// Where a node or an instance is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.Locality", rename_all = "PascalCase", default)]
pub struct Locality {
    /// A region of a cloud, or a site.
    pub region: String,
    /// A zone in it.
    pub zone: String,
}

/// How much traffic an instance wants beside its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Weights {
    /// While it passes.
    pub passing: i64,
    /// While it warns.
    pub warning: i64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { passing: 1, warning: 1 }
    }
}

impl<'de> Deserialize<'de> for Weights {
    /// A weight that is not given is 0, though an instance without weights has [`Weights::default`].
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(rename = "structs.Weights", rename_all = "PascalCase", default)]
        struct Given {
            passing: i64,
            warning: i64,
        }
        let Given { passing, warning } = Given::deserialize(deserializer)?;
        Ok(Self { passing, warning })
    }
}

/// The body of `PUT /v1/catalog/register`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.RegisterRequest", rename_all = "PascalCase", default)]
pub struct Registration {
    /// The datacenter; the agent's if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub datacenter: String,
    /// The node's UUID, or empty.
    #[serde(rename = "ID", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The node's name.
    pub node: String,
    /// The node's address.
    pub address: String,
    /// The node's addresses by purpose.
    #[serde(skip_serializing_if = "TextMap::is_empty")]
    pub tagged_addresses: TextMap,
    /// The node's meta data.
    #[serde(skip_serializing_if = "TextMap::is_empty")]
    pub node_meta: TextMap,
    /// A service on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<NodeService<'static>>,
    /// A check of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<HealthCheck<'static>>,
    /// More checks of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<HealthCheck<'static>>,
    /// Leave the node as it is if it exists.
    #[serde(skip_serializing_if = "crate::wire::is_false")]
    pub skip_node_update: bool,
    /// Where the node is, since Consul 1.16.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub locality: Kept<'static, Option<Locality>>,
    /// The cluster it is imported from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer_name: String,
    /// A token in the body; accepted where Consul's decoding accepts it, and ignored while there are no ACLs.
    #[serde(skip_serializing)]
    pub token: String,
    /// Accepted and ignored, as in Consul.
    #[serde(skip_serializing)]
    pub create_index: u64,
    /// Accepted and ignored, as in Consul.
    #[serde(skip_serializing)]
    pub modify_index: u64,
}

/// The body of `PUT /v1/catalog/deregister`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "struct { Address string; *structs.Alias }", rename_all = "PascalCase", default)]
pub struct Deregistration {
    /// The datacenter; the agent's if empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub datacenter: String,
    /// The node's name.
    pub node: String,
    /// The instance to remove, or empty.
    #[serde(rename = "ServiceID", skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// The check to remove, or empty.
    #[serde(rename = "CheckID", skip_serializing_if = "String::is_empty")]
    pub check_id: String,
    /// The cluster it was imported from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer_name: String,
    /// Accepted and ignored: older clients send it.
    #[serde(skip_serializing)]
    pub address: String,
    /// As in [`Registration::token`].
    #[serde(skip_serializing)]
    pub token: String,
}
