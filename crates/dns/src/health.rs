//! Which recursors answer: one that does not is asked after the others for some seconds, so that not every question waits
//! for it in vain.
//!
//! A recursor is taken for dead when several questions went to it, the first of them some time ago, and none was answered
//! since. Any answer, a refusal too, says that it lives. While it is taken for dead, one question now and then goes to it
//! first and finds out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many questions in a row without an answer make a recursor dead: one may be lost, or too hard to answer.
const UNANSWERED_MAX: usize = 3;
/// How long the first of these must have waited: the answers to many that came at once are still on their way. Nearly all
/// answers are there by then, and much longer would have the places for waiting questions filled first.
const ANSWER_EXPECTED: Duration = Duration::from_millis(300);
/// How long a dead one is passed over until a question goes to it first again.
const DEAD_FOR: Duration = Duration::from_secs(5);

/// What is known of recursors that owe an answer; few, since there are few recursors.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<BTreeMap<SocketAddr, Debt>>);

/// What happened since the last answer.
#[derive(Debug)]
struct Debt {
    since: Instant,
    unanswered: usize,
    /// Until when it is passed over.
    dead_until: Option<Instant>,
}

impl Health {
    fn debts(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Debt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts those that are taken for dead last.
    pub(crate) fn order(&self, recursors: Vec<SocketAddr>, now: Instant) -> Vec<SocketAddr> {
        let mut debts = self.debts();
        let is_alive = |address: &SocketAddr| debts.get_mut(address).is_none_or(|debt| debt.may_be_asked(now));
        let (mut alive, dead): (Vec<_>, Vec<_>) = recursors.into_iter().partition(is_alive);
        alive.extend(dead);
        alive
    }

    /// Notes that a recursor is asked.
    pub(crate) fn asked(&self, address: SocketAddr, now: Instant) {
        let mut debts = self.debts();
        debts.entry(address).or_insert(Debt { since: now, unanswered: 0, dead_until: None }).unanswered += 1;
    }

    /// Notes that it answered.
    pub(crate) fn answered(&self, address: SocketAddr) {
        self.debts().remove(&address);
    }
}

impl Debt {
    fn may_be_asked(&mut self, now: Instant) -> bool {
        if self.unanswered < UNANSWERED_MAX || now < self.since + ANSWER_EXPECTED {
            return true;
        }
        // The first question that comes when the time is over finds out, and the others don't wait for that.
        let is_tried = self.dead_until.is_some_and(|until| now >= until);
        if is_tried || self.dead_until.is_none() {
            self.dead_until = Some(now + DEAD_FOR);
        }
        is_tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recursor_that_owes_answers_is_asked_last_until_it_answers() {
        let health = Health::default();
        let [first, second] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let start = Instant::now();
        let order = |millis| health.order(vec![first, second], start + Duration::from_millis(millis));
        for _ in 0..UNANSWERED_MAX {
            assert_eq!(order(0), [first, second]);
            health.asked(first, start);
        }
        // The answers may still be on their way.
        assert_eq!(order(299), [first, second]);
        assert_eq!(order(300), [second, first]);
        assert_eq!(order(5_299), [second, first]);
        // One question finds out.
        assert_eq!(order(5_300), [first, second]);
        assert_eq!(order(5_301), [second, first]);
        health.answered(first);
        assert_eq!(order(5_302), [first, second]);
    }
}
