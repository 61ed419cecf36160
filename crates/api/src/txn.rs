//! Transactions: `/v1/txn`.
//!
//! Consul decodes the operations into the types of its client module, not into those of the catalog, so a service and a
//! check have a slightly different form here than in a registration.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quorate_base::duration::GoDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::{AddressMap, Locality, Node, NodeService, TextMap, Weights};
use crate::check::{CheckDefinition, HealthCheck};
use crate::kept::Kept;
use crate::kv::{Bytes64, KvPair};
use crate::port::ServicePort;
use crate::proxy::{ConnectProxy, ServiceConnect};
use crate::wire::{DurationInput, duration_text, is_false, is_zero};

/// The body of `PUT /v1/txn`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "api.TxnOps")]
pub struct TxnOperations(pub Vec<TxnOperation>);

/// One operation. The first part that is there counts, in the order of the fields; none is passed over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "api.TxnOp", rename_all = "PascalCase", default)]
pub struct TxnOperation {
    /// On keys.
    #[serde(rename = "KV", skip_serializing_if = "Option::is_none")]
    pub kv: Option<TxnKv>,
    /// On a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<TxnNode>,
    /// On a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<TxnService>,
    /// On a check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<TxnCheck>,
}

/// An operation on a key or on all keys under a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "api.KVTxnOp", rename_all = "PascalCase", default)]
pub struct TxnKv {
    /// `set`, `cas`, `lock`, `unlock`, `get`, `get-or-empty`, `get-tree`, `check-index`, `check-session`,
    /// `check-not-exists`, `delete`, `delete-cas`, `delete-tree`.
    pub verb: String,
    /// The key or prefix.
    pub key: String,
    /// The value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Bytes64<'static>>,
    /// The client's number.
    #[serde(skip_serializing_if = "is_zero")]
    pub flags: u64,
    /// The index that `cas`, `check-index` and `delete-cas` compare.
    #[serde(skip_serializing_if = "is_zero")]
    pub index: u64,
    /// The session that `lock`, `unlock` and `check-session` name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub session: String,
    /// A namespace; none but the default exists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// A partition; none but the default exists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub partition: String,
}

/// An operation on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "api.NodeTxnOp", rename_all = "PascalCase", default)]
pub struct TxnNode {
    /// `get`, `set`, `cas`, `delete`, `delete-cas`.
    pub verb: String,
    /// The node; `cas` and `delete-cas` compare its `ModifyIndex`.
    pub node: Node<'static>,
}

/// An operation on a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "api.ServiceTxnOp", rename_all = "PascalCase", default)]
pub struct TxnService {
    /// As in [`TxnNode::verb`].
    pub verb: String,
    /// The node's name.
    pub node: String,
    /// The service.
    pub service: TxnServiceEntry,
}

/// An operation on a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "api.CheckTxnOp", rename_all = "PascalCase", default)]
pub struct TxnCheck {
    /// As in [`TxnNode::verb`].
    pub verb: String,
    /// The check.
    pub check: TxnCheckEntry,
}

/// A service in a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "api.AgentService", rename_all = "PascalCase", default)]
pub struct TxnServiceEntry {
    /// The kind of service; empty for a typical one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Unique on its node.
    #[serde(rename = "ID")]
    pub id: String,
    /// The service's name.
    pub service: String,
    /// The tags.
    pub tags: Vec<String>,
    /// The meta data.
    pub meta: TextMap,
    /// The port; 0 for none.
    pub port: i64,
    /// Its own address, or empty.
    pub address: String,
    /// The path of the Unix socket, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub socket_path: String,
    /// Its addresses by purpose.
    #[serde(skip_serializing_if = "AddressMap::is_empty")]
    pub tagged_addresses: AddressMap,
    /// The weights. Unlike in a registration, 0 if they are not given.
    pub weights: TxnWeights,
    /// Whether others may change the tags.
    pub enable_tag_override: bool,
    /// Ignored.
    #[serde(skip_serializing_if = "is_zero")]
    pub create_index: u64,
    /// The index that `cas` and `delete-cas` compare.
    #[serde(skip_serializing_if = "is_zero")]
    pub modify_index: u64,
    /// Ignored.
    #[serde(skip_serializing)]
    pub content_hash: String,
    /// The proxy part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Kept<'static, ConnectProxy>>,
    /// The connect part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Kept<'static, ServiceConnect>>,
    /// Its named ports, as newer clients register them.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub ports: Kept<'static, Vec<ServicePort>>,
    /// Where it is, since Consul 1.16.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub locality: Kept<'static, Option<Locality>>,
    /// What it does among agents of artificial intelligence, as newer clients register it.
    #[serde(rename = "AI")]
    pub ai: Kept<'static, Option<Value>>,
    /// The cluster it was imported from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer_name: String,
    /// A namespace; none but the default exists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// A partition; none but the default exists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub partition: String,
    /// Ignored.
    #[serde(skip_serializing)]
    pub datacenter: String,
}

