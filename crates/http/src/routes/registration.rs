//! From the bodies of a registration and of a transaction to what the state takes.

use quorate_api as api;
use quorate_api::go_json;
use quorate_state as state;
use quorate_state::{CheckStatus, Stamp};
use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::reply::Refused;

/// Reads the body of a registration.
pub(super) async fn decode<T: DeserializeOwned>(call: &mut Call) -> Result<T, Refused> {
    let body = call.take_json_body().await?;
    go_json::from_slice(&body).map_err(|error| {
        let is_namespace = error.unknown_field() == Some("Namespace");
        let edition = if is_namespace { " - Namespaces are a Consul Enterprise feature" } else { "" };
        Refused::bad_request(format!("Request decode failed: {error}{edition}"))
    })
}

/// A registration as the state takes it.
pub(super) fn registration(body: api::Registration) -> Result<state::Registration, Refused> {
    let node = state::Node {
        id: body.id,
        name: body.node,
        address: body.address,
        tagged_addresses: body.tagged_addresses,
        meta: body.node_meta,
        locality: body.locality.into_text(),
        stamp: Stamp::default(),
    };
    let service = body.service.map(|body| {
        validate_service(&body).map_err(Refused::internal)?;
        Ok::<_, Refused>(service(&node.name, body))
    });
    let checks = body.check.into_iter().chain(body.checks);
    Ok(state::Registration {
        skip_node_update: body.skip_node_update,
        service: service.transpose()?,
        checks: checks.map(checked_kind).collect::<Result<_, _>>()?,
        node,
    })
}

/// Refuses a service that contradicts itself.
pub(super) fn validate_service(service: &api::NodeService<'_>) -> Result<(), String> {
    let ports = service.ports.part().map_err(|error| error.to_string())?;
    api::ServicePort::check(&ports).map_err(|error| error.to_string())?;
    validate_proxy(service)
}

/// Refuses a proxy that names nothing to stand before, in the words of Consul's list of errors.
fn validate_proxy(service: &api::NodeService<'_>) -> Result<(), String> {
    if service.kind != "connect-proxy" {
        return Ok(());
    }
    let mut errors = Vec::new();
    if service.port == 0 && service.socket_path.is_empty() {
        errors.push("Port or SocketPath must be set for a connect-proxy");
    }
    let destination = service.proxy.part().map(|proxy| proxy.destination_service_name).unwrap_or_default();
    match destination.trim() {
        "" => errors.push("Proxy.DestinationServiceName must be non-empty for Connect proxy services"),
        "*" => errors.push("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services"),
        _ => {}
    }
    if errors.is_empty() {
        return Ok(());
    }
    let count = match errors.len() {
        1 => "1 error".to_owned(),
        more => format!("{more} errors"),
    };
    let list: String = errors.iter().map(|error| format!("\n\t* {error}")).collect();
    Err(format!("{count} occurred:{list}\n\n"))
}

/// A service as the state takes it. Its stamp carries the index that `cas` compares.
pub(super) fn service(node: &str, body: api::NodeService<'static>) -> state::Service {
    let weights = body.weights.unwrap_or_default();
    let addresses = body.tagged_addresses.unwrap_or_default().into_owned();
    let address = |(purpose, at): (String, api::ServiceAddress)| {
        (purpose, state::ServiceAddress { address: at.address, port: at.port })
    };
    state::Service {
        node: node.to_owned(),
        id: body.id.into_owned(),
        name: body.service.into_owned(),
        tags: body.tags.unwrap_or_default().into_owned(),
        address: body.address.into_owned(),
        tagged_addresses: addresses.into_iter().map(address).collect(),
        meta: body.meta.unwrap_or_default().into_owned(),
        port: body.port,
        socket_path: body.socket_path.into_owned(),
        weights: state::Weights { passing: weights.passing, warning: weights.warning },
        enable_tag_override: body.enable_tag_override,
        kind: body.kind.into_owned(),
        proxy: body.proxy.into_text(),
        connect: body.connect.into_text(),
        ports: body.ports.into_text(),
        locality: body.locality.into_text(),
        ai: body.ai.into_text(),
        stamp: Stamp { created: 0, modified: body.modify_index },
    }
}

/// A check as the state takes it. Its stamp carries the index that `cas` compares.
pub(super) fn check(body: api::HealthCheck<'static>) -> state::Check {
    // What is no word for a state counts as critical, as no word at all does.
    let status = CheckStatus::from_word(&body.status).unwrap_or_default();
    state::Check {
        node: body.node.into_owned(),
        id: body.check_id.into_owned(),
        name: body.name.into_owned(),
        status,
        notes: body.notes.into_owned(),
        output: body.output.into_owned(),
        service_id: body.service_id.into_owned(),
        // These two are the service's.
        service_name: String::new(),
        service_tags: Vec::new(),
        kind: body.kind.into_owned(),
        interval: body.interval.into_owned(),
        timeout: body.timeout.into_owned(),
        exposed_port: body.exposed_port,
        definition: body.definition.into_text(),
        stamp: Stamp { created: 0, modified: body.modify_index },
    }
}

/// A check whose kind is found out from its definition if it tells none.
fn checked_kind(mut body: api::HealthCheck<'static>) -> Result<state::Check, Refused> {
    if body.kind.is_empty() {
        let definition = body.definition.part().map_err(|error| Refused::internal(error.to_string()))?;
        body.kind = definition.kind().into();
    }
    Ok(check(body))
}

/// A node as a transaction takes it. Its stamp carries the index that `cas` compares.
pub(super) fn node(body: api::Node<'static>) -> state::Node {
    state::Node {
        id: body.id.into_owned(),
        name: body.node.into_owned(),
        address: body.address.into_owned(),
        tagged_addresses: body.tagged_addresses.unwrap_or_default().into_owned(),
        meta: body.meta.unwrap_or_default().into_owned(),
        locality: body.locality.into_text(),
        stamp: Stamp { created: 0, modified: body.modify_index },
    }
}
