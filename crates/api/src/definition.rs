//! What is registered with an agent: the bodies of `/v1/agent/service/register` and `/v1/agent/check/register`, and the
//! same things in configuration files.
//!
//! A request is read by [`crate::go_json`], which takes the fields in any case and the older spellings that Consul 1.13.9
//! takes. A file may write any key with underscores; [`service_from_file`] and [`check_from_file`] take those too. Both
//! ways an unknown key is an error. What is written again (by the agent, to find it after a restart) is read the same way.

use std::collections::BTreeMap;

use quorate_base::duration::GoDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::catalog::{AddressMap, Locality, TextMap, Weights};
use crate::go_json;
use crate::kept::Kept;
use crate::port::ServicePort;
use crate::proxy::{ConnectProxy, ServiceConnect};
use crate::wire::{duration, duration_text, is_false, is_zero};

/// A service with its checks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename = "struct { EnableTagOverrideSnake bool \"json:\\\"enable_tag_override\\\"\"; TaggedAddressesSnake \
        map[string]structs.ServiceAddress \"json:\\\"tagged_addresses\\\"\"; *structs.Alias }",
    rename_all = "PascalCase",
    default
)]
pub struct ServiceDefinition {
    /// The kind; empty for a typical service.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Unique on the agent; the name if empty.
    #[serde(rename = "ID", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The name under which it is discovered.
    pub name: String,
    /// Labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its own address; empty for its node's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Addresses by purpose.
    #[serde(alias = "tagged_addresses", skip_serializing_if = "AddressMap::is_empty")]
    pub tagged_addresses: AddressMap,
    /// Free pairs.
    #[serde(skip_serializing_if = "TextMap::is_empty")]
    pub meta: TextMap,
    /// Its port.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: i64,
    /// Its named ports, as newer clients register them.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub ports: Kept<'static, Vec<ServicePort>>,
    /// The path of its Unix socket.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub socket_path: String,
    /// A check of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<ServiceCheckDefinition>,
    /// More checks of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<ServiceCheckDefinition>,
    /// How much traffic it wants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
    /// Accepted, and ignored while there are no ACLs.
    #[serde(skip_serializing)]
    pub token: String,
    /// Whether others may change its tags in the catalog.
    #[serde(alias = "enable_tag_override", skip_serializing_if = "is_false")]
    pub enable_tag_override: bool,
    /// The proxy part, kept as it is.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub proxy: Kept<'static, ConnectProxy>,
    /// The connect part, kept as it is.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub connect: Kept<'static, ServiceConnect>,
    /// Where it is, since Consul 1.16.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub locality: Kept<'static, Option<Locality>>,
    /// What it does among agents of artificial intelligence, as newer clients register it.
    #[serde(rename = "AI", skip_serializing_if = "Kept::is_default")]
    pub ai: Kept<'static, Option<Value>>,
}

