//! Whether commands take long, so that they can be applied on a thread where nobody waits for it.

use crate::tables::fold;
use crate::{Deregistration, Key, KeyOperation, KeyVerb, Operation, RestoreStep, SessionId, State, TxnOperation};

/// How many entries the commands of a batch may change together before it counts as long. Each takes some 2 µs to 5 µs,
/// so that a batch stays well below the 5 ms within which heartbeats do not suffer.
const SHORT_ENTRIES_MAX: usize = 1_000;

/// How many entries creating a session counts for: it takes some 12 µs among a million.
const SESSION_ENTRIES: usize = 4;

/// How many entries a node, a service or a check counts for: each of them is in several tables, and a service with a check
/// takes some 50 µs among 100,000.
const CATALOG_ENTRIES: usize = 8;

impl State {
    /// Whether applying these one after the other may take more than some 5 ms. The look itself is bounded: it counts no
    /// further than what would make it long. It goes by the state before them, and may err where one builds on another.
    pub fn is_long<'a>(&self, operations: impl IntoIterator<Item = &'a Operation>) -> bool {
        let mut left = SHORT_ENTRIES_MAX;
        operations.into_iter().any(|operation| self.operation_exceeds(operation, &mut left))
    }

    fn operation_exceeds(&self, operation: &Operation, left: &mut usize) -> bool {
        match operation {
            Operation::Key(operation) => self.key_operation_exceeds(operation, left),
            Operation::Txn(operations) => operations.iter().any(|operation| match operation {
                TxnOperation::Key(operation) => self.key_operation_exceeds(operation, left),
                TxnOperation::Node(_, node) => takes(CATALOG_ENTRIES, left) || self.node_exceeds(&node.name, left),
                TxnOperation::Service(_, service) => {
                    takes(CATALOG_ENTRIES, left) || exceeds(self.catalog.checks_of(&service.node, &service.id), left)
                }
                TxnOperation::Check(_, check) => {
                    takes(CATALOG_ENTRIES, left) || self.check_exceeds(&check.node, &check.id, left)
                }
            }),
            Operation::SessionCreate(_) => takes(SESSION_ENTRIES, left),
            Operation::SessionDestroy(id) => self.session_exceeds(*id, left),
            Operation::Register(registration) => {
                let name = &registration.node.name;
                // Known under a different name, it is renamed, and what was on it goes.
                let renamed = self.catalog.node_by_id(&registration.node.id);
                let renamed = renamed.filter(|known| fold(&known.name) != fold(name));
                let parts = 1 + usize::from(registration.service.is_some()) + registration.checks.len();
                takes(CATALOG_ENTRIES.saturating_mul(parts), left)
                    || renamed.is_some_and(|known| self.node_exceeds(&known.name, left))
                    || exceeds(self.catalog.services_on(name), left)
                    || registration.checks.iter().any(|check| self.check_exceeds(name, &check.id, left))
            }
            Operation::Deregister(Deregistration { node, service_id, check_id }) => {
                if !service_id.is_empty() {
                    let mut checks = self.catalog.checks_of(node, service_id);
                    checks.any(|check| self.check_exceeds(node, &check.id, left))
                } else if !check_id.is_empty() {
                    self.check_exceeds(node, check_id, left)
                } else {
                    self.node_exceeds(node, left)
                }
            }
            Operation::Reap(up_to) => {
                exceeds(self.keys.tombstones_up_to(*up_to), left)
                    || exceeds(self.marks.dead().take_while(|(index, _)| index <= up_to), left)
                    || exceeds(self.keys.delays(), left)
            }
            Operation::Restore(RestoreStep::Commit { .. }) => true,
            Operation::Restore(RestoreStep::Add { records, .. }) => takes(records.len(), left),
            Operation::Restore(_) | Operation::ActivateFormat(_) => takes(1, left),
        }
    }

    fn key_operation_exceeds(&self, operation: &KeyOperation, left: &mut usize) -> bool {
        let prefix: &Key = &operation.key;
        match operation.verb {
            KeyVerb::DeleteTree | KeyVerb::GetTree => exceeds(self.keys.under(prefix), left),
            _ => takes(1, left),
        }
    }

    /// A node with all that is on it, and what the end of its sessions brings.
    fn node_exceeds(&self, name: &str, left: &mut usize) -> bool {
        exceeds(self.catalog.services_on(name), left)
            || exceeds(self.catalog.checks_on(name), left)
            || self.sessions.on(name).any(|session| self.session_exceeds(session.id, left))
    }

    /// A check counts for every service of its node, and sessions may live by it.
    fn check_exceeds(&self, node: &str, id: &str, left: &mut usize) -> bool {
        exceeds(self.catalog.services_on(node), left)
            || self.sessions.living_by(node, id).any(|session| self.session_exceeds(session.id, left))
    }

    fn session_exceeds(&self, id: SessionId, left: &mut usize) -> bool {
        takes(SESSION_ENTRIES, left) || exceeds(self.keys.held_by(id), left)
    }
}

/// Takes so many from what is left, and says whether that was too little.
fn takes(entries: usize, left: &mut usize) -> bool {
    match left.checked_sub(entries) {
        Some(fewer) => {
            *left = fewer;
            false
        }
        None => true,
    }
}

/// Takes as many as there are from what is left, and says whether that was too little.
fn exceeds(mut entries: impl Iterator, left: &mut usize) -> bool {
    entries.any(|_| takes(1, left))
}