impl TxnServiceEntry {
    /// The same service in the catalog's form.
    pub fn into_node_service(self) -> NodeService<'static> {
        let TxnWeights { passing, warning } = self.weights;
        NodeService {
            kind: self.kind.into(),
            id: self.id.into(),
            service: self.service.into(),
            tags: Some(self.tags.into()),
            address: self.address.into(),
            tagged_addresses: (!self.tagged_addresses.is_empty()).then_some(Cow::Owned(self.tagged_addresses)),
            meta: Some(Cow::Owned(self.meta)),
            port: self.port,
            socket_path: self.socket_path.into(),
            weights: Some(Weights { passing, warning }),
            enable_tag_override: self.enable_tag_override,
            proxy: self.proxy.unwrap_or_default(),
            connect: self.connect.unwrap_or_default(),
            ports: self.ports,
            locality: self.locality,
            ai: self.ai,
            peer_name: self.peer_name.into(),
            create_index: self.create_index,
            modify_index: self.modify_index,
        }
    }
}

/// The weights of a service in a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "api.AgentWeights", rename_all = "PascalCase", default)]
pub struct TxnWeights {
    /// While it passes.
    pub passing: i64,
    /// While it warns.
    pub warning: i64,
}

/// A check in a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "api.HealthCheck", rename_all = "PascalCase", default)]
pub struct TxnCheckEntry {
    /// The node's name.
    pub node: String,
    /// Unique on its node.
    #[serde(rename = "CheckID")]
    pub check_id: String,
    /// A name for people.
    pub name: String,
    /// `passing`, `warning` or `critical`.
    pub status: String,
    /// A description for people.
    pub notes: String,
    /// What the last run said.
    pub output: String,
    /// The instance that it checks; empty for the node.
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    /// That instance's service.
    pub service_name: String,
    /// That instance's tags.
    pub service_tags: Vec<String>,
    /// What kind of check it is.
    #[serde(rename = "Type")]
    pub kind: String,
    /// A namespace; none but the default exists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// A partition; none but the default exists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub partition: String,
    /// The port that exposes it through a proxy.
    pub exposed_port: i64,
    /// The cluster it was imported from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub peer_name: String,
    /// How it is run.
    pub definition: TxnCheckDefinition,
    /// Ignored.
    #[serde(skip_serializing_if = "is_zero")]
    pub create_index: u64,
    /// The index that `cas` and `delete-cas` compare.
    #[serde(skip_serializing_if = "is_zero")]
    pub modify_index: u64,
}

impl TxnCheckEntry {
    /// The same check in the catalog's form.
    pub fn into_check(self) -> Result<HealthCheck<'static>, serde_json::Error> {
        Ok(HealthCheck {
            node: self.node.into(),
            check_id: self.check_id.into(),
            name: self.name.into(),
            status: self.status.into(),
            notes: self.notes.into(),
            output: self.output.into(),
            service_id: self.service_id.into(),
            service_name: self.service_name.into(),
            service_tags: Some(self.service_tags.into()),
            kind: self.kind.into(),
            exposed_port: self.exposed_port,
            peer_name: self.peer_name.into(),
            definition: Kept::new(&self.definition.into_definition())?,
            create_index: self.create_index,
            modify_index: self.modify_index,
            ..HealthCheck::default()
        })
    }
}

/// How a check in a transaction is run. Each duration has two names; the one with `Duration` counts where both are given.
/// Unknown fields are passed over; Consul does so here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename(deserialize = "struct { IntervalDuration interface {}; TimeoutDuration interface {}; \
        DeregisterCriticalServiceAfterDuration interface {}; *api.Alias } loose"),
    rename_all = "PascalCase",
    default
)]
pub struct TxnCheckDefinition {
    /// How often it runs.
    #[serde(deserialize_with = "readable", serialize_with = "duration_text", skip_serializing_if = "is_zero")]
    pub interval: GoDuration,
    /// How long it may take.
    #[serde(deserialize_with = "readable", serialize_with = "duration_text", skip_serializing_if = "is_zero")]
    pub timeout: GoDuration,
    /// After how long in the critical state the instance is deregistered.
    #[serde(deserialize_with = "readable", serialize_with = "duration_text", skip_serializing_if = "is_zero")]
    pub deregister_critical_service_after: GoDuration,
    /// The newer name of `Interval`.
    #[serde(deserialize_with = "present", skip_serializing)]
    pub interval_duration: Option<GoDuration>,
    /// The newer name of `Timeout`.
    #[serde(deserialize_with = "present", skip_serializing)]
    pub timeout_duration: Option<GoDuration>,
    /// The newer name of `DeregisterCriticalServiceAfter`.
    #[serde(deserialize_with = "present", skip_serializing)]
    pub deregister_critical_service_after_duration: Option<GoDuration>,
    /// The URL to ask.
    #[serde(rename = "HTTP", skip_serializing_if = "String::is_empty")]
    pub http: String,
    /// Headers to send.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, Vec<String>>,
    /// The HTTP method.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The body to send.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The name to expect in the certificate.
    #[serde(rename = "TLSServerName", skip_serializing_if = "String::is_empty")]
    pub tls_server_name: String,
    /// Whether the certificate is not verified.
    #[serde(rename = "TLSSkipVerify", skip_serializing_if = "is_false")]
    pub tls_skip_verify: bool,
    /// The address to connect to.
    #[serde(rename = "TCP", skip_serializing_if = "String::is_empty")]
    pub tcp: String,
    /// The address to send a datagram to.
    #[serde(rename = "UDP", skip_serializing_if = "String::is_empty")]
    pub udp: String,
    /// The gRPC endpoint to ask.
    #[serde(rename = "GRPC", skip_serializing_if = "String::is_empty")]
    pub grpc: String,
    /// Whether that uses TLS.
    #[serde(rename = "GRPCUseTLS", skip_serializing_if = "is_false")]
    pub grpc_use_tls: bool,
}

