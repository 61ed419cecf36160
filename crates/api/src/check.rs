//! Checks: as `/v1/health` lists them, and as a registration gives them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quorate_base::duration::GoDuration;
use serde::{Deserialize, Serialize};

use crate::kept::Kept;
use crate::wire::{duration, duration_ns, duration_text, is_empty, is_false, is_zero};

/// A check as it is listed, and as a registration gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.HealthCheck", rename_all = "PascalCase", default)]
pub struct HealthCheck<'a> {
    /// The node's name.
    pub node: Cow<'a, str>,
    /// Unique on its node.
    #[serde(rename = "CheckID")]
    pub check_id: Cow<'a, str>,
    /// A name for people.
    pub name: Cow<'a, str>,
    /// `passing`, `warning` or `critical`.
    pub status: Cow<'a, str>,
    /// A description for people.
    pub notes: Cow<'a, str>,
    /// What the last run said.
    pub output: Cow<'a, str>,
    /// The instance that it checks; empty for the node.
    #[serde(rename = "ServiceID")]
    pub service_id: Cow<'a, str>,
    /// That instance's service.
    pub service_name: Cow<'a, str>,
    /// That instance's tags.
    pub service_tags: Option<Cow<'a, [String]>>,
    /// What kind of check it is.
    #[serde(rename = "Type")]
    pub kind: Cow<'a, str>,
    /// How often it runs, as the definition says.
    pub interval: Cow<'a, str>,
    /// How long it may take, as the definition says.
    pub timeout: Cow<'a, str>,
    /// The port that exposes it through a proxy.
    pub exposed_port: i64,
    /// The cluster it was imported from; left out if this one.
    #[serde(skip_serializing_if = "is_empty")]
    pub peer_name: Cow<'a, str>,
    /// How it is run.
    pub definition: Kept<'a, CheckDefinition>,
    /// The index of its creation.
    pub create_index: u64,
    /// The index of its last change.
    pub modify_index: u64,
}

/// How a check is run, in the catalog's form. Unknown fields are passed over; Consul does so here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename(deserialize = "struct { Interval interface {}; Timeout interface {}; \
        DeregisterCriticalServiceAfter interface {}; TTL interface {}; *structs.Alias } loose"),
    rename_all = "PascalCase",
    default
)]
pub struct CheckDefinition {
    /// How often it runs.
    #[serde(deserialize_with = "duration", serialize_with = "duration_text", skip_serializing_if = "is_zero")]
    pub interval: GoDuration,
    /// How many bytes of output are kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_max_size: u64,
    /// How long it may take.
    #[serde(deserialize_with = "duration", serialize_with = "duration_text", skip_serializing_if = "is_zero")]
    pub timeout: GoDuration,
    /// After how long in the critical state the instance is deregistered.
    #[serde(deserialize_with = "duration", serialize_with = "duration_text", skip_serializing_if = "is_zero")]
    pub deregister_critical_service_after: GoDuration,
    /// The URL to ask.
    #[serde(rename = "HTTP", skip_serializing_if = "String::is_empty")]
    pub http: String,
    /// The name to expect in the certificate.
    #[serde(rename = "TLSServerName", skip_serializing_if = "String::is_empty")]
    pub tls_server_name: String,
    /// Whether the certificate is not verified.
    #[serde(rename = "TLSSkipVerify", skip_serializing_if = "is_false")]
    pub tls_skip_verify: bool,
    /// Headers to send.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, Vec<String>>,
    /// The HTTP method.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub method: String,
    /// The body to send.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Whether redirects are not followed.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_redirects: bool,
    /// The address to connect to.
    #[serde(rename = "TCP", skip_serializing_if = "String::is_empty")]
    pub tcp: String,
    /// Whether that connection uses TLS, since Consul 1.17.
    #[serde(rename = "TCPUseTLS", skip_serializing_if = "is_false")]
    pub tcp_use_tls: bool,
    /// The address to send a datagram to.
    #[serde(rename = "UDP", skip_serializing_if = "String::is_empty")]
    pub udp: String,
    /// The address to ping by HTTP/2.
    #[serde(rename = "H2PING", skip_serializing_if = "String::is_empty")]
    pub h2ping: String,
    /// Whether that ping uses TLS.
    #[serde(rename = "H2PingUseTLS", skip_serializing_if = "is_false")]
    pub h2ping_use_tls: bool,
    /// The command to run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub script_args: Vec<String>,
    /// The container to run it in.
    #[serde(rename = "DockerContainerID", skip_serializing_if = "String::is_empty")]
    pub docker_container_id: String,
    /// The shell to run it with.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shell: String,
    /// The gRPC endpoint to ask.
    #[serde(rename = "GRPC", skip_serializing_if = "String::is_empty")]
    pub grpc: String,
    /// Whether that uses TLS.
    #[serde(rename = "GRPCUseTLS", skip_serializing_if = "is_false")]
    pub grpc_use_tls: bool,
    /// The service of the operating system to ask, since Consul 1.16.
    #[serde(rename = "OSService", skip_serializing_if = "String::is_empty")]
    pub os_service: String,
    /// The name of the session that it stands for, as newer clients give it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub session_name: String,
    /// The node whose health it takes over.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias_node: String,
    /// The instance whose health it takes over.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias_service: String,
    /// How long it stays passing without a word.
    #[serde(
        rename = "TTL",
        deserialize_with = "duration",
        serialize_with = "duration_ns",
        skip_serializing_if = "is_zero"
    )]
    pub ttl: GoDuration,
}

impl CheckDefinition {
    /// What kind of check this is, as in [`HealthCheck::kind`]; empty if it is none that an agent would run.
    pub fn kind(&self) -> &'static str {
        let repeats = self.interval > GoDuration(0);
        let script = !self.script_args.is_empty();
        match self {
            _ if repeats && !self.grpc.is_empty() => "grpc",
            _ if repeats && !self.http.is_empty() => "http",
            _ if self.ttl > GoDuration(0) => "ttl",
            _ if repeats && !self.tcp.is_empty() => "tcp",
            _ if repeats && !self.udp.is_empty() => "udp",
            _ if !self.alias_node.is_empty() || !self.alias_service.is_empty() => "alias",
            _ if repeats && script && !self.docker_container_id.is_empty() => "docker",
            _ if script => "script",
            _ if repeats && !self.h2ping.is_empty() => "h2ping",
            _ if repeats && !self.os_service.is_empty() => "os_service",
            _ => "",
        }
    }
}
