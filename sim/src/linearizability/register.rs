//! A key that is read, written, compared and deleted. Values are unique, so a value stands for the write that made it.

use super::{Effect, Model};

/// One key, absent at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register;

/// What is asked of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterCall {
    /// Read.
    Get,
    /// Write this value.
    Put(u64),
    /// Write this value if the key is as expected.
    Cas(u64, Expected),
    /// Delete.
    Delete,
}

/// What a compare-and-set expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// There is no such key.
    Absent,
    /// The key has the value of this write.
    Value(u64),
    /// What this key never was.
    Nothing,
}

/// What a key answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterAnswer {
    /// The value, if there is one.
    Value(Option<u64>),
    /// Whether the write took place.
    Written(bool),
}

impl Model for Register {
    type State = Option<u64>;
    type Call = RegisterCall;
    type Answer = RegisterAnswer;

    fn initial(&self) -> Option<u64> {
        None
    }

    fn step(&self, state: &Option<u64>, call: &RegisterCall, answer: Option<&RegisterAnswer>) -> Option<Option<u64>> {
        let (after, right) = match call {
            RegisterCall::Get => (*state, RegisterAnswer::Value(*state)),
            RegisterCall::Put(value) => (Some(*value), RegisterAnswer::Written(true)),
            RegisterCall::Delete => (None, RegisterAnswer::Written(true)),
            RegisterCall::Cas(value, expected) => {
                let met = match expected {
                    Expected::Absent => state.is_none(),
                    Expected::Value(expected) => *state == Some(*expected),
                    Expected::Nothing => false,
                };
                (if met { Some(*value) } else { *state }, RegisterAnswer::Written(met))
            }
        };
        answer.is_none_or(|answer| *answer == right).then_some(after)
    }

    fn effect(&self, call: &RegisterCall) -> Effect {
        match call {
            RegisterCall::Get => Effect::Reads,
            RegisterCall::Put(_) | RegisterCall::Delete => Effect::Overwrites,
            RegisterCall::Cas(..) => Effect::Depends,
        }
    }
}
