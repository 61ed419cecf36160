//! The proxy and connect parts of a service, in the form in which Consul gives them back.
//!
//! Quorate runs no proxy; it keeps what is registered (see [`crate::kept`]), so these types only say which fields there
//! are, what may be left out and which older spellings are accepted.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::port::ServicePort;
use crate::wire::{is_false, is_zero};

/// How a proxy is set up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "struct { *structs.Alias }", rename_all = "PascalCase", default)]
pub struct ConnectProxy {
    /// Left out if it says nothing.
    #[serde(alias = "transparent_proxy", skip_serializing_if = "TransparentProxy::is_default")]
    pub transparent_proxy: TransparentProxy,
    /// The service that it stands before.
    #[serde(alias = "destination_service_name", skip_serializing_if = "String::is_empty")]
    pub destination_service_name: String,
    /// The instance that it stands before.
    #[serde(
        rename = "DestinationServiceID",
        alias = "destination_service_id",
        skip_serializing_if = "String::is_empty"
    )]
    pub destination_service_id: String,
    /// Where that instance listens.
    #[serde(alias = "local_service_address", skip_serializing_if = "String::is_empty")]
    pub local_service_address: String,
    /// The port there.
    #[serde(alias = "local_service_port", skip_serializing_if = "is_zero")]
    pub local_service_port: i64,
    /// The named ports there, as newer clients register them.
    #[serde(alias = "local_service_ports", skip_serializing_if = "Vec::is_empty")]
    pub local_service_ports: Vec<ServicePort>,
    /// The Unix socket there.
    #[serde(alias = "local_service_socket_path", skip_serializing_if = "String::is_empty")]
    pub local_service_socket_path: String,
    /// `""`, `direct` or `transparent`.
    #[serde(skip_serializing_if = "CatalogText::is_hidden")]
    pub mode: CatalogText,
    /// Free settings.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, Value>,
    /// What it connects to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub upstreams: Vec<Upstream>,
    /// The mesh gateway.
    #[serde(alias = "mesh_gateway")]
    pub mesh_gateway: MeshGateway,
    /// What it lets through.
    pub expose: Expose,
    /// Extensions of Envoy, since Consul 1.15.
    #[serde(alias = "envoy_extensions", skip_serializing_if = "Vec::is_empty")]
    pub envoy_extensions: Vec<Value>,
    /// How requests are logged, since Consul 1.15.
    #[serde(alias = "access_logs", skip_serializing_if = "Option::is_none")]
    pub access_logs: Option<Value>,
}

impl ConnectProxy {
    /// The same as the agent tells it, which leaves out other fields than the catalog.
    pub fn of_agent(mut self) -> Self {
        self.mode.hide_if_empty();
        for upstream in &mut self.upstreams {
            upstream.datacenter.hide_if_empty();
            upstream.centrally_configured = false;
        }
        for path in &mut self.expose.paths {
            path.parsed_from_check.get_or_insert_default();
        }
        self
    }
}

/// A text that the catalog shows also when it is empty, and the agent does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogText(Option<String>);

impl Default for CatalogText {
    fn default() -> Self {
        Self(Some(String::new()))
    }
}

impl CatalogText {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    fn hide_if_empty(&mut self) {
        self.0 = self.0.take().filter(|text| !text.is_empty());
    }

    fn is_hidden(&self) -> bool {
        self.0.is_none()
    }
}

impl Serialize for CatalogText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CatalogText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Some(text)))
    }
}

/// A flag whose absence is all that is kept of `false`.
fn nothing_for_false<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(|flag| flag.then_some(true))
}

/// How traffic is caught.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.TransparentProxyConfig", rename_all = "PascalCase", default)]
pub struct TransparentProxy {
    /// Where outbound traffic is sent to.
    #[serde(skip_serializing_if = "is_zero")]
    pub outbound_listener_port: i64,
    /// Whether it can be dialled directly.
    #[serde(skip_serializing_if = "is_false")]
    pub dialed_directly: bool,
}

impl TransparentProxy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which gateway is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.MeshGatewayConfig", rename_all = "PascalCase", default)]
pub struct MeshGateway {
    /// `""`, `none`, `local` or `remote`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
}

/// What a proxy lets through beside its service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.ExposeConfig", rename_all = "PascalCase", default)]
pub struct Expose {
    /// The paths of checks.
    #[serde(skip_serializing_if = "is_false")]
    pub checks: bool,
    /// Other paths.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<ExposePath>,
}

/// A path that a proxy lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "struct { *structs.Alias }", rename_all = "PascalCase", default)]
pub struct ExposePath {
    /// The port of the listener for it.
    #[serde(alias = "listener_port", skip_serializing_if = "is_zero")]
    pub listener_port: i64,
    /// The path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The service's port for it.
    #[serde(alias = "local_path_port", skip_serializing_if = "is_zero")]
    pub local_path_port: i64,
    /// `http` or `http2`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// Whether it comes from a check.
    #[serde(
        alias = "parsed_from_check",
        deserialize_with = "nothing_for_false",
        skip_serializing_if = "Option::is_none"
    )]
    pub parsed_from_check: Option<bool>,
}

/// A service that a proxy connects to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "struct { *structs.Alias }", rename_all = "PascalCase", default)]
pub struct Upstream {
    /// `service` or `prepared_query`.
    #[serde(alias = "destination_type")]
    pub destination_type: String,
    /// Its namespace.
    #[serde(alias = "destination_namespace", skip_serializing_if = "String::is_empty")]
    pub destination_namespace: String,
    /// Its partition.
    #[serde(alias = "destination_partition", skip_serializing_if = "String::is_empty")]
    pub destination_partition: String,
    /// Its cluster.
    #[serde(alias = "destination_peer", skip_serializing_if = "String::is_empty")]
    pub destination_peer: String,
    /// Its name.
    #[serde(alias = "destination_name")]
    pub destination_name: String,
    /// The name of its port, as newer clients register it.
    #[serde(alias = "destination_port", skip_serializing_if = "String::is_empty")]
    pub destination_port: String,
    /// Its datacenter.
    #[serde(skip_serializing_if = "CatalogText::is_hidden")]
    pub datacenter: CatalogText,
    /// Where the proxy listens for it.
    #[serde(alias = "local_bind_address", skip_serializing_if = "String::is_empty")]
    pub local_bind_address: String,
    /// The port there.
    #[serde(alias = "local_bind_port", skip_serializing_if = "is_zero")]
    pub local_bind_port: i64,
    /// The Unix socket there.
    #[serde(alias = "local_bind_socket_path", skip_serializing_if = "String::is_empty")]
    pub local_bind_socket_path: String,
    /// The mode of that socket.
    #[serde(alias = "local_bind_socket_mode", skip_serializing_if = "String::is_empty")]
    pub local_bind_socket_mode: String,
    /// Free settings.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, Value>,
    /// The mesh gateway.
    #[serde(alias = "mesh_gateway")]
    pub mesh_gateway: MeshGateway,
    /// Whether it comes from a central configuration.
    #[serde(skip_serializing_if = "is_false")]
    pub centrally_configured: bool,
}

/// How a service takes part in the mesh. Unknown fields are passed over; Consul does so here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "struct { *structs.Alias } loose", rename_all = "PascalCase", default)]
pub struct ServiceConnect {
    /// Whether it speaks the mesh's protocol itself.
    #[serde(skip_serializing_if = "is_false")]
    pub native: bool,
    /// A proxy to register beside it.
    #[serde(alias = "sidecar_service", skip_serializing_if = "Option::is_none")]
    pub sidecar_service: Option<Value>,
    /// Names under which an imported service is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_meta: Option<Value>,
}
