//! Nodes: writing and removing them, and who may have which name.

use std::sync::Arc;

use crate::apply::Outcome;
use crate::effects::Effects;
use crate::quote::quote;
use crate::tables::fold;
use crate::topic::NodeChange;
use crate::{CheckStatus, Node, Service, Stamp, State, Topic};

/// The id of the check by which the members of the cluster watch each other.
const MEMBERSHIP_CHECK: &str = "serfHealth";

/// Whether a name may be taken from a node that has no id.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nameless {
    /// It is how such a node gets one.
    Upgrade,
    /// A node that is renamed may not.
    Keep,
}

impl State {
    /// Writes a node. One whose id is known under another name is renamed: what was on it goes.
    pub(super) fn put_node(&mut self, mut node: Node, effects: &mut Effects) -> Outcome {
        let known = if node.id.is_empty() { None } else { self.catalog.node_by_id(&node.id).cloned() };
        if let Some(known) = &known {
            if fold(&known.name) != fold(&node.name) {
                self.may_take_name(&node, Nameless::Keep).map_err(|reason| {
                    format!("Error while renaming Node ID: {} ({}): {reason}", quote(&node.id), node.address)
                })?;
                self.remove_node(&known.name, effects);
            }
        } else if !node.id.is_empty() {
            self.may_take_name(&node, Nameless::Upgrade)
                .map_err(|reason| format!("Error while renaming Node ID: {}: {reason}", quote(&node.id)))?;
        }
        let old = known.or_else(|| self.catalog.node(&node.name).cloned());
        node.stamp = Stamp { created: effects.index, modified: effects.index };
        if let Some(old) = old {
            if same(&node, &old) {
                return Ok(());
            }
            node.stamp.created = old.stamp.created;
        }
        touch_node(&node.name, effects);
        if self.catalog.node(&node.name).is_none() {
            touch_all_asked_about(&node.name, effects);
        }
        self.catalog.put_node(Arc::new(node));
        Ok(())
    }

    /// Refuses a name that a healthy node of another id has.
    fn may_take_name(&self, node: &Node, nameless: Nameless) -> Outcome {
        let Some(other) = self.catalog.node(&node.name).filter(|other| other.id != node.id) else { return Ok(()) };
        let check = self.catalog.check(&other.name, MEMBERSHIP_CHECK);
        let healthy = check.is_some_and(|check| check.status != CheckStatus::Critical);
        if !healthy || (other.id.is_empty() && nameless == Nameless::Upgrade) {
            return Ok(());
        }
        Err(format!(
            "Node name {} is reserved by node {} with name {} ({})",
            node.name, other.id, other.name, other.address
        ))
    }

    /// Removes a node if it is there, with its services, checks and sessions.
    pub(super) fn remove_node(&mut self, name: &str, effects: &mut Effects) {
        let Some(node) = self.catalog.node(name).cloned() else { return };
        touch_node(&node.name, effects);
        touch_all_asked_about(&node.name, effects);
        let services: Vec<Arc<Service>> = self.catalog.services_on(name).cloned().collect();
        for service in services {
            self.remove_service(name, &service.id, effects);
        }
        let checks: Vec<_> = self.catalog.checks_on(name).cloned().collect();
        for check in checks {
            self.remove_check(name, &check.id, effects);
        }
        self.catalog.remove_node(name);
        self.marks.forget_node(&fold(name));
        self.end_sessions_on(name, effects);
    }
}

/// A node appears, changes or goes, which answers about the services on it show.
fn touch_node(name: &str, effects: &mut Effects) {
    effects.touch(Topic::Nodes);
    effects.touch(Topic::node(name));
    effects.touch_services_on(name, NodeChange::Itself);
}

/// A node appears or goes: from then on, its topics have marks that are kept or may be forgotten, all alike.
fn touch_all_asked_about(name: &str, effects: &mut Effects) {
    effects.touch(Topic::node_checks(name));
    effects.touch(Topic::node_sessions(name));
}

/// Whether a registration would change nothing.
fn same(new: &Node, old: &Node) -> bool {
    new.id == old.id
        && fold(&new.name) == fold(&old.name)
        && new.address == old.address
        && new.tagged_addresses == old.tagged_addresses
        && new.meta == old.meta
}
