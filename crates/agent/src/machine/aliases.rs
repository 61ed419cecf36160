//! Aliases of this node: checks that take over the health of a service of this node, or of the node itself.
//!
//! As in Consul the node's own checks count for its services. An alias never counts for itself; two that count for each
//! other are each evaluated once for each change, so they come to rest.

use std::collections::BTreeSet;

use super::*;
use crate::definition::Check;

impl Machine {
    /// Whether a name means this node.
    pub(super) fn is_own_node(&self, name: &str) -> bool {
        name.is_empty() || name.eq_ignore_ascii_case(&self.settings.node.name)
    }

    /// Evaluates the aliases that a change of this service, or of the node for the empty id, may concern.
    pub(super) fn refresh_aliases(&mut self, now: u64, service_id: &str) {
        if self.aliases_of.is_empty() || self.sync.is_evaluating {
            return;
        }
        // Setting a status calls back here; the loop below sees to those.
        self.sync.is_evaluating = true;
        let mut done = BTreeSet::new();
        let mut changed: Vec<Id> = vec![service_id.into()];
        while let Some(service_id) = changed.pop() {
            let concerned: Vec<Id> = match &*service_id {
                "" => self.aliases_of.values().flatten().cloned().collect(),
                id => self.aliases_of.get(id).into_iter().flatten().cloned().collect(),
            };
            for alias in concerned {
                if done.insert(alias.clone()) && self.evaluate_alias(now, &alias) {
                    let of = self.checks.get(&alias).map_or("", |entry| &entry.definition.service_id);
                    changed.push(of.into());
                }
            }
        }
        self.sync.is_evaluating = false;
    }

    /// Gives an alias its status; whether that changed anything.
    pub(super) fn evaluate_alias(&mut self, now: u64, id: &Id) -> bool {
        let Some(entry) = self.checks.get(id) else { return false };
        let Check::Alias(alias) = &entry.definition.check else { return false };
        let others = |service_id: &str| {
            let ids = self.checks_of.get(service_id).into_iter().flatten();
            ids.filter(|other| *other != id).filter_map(|other| self.checks.get(other)).collect::<Vec<_>>()
        };
        let mut checks = others("");
        if !alias.service_id.is_empty() {
            checks.extend(others(&alias.service_id));
        }
        let exists = alias.service_id.is_empty() || self.services.contains_key(&*alias.service_id);
        let seen = checks.iter().map(|entry| (&*entry.definition.name, entry.status, &*entry.output));
        let (status, output) = health_of(&alias.node, &alias.service_id, exists, seen);
        let is_new = entry.status != status || entry.output != output;
        self.set_status(now, id, status, output);
        is_new
    }
}

/// The health that an alias takes over from these checks: the worst, the first of those.
pub(crate) fn health_of<'a>(
    node: &str,
    service_id: &str,
    exists: bool,
    checks: impl Iterator<Item = (&'a str, CheckStatus, &'a str)>,
) -> (CheckStatus, String) {
    if !exists {
        return (CheckStatus::Critical, format!("Service {service_id} could not be found on node {node}"));
    }
    let mut found = (CheckStatus::Passing, "No checks found.".to_owned());
    for (name, status, output) in checks {
        if status > found.0 {
            found = (status, format!("Aliased check {name:?} failing: {output}"));
        } else if status == CheckStatus::Passing && found.0 == CheckStatus::Passing {
            found.1 = "All checks passing.".to_owned();
        }
    }
    found
}
