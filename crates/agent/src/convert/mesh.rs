//! The parts of a service that are for a mesh: what Consul 1.13.9 refuses of them, in its words, and what it fills in.
//! All mistakes are told at once.

use std::collections::BTreeSet;

use quorate_api as api;
use quorate_api::proxy::{ConnectProxy, Expose, Upstream};

use super::wrong;
use crate::error::DefinitionError;

/// Fills in the type of upstreams and refuses what makes no sense in a mesh, and a sidecar, which there is no mesh for.
pub(super) fn complete(body: &mut api::ServiceDefinition) -> Result<(), DefinitionError> {
    let unreadable = |error: serde_json::Error| wrong(error.to_string());
    let connect = body.connect.part().map_err(unreadable)?;
    let mut proxy = body.proxy.part().map_err(unreadable)?;
    for upstream in proxy.upstreams.iter_mut().filter(|upstream| upstream.destination_type.is_empty()) {
        upstream.destination_type = "service".to_owned();
    }
    let errors = errors(body, &proxy, connect.native);
    if connect.sidecar_service.is_some() {
        return Err(wrong(
            "Connect.SidecarService: the mesh is not served yet, so no sidecar is registered; register the proxy as a \
             service of its own",
        ));
    }
    if errors.is_empty() {
        body.proxy = api::Kept::new(&proxy).map_err(unreadable)?;
        return Ok(());
    }
    let count = if errors.len() == 1 { "1 error".to_owned() } else { format!("{} errors", errors.len()) };
    let list: String = errors.iter().map(|error| format!("\n\t* {error}")).collect();
    Err(wrong(format!("Validation failed: {count} occurred:{list}\n\n")))
}

fn errors(body: &api::ServiceDefinition, proxy: &ConnectProxy, is_native: bool) -> Vec<String> {
    let has_place = body.port != 0 || !body.socket_path.is_empty();
    let mut errors = Vec::new();
    match &*body.kind {
        "connect-proxy" => {
            if !has_place {
                errors.push("Port or SocketPath must be set for a connect-proxy".to_owned());
            }
            match proxy.destination_service_name.trim() {
                "" => {
                    errors.push("Proxy.DestinationServiceName must be non-empty for Connect proxy services".to_owned());
                }
                "*" => errors
                    .push("Proxy.DestinationServiceName must not be a wildcard for Connect proxy services".to_owned()),
                _ => {}
            }
            if is_native {
                errors.push("A Proxy cannot also be Connect Native, only typical services".to_owned());
            }
            add_of_upstreams(&proxy.upstreams, &mut errors);
            add_of_exposed(&proxy.expose, &mut errors);
        }
        "mesh-gateway" | "terminating-gateway" => {
            if body.port == 0 {
                errors.push(format!("Port must be non-zero for a {}", body.kind));
            }
            add_of_gateway(&body.kind, proxy, &mut errors);
        }
        "ingress-gateway" => add_of_gateway(&body.kind, proxy, &mut errors),
        _ => {}
    }
    if is_native && !has_place {
        errors.push("Port or SocketPath must be set for a Connect native service.".to_owned());
    }
    errors
}

/// A gateway stands before no service of its own.
fn add_of_gateway(kind: &str, proxy: &ConnectProxy, errors: &mut Vec<String>) {
    for (field, is_given) in [
        ("DestinationServiceName", !proxy.destination_service_name.is_empty()),
        ("DestinationServiceID", !proxy.destination_service_id.is_empty()),
        ("LocalServiceAddress", !proxy.local_service_address.is_empty()),
        ("LocalServicePort", proxy.local_service_port != 0),
        ("LocalServiceSocketPath", !proxy.local_service_socket_path.is_empty()),
        ("Upstreams", !proxy.upstreams.is_empty()),
    ] {
        if is_given {
            errors.push(format!("The Proxy.{field} configuration is invalid for a {kind}"));
        }
    }
}

fn add_of_upstreams(upstreams: &[Upstream], errors: &mut Vec<String>) {
    let (mut destinations, mut places) = (BTreeSet::new(), BTreeSet::new());
    for upstream in upstreams {
        if let Some(error) = error_of(upstream) {
            errors.push(error);
            continue;
        }
        let destination = destination(upstream);
        if destinations.contains(&destination) {
            errors.push(format!("upstreams cannot contain duplicates of {destination}"));
            continue;
        }
        destinations.insert(destination);
        if let Some(place) = place(upstream)
            && !places.insert(place.clone())
        {
            errors.push(format!(
                "upstreams cannot contain duplicates by local bind address and port or unix path; {place:?} is \
                 specified twice"
            ));
        }
    }
}

