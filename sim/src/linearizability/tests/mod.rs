//! Histories known to be good and to be bad, and properties of the checker.

mod locks;
mod properties;

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
    let account = check(&Register, &history).unwrap_err().to_string();
    let expected = "no order of the calls explains these answers, whatever the other 0 were answered:\n\
                    1..2 client 0: Put(1) -> Written(true)\n\
                    3..4 client 0: Put(2) -> Written(true)\n\
                    5..6 client 0: Get -> Value(Some(1))";
    assert_eq!(account, expected);
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

/// A long history without fault: four clients that overlap, and now and then a write whose outcome is unknown.
fn long_history(calls: u64) -> Vec<Op> {
    let mut history = Vec::new();
    let mut value = None;
    for number in 0..calls {
        let client = number % 4;
        let (called, answered) = (number * 10, number * 10 + 35);
        let made = |call, answer| Operation { client, called, call, answer };
        history.push(match number % 7 {
            0 | 3 => {
                value = Some(number);
                made(Put(number), Some((answered, Written(true))))
            }
            5 => made(Put(number), None),
            _ => made(Get, Some((answered, Value(value)))),
        });
    }
    history
}

#[test]
fn long_histories_take_a_few_steps_per_call() {
    let history = long_history(5_000);
    let seen: Vec<_> = history.iter().map(Seen::<Register>::new).collect();
    let (outcome, steps) = search::search(&Register, &seen, STEPS_MAX);
    assert_eq!(outcome, Outcome::Explained);
    assert!(steps < 5 * 5_000, "{steps}");
}

#[test]
fn the_account_of_a_long_history_is_short() {
    let mut history = long_history(700);
    // One read among them tells what was overwritten long before.
    history[201].call = Get;
    history[201].answer = Some((2_011, Value(Some(3))));
    let Err(Violation::NotLinearizable { answers, others }) = check(&Register, &history) else { panic!("accepted") };
    assert!(answers.len() <= 4, "{answers:#?}");
    assert!(answers.iter().any(|line| line == "30..65 client 3: Put(3) -> Written(true)"), "{answers:#?}");
    assert_eq!(answers.last().map(String::as_str), Some("2010..2011 client 1: Get -> Value(Some(3))"));
    // What was called after the last of these answers is not counted.
    assert_eq!(answers.len() + others, 202);
}

#[test]
fn an_end_and_a_beginning_at_one_moment_overlap() {
    assert!(accepts(&[op(1, Put(1), 2, Written(true)), op(2, Get, 3, Value(None))]));
    assert!(!accepts(&[op(1, Put(1), 2, Written(true)), op(3, Get, 4, Value(None))]));
}

#[test]
fn a_write_without_answer_is_not_seen_twice_with_another_between() {
    let read = |called, value| op(called, Get, called + 1, Value(value));
    let writes = [unknown(1, Put(1)), unknown(1, Put(2))];
    let history = |reads: [u64; 3]| -> Vec<Op> {
        let read = reads.iter().zip([2, 4, 6]).map(|(value, called)| read(called, Some(*value)));
        writes.iter().cloned().chain(read).collect()
    };
    assert!(accepts(&history([1, 2, 2])));
    assert!(accepts(&history([2, 2, 1])));
    assert!(!accepts(&history([1, 2, 1])));
}

#[test]
fn writes_without_answer_may_build_on_each_other() {
    let compared = unknown(1, Cas(2, Expected::Value(1)));
    let history = [unknown(0, Put(1)), compared.clone(), op(5, Get, 6, Value(Some(2)))];
    assert!(accepts(&history));
    assert!(!accepts(&[compared, op(5, Get, 6, Value(Some(2)))]));
}
