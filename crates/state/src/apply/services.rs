//! Services: writing and removing them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::apply::Outcome;
use crate::effects::Effects;
use crate::tables::fold;
use crate::{Service, Stamp, State, Topic, Weights};

/// How many pairs a service's metadata may have, and how long their keys and values may be. They are Consul's.
const META_PAIRS_MAX: usize = 64;
const META_KEY_BYTES_MAX: usize = 128;
const META_VALUE_BYTES_MAX: usize = 512;

/// Keys that begin so are Consul's own.
const META_KEY_RESERVED: &str = "consul-";
/// Those of them that a mesh gateway may carry all the same.
const META_KEYS_OF_MESH_GATEWAYS: [&str; 1] = ["consul-wan-federation"];
const MESH_GATEWAY: &str = "mesh-gateway";

/// The largest weight that fits a DNS answer.
const WEIGHT_MAX: i64 = 65535;

impl State {
    /// Writes a service of a node that is there.
    pub(super) fn put_service(&mut self, mut service: Service, effects: &mut Effects) -> Outcome {
        validate_meta(&service).map_err(|reason| {
            format!("Invalid Service Meta for node {} and serviceID {}: {reason}", service.node, service.id)
        })?;
        if self.catalog.node(&service.node).is_none() {
            return Err("Missing node registration".to_owned());
        }
        service.weights = usable(service.weights);
        service.stamp = Stamp { created: effects.index, modified: effects.index };
        if let Some(old) = self.catalog.service(&service.node, &service.id) {
            if same(&service, old) {
                return Ok(());
            }
            service.stamp.created = old.stamp.created;
            touch(old, effects);
        }
        touch(&service, effects);
        if self.catalog.put_service(Arc::new(service)) {
            effects.touch(Topic::Services);
        }
        Ok(())
    }

    /// Removes a service if it is there, with its checks.
    pub(super) fn remove_service(&mut self, node: &str, id: &str, effects: &mut Effects) {
        let Some(service) = self.catalog.service(node, id).cloned() else { return };
        let checks: Vec<_> = self.catalog.checks_of(node, id).cloned().collect();
        for check in checks {
            self.remove_check(node, &check.id, effects);
        }
        touch(&service, effects);
        if self.catalog.remove_service(node, id) {
            effects.touch(Topic::Services);
        }
    }
}

fn touch(service: &Service, effects: &mut Effects) {
    effects.touch(Topic::Instances);
    effects.touch(Topic::node(&service.node));
    effects.touch(Topic::service(&service.name));
    effects.touch(Topic::health(&service.name));
}

/// Whether a registration would change nothing.
fn same(new: &Service, old: &Service) -> bool {
    if fold(&new.node) != fold(&old.node) {
        return false;
    }
    let as_old = Service { node: old.node.clone(), stamp: old.stamp, ..new.clone() };
    as_old == *old
}

/// The weights, or the default ones if they are out of bounds.
fn usable(weights: Weights) -> Weights {
    let usable = (1..=WEIGHT_MAX).contains(&weights.passing) && (0..=WEIGHT_MAX).contains(&weights.warning);
    if usable { weights } else { Weights::default() }
}

fn validate_meta(service: &Service) -> Outcome {
    let meta: &BTreeMap<String, String> = &service.meta;
    if meta.len() > META_PAIRS_MAX {
        // Consul says so of services, too.
        return Err(format!("Node metadata cannot contain more than {META_PAIRS_MAX} key/value pairs"));
    }
    for (key, value) in meta {
        validate_meta_pair(key, value, &service.kind)
            .map_err(|reason| format!("Couldn't load metadata pair ('{key}', '{value}'): {reason}"))?;
    }
    Ok(())
}

fn validate_meta_pair(key: &str, value: &str, kind: &str) -> Outcome {
    if key.is_empty() {
        return Err("Key cannot be blank".to_owned());
    }
    if !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return Err("Key contains invalid characters".to_owned());
    }
    if key.len() > META_KEY_BYTES_MAX {
        return Err(format!("Key is too long (limit: {META_KEY_BYTES_MAX} characters)"));
    }
    let allowed = kind == MESH_GATEWAY && META_KEYS_OF_MESH_GATEWAYS.contains(&key);
    if key.starts_with(META_KEY_RESERVED) && !allowed {
        return Err(format!("Key prefix '{META_KEY_RESERVED}' is reserved for internal use"));
    }
    if value.len() > META_VALUE_BYTES_MAX {
        return Err(format!("Value is too long (limit: {META_VALUE_BYTES_MAX} characters)"));
    }
    Ok(())
}