fn error_of(upstream: &Upstream) -> Option<String> {
    let (has_port, has_socket) = (upstream.local_bind_port != 0, !upstream.local_bind_socket_path.is_empty());
    let error = match &*upstream.destination_type {
        "service" | "prepared_query" if upstream.destination_name.is_empty() => {
            "upstream destination name cannot be empty"
        }
        "service" | "prepared_query" if upstream.destination_name == "*" => {
            "upstream destination name cannot be a wildcard"
        }
        "service" | "prepared_query" => match (has_port, has_socket) {
            _ if !upstream.destination_peer.is_empty() && !upstream.datacenter.as_str().is_empty() => {
                "upstream cannot specify both destination peer and datacenter"
            }
            (false, false) if !upstream.centrally_configured => {
                "upstream local bind port or local socket path must be defined and nonzero"
            }
            (true, true) => "only one of upstream local bind port or local socket path can be defined and nonzero",
            _ => return None,
        },
        other => return Some(format!("unknown upstream destination type: {other:?}")),
    };
    Some(error.to_owned())
}

/// What makes an upstream another than the others.
fn destination(upstream: &Upstream) -> String {
    let Upstream { destination_type, destination_name, destination_partition, destination_namespace, .. } = upstream;
    let (peer, datacenter) = (&upstream.destination_peer, upstream.datacenter.as_str());
    format!(
        "[type={destination_type:?}, name={destination_name:?}, partition={destination_partition:?}, \
         namespace={destination_namespace:?}, peer={peer:?}, datacenter={datacenter:?}]"
    )
}

/// Where a proxy listens for an upstream.
fn place(upstream: &Upstream) -> Option<String> {
    match (&*upstream.local_bind_socket_path, &*upstream.local_bind_address, upstream.local_bind_port) {
        ("", _, 0) => None,
        ("", "", port) => Some(format!("127.0.0.1:{port}")),
        ("", address, port) => Some(format!("{address}:{port}")),
        (path, ..) => Some(path.to_owned()),
    }
}

fn add_of_exposed(expose: &Expose, errors: &mut Vec<String>) {
    let mut ports = BTreeSet::new();
    for path in &expose.paths {
        if path.path.is_empty() {
            errors.push("expose.paths: empty path exposed".to_owned());
        }
        if !ports.insert(path.listener_port) {
            errors.push("expose.paths: duplicate listener ports exposed".to_owned());
        }
        if !(1..=65_535).contains(&path.listener_port) {
            errors.push(format!("expose.paths: invalid listener port: {}", path.listener_port));
        }
        if !matches!(&*path.protocol.to_ascii_lowercase(), "" | "http" | "http2") {
            errors.push(format!(
                "protocol '{}' not supported for path: {}, must be in: [http http2]",
                path.protocol, path.path
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use quorate_api::go_json;

    use super::super::tests::service_error;
    use super::*;

    fn proxy_error(proxy: &str) -> String {
        let proxy = format!(r#""DestinationServiceName":"a",{proxy}"#);
        let error = service_error(&format!(r#"{{"Name":"x","Kind":"connect-proxy","Port":5,"Proxy":{{{proxy}}}}}"#));
        error.trim_end().replace("\n\t* ", " | ")
    }

    #[test]
    fn upstreams_are_told_apart_and_complete() {
        for (upstreams, words) in [
            (
                r#"{},{"DestinationName":"b"}"#,
                "2 errors occurred: | upstream destination name cannot be empty | upstream local bind port or local socket path must be defined and nonzero",
            ),
            (
                r#"{"DestinationName":"b","LocalBindPort":1},{"DestinationName":"b","LocalBindPort":1}"#,
                r#"1 error occurred: | upstreams cannot contain duplicates of [type="service", name="b", partition="", namespace="", peer="", datacenter=""]"#,
            ),
            (
                r#"{"DestinationName":"b","LocalBindPort":1},{"DestinationName":"c","LocalBindPort":1,"LocalBindAddress":"127.0.0.1"}"#,
                r#"1 error occurred: | upstreams cannot contain duplicates by local bind address and port or unix path; "127.0.0.1:1" is specified twice"#,
            ),
        ] {
            assert_eq!(proxy_error(&format!(r#""Upstreams":[{upstreams}]"#)), format!("Validation failed: {words}"));
        }
    }

    #[test]
    fn gateways_stand_before_nothing_of_their_own() {
        let json = r#"{"Name":"x","Kind":"mesh-gateway","Proxy":{"LocalServicePort":1,"Upstreams":[{}]}}"#;
        assert_eq!(
            service_error(json),
            "Validation failed: 3 errors occurred:\n\t* Port must be non-zero for a mesh-gateway\n\t* The \
             Proxy.LocalServicePort configuration is invalid for a mesh-gateway\n\t* The Proxy.Upstreams \
             configuration is invalid for a mesh-gateway\n\n"
        );
    }

    #[test]
    fn the_type_of_an_upstream_is_filled_in() {
        let json = br#"{"Name":"x","Kind":"connect-proxy","Port":5,"Proxy":{"DestinationServiceName":"a",
            "Upstreams":[{"DestinationName":"b","LocalBindPort":1}]}}"#;
        let mut body: api::ServiceDefinition = go_json::from_slice(json).unwrap();
        complete(&mut body).unwrap();
        assert_eq!(body.proxy.part().unwrap().upstreams[0].destination_type, "service");
    }
}
