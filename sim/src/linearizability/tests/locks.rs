//! Locks known to be right and to be wrong.

use super::super::*;

type Op = Operation<LockCall, LockAnswer>;

fn op(called: u64, call: LockCall, answer: LockAnswer) -> Op {
    Operation { client: 0, called, call, answer: Some((called + 1, answer)) }
}

fn acquire(called: u64, session: u64, taken: bool) -> Op {
    op(called, LockCall::Acquire { value: called, session }, LockAnswer::Done(taken))
}

fn release(called: u64, session: u64, given: bool) -> Op {
    op(called, LockCall::Release { value: called, session }, LockAnswer::Done(given))
}

fn read(called: u64, value: u64, holder: Option<u64>, lock_index: u64) -> Op {
    op(called, LockCall::Get, LockAnswer::Entry(Some(Entry { value, holder, lock_index })))
}

/// A session that may end by itself from this moment on.
fn may_end(called: u64, session: u64) -> Op {
    Operation { client: 0, called, call: LockCall::SessionEnds(session), answer: None }
}

fn accepts(history: &[Op]) -> bool {
    check(&Lock, history).is_ok()
}

#[test]
fn a_lock_is_held_once() {
    assert!(accepts(&[acquire(0, 1, true), acquire(2, 2, false), release(4, 1, true), acquire(6, 2, true)]));
    let held_twice = [acquire(0, 1, true), acquire(2, 2, true)];
    let account = check(&Lock, &held_twice).unwrap_err().to_string();
    assert!(account.ends_with("2..3 client 0: Acquire { value: 2, session: 2 } -> Done(true)"), "{account}");
}

#[test]
fn a_holder_may_take_its_lock_again() {
    let again = [acquire(0, 1, true), acquire(2, 1, true)];
    assert!(accepts(&again));
    assert!(accepts(&[again.as_slice(), &[read(4, 2, Some(1), 1)]].concat()));
    assert!(!accepts(&[again.as_slice(), &[read(4, 2, Some(1), 2)]].concat()), "taken once, counted twice");
}

#[test]
fn only_the_holder_gives_a_lock_back() {
    assert!(accepts(&[acquire(0, 1, true), release(2, 2, false)]));
    assert!(!accepts(&[acquire(0, 1, true), release(2, 2, true)]));
    assert!(!accepts(&[release(0, 1, true)]), "nobody had taken it");
}

#[test]
fn a_session_that_may_have_ended_explains_the_next_holder() {
    assert!(accepts(&[acquire(0, 1, true), may_end(2, 1), acquire(4, 2, true)]));
    assert!(!accepts(&[acquire(0, 1, true), acquire(2, 2, true), may_end(4, 1)]), "not before it could end");
    let back = [acquire(0, 1, true), may_end(2, 1), acquire(4, 2, true), release(6, 2, true), acquire(8, 1, true)];
    assert!(!accepts(&back), "an ended session took it");
}

#[test]
fn a_lock_delay_refuses_only_after_a_holder_ended() {
    let refused = acquire(4, 2, false);
    assert!(accepts(&[acquire(0, 1, true), may_end(2, 1), refused.clone(), read(6, 0, None, 1)]));
    assert!(!accepts(&[acquire(0, 1, true), release(2, 1, true), refused]));
}

#[test]
fn a_lock_index_never_goes_back_in_the_life_of_a_key() {
    let taken_twice = [acquire(0, 1, true), release(2, 1, true), acquire(4, 2, true)];
    assert!(accepts(&[taken_twice.as_slice(), &[read(6, 4, Some(2), 2)]].concat()));
    assert!(!accepts(&[taken_twice.as_slice(), &[read(6, 4, Some(2), 1)]].concat()));
    let put = op(6, LockCall::Put(9), LockAnswer::Done(true));
    assert!(accepts(&[taken_twice.as_slice(), &[put.clone(), read(8, 9, Some(2), 2)]].concat()));
    assert!(!accepts(&[taken_twice.as_slice(), &[put, read(8, 9, Some(2), 0)]].concat()), "a write took it down");
}
