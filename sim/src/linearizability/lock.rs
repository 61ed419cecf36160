//! A key with a lock: what sessions do to it as they come and go. Values are unique, so a value stands for the write
//! that made it.

use super::{Effect, Model};

/// One key, absent at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lock;

/// What is asked of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockCall {
    /// Read.
    Get,
    /// Write this value, whoever holds the lock.
    Put(u64),
    /// Write this value and take the lock.
    Acquire {
        /// What to write.
        value: u64,
        /// For whom.
        session: u64,
    },
    /// Write this value and give the lock back.
    Release {
        /// What to write.
        value: u64,
        /// Who should have it.
        session: u64,
    },
    /// Delete, whoever holds the lock.
    Delete,
    /// The session ends and with it its hold. A session that ends by itself is a call without an answer, made when it
    /// could first have happened.
    SessionEnds(u64),
}

/// What a key answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockAnswer {
    /// What is there, if anything is.
    Entry(Option<Entry>),
    /// Whether the write took place, or the session's end was told.
    Done(bool),
}

/// What a reader of the key sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The value.
    pub value: u64,
    /// The session that holds the lock.
    pub holder: Option<u64>,
    /// How often the lock was taken in the life of the key.
    pub lock_index: u64,
}

/// A key between calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LockState {
    entry: Option<Entry>,
    /// Whether a session has ended as the holder, so that its lock delay may refuse others.
    delayed: bool,
    /// The sessions that have ended, in order. They get no lock any more.
    ended: Vec<u64>,
}

impl Model for Lock {
    type State = LockState;
    type Call = LockCall;
    type Answer = LockAnswer;

    fn initial(&self) -> LockState {
        LockState::default()
    }

    fn step(&self, state: &LockState, call: &LockCall, answer: Option<&LockAnswer>) -> Option<LockState> {
        let mut after = state.clone();
        let right = match *call {
            LockCall::Get => LockAnswer::Entry(state.entry),
            LockCall::Put(value) => {
                after.entry = Some(state.entry.map_or(Entry::new(value), |entry| Entry { value, ..entry }));
                LockAnswer::Done(true)
            }
            LockCall::Delete => {
                after.entry = None;
                LockAnswer::Done(true)
            }
            // During a lock delay, and for an ended session, a refusal is right as well: nothing happens then.
            LockCall::Acquire { .. } if state.delayed && answer == Some(&LockAnswer::Done(false)) => {
                return Some(after);
            }
            LockCall::Acquire { value, session } => LockAnswer::Done(after.acquire(value, session)),
            LockCall::Release { value, session } => LockAnswer::Done(after.release(value, session)),
            LockCall::SessionEnds(session) => {
                after.end(session);
                LockAnswer::Done(true)
            }
        };
        answer.is_none_or(|answer| *answer == right).then_some(after)
    }

    fn effect(&self, call: &LockCall) -> Effect {
        match call {
            LockCall::Get => Effect::Reads,
            _ => Effect::Depends,
        }
    }
}

impl Entry {
    fn new(value: u64) -> Self {
        Self { value, holder: None, lock_index: 0 }
    }
}

impl LockState {
    /// What a reader sees.
    #[cfg(test)]
    pub(super) fn entry(&self) -> Option<Entry> {
        self.entry
    }

    fn acquire(&mut self, value: u64, session: u64) -> bool {
        let entry = self.entry.unwrap_or(Entry::new(value));
        if self.ended.contains(&session) || entry.holder.is_some_and(|holder| holder != session) {
            return false;
        }
        let taken = u64::from(entry.holder.is_none());
        self.entry = Some(Entry { value, holder: Some(session), lock_index: entry.lock_index + taken });
        true
    }

    fn release(&mut self, value: u64, session: u64) -> bool {
        let held = self.entry.filter(|entry| entry.holder == Some(session));
        if let Some(entry) = held {
            self.entry = Some(Entry { value, holder: None, ..entry });
        }
        held.is_some()
    }

    fn end(&mut self, session: u64) {
        if let Err(place) = self.ended.binary_search(&session) {
            self.ended.insert(place, session);
        }
        if let Some(entry) = self.entry.as_mut().filter(|entry| entry.holder == Some(session)) {
            entry.holder = None;
            self.delayed = true;
        }
    }
}
