//! The account of a history that no order explains: the fewest answers that contradict each other.
//!
//! Less is known at an earlier moment, and less with an answer forgotten; what cannot be explained with less cannot be
//! explained with more. So the history is cut at the first moment at which it cannot be explained, and then answers are
//! forgotten, many at once and then one by one, as long as it still cannot. What is left is the contradiction.

use super::search::{Outcome, Seen, search};
use super::{Model, Operation, Violation};

/// The most steps for one question on the way; about a second.
const STEPS_MAX: u64 = 500_000;

/// The most steps for the whole account; about a minute. What is left by then is told as it is.
const STEPS_MAX_OVERALL: u64 = 30_000_000;

/// Tells which answers of an unexplainable history contradict each other.
pub(super) fn find<M: Model>(model: &M, history: &[Operation<M::Call, M::Answer>]) -> Violation {
    let mut blame = Blame { model, steps_left: STEPS_MAX_OVERALL };
    let mut calls: Vec<&Operation<_, _>> = history.iter().collect();
    calls.sort_by_key(|operation| operation.called);
    let answered = |operation: &Operation<_, _>| operation.answer.as_ref().map(|(answered, _)| *answered);

    let mut moments: Vec<u64> = calls.iter().filter_map(|operation| answered(operation)).collect();
    moments.sort_unstable();
    let known_at = |moment: u64| {
        let made = calls.iter().copied().filter(move |operation| operation.called <= moment);
        made.map(|operation| (operation, answered(operation).is_some_and(|at| at <= moment))).collect::<Vec<_>>()
    };
    let explained = moments.partition_point(|moment| !blame.is_unexplained(&known_at(*moment)));
    // A question that took too long may have hidden the moment; then it is the last one.
    let mut known = known_at(moments.get(explained).copied().unwrap_or(u64::MAX));

    let mut chunk = known.len().next_power_of_two();
    while chunk > 0 {
        for start in (0..known.len()).step_by(chunk) {
            blame.forget(&mut known, start, chunk);
        }
        chunk /= 2;
    }
    let answers: Vec<_> = known.iter().filter(|(_, told)| *told).map(|(operation, _)| operation.to_string()).collect();
    Violation::NotLinearizable { others: known.len() - answers.len(), answers }
}

/// A call, and whether its answer is told.
type Known<'a, M> = (&'a Operation<<M as Model>::Call, <M as Model>::Answer>, bool);

struct Blame<'a, M> {
    model: &'a M,
    steps_left: u64,
}

impl<M: Model> Blame<'_, M> {
    /// Whether it is certain that no order explains what is known.
    fn is_unexplained(&mut self, known: &[Known<'_, M>]) -> bool {
        let seen: Vec<Seen<'_, M>> = known
            .iter()
            .map(|(operation, told)| {
                let seen = Seen::new(operation);
                if *told { seen } else { Seen { answer: None, ..seen } }
            })
            .collect();
        let (outcome, steps) = search(self.model, &seen, STEPS_MAX.min(self.steps_left));
        self.steps_left = self.steps_left.saturating_sub(steps);
        outcome == Outcome::Unexplained
    }

    /// Forgets the answers of some calls if nothing explains the others.
    fn forget(&mut self, known: &mut [Known<'_, M>], start: usize, count: usize) {
        let end = known.len().min(start + count);
        let before: Vec<bool> = known[start..end].iter().map(|(_, told)| *told).collect();
        if !before.contains(&true) {
            return;
        }
        known[start..end].iter_mut().for_each(|(_, told)| *told = false);
        if !self.is_unexplained(known) {
            known[start..end].iter_mut().zip(before).for_each(|((_, told), before)| *told = before);
        }
    }
}
