//! From the wire's definitions to the agent's, with the checks that Consul 1.13.9 makes and in its words.

use std::net::IpAddr;

use quorate_api as api;
use quorate_state::{CheckStatus, Service, ServiceAddress, Stamp, Weights};

use crate::definition::*;
use crate::error::DefinitionError;

fn wrong(text: impl Into<String>) -> DefinitionError {
    DefinitionError(text.into())
}

impl TryFrom<api::ServiceDefinition> for ServiceDefinition {
    type Error = DefinitionError;

    fn try_from(body: api::ServiceDefinition) -> Result<Self, DefinitionError> {
        if body.name.is_empty() {
            return Err(wrong("Missing service name"));
        }
        if body.address == "0.0.0.0" || body.address == "::" || body.address == "[::]" {
            return Err(wrong("Invalid service address"));
        }
        check_meta(&body.meta)?;
        let ports = body.ports.part().map_err(|error| wrong(error.to_string()))?;
        api::ServicePort::check(&ports).map_err(|error| wrong(error.to_string()))?;
        let id = id_of(&body).to_owned();
        let given = checks_of(&body);
        for check in &given {
            validate(check).map_err(|text| wrong(format!("Invalid check: {text}")))?;
        }
        for check in &given {
            if !check.status.is_empty() && CheckStatus::from_word(&check.status).is_none() {
                return Err(wrong("Status for checks must 'passing', 'warning', 'critical'"));
            }
        }
        validate_mesh(&body)?;
        let checks = given.into_iter().map(|check| {
            let mut check = converted(check);
            show_as_of_service(&mut check);
            check
        });
        let checks = checks.collect();
        Ok(Self { service: service(id, body)?, checks })
    }
}

fn id_of(body: &api::ServiceDefinition) -> &str {
    if body.id.is_empty() { &body.name } else { &body.id }
}

/// The checks of a service as checks of their own, with the ids and names that they get. One that says nothing is none,
/// where only one can be given.
pub(crate) fn checks_of(body: &api::ServiceDefinition) -> Vec<api::AgentCheckDefinition> {
    let id = id_of(body);
    let first = body.check.iter().filter(|check| **check != Default::default());
    let given: Vec<_> = first.chain(&body.checks).cloned().collect();
    let count = given.len();
    let named = |(place, check): (usize, api::ServiceCheckDefinition)| {
        let mut check = api::AgentCheckDefinition::from(check);
        if check.id.is_empty() {
            check.id = if count == 1 { format!("service:{id}") } else { format!("service:{id}:{}", place + 1) };
        }
        if check.name.is_empty() {
            check.name = format!("Service '{}' check", body.name);
        }
        id.clone_into(&mut check.service_id);
        check
    };
    given.into_iter().enumerate().map(named).collect()
}

/// A check that came with its service does not show what its definition leaves out; one of its own shows `0s`.
pub(crate) fn show_as_of_service(check: &mut CheckDefinition) {
    for text in [&mut check.interval_text, &mut check.timeout_text] {
        if text == "0s" {
            text.clear();
        }
    }
}

impl TryFrom<api::AgentCheckDefinition> for CheckDefinition {
    type Error = DefinitionError;

    fn try_from(mut body: api::AgentCheckDefinition) -> Result<Self, DefinitionError> {
        if body.name.is_empty() {
            return Err(wrong("Missing check name"));
        }
        if !body.status.is_empty() && CheckStatus::from_word(&body.status).is_none() {
            return Err(wrong("Bad check status"));
        }
        if body.id.is_empty() {
            body.id.clone_from(&body.name);
        }
        validate(&body).map_err(|text| wrong(format!("Invalid check: {text}")))?;
        Ok(converted(body))
    }
}

