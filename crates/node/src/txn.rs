//! Transactions as they are asked for: steps that the state knows, among some that nobody does.
//!
//! A client sends steps in one list, and is answered by their places in it. Some of them may be no steps at all: they lack
//! what any verb needs, or name a verb that does not exist. Which of several errors it sees depends on the state, so all
//! of them travel with the transaction.

use quorate_state::{KeyVerb, Operation, State, TxnError, TxnOperation, TxnResult};

use crate::freshness::{Consistency, Freshness};

/// A transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Txn {
    /// The steps that the state knows.
    pub operations: Vec<TxnOperation>,
    /// The place of each of them among all that were asked for.
    pub places: Vec<usize>,
    /// The errors of steps that lack what any verb needs.
    pub incomplete: Vec<TxnError>,
    /// The errors of steps whose verb does not exist.
    pub unknown_verbs: Vec<TxnError>,
    /// Whether one of them changes something. A transaction that changes nothing takes no place in the log.
    pub writes: bool,
    /// How fresh the answer must be if it changes nothing.
    pub consistency: Consistency,
}

/// What came of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct TxnAnswer {
    /// What the steps gave back, or the errors of those that failed.
    pub outcome: Result<Vec<TxnResult>, Vec<TxnError>>,
    /// For one that only reads: how fresh it is. `None` if it was refused before anything was looked up.
    pub freshness: Option<Freshness>,
}

impl Txn {
    /// Whether all that was asked for are steps.
    pub(crate) fn is_understood(&self) -> bool {
        self.incomplete.is_empty() && self.unknown_verbs.is_empty()
    }

    /// The operation for the log.
    pub(crate) fn to_operation(&self) -> Operation {
        Operation::Txn(self.operations.clone())
    }

    /// Whether a step reads all of a tree, which may be large.
    pub(crate) fn may_read_much(&self) -> bool {
        let is_tree =
            |step: &TxnOperation| matches!(step, TxnOperation::Key(operation) if operation.verb == KeyVerb::GetTree);
        self.operations.iter().any(is_tree)
    }

    /// Answers one that only reads.
    pub(crate) fn read(&self, state: &State, freshness: Freshness) -> TxnAnswer {
        // What is refused before it is looked up says nothing of how fresh the answer is, as in Consul.
        if !self.unacceptable(state).is_empty() {
            return TxnAnswer { outcome: Err(self.errors(state)), freshness: None };
        }
        let outcome = match self.is_understood() {
            true => state.read_txn(&self.operations),
            false => Err(self.errors(state)),
        };
        TxnAnswer { outcome, freshness: Some(freshness) }
    }

    /// The errors for which one that writes is not proposed at all: some of what was asked for are no steps, or its
    /// answer would be too large.
    pub(crate) fn errors_before(&self, state: &State) -> Vec<TxnError> {
        if !self.is_understood() {
            return self.errors(state);
        }
        self.placed(state.too_large_for_txn(&self.operations).into_iter().collect())
    }

    /// All errors of a transaction that can't succeed.
    pub(crate) fn errors(&self, state: &State) -> Vec<TxnError> {
        let unacceptable = self.unacceptable(state);
        if !unacceptable.is_empty() {
            return unacceptable;
        }
        let failed = state.rehearse_txn(self.operations.clone()).err().unwrap_or_default();
        let mut errors = self.placed(failed);
        errors.extend(self.unknown_verbs.iter().cloned());
        errors.sort_by_key(|error| error.operation);
        errors
    }

    /// The errors of steps that are none whatever the others are; with any of them, no step is tried.
    fn unacceptable(&self, state: &State) -> Vec<TxnError> {
        let mut errors = self.placed(state.unacceptable_in_txn(&self.operations));
        errors.extend(self.incomplete.iter().cloned());
        errors.sort_by_key(|error| error.operation);
        errors
    }

    /// Errors of `operations` with the places that the client knows.
    fn placed(&self, errors: Vec<TxnError>) -> Vec<TxnError> {
        let placed = |error: TxnError| TxnError {
            operation: self.places.get(error.operation).copied().unwrap_or(error.operation),
            ..error
        };
        errors.into_iter().map(placed).collect()
    }
}

#[cfg(test)]
mod tests {
    use quorate_state::{KeyOperation, KeyValue};

    use super::*;

    fn key(key: &str, verb: KeyVerb) -> TxnOperation {
        TxnOperation::Key(KeyOperation { key: key.into(), verb })
    }

    fn set() -> KeyVerb {
        KeyVerb::Set(KeyValue { value: b""[..].into(), flags: 0 })
    }

    fn error(operation: usize, reason: &str) -> TxnError {
        TxnError { operation, reason: reason.to_owned() }
    }

    #[test]
    fn what_fails_is_reported_beside_unknown_verbs_and_by_its_place() {
        let txn = Txn {
            operations: vec![key("a", set()), key("b", KeyVerb::Get)],
            places: vec![1, 2],
            unknown_verbs: vec![error(0, "unknown")],
            ..Txn::default()
        };
        assert_eq!(txn.errors(&State::default()), [error(0, "unknown"), error(2, r#"key "b" doesn't exist"#)]);
    }

    #[test]
    fn steps_that_are_none_hide_all_other_errors() {
        let txn = Txn {
            operations: vec![key("", set())],
            places: vec![1],
            incomplete: vec![error(2, "Must provide key")],
            unknown_verbs: vec![error(0, "unknown")],
            ..Txn::default()
        };
        assert_eq!(txn.errors(&State::default()), [error(1, "Must provide key"), error(2, "Must provide key")]);
    }
}