impl TxnCheckDefinition {
    /// The same in the catalog's form.
    pub fn into_definition(self) -> CheckDefinition {
        CheckDefinition {
            interval: self.interval_duration.unwrap_or(self.interval),
            timeout: self.timeout_duration.unwrap_or(self.timeout),
            deregister_critical_service_after: self
                .deregister_critical_service_after_duration
                .unwrap_or(self.deregister_critical_service_after),
            http: self.http,
            tls_server_name: self.tls_server_name,
            tls_skip_verify: self.tls_skip_verify,
            header: self.header,
            method: self.method,
            body: self.body,
            tcp: self.tcp,
            udp: self.udp,
            grpc: self.grpc,
            grpc_use_tls: self.grpc_use_tls,
            ..CheckDefinition::default()
        }
    }
}

/// A duration as Go's form or nanoseconds; nothing else.
fn readable<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<GoDuration, D::Error> {
    match DurationInput::deserialize(deserializer)? {
        DurationInput::Absent => Err(serde::de::Error::custom("a duration is a number or a text")),
        input => Ok(input.nanoseconds()),
    }
}

/// A duration if there is one.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<GoDuration>, D::Error> {
    match DurationInput::deserialize(deserializer)? {
        DurationInput::Absent => Ok(None),
        input => Ok(Some(input.nanoseconds())),
    }
}

/// What one operation gives back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxnResult<'a> {
    /// A key. Writes give it back without its value.
    #[serde(rename = "KV")]
    Kv(KvPair<'a>),
    /// A node.
    Node(Node<'a>),
    /// A service.
    Service(NodeService<'a>),
    /// A check.
    Check(HealthCheck<'a>),
}

/// Why an operation failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TxnError<'a> {
    /// Which one, counted from 0.
    pub op_index: usize,
    /// Why.
    pub what: Cow<'a, str>,
}

/// The answer to a transaction that writes. Exactly one of the two is there; the other is `null`. A server may have any
/// list for the results, so that it need not gather millions of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, bound(deserialize = "Results: Deserialize<'de>"))]
pub struct TxnResponse<'a, Results = Vec<TxnResult<'a>>> {
    /// What the operations gave back, in their order; deletes give nothing.
    pub results: Option<Results>,
    /// Why it failed.
    pub errors: Option<Vec<TxnError<'a>>>,
}

impl<Results> Default for TxnResponse<'_, Results> {
    fn default() -> Self {
        Self { results: None, errors: None }
    }
}

/// The answer to a transaction of reads alone, which carries the meta data of a read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "Results: Deserialize<'de>"))]
pub struct TxnReadResponse<'a, Results = Vec<TxnResult<'a>>> {
    /// The answer itself.
    #[serde(flatten)]
    pub response: TxnResponse<'a, Results>,
    /// The index of the answer.
    pub index: u64,
    /// How old the state may be, in nanoseconds.
    pub last_contact: u64,
    /// Whether a leader is known.
    pub known_leader: bool,
    /// Always empty.
    pub consistency_level: Cow<'a, str>,
    /// Always false.
    pub not_modified: bool,
    /// Always 0.
    pub backend: u8,
    /// Whether ACLs held something back.
    #[serde(rename = "ResultsFilteredByACLs")]
    pub results_filtered_by_acls: bool,
}

impl<Results> Default for TxnReadResponse<'_, Results> {
    fn default() -> Self {
        Self {
            response: TxnResponse::default(),
            index: 0,
            last_contact: 0,
            known_leader: false,
            consistency_level: Cow::default(),
            not_modified: false,
            backend: 0,
            results_filtered_by_acls: false,
        }
    }
}