fn service(id: String, body: api::ServiceDefinition) -> Result<Service, DefinitionError> {
    let weights = body.weights.unwrap_or_default();
    if weights.passing < 1 {
        return Err(wrong("Invalid Weights: Passing must be greater than 0"));
    }
    if weights.warning < 0 {
        return Err(wrong("Invalid Weights: Warning must be greater or equal than 0"));
    }
    if weights.passing > WEIGHT_MAX || weights.warning > WEIGHT_MAX {
        return Err(wrong("Invalid Weights: DNS Weight must be between 0 and 65535"));
    }
    let address =
        |(purpose, at): (String, api::ServiceAddress)| (purpose, ServiceAddress { address: at.address, port: at.port });
    let mut tagged_addresses: std::collections::BTreeMap<_, _> =
        body.tagged_addresses.into_iter().map(address).collect();
    if let Ok(ip) = body.address.parse::<IpAddr>() {
        let family = if ip.is_ipv4() { "ipv4" } else { "ipv6" };
        for purpose in ["lan", "wan"] {
            let own = ServiceAddress { address: body.address.clone(), port: body.port };
            tagged_addresses.entry(format!("{purpose}_{family}")).or_insert(own);
        }
    }
    Ok(Service {
        node: String::new(),
        id,
        name: body.name,
        tags: body.tags,
        address: body.address,
        tagged_addresses,
        meta: body.meta,
        port: body.port,
        socket_path: body.socket_path,
        weights: Weights { passing: weights.passing, warning: weights.warning },
        enable_tag_override: body.enable_tag_override,
        kind: body.kind,
        proxy: body.proxy.into_text(),
        connect: body.connect.into_text(),
        ports: body.ports.into_text(),
        locality: body.locality.into_text(),
        ai: body.ai.into_text(),
        stamp: Stamp::default(),
    })
}

/// The largest weight that a DNS answer can carry.
const WEIGHT_MAX: i64 = 65_535;

/// The most pairs of meta data, and the longest keys and values; Consul's bounds.
const META_PAIRS_MAX: usize = 64;
const META_KEY_BYTES_MAX: usize = 128;
const META_VALUE_BYTES_MAX: usize = 512;

fn check_meta(meta: &api::catalog::TextMap) -> Result<(), DefinitionError> {
    if meta.len() > META_PAIRS_MAX {
        return Err(wrong(format!(
            "Invalid Service Meta: Node metadata cannot contain more than {META_PAIRS_MAX} key/value pairs"
        )));
    }
    for (key, value) in meta {
        let problem = if key.is_empty() {
            "Key cannot be blank".to_owned()
        } else if !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            "Key contains invalid characters".to_owned()
        } else if key.len() > META_KEY_BYTES_MAX {
            format!("Key is too long (limit: {META_KEY_BYTES_MAX} characters)")
        } else if key.starts_with("consul-") {
            "Key prefix 'consul-' is reserved for internal use".to_owned()
        } else if value.len() > META_VALUE_BYTES_MAX {
            format!("Value is too long (limit: {META_VALUE_BYTES_MAX} characters)")
        } else {
            continue;
        };
        return Err(wrong(format!(
            "Invalid Service Meta: Couldn't load metadata pair ('{key}', '{value}'): {problem}"
        )));
    }
    Ok(())
}

/// Refuses what makes no sense in a mesh, and a sidecar, which there is no mesh for.
fn validate_mesh(body: &api::ServiceDefinition) -> Result<(), DefinitionError> {
    let has_place = body.port != 0 || !body.socket_path.is_empty();
    let mut errors = Vec::new();
    let connect = body.connect.part().unwrap_or_default();
    if body.kind == "connect-proxy" {
        if !has_place {
            errors.push("Port or SocketPath must be set for a connect-proxy");
        }
        let proxy = body.proxy.part().unwrap_or_default();
        match proxy.destination_service_name.trim() {
            "" => errors.push("Proxy.DestinationServiceName must be non-empty for Connect proxy services"),
            "*" => errors.push("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services"),
            _ => {}
        }
    }
    if connect.native && !has_place {
        errors.push("Port or SocketPath must be set for a Connect native service.");
    }
    if connect.sidecar_service.is_some() {
        return Err(wrong(
            "Connect.SidecarService: the mesh is not served yet, so no sidecar is registered; register the proxy as a \
             service of its own",
        ));
    }
    if errors.is_empty() {
        return Ok(());
    }
    let count = if errors.len() == 1 { "1 error".to_owned() } else { format!("{} errors", errors.len()) };
    let list: String = errors.iter().map(|error| format!("\n\t* {error}")).collect();
    Err(wrong(format!("Validation failed: {count} occurred:{list}\n\n")))
}

