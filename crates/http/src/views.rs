//! What the state holds, as the wire shows it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quorate_api as api;
use quorate_state as state;

use crate::encode;

/// A map that Consul shows as `null` if nothing is in it.
fn or_null(map: &BTreeMap<String, String>) -> Option<Cow<'_, BTreeMap<String, String>>> {
    (!map.is_empty()).then_some(Cow::Borrowed(map))
}

/// A key with its entry.
pub(crate) fn kv_pair<'a>(key: &'a [u8], entry: &'a state::KeyEntry, shown: state::ValueShown) -> api::KvPair<'a> {
    api::KvPair {
        lock_index: entry.lock_index,
        key: encode::text_of(key),
        flags: entry.flags,
        value: match shown {
            state::ValueShown::Yes => api::KvPair::value_of(&entry.value),
            state::ValueShown::No => None,
        },
        session: entry.session.map_or(Cow::Borrowed(""), |id| Cow::Owned(id.to_string())),
        create_index: entry.stamp.created,
        modify_index: entry.stamp.modified,
    }
}

/// A node.
pub(crate) fn node<'a>(node: &'a state::Node, datacenter: &'a str) -> api::Node<'a> {
    api::Node {
        id: (&*node.id).into(),
        node: (&*node.name).into(),
        address: (&*node.address).into(),
        datacenter: datacenter.into(),
        partition: "".into(),
        peer_name: "".into(),
        tagged_addresses: or_null(&node.tagged_addresses),
        meta: or_null(&node.meta),
        locality: api::Kept::from_text(&node.locality),
        create_index: node.stamp.created,
        modify_index: node.stamp.modified,
    }
}

pub(crate) fn address_map(
    addresses: &BTreeMap<String, state::ServiceAddress>,
) -> Option<Cow<'_, api::catalog::AddressMap>> {
    let copy = |(purpose, at): (&String, &state::ServiceAddress)| {
        (purpose.clone(), api::ServiceAddress { address: at.address.clone(), port: at.port })
    };
    (!addresses.is_empty()).then(|| Cow::Owned(addresses.iter().map(copy).collect()))
}

pub(crate) fn weights(weights: state::Weights) -> api::Weights {
    api::Weights { passing: weights.passing, warning: weights.warning }
}

/// An instance as its node lists it.
pub(crate) fn service(service: &state::Service) -> api::NodeService<'_> {
    api::NodeService {
        kind: (&*service.kind).into(),
        id: (&*service.id).into(),
        service: (&*service.name).into(),
        tags: Some((&*service.tags).into()),
        address: (&*service.address).into(),
        tagged_addresses: address_map(&service.tagged_addresses),
        meta: or_null(&service.meta),
        port: service.port,
        socket_path: (&*service.socket_path).into(),
        weights: Some(weights(service.weights)),
        enable_tag_override: service.enable_tag_override,
        proxy: api::Kept::from_text(&service.proxy),
        connect: api::Kept::from_text(&service.connect),
        ports: api::Kept::from_text(&service.ports),
        locality: api::Kept::from_text(&service.locality),
        ai: api::Kept::from_text(&service.ai),
        peer_name: "".into(),
        create_index: service.stamp.created,
        modify_index: service.stamp.modified,
    }
}

/// An instance with its node beside it.
pub(crate) fn catalog_service<'a>(
    node: &'a state::Node,
    service: &'a state::Service,
    datacenter: &'a str,
) -> api::CatalogService<'a> {
    api::CatalogService {
        id: (&*node.id).into(),
        // As its registration spelled it; the node may have been written otherwise since.
        node: (&*service.node).into(),
        address: (&*node.address).into(),
        datacenter: datacenter.into(),
        tagged_addresses: or_null(&node.tagged_addresses),
        node_meta: or_null(&node.meta),
        service_kind: (&*service.kind).into(),
        service_id: (&*service.id).into(),
        service_name: (&*service.name).into(),
        service_tags: (&*service.tags).into(),
        service_address: (&*service.address).into(),
        service_tagged_addresses: address_map(&service.tagged_addresses),
        service_weights: weights(service.weights),
        service_meta: Cow::Borrowed(&service.meta),
        service_port: service.port,
        service_socket_path: (&*service.socket_path).into(),
        service_enable_tag_override: service.enable_tag_override,
        service_proxy: api::Kept::from_text(&service.proxy),
        service_connect: api::Kept::from_text(&service.connect),
        service_locality: api::Kept::from_text(&service.locality),
        peer_name: "".into(),
        create_index: service.stamp.created,
        modify_index: service.stamp.modified,
    }
}

/// A check.
pub(crate) fn check(check: &state::Check) -> api::HealthCheck<'_> {
    api::HealthCheck {
        node: (&*check.node).into(),
        check_id: (&*check.id).into(),
        name: (&*check.name).into(),
        status: check.status.as_str().into(),
        notes: (&*check.notes).into(),
        output: (&*check.output).into(),
        service_id: (&*check.service_id).into(),
        service_name: (&*check.service_name).into(),
        service_tags: Some((&*check.service_tags).into()),
        kind: (&*check.kind).into(),
        interval: (&*check.interval).into(),
        timeout: (&*check.timeout).into(),
        exposed_port: check.exposed_port,
        peer_name: "".into(),
        definition: api::Kept::from_text(&check.definition),
        create_index: check.stamp.created,
        modify_index: check.stamp.modified,
    }
}

/// A session. `service_checks` are its own, converted: they have another type on the wire.
pub(crate) fn session<'a>(session: &'a state::Session) -> api::Session<'a> {
    let service_check = |check: &state::ServiceCheckReference| api::ServiceCheck {
        id: check.id.clone(),
        namespace: check.namespace.clone(),
    };
    let service_checks = session.service_checks.as_ref().map(|checks| checks.iter().map(service_check).collect());
    api::Session {
        id: session.id.to_string().into(),
        name: (&*session.name).into(),
        node: (&*session.node).into(),
        lock_delay: session.lock_delay_ns,
        behavior: behavior_word(session.behavior).into(),
        ttl: (&*session.ttl).into(),
        node_checks: session.node_checks.as_deref().map(Cow::Borrowed),
        service_checks: service_checks.map(Cow::Owned),
        checks: (&*session.checks).into(),
        create_index: session.stamp.created,
        modify_index: session.stamp.modified,
    }
}

/// The word for what happens to a session's keys.
pub(crate) fn behavior_word(behavior: state::SessionBehavior) -> &'static str {
    match behavior {
        state::SessionBehavior::Release => "release",
        state::SessionBehavior::Delete => "delete",
    }
}
