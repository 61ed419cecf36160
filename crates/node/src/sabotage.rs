//! Ways to break a node on purpose, so that the simulator can show that it would notice. Only built for it.

use quorate_state::{Changes, Command, KeyOperation, KeyVerb, Operation, SessionReference, State, Topic};

/// How a node is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sabotage {
    /// It tells watchers only of some changes.
    pub forgets_watchers: bool,
    /// It gives a lock to whoever asks.
    pub shares_locks: bool,
}

/// A node that is being broken.
pub(crate) struct Running {
    how: Sabotage,
    batches: u64,
}

impl From<Sabotage> for Running {
    fn from(how: Sabotage) -> Self {
        Self { how, batches: 0 }
    }
}

impl Running {
    pub(crate) fn spoil_changes(&mut self, changes: &mut Changes) {
        self.batches += 1;
        if self.how.forgets_watchers && self.batches.is_multiple_of(2) {
            changes.topics.retain(|topic| !matches!(topic, Topic::Key(_)));
        }
    }

    /// Before a lock is asked for, takes it from its holder.
    pub(crate) fn spoil_state(&self, state: &mut State, index: u64, command: &Command, changes: &mut Changes) {
        let Operation::Key(KeyOperation { key, verb: KeyVerb::Lock(value, _) }) = &command.operation else { return };
        let holder = state.key(key.as_bytes()).and_then(|entry| entry.session);
        if let (true, Some(holder)) = (self.how.shares_locks, holder) {
            let verb = KeyVerb::Unlock(value.clone(), SessionReference(holder.to_string()));
            let operation = Operation::Key(KeyOperation { key: key.clone(), verb });
            state.apply(index, Command { now_ms: command.now_ms, operation }, changes);
        }
    }
}