/// Declares a type of check: fields of its own, and those that all have.
macro_rules! check_definition {
    ($(#[$attributes:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$attributes])*
        pub struct $name {
            $($own)*
            /// A name for people.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub name: String,
            /// A description for people.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub notes: String,
            /// Its first status; critical if empty.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub status: String,
            /// The command to run, with its arguments.
            #[serde(alias = "Args", alias = "script_args", skip_serializing_if = "Vec::is_empty")]
            pub script_args: Vec<String>,
            /// The URL to ask.
            #[serde(rename = "HTTP", skip_serializing_if = "String::is_empty")]
            pub http: String,
            /// Headers to send.
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            pub header: BTreeMap<String, Vec<String>>,
            /// The HTTP method; GET if empty.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub method: String,
            /// The body to send.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub body: String,
            /// The address to connect to.
            #[serde(rename = "TCP", skip_serializing_if = "String::is_empty")]
            pub tcp: String,
            /// Whether that speaks TLS.
            #[serde(rename = "TCPUseTLS", alias = "tcp_use_tls", skip_serializing_if = "is_false")]
            pub tcp_use_tls: bool,
            /// The address to send a datagram to.
            #[serde(rename = "UDP", skip_serializing_if = "String::is_empty")]
            pub udp: String,
            /// The gRPC endpoint, with the service behind a slash.
            #[serde(rename = "GRPC", skip_serializing_if = "String::is_empty")]
            pub grpc: String,
            /// Whether that speaks TLS.
            #[serde(rename = "GRPCUseTLS", alias = "grpc_use_tls", skip_serializing_if = "is_false")]
            pub grpc_use_tls: bool,
            /// The address to ping by HTTP/2.
            #[serde(rename = "H2PING", skip_serializing_if = "String::is_empty")]
            pub h2ping: String,
            /// Whether that speaks TLS; it does if nothing is said.
            #[serde(rename = "H2PingUseTLS", alias = "h2ping_use_tls", skip_serializing_if = "Option::is_none")]
            pub h2ping_use_tls: Option<bool>,
            /// The name to expect in a certificate.
            #[serde(rename = "TLSServerName", alias = "tls_server_name", skip_serializing_if = "String::is_empty")]
            pub tls_server_name: String,
            /// Whether certificates are not verified.
            #[serde(rename = "TLSSkipVerify", alias = "tls_skip_verify", skip_serializing_if = "is_false")]
            pub tls_skip_verify: bool,
            /// The container to run the command in.
            #[serde(
                rename = "DockerContainerID",
                alias = "docker_container_id",
                skip_serializing_if = "String::is_empty"
            )]
            pub docker_container_id: String,
            /// The shell to run it with.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub shell: String,
            /// The service of the operating system to ask for.
            #[serde(rename = "OSService", alias = "os_service", skip_serializing_if = "String::is_empty")]
            pub os_service: String,
            /// The node whose health it takes over.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub alias_node: String,
            /// The instance whose health it takes over.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub alias_service: String,
            /// How long it keeps its status without a word.
            #[serde(
                rename = "TTL",
                deserialize_with = "duration",
                serialize_with = "duration_text",
                skip_serializing_if = "is_zero"
            )]
            pub ttl: GoDuration,
            /// How often it runs.
            #[serde(deserialize_with = "duration", serialize_with = "duration_text", skip_serializing_if = "is_zero")]
            pub interval: GoDuration,
            /// How long a run may take.
            #[serde(deserialize_with = "duration", serialize_with = "duration_text", skip_serializing_if = "is_zero")]
            pub timeout: GoDuration,
            /// After how long in the critical state its service is deregistered.
            #[serde(
                alias = "deregister_critical_service_after",
                deserialize_with = "duration",
                serialize_with = "duration_text",
                skip_serializing_if = "is_zero"
            )]
            pub deregister_critical_service_after: GoDuration,
            /// How many runs in a row must succeed before it passes.
            #[serde(skip_serializing_if = "is_zero")]
            pub success_before_passing: i64,
            /// How many runs in a row must fail before it warns.
            #[serde(skip_serializing_if = "is_zero")]
            pub failures_before_warning: i64,
            /// How many runs in a row must fail before it is critical.
            #[serde(skip_serializing_if = "is_zero")]
            pub failures_before_critical: i64,
            /// How many bytes of output are kept; 0 for the agent's setting.
            #[serde(skip_serializing_if = "is_zero")]
            pub output_max_size: i64,
        }
    };
}

check_definition! {
/// A check inside of a service's definition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename = "struct { Interval interface {}; Timeout interface {}; TTL interface {}; \
        DeregisterCriticalServiceAfter interface {}; Args []string \"json:\\\"args\\\"\"; ScriptArgsSnake []string \
        \"json:\\\"script_args\\\"\"; DeregisterCriticalServiceAfterSnake interface {} \
        \"json:\\\"deregister_critical_service_after\\\"\"; DockerContainerIDSnake string \
        \"json:\\\"docker_container_id\\\"\"; TLSServerNameSnake string \"json:\\\"tls_server_name\\\"\"; \
        TLSSkipVerifySnake bool \"json:\\\"tls_skip_verify\\\"\"; GRPCUseTLSSnake bool \"json:\\\"grpc_use_tls\\\"\"; \
        H2PingUseTLSSnake bool \"json:\\\"h2ping_use_tls\\\"\"; ServiceID string \"json:\\\"ServiceID\\\"\"; \
        ServiceIDSnake string \"json:\\\"service_id\\\"\"; *structs.Alias }",
    rename_all = "PascalCase",
    default
)]
pub struct ServiceCheckDefinition {
    /// Unique on the agent; made from the service's id if empty.
    #[serde(rename = "CheckID", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Accepted and ignored, as in Consul.
    #[serde(rename = "ServiceID", alias = "service_id", skip_serializing)]
    pub service_id: String,
    /// Whether redirects are not followed.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_redirects: bool,
    /// A port that exposes it through a proxy; accepted as in Consul.
    #[serde(rename = "ProxyHTTP", skip_serializing_if = "String::is_empty")]
    pub proxy_http: String,
    /// The same for gRPC.
    #[serde(rename = "ProxyGRPC", skip_serializing_if = "String::is_empty")]
    pub proxy_grpc: String,
}
}