/// Whether a check can be run at all.
fn validate(check: &api::AgentCheckDefinition) -> Result<(), String> {
    let is_alias = !check.alias_node.is_empty() || !check.alias_service.is_empty();
    let runs = [&check.http, &check.h2ping, &check.tcp, &check.udp, &check.grpc, &check.os_service];
    let runs = !check.script_args.is_empty() || runs.iter().any(|text| !text.is_empty());
    if check.interval.0 > 0 && check.ttl.0 > 0 {
        return Err("Interval and TTL cannot both be specified".into());
    }
    if runs && check.interval.0 <= 0 {
        return Err("Interval must be > 0 for Script, HTTP, H2PING, TCP or UDP checks".into());
    }
    if is_alias && check.ttl.0 != 0 {
        return Err("TTL must be not be set for Alias checks".into());
    }
    if !runs && !is_alias && check.ttl.0 <= 0 {
        return Err("TTL must be > 0 for TTL checks".into());
    }
    if check.output_max_size < 0 {
        return Err("MaxOutputMaxSize must be positive".into());
    }
    if check.failures_before_critical > 0 && check.failures_before_warning > check.failures_before_critical {
        return Err("FailuresBeforeWarning can't be higher than FailuresBeforeCritical".into());
    }
    Ok(())
}

/// A valid check as the agent takes it. Of several things that it could do, the first in Consul's order counts.
fn converted(body: api::AgentCheckDefinition) -> CheckDefinition {
    let count = |given: i64| u32::try_from(given.max(0)).unwrap_or(u32::MAX);
    let critical = count(body.failures_before_critical);
    let thresholds = Thresholds {
        success_before_passing: count(body.success_before_passing),
        failures_before_warning: match count(body.failures_before_warning) {
            0 => critical,
            given => given,
        },
        failures_before_critical: critical,
    };
    CheckDefinition {
        id: body.id.clone(),
        name: body.name.clone(),
        notes: body.notes.clone(),
        service_id: body.service_id.clone(),
        status: CheckStatus::from_word(&body.status),
        interval: body.interval.to_std(),
        timeout: body.timeout.to_std(),
        interval_text: body.interval.to_string(),
        timeout_text: body.timeout.to_string(),
        thresholds,
        deregister_after: (body.deregister_critical_service_after.0 > 0)
            .then(|| body.deregister_critical_service_after.to_std()),
        output_bytes_max: usize::try_from(body.output_max_size).ok().filter(|size| *size > 0),
        check: check(body),
    }
}

fn check(body: api::AgentCheckDefinition) -> Check {
    let tls = Tls { server_name: body.tls_server_name, skip_verify: body.tls_skip_verify };
    let repeats = body.interval.0 > 0;
    if body.ttl.0 > 0 {
        return Check::Ttl(body.ttl.to_std());
    }
    if repeats && !body.http.is_empty() {
        let headers = body.header.into_iter();
        return Check::Http(Http {
            url: body.http,
            method: if body.method.is_empty() { "GET".to_owned() } else { body.method },
            headers: headers
                .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)))
                .collect(),
            body: body.body,
            follow_redirects: !body.disable_redirects,
            tls,
        });
    }
    if repeats && !body.tcp.is_empty() {
        return Check::Tcp(Target { address: body.tcp, tls: body.tcp_use_tls.then_some(tls) });
    }
    if repeats && !body.udp.is_empty() {
        return Check::Udp(body.udp);
    }
    if repeats && !body.grpc.is_empty() {
        return Check::Grpc(Grpc { endpoint: body.grpc, tls: body.grpc_use_tls.then_some(tls) });
    }
    if repeats && !body.script_args.is_empty() && !body.docker_container_id.is_empty() {
        return Check::Docker(Docker { container: body.docker_container_id, arguments: body.script_args });
    }
    if repeats && !body.script_args.is_empty() {
        return Check::Script(Script { arguments: body.script_args });
    }
    if repeats && !body.h2ping.is_empty() {
        let uses_tls = body.h2ping_use_tls.unwrap_or(true);
        return Check::H2Ping(H2Ping { address: body.h2ping, tls: uses_tls.then_some(tls) });
    }
    if repeats && !body.os_service.is_empty() {
        return Check::OsService(body.os_service);
    }
    Check::Alias(Alias { node: body.alias_node, service_id: body.alias_service })
}
