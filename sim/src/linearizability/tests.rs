use proptest::prelude::*;

use super::RegisterAnswer::{Value, Written};
use super::RegisterCall::{Cas, Delete, Get, Put};
use super::*;

type Op = Operation<RegisterCall, RegisterAnswer>;

fn op(called: u64, call: RegisterCall, answered: u64, answer: RegisterAnswer) -> Op {
    Operation { client: 0, called, call, answer: Some((answered, answer)) }
}

fn unknown(called: u64, call: RegisterCall) -> Op {
    Operation { client: 1, called, call, answer: None }
}

fn accepts(history: &[Op]) -> bool {
    check(&Register, history).is_ok()
}

#[test]
fn calls_that_overlap_may_take_effect_in_either_order() {
    let read = |value| op(2, Get, 5, Value(value));
    for seen in [None, Some(1)] {
        assert!(accepts(&[op(1, Put(1), 4, Written(true)), read(seen)]));
    }
    assert!(!accepts(&[op(1, Put(1), 4, Written(true)), read(Some(2))]), "a value that nobody wrote");
}

#[test]
fn a_stale_read_is_not_explained() {
    let history = [op(1, Put(1), 2, Written(true)), op(3, Put(2), 4, Written(true)), op(5, Get, 6, Value(Some(1)))];
    let Err(Violation::NotLinearizable(account)) = check(&Register, &history) else { panic!("accepted") };
    assert_eq!(account, "5..6 client 0: Get -> Value(Some(1))");
}

#[test]
fn a_read_that_goes_back_is_not_explained() {
    let write = op(1, Put(1), 10, Written(true));
    assert!(accepts(&[write.clone(), op(2, Get, 3, Value(None)), op(4, Get, 5, Value(Some(1)))]));
    assert!(!accepts(&[write, op(2, Get, 3, Value(Some(1))), op(4, Get, 5, Value(None))]));
}

#[test]
fn a_lost_write_is_not_explained() {
    assert!(!accepts(&[op(1, Put(1), 2, Written(true)), op(3, Get, 4, Value(None))]));
}

#[test]
fn two_that_compare_with_the_same_do_not_both_write() {
    let cas = |called, value| op(called, Cas(value, Expected::Value(1)), called + 5, Written(true));
    assert!(!accepts(&[op(1, Put(1), 2, Written(true)), cas(3, 2), cas(4, 3)]));
    let lost = op(4, Cas(3, Expected::Value(1)), 9, Written(false));
    assert!(accepts(&[op(1, Put(1), 2, Written(true)), cas(3, 2), lost]));
}

#[test]
fn a_comparison_that_fails_for_no_reason_is_not_explained() {
    let failed = op(3, Cas(2, Expected::Value(1)), 4, Written(false));
    assert!(!accepts(&[op(1, Put(1), 2, Written(true)), failed.clone()]));
    assert!(accepts(&[op(1, Put(1), 2, Written(true)), unknown(2, Delete), failed]));
}

#[test]
fn a_call_without_answer_may_take_effect_late_once_or_never() {
    let write = unknown(1, Put(1));
    let read = |called, value| op(called, Get, called + 1, Value(value));
    assert!(accepts(&[write.clone(), read(2, None), read(9, Some(1))]));
    assert!(accepts(&[write.clone(), read(2, None), read(9, None)]));
    let between = op(5, Put(2), 6, Written(true));
    assert!(!accepts(&[write.clone(), read(2, Some(1)), between.clone(), read(7, Some(2)), read(9, Some(1))]));
    assert!(!accepts(&[read(0, Some(1)), unknown(2, Put(1))]), "before it was made");
}

/// Tries all orders.
fn brute_force(history: &[Op], state: Option<u64>, left: &mut Vec<usize>) -> bool {
    if left.iter().all(|place| history[*place].answer.is_none()) {
        return true;
    }
    (0..left.len()).any(|choice| {
        let place = left.remove(choice);
        let operation = &history[place];
        let first = left
            .iter()
            .all(|other| history[*other].answer.as_ref().is_none_or(|(answered, _)| *answered >= operation.called));
        let answer = operation.answer.as_ref().map(|(_, answer)| answer);
        let found = first
            && Register.step(&state, &operation.call, answer).is_some_and(|after| brute_force(history, after, left));
        left.insert(choice, place);
        found
    })
}

/// Histories of a few calls with any answers, most of them impossible.
fn any_history() -> impl Strategy<Value = Vec<Op>> {
    let value = || 1..4u64;
    let expected = prop_oneof![Just(Expected::Absent), value().prop_map(Expected::Value), Just(Expected::Nothing)];
    let call = prop_oneof![
        Just((Get, 0)),
        value().prop_map(|value| (Put(value), 1)),
        (value(), expected).prop_map(|(value, expected)| (Cas(value, expected), 1)),
        Just((Delete, 1)),
    ];
    let read = proptest::option::of(value()).prop_map(Value);
    let operation = (0..12u64, 0..8u64, call, read, any::<bool>(), proptest::bool::weighted(0.8));
    let operation = operation.prop_map(|(called, took, (call, kind), read, written, known)| {
        let answer = if kind == 0 { read } else { Written(written) };
        // Moments of calls are even and those of answers odd: no two are the same.
        Operation { client: 0, called: called * 2, call, answer: known.then_some(((called + took) * 2 + 1, answer)) }
    });
    proptest::collection::vec(operation, 0..7)
}

proptest! {
    #[test]
    fn agrees_with_trying_all_orders(history in any_history()) {
        let all = brute_force(&history, None, &mut (0..history.len()).collect());
        prop_assert_eq!(accepts(&history), all);
    }

    /// Calls that did take effect one at a time, seen from outside, are accepted.
    #[test]
    fn accepts_what_happened(calls in proptest::collection::vec((0..4u8, 0..40u64, 0..40u64, any::<bool>()), 0..200)) {
        let mut state = None;
        let mut history = Vec::new();
        for (number, (kind, before, after, known)) in calls.into_iter().enumerate() {
            let (moment, number) = (1_000 + number as u64 * 10, number as u64);
            let call = match kind {
                0 => Get,
                1 => Put(number),
                2 => Cas(number, state.map_or(Expected::Absent, Expected::Value)),
                _ => Delete,
            };
            let answer = match call {
                Get => Value(state),
                _ => Written(true),
            };
            state = Register.step(&state, &call, None).expect("always possible");
            let answer = (known || kind == 0).then_some((moment + after, answer));
            history.push(Operation { client: 0, called: moment - before, call, answer });
        }
        prop_assert!(accepts(&history));
    }
}