check_definition! {
/// A check of its own, of the node or of a service that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename = "struct { Interval interface {}; Timeout interface {}; TTL interface {}; \
        DeregisterCriticalServiceAfter interface {}; Args []string \"json:\\\"args\\\"\"; ScriptArgsSnake []string \
        \"json:\\\"script_args\\\"\"; DeregisterCriticalServiceAfterSnake interface {} \
        \"json:\\\"deregister_critical_service_after\\\"\"; DockerContainerIDSnake string \
        \"json:\\\"docker_container_id\\\"\"; TLSServerNameSnake string \"json:\\\"tls_server_name\\\"\"; \
        TLSSkipVerifySnake bool \"json:\\\"tls_skip_verify\\\"\"; GRPCUseTLSSnake bool \"json:\\\"grpc_use_tls\\\"\"; \
        ServiceIDSnake string \"json:\\\"service_id\\\"\"; H2PingUseTLSSnake bool \"json:\\\"h2ping_use_tls\\\"\"; \
        DisableRedirectsSnake bool \"json:\\\"disable_redirects\\\"\"; *structs.Alias }",
    rename_all = "PascalCase",
    default
)]
pub struct AgentCheckDefinition {
    /// Unique on the agent; the name if empty.
    #[serde(rename = "ID", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The service that it checks; empty for the node.
    #[serde(rename = "ServiceID", alias = "service_id", skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// Accepted, and ignored while there are no ACLs.
    #[serde(skip_serializing)]
    pub token: String,
    /// Whether redirects are not followed.
    #[serde(alias = "disable_redirects", skip_serializing_if = "is_false")]
    pub disable_redirects: bool,
}
}

/// Moves the fields that both kinds of check have.
macro_rules! common_fields {
    ($from:ident => $to:ident { $($own:ident: $value:expr,)* }) => {
        $to {
            $($own: $value,)*
            name: $from.name,
            notes: $from.notes,
            status: $from.status,
            script_args: $from.script_args,
            http: $from.http,
            header: $from.header,
            method: $from.method,
            body: $from.body,
            disable_redirects: $from.disable_redirects,
            tcp: $from.tcp,
            tcp_use_tls: $from.tcp_use_tls,
            udp: $from.udp,
            grpc: $from.grpc,
            grpc_use_tls: $from.grpc_use_tls,
            h2ping: $from.h2ping,
            h2ping_use_tls: $from.h2ping_use_tls,
            tls_server_name: $from.tls_server_name,
            tls_skip_verify: $from.tls_skip_verify,
            docker_container_id: $from.docker_container_id,
            shell: $from.shell,
            os_service: $from.os_service,
            alias_node: $from.alias_node,
            alias_service: $from.alias_service,
            ttl: $from.ttl,
            interval: $from.interval,
            timeout: $from.timeout,
            deregister_critical_service_after: $from.deregister_critical_service_after,
            success_before_passing: $from.success_before_passing,
            failures_before_warning: $from.failures_before_warning,
            failures_before_critical: $from.failures_before_critical,
            output_max_size: $from.output_max_size,
        }
    };
}

impl From<ServiceCheckDefinition> for AgentCheckDefinition {
    fn from(check: ServiceCheckDefinition) -> Self {
        common_fields!(check => Self { id: check.id, service_id: String::new(), token: String::new(), })
    }
}

