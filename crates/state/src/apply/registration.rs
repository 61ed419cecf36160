//! Registering and deregistering: what a request may name, and in which order it takes place.

use crate::apply::Outcome;
use crate::effects::Effects;
use crate::quote::quote;
use crate::tables::fold;
use crate::{Check, Deregistration, Node, Registration, Service, State};

impl State {
    /// Registers a node, and on it a service and checks: all of it or nothing.
    pub(super) fn register(&mut self, mut registration: Registration, effects: &mut Effects) -> Outcome {
        self.prepare(&mut registration)?;
        self.atomically(effects, |state, effects| {
            let Registration { node, skip_node_update, service, checks } = registration;
            let name = node.name.clone();
            if !skip_node_update || state.catalog.node(&name).is_none() {
                state.put_node(node, effects).map_err(|reason| format!("failed inserting node: {reason}"))?;
            }
            if let Some(service) = service {
                state.put_service(service, effects).map_err(|reason| format!("failed inserting service: {reason}"))?;
            }
            for check in checks {
                let node = check.node.clone();
                state
                    .put_check(check, effects)
                    .map_err(|reason| format!("failed inserting check on node {}: {reason}", quote(&node)))?;
            }
            Ok(())
        })
    }

    /// Fills in what a registration may leave out, and refuses what can't be registered.
    fn prepare(&self, registration: &mut Registration) -> Outcome {
        let Registration { node, skip_node_update, service, checks } = registration;
        validate_node(node)?;
        if node.address.is_empty() && !*skip_node_update {
            return Err("Must provide address if SkipNodeUpdate is not set".to_owned());
        }
        if let Some(service) = service {
            service.node.clone_from(&node.name);
            prepare_service(service)?;
        }
        for check in checks {
            if check.node.is_empty() {
                check.node.clone_from(&node.name);
            }
            prepare_check(check);
            if fold(&check.node) != fold(&node.name) {
                return Err(format!(
                    "Node '{}' for check '{}' doesn't match register request node '{}'",
                    check.node, check.id, node.name
                ));
            }
            let with_it = service.as_ref().is_some_and(|service| service.id == check.service_id);
            if !check.service_id.is_empty() && !with_it && !self.has_service_exactly(&node.name, &check.service_id) {
                return Err(format!("Unknown service ID '{}' for check ID '{}'", check.service_id, check.id));
            }
        }
        Ok(())
    }

    fn has_service_exactly(&self, node: &str, id: &str) -> bool {
        self.catalog.service(node, id).is_some_and(|service| service.id == id)
    }

    /// Removes a service, a check or a node; none of them need be there.
    pub(super) fn deregister(&mut self, what: &Deregistration, effects: &mut Effects) -> Outcome {
        let Deregistration { node, service_id, check_id } = what;
        if node.is_empty() {
            return Err("Must provide node".to_owned());
        }
        if !service_id.is_empty() {
            self.remove_service(node, service_id, effects);
        } else if !check_id.is_empty() {
            self.remove_check(node, check_id, effects);
        } else {
            self.remove_node(node, effects);
        }
        Ok(())
    }
}

/// Refuses a node that can't be one.
pub(super) fn validate_node(node: &Node) -> Outcome {
    if node.name.is_empty() {
        return Err("Must provide node".to_owned());
    }
    if node.id.is_empty() {
        return Ok(());
    }
    validate_uuid(&node.id).map_err(|reason| format!("Bad node ID: {reason}"))
}

/// Refuses what is no UUID of the usual form, in Consul's words.
fn validate_uuid(text: &str) -> Outcome {
    const LENGTH: usize = 36;
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    let bytes = text.as_bytes();
    if bytes.len() != LENGTH {
        return Err("uuid string is wrong length".to_owned());
    }
    if HYPHENS.iter().any(|at| bytes[*at] != b'-') {
        return Err("uuid is improperly formatted".to_owned());
    }
    let digits = bytes.iter().enumerate().filter(|(at, _)| !HYPHENS.contains(at));
    match digits.map(|(_, byte)| *byte).find(|byte| !byte.is_ascii_hexdigit()) {
        None => Ok(()),
        Some(byte) => {
            let character = char::from(byte);
            Err(format!("encoding/hex: invalid byte: U+{byte:04X} '{character}'"))
        }
    }
}

/// Fills in a service's id and refuses a service that can't be one.
pub(super) fn prepare_service(service: &mut Service) -> Outcome {
    if service.id.is_empty() {
        service.id.clone_from(&service.name);
    }
    if !service.id.is_empty() && service.name.is_empty() {
        return Err("Must provide service name (Service.Service) when service ID is provided".to_owned());
    }
    if matches!(&*service.address, "0.0.0.0" | "::" | "[::]") {
        return Err("Invalid service address".to_owned());
    }
    Ok(())
}

/// Fills in a check's id.
pub(super) fn prepare_check(check: &mut Check) {
    if check.id.is_empty() {
        check.id.clone_from(&check.name);
    }
}
