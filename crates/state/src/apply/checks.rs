//! Checks: writing and removing them, and what their turning critical brings.

use std::sync::Arc;

use crate::apply::Outcome;
use crate::effects::Effects;
use crate::tables::fold;
use crate::topic::NodeChange;
use crate::{Check, CheckStatus, Stamp, State, Topic};

impl State {
    /// Writes a check of a node, or of a service on it, that is there. If it is critical, the sessions that live by it
    /// end.
    pub(super) fn put_check(&mut self, mut check: Check, effects: &mut Effects) -> Outcome {
        if check.node.is_empty() || check.id.is_empty() {
            return Err("failed health check lookup: index error: object is missing a value for this index".to_owned());
        }
        if self.catalog.node(&check.node).is_none() {
            return Err("Missing node registration".to_owned());
        }
        if !check.service_id.is_empty() {
            let service = self.catalog.service(&check.node, &check.service_id);
            let service = service.ok_or_else(|| "Missing service registration".to_owned())?;
            check.service_name.clone_from(&service.name);
            check.service_tags.clone_from(&service.tags);
        }
        if check.status == CheckStatus::Critical {
            self.end_sessions_living_by(&check.node, &check.id, effects);
        }
        check.stamp = Stamp { created: effects.index, modified: effects.index };
        if let Some(old) = self.catalog.check(&check.node, &check.id) {
            if same(&check, old) {
                return Ok(());
            }
            check.stamp.created = old.stamp.created;
            self.touch_check(old, effects);
        }
        self.touch_check(&check, effects);
        self.catalog.put_check(Arc::new(check));
        Ok(())
    }

    /// Removes a check if it is there; the sessions that live by it end.
    pub(super) fn remove_check(&mut self, node: &str, id: &str, effects: &mut Effects) {
        let Some(check) = self.catalog.check(node, id).cloned() else { return };
        self.touch_check(&check, effects);
        self.catalog.remove_check(node, id);
        self.end_sessions_living_by(node, id, effects);
    }

    /// A check appears, changes or goes. One of the node itself counts for every service on it.
    fn touch_check(&self, check: &Check, effects: &mut Effects) {
        effects.touch(Topic::Checks);
        effects.touch(Topic::ChecksIn(check.status));
        effects.touch(Topic::node_checks(&check.node));
        if !check.service_name.is_empty() {
            effects.touch(Topic::health(&check.service_name));
        }
        if check.service_id.is_empty() {
            effects.touch_services_on(&check.node, NodeChange::Checks);
        } else if let Some(service) = self.catalog.service(&check.node, &check.service_id) {
            // The service may have got another name since the check was registered.
            effects.touch(Topic::health(&service.name));
        }
    }
}

/// Whether a registration would change nothing.
fn same(new: &Check, old: &Check) -> bool {
    if fold(&new.node) != fold(&old.node) {
        return false;
    }
    let as_old = Check { node: old.node.clone(), stamp: old.stamp, ..new.clone() };
    as_old == *old
}
