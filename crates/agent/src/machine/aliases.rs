//! Aliases of this node: checks that take over the health of a service of this node, or of the node itself.
//!
//! As in Consul the node's own checks count for its services. Of an alias among the checks that count, what it stands for
//! is looked at, and not what it said last: so an alias never counts for itself, and two that stand for each other pass
//! again once what made them critical does.

use std::collections::BTreeSet;

use super::*;
use crate::definition::Check;

/// How many aliases of aliases are followed; what the last one said last counts beyond.
const DEPTH_MAX: usize = 16;

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

    /// Does what changes many checks of one service; the caller refreshes the aliases once, when all is in place.
    pub(super) fn without_aliases(&mut self, change: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.sync.is_evaluating, true);
        change(self);
        self.sync.is_evaluating = before;
    }

    /// Gives an alias its status; whether that changed anything.
    pub(super) fn evaluate_alias(&mut self, now: u64, id: &Id) -> bool {
        let Some(entry) = self.checks.get(id) else { return false };
        let (status, output) = self.health_behind(entry, &mut BTreeSet::new(), 0);
        let is_new = entry.status != status || entry.output != output;
        self.set_status(now, id, status, output);
        is_new
    }

    /// What a check says; for an alias of this node, what those say that it stands for. None is looked at twice.
    fn health_behind<'a>(
        &'a self,
        entry: &'a CheckEntry,
        seen: &mut BTreeSet<&'a str>,
        depth: usize,
    ) -> (CheckStatus, String) {
        let alias = match &entry.definition.check {
            Check::Alias(alias) if self.is_own_node(&alias.node) && depth < DEPTH_MAX => alias,
            _ => return (entry.status, entry.output.clone()),
        };
        seen.insert(&entry.definition.id);
        let of_service = (!alias.service_id.is_empty()).then(|| self.checks_of(&alias.service_id));
        let mut said = Vec::new();
        for other in self.checks_of("").chain(of_service.into_iter().flatten()) {
            if !seen.contains(&*other.definition.id) {
                let (status, output) = self.health_behind(other, seen, depth + 1);
                said.push((&*other.definition.name, status, output));
            }
        }
        let exists = alias.service_id.is_empty() || self.services.contains_key(&*alias.service_id);
        let said = said.iter().map(|(name, status, output)| (*name, *status, &**output));
        health_of(&alias.node, &alias.service_id, exists, said)
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
