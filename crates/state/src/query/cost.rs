//! Whether a command takes long, so that whoever applies it can choose a thread where nobody waits for it.

use crate::tables::fold;
use crate::{Deregistration, Key, KeyOperation, KeyVerb, Operation, RestoreStep, SessionId, State, TxnOperation};

/// How many entries a command may change before it counts as long. Each takes some 2 µs to 5 µs, so that it stays well
/// below the 5 ms within which heartbeats do not suffer.
const SHORT_ENTRIES_MAX: usize = 1_000;

impl State {
    /// Whether applying this may take more than some 5 ms. The look itself is bounded: it counts no further than what
    /// would make it long. It goes by the state before the command, and may err for one whose parts build on each other.
    pub fn is_long(&self, operation: &Operation) -> bool {
        let mut left = SHORT_ENTRIES_MAX;
        match operation {
            Operation::Key(operation) => self.key_operation_exceeds(operation, &mut left),
            Operation::Txn(operations) => operations.iter().any(|operation| match operation {
                TxnOperation::Key(operation) => self.key_operation_exceeds(operation, &mut left),
                TxnOperation::Node(_, node) => self.node_exceeds(&node.name, &mut left),
                TxnOperation::Service(_, service) => {
                    exceeds(self.catalog.checks_of(&service.node, &service.id), &mut left)
                }
                TxnOperation::Check(_, check) => self.check_exceeds(&check.node, &check.id, &mut left),
            }),
            Operation::SessionDestroy(id) => self.session_exceeds(*id, &mut left),
            Operation::Register(registration) => {
                let name = &registration.node.name;
                // Known under a different name, it is renamed, and what was on it goes.
                let renamed = self.catalog.node_by_id(&registration.node.id);
                let renamed = renamed.filter(|known| fold(&known.name) != fold(name));
                renamed.is_some_and(|known| self.node_exceeds(&known.name, &mut left))
                    || exceeds(self.catalog.services_on(name), &mut left)
                    || registration.checks.iter().any(|check| self.check_exceeds(name, &check.id, &mut left))
            }
            Operation::Deregister(Deregistration { node, service_id, check_id }) => {
                if !service_id.is_empty() {
                    let mut checks = self.catalog.checks_of(node, service_id);
                    checks.any(|check| self.check_exceeds(node, &check.id, &mut left))
                } else if !check_id.is_empty() {
                    self.check_exceeds(node, check_id, &mut left)
                } else {
                    self.node_exceeds(node, &mut left)
                }
            }
            Operation::Reap(up_to) => exceeds(self.keys.tombstones_up_to(*up_to), &mut left),
            Operation::Restore(RestoreStep::Commit { .. }) => true,
            Operation::Restore(RestoreStep::Add { records, .. }) => exceeds(records.iter(), &mut left),
            Operation::SessionCreate(_) | Operation::Restore(_) | Operation::ActivateFormat(_) => false,
        }
    }

    fn key_operation_exceeds(&self, operation: &KeyOperation, left: &mut usize) -> bool {
        let prefix: &Key = &operation.key;
        match operation.verb {
            KeyVerb::DeleteTree | KeyVerb::GetTree => exceeds(self.keys.under(prefix), left),
            _ => exceeds(std::iter::once(()), left),
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
        exceeds(std::iter::once(()), left) || exceeds(self.keys.held_by(id), left)
    }
}

/// Takes as many as there are from what is left, and says whether that was too little.
fn exceeds(entries: impl Iterator, left: &mut usize) -> bool {
    for _ in entries {
        match left.checked_sub(1) {
            Some(fewer) => *left = fewer,
            None => return true,
        }
    }
    false
}