/// Reads a service from a configuration file: its keys may be written in any case, with underscores or without.
pub fn service_from_file(value: &Value) -> Result<ServiceDefinition, go_json::Error> {
    let mut renamed = without_underscores(value, &[]);
    if let Value::Object(service) = &mut renamed {
        for (key, part) in service.iter_mut() {
            match (key.as_str(), part) {
                ("check", check @ Value::Object(_)) => *check = check_from(check, true),
                ("checks", Value::Array(checks)) => {
                    checks.iter_mut().for_each(|check| *check = check_from(check, true));
                }
                ("taggedaddresses", Value::Object(addresses)) => {
                    addresses.values_mut().for_each(|address| *address = without_underscores(address, &[]));
                }
                ("weights", weights) => *weights = without_underscores(weights, &[]),
                _ => {}
            }
        }
    }
    go_json::from_slice(renamed.to_string().as_bytes())
}

/// Reads a check from a configuration file, as [`service_from_file`] reads a service.
pub fn check_from_file(value: &Value) -> Result<AgentCheckDefinition, go_json::Error> {
    go_json::from_slice(check_from(value, false).to_string().as_bytes())
}

/// A check with its keys as the wire has them. In a service its id is called `CheckID`, in a file also `id`; a check of
/// its own may be called either way in a file.
fn check_from(value: &Value, is_in_service: bool) -> Value {
    let ids: [(&str, &str); 1] = if is_in_service { [("id", "CheckID")] } else { [("checkid", "ID")] };
    without_underscores(value, &[ids[0], ("args", "ScriptArgs")])
}

/// An object with its keys in lower case and without underscores, which the decoder takes, and some of them renamed.
fn without_underscores(value: &Value, renamed: &[(&str, &str)]) -> Value {
    let Value::Object(members) = value else { return value.clone() };
    let mut plain = Map::new();
    for (key, value) in members {
        let key = key.replace('_', "").to_ascii_lowercase();
        let key = renamed.iter().find(|(from, _)| *from == key).map_or(key, |(_, to)| (*to).to_owned());
        plain.insert(key, value.clone());
    }
    Value::Object(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_may_write_keys_with_underscores() {
        let service = service_from_file(&json!({
            "name": "web", "id": "w", "enable_tag_override": true, "tagged_addresses": {"lan_x": {"address": "a", "port": 1}},
            "meta": {"under_score": "kept"},
            "ports": [{"name": "http", "port": 80, "default": true}], "locality": {"region": "r", "zone": "z"},
            "check": {"id": "c", "args": ["a"], "interval": "5s", "output_max_size": 7, "success_before_passing": 2},
            "checks": [{"http": "http://x", "tls_skip_verify": true, "interval": "1s", "os_service": ""}],
        }))
        .unwrap();
        assert!(service.enable_tag_override && service.tagged_addresses.contains_key("lan_x"));
        assert!(service.meta.contains_key("under_score"));
        assert_eq!(service.ports.text(), r#"[{"Name":"http","Port":80,"Default":true}]"#);
        assert_eq!(service.locality.text(), r#"{"Region":"r","Zone":"z"}"#);
        let check = service.check.unwrap();
        assert_eq!((&*check.id, check.output_max_size, check.success_before_passing), ("c", 7, 2));
        assert!(service.checks[0].tls_skip_verify);
        let error = service_from_file(&json!({"name": "web", "chekc": {}})).unwrap_err();
        assert_eq!(error.unknown_field(), Some("chekc"));
        let check = check_from_file(&json!({"check_id": "a", "ServiceID": "b", "ttl": "3s"})).unwrap();
        assert_eq!((&*check.id, &*check.service_id, check.ttl.0), ("a", "b", 3_000_000_000));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let body =
            br#"{"Name":"a","tags":["x"],"Check":{"Args":["b"],"Interval":"1s"},"Proxy":{"DestinationServiceName":"z"},
            "Ports":[{"Name":"p","Port":1,"Default":true}],"Locality":{"Region":"r"},"AI":{"Role":"x","Agent":{"n":1}},
            "Weights":{"Passing":3},"checks":[{"TTL":"5s"}],"Connect":{"Native":true}}"#;
        let first: ServiceDefinition = go_json::from_slice(body).unwrap();
        let text = serde_json::to_vec(&first).unwrap();
        let second: ServiceDefinition = go_json::from_slice(&text).unwrap();
        assert_eq!(first, second);
    }
}
