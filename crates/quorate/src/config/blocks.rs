//! The keys of the blocks that define services, checks and watches, and of the few other blocks within keys; as Consul
//! 1.13 has them, in all its spellings, with those that later versions document: `locality`, `ports`, `os_service`,
//! `tcp_use_tls`.

use super::kind::Kind::{AnyObject, Block, BlockMap, Blocks, Bool, Duration, Int, List, Text, TextMap, TextsMap};
use super::kind::{Field, aliased, field};

/// `service { }`.
pub(crate) static SERVICE: &[Field] = &[
    field("address", Text),
    field("check", Block(&CHECK)),
    field("checks", Blocks(&CHECK)),
    field("connect", Block(&CONNECT)),
    field("enable_tag_override", Bool),
    field("id", Text),
    field("kind", Text),
    field("locality", Block(&LOCALITY)),
    field("meta", TextMap),
    field("name", Text),
    field("port", Int),
    field("ports", Blocks(&PORT)),
    field("proxy", Block(&PROXY)),
    field("socket_path", Text),
    field("tagged_addresses", BlockMap(&ADDRESS)),
    field("tags", List),
    field("token", Text),
    field("weights", Block(&WEIGHTS)),
];

/// `check { }`, alone or within a service.
pub(crate) static CHECK: &[Field] = &[
    field("alias_node", Text),
    field("alias_service", Text),
    aliased("args", "scriptargs", List),
    field("body", Text),
    aliased("deregister_critical_service_after", "deregistercriticalserviceafter", Duration),
    field("disable_redirects", Bool),
    aliased("docker_container_id", "dockercontainerid", Text),
    field("failures_before_critical", Int),
    field("failures_before_warning", Int),
    field("grpc", Text),
    field("grpc_use_tls", Bool),
    field("h2ping", Text),
    field("h2ping_use_tls", Bool),
    field("header", TextsMap),
    field("http", Text),
    field("id", Text),
    field("interval", Duration),
    field("method", Text),
    field("name", Text),
    field("notes", Text),
    aliased("os_service", "osservice", Text),
    field("output_max_size", Int),
    aliased("service_id", "serviceid", Text),
    field("shell", Text),
    field("status", Text),
    field("success_before_passing", Int),
    field("tcp", Text),
    aliased("tcp_use_tls", "tcpusetls", Bool),
    field("timeout", Duration),
    field("tls_server_name", Text),
    aliased("tls_skip_verify", "tlsskipverify", Bool),
    field("token", Text),
    field("ttl", Duration),
    field("udp", Text),
];

static WEIGHTS: &[Field] = &[field("passing", Int), field("warning", Int)];
static ADDRESS: &[Field] = &[field("address", Text), field("port", Int)];

static LOCALITY: &[Field] = &[field("region", Text), field("zone", Text)];
static PORT: &[Field] = &[field("default", Bool), field("name", Text), field("port", Int)];

static CONNECT: &[Field] = &[field("native", Bool), field("sidecar_service", Block(&SERVICE))];

static PROXY: &[Field] = &[
    field("config", AnyObject),
    field("destination_service_id", Text),
    field("destination_service_name", Text),
    field("expose", Block(&EXPOSE)),
    field("local_service_address", Text),
    field("local_service_port", Int),
    field("local_service_socket_path", Text),
    field("mesh_gateway", Block(&MESH_GATEWAY)),
    field("mode", Text),
    field("transparent_proxy", Block(&TRANSPARENT_PROXY)),
    field("upstreams", Blocks(&UPSTREAM)),
];

static EXPOSE: &[Field] = &[field("checks", Bool), field("paths", Blocks(&EXPOSED_PATH)), field("port", Int)];
static EXPOSED_PATH: &[Field] =
    &[field("listener_port", Int), field("local_path_port", Int), field("path", Text), field("protocol", Text)];
static MESH_GATEWAY: &[Field] = &[field("mode", Text)];
static TRANSPARENT_PROXY: &[Field] = &[field("dialed_directly", Bool), field("outbound_listener_port", Int)];

static UPSTREAM: &[Field] = &[
    field("config", AnyObject),
    field("datacenter", Text),
    field("destination_name", Text),
    field("destination_namespace", Text),
    field("destination_partition", Text),
    field("destination_peer", Text),
    field("destination_type", Text),
    field("local_bind_address", Text),
    field("local_bind_port", Int),
    field("local_bind_socket_mode", Text),
    field("local_bind_socket_path", Text),
    field("mesh_gateway", Block(&MESH_GATEWAY)),
];

/// `watches = [{ }]`.
pub(crate) static WATCH: &[Field] = &[
    field("args", List),
    field("datacenter", Text),
    field("filter", Text),
    field("handler", Text),
    field("handler_type", Text),
    field("http_handler_config", Block(&HTTP_HANDLER)),
    field("key", Text),
    field("name", Text),
    field("node", Text),
    field("node_meta", TextMap),
    field("passingonly", Bool),
    field("prefix", Text),
    field("service", Text),
    field("service_id", Text),
    field("stale", Bool),
    field("state", Text),
    field("tag", super::kind::Kind::Any),
    field("token", Text),
    field("type", Text),
];

static HTTP_HANDLER: &[Field] = &[
    field("header", TextsMap),
    field("method", Text),
    field("path", Text),
    field("timeout", Text),
    field("tls_skip_verify", Bool),
];

pub(crate) static SEGMENT: &[Field] = &[
    field("advertise", Text),
    field("bind", Text),
    field("name", Text),
    field("port", Int),
    field("rpc_listener", Bool),
];

pub(crate) static AUDIT_SINK: &[Field] = &[
    field("delivery_guarantee", Text),
    field("format", Text),
    field("mode", Text),
    field("name", Text),
    field("path", Text),
    field("rotate_bytes", Int),
    field("rotate_duration", Text),
    field("rotate_max_files", Int),
    field("type", Text),
];

pub(crate) static MANAGED_SERVICE_PROVIDER: &[Field] = &[field("accessor_id", Text), field("secret_id", Text)];
pub(crate) static ADDED_HEADER: &[Field] = &[field("name", Text), field("value", Text)];
