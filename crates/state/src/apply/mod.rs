//! How a command changes the state, one file per family.

mod checks;
mod format;
mod keys;
mod nodes;
mod reap;
mod registration;
mod restore;
mod services;
mod sessions;
mod txn;
mod txn_catalog;

use crate::effects::Effects;
use crate::marks::Existence;
use crate::{Changes, Command, Index, Operation, Refusal, Response, State, Topic};

pub(crate) use restore::Staging;
pub use txn::TXN_ANSWER_BYTES_MAX;

/// A step's outcome: its answer, or why it is not acceptable in the words that clients know.
pub(crate) type Outcome<T = ()> = Result<T, String>;

impl State {
    /// Does what a command says and gives its answer; what it touched is added to `changes`. `log_index` is the
    /// command's position in the log, which grows from call to call and is at least 2: the first entries of a log are
    /// the cluster's own, which lets 1 stand for what never was.
    pub fn apply(&mut self, log_index: u64, command: Command, changes: &mut Changes) -> Response {
        self.header.clock_ms = self.header.clock_ms.max(command.now_ms);
        let index = log_index.saturating_add(self.header.offset);
        let mut effects = Effects::new(index);
        let response = self.carry_out(command.operation, &mut effects);
        self.settle(effects, changes);
        response
    }

    fn carry_out(&mut self, operation: Operation, effects: &mut Effects) -> Response {
        match operation {
            Operation::Key(operation) => self.apply_key(operation, effects),
            Operation::Txn(operations) => Response::Txn(self.apply_txn(operations, effects)),
            Operation::SessionCreate(session) => self.create_session(session, effects),
            Operation::SessionDestroy(id) => {
                self.end_session(id, effects);
                Response::Done
            }
            Operation::Register(registration) => done(self.register(*registration, effects)),
            Operation::Deregister(deregistration) => done(self.deregister(&deregistration, effects)),
            Operation::Reap(up_to) => {
                self.reap(up_to);
                Response::Done
            }
            Operation::Restore(step) => done(self.restore(step, effects)),
            Operation::ActivateFormat(format) => done(self.activate_format(format)),
        }
    }

    /// Marks a topic that was touched at an index.
    pub(crate) fn mark(&mut self, topic: &Topic, index: Index) {
        match (topic, self.exists(topic)) {
            // Its stamp has the index.
            (Topic::Session(_), true) => self.marks.remove(topic),
            (_, true) => self.marks.set(topic, index, Existence::Present),
            (_, false) => self.marks.set(topic, index, Existence::Gone),
        }
    }

    /// Whether what a topic stands for is there. The lists always are.
    pub(crate) fn exists(&self, topic: &Topic) -> bool {
        match topic {
            Topic::Key(key) => self.keys.get(key).is_some(),
            Topic::Node(name) | Topic::NodeChecks(name) | Topic::NodeSessions(name) => {
                self.catalog.node(name).is_some()
            }
            Topic::Service(name) | Topic::Health(name) => self.catalog.nodes_of_service(name).next().is_some(),
            Topic::Session(id) => self.sessions.get(*id).is_some(),
            Topic::KeysUnder(_)
            | Topic::Nodes
            | Topic::Services
            | Topic::Instances
            | Topic::Checks
            | Topic::ChecksIn(_)
            | Topic::Sessions => true,
        }
    }
}

/// The answer to a command that has none of its own.
fn done(outcome: Outcome) -> Response {
    match outcome {
        Ok(()) => Response::Done,
        Err(reason) => Response::Refused(Refusal::Invalid(reason)),
    }
}
