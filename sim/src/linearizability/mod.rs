//! Whether what clients saw can be explained by calls that take effect one at a time, each between its call and its
//! answer.
//!
//! A history holds the calls on one thing, say one key: things that do not depend on each other are checked one by one,
//! which keeps each search short. [`search`] looks for an order that explains the answers; when there is none,
//! [`contradiction`] finds the few answers that are to blame.
//!
//! A call whose outcome is unknown may take effect at any time after it was made, or never: it has no answer to
//! contradict and no end that others must wait for.

mod contradiction;
mod lock;
mod register;
mod search;
#[cfg(test)]
mod tests;

use std::fmt::{self, Debug};
use std::hash::Hash;

pub use lock::{Entry, Lock, LockAnswer, LockCall};
pub use register::{Expected, Register, RegisterAnswer, RegisterCall};

use search::{Outcome, Seen};

/// A thing that takes one call at a time.
pub trait Model {
    /// What it is before each call.
    type State: Clone + Eq + Hash + Debug;
    /// What is asked.
    type Call: Debug;
    /// What is answered.
    type Answer: Debug;

    /// What it is at first.
    fn initial(&self) -> Self::State;
    /// What it is after a call, if the call may get this answer then; an unknown answer allows any.
    fn step(&self, state: &Self::State, call: &Self::Call, answer: Option<&Self::Answer>) -> Option<Self::State>;
    /// What is certain of a call's effect. The search is the shorter the more is.
    fn effect(&self, _call: &Self::Call) -> Effect {
        Effect::Depends
    }
}

/// What a call does to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing, ever.
    Reads,
    /// It leads to one state and one answer, whatever was before.
    Overwrites,
    /// That depends.
    Depends,
}

/// A call as its client saw it. Moments only need an order; what happens at one moment happens at once.
#[derive(Clone, Debug)]
pub struct Operation<C, A> {
    /// Who called.
    pub client: u64,
    /// When.
    pub called: u64,
    /// What was asked.
    pub call: C,
    /// When the answer came, and what it was; none if the outcome is unknown.
    pub answer: Option<(u64, A)>,
}

impl<C: Debug, A: Debug> fmt::Display for Operation<C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, called, call, answer } = self;
        match answer {
            Some((answered, answer)) => write!(f, "{called}..{answered} client {client}: {call:?} -> {answer:?}"),
            None => write!(f, "{called}.. client {client}: {call:?} -> unknown"),
        }
    }
}

/// Why a history was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// No order of the calls explains these answers. Without any one of them there is an order (unless finding that out
    /// took too long), and what the other calls were answered makes no difference.
    #[error(
        "no order of the calls explains these answers, whatever the other {others} were answered:\n{}",
        answers.join("\n")
    )]
    NotLinearizable {
        /// The answers that contradict each other, a line each, in the order of their calls.
        answers: Vec<String>,
        /// How many more calls were made until the last of these answers came.
        others: usize,
    },
    /// The search was longer than it may be.
    #[error("the search ended after {0} steps without an answer")]
    TooLong(u64),
}

/// The most steps of one search; about half a minute. Histories of a few clients take a few per call.
const STEPS_MAX: u64 = 20_000_000;

/// Looks for an order that explains a history.
pub fn check<M: Model>(model: &M, history: &[Operation<M::Call, M::Answer>]) -> Result<(), Violation> {
    let seen: Vec<_> = history.iter().map(Seen::new).collect();
    match search::search::<M>(model, &seen, STEPS_MAX) {
        (Outcome::Explained, _) => Ok(()),
        (Outcome::Unexplained, _) => Err(contradiction::find(model, history)),
        (Outcome::TooLong, steps) => Err(Violation::TooLong(steps)),
    }
}
