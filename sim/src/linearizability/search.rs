//! The search for an order: Wing and Gong's, with Lowe's memory.
//!
//! Take a call that no other call precedes, see whether the model allows its answer, go on from there, and come back when
//! that leads nowhere. The same calls taken with the same state after them are never tried twice. The calls that may come
//! next are those whose beginning comes before the first end in the list of beginnings and ends that are left; taking a
//! call takes both of its own out of the list, and going back puts them in again.
//!
//! **Calls without an answer** stay in the list to the end, and each could be tried everywhere. But an order that explains
//! a history with the fewest of them has each followed by a call that comes out differently because of it: otherwise it
//! would do without. So only such orders are tried, and an unanswered write costs no more than the reads that could have
//! seen it.

use std::collections::HashSet;

use super::{Model, Operation};

/// A call as the search sees it.
pub(super) struct Seen<'a, M: Model> {
    pub(super) called: u64,
    pub(super) call: &'a M::Call,
    pub(super) answer: Option<(u64, &'a M::Answer)>,
}

impl<'a, M: Model> Seen<'a, M> {
    pub(super) fn new(operation: &'a Operation<M::Call, M::Answer>) -> Self {
        let answer = operation.answer.as_ref().map(|(answered, answer)| (*answered, answer));
        Self { called: operation.called, call: &operation.call, answer }
    }
}

/// What a search found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There is an order.
    Explained,
    /// There is none.
    Unexplained,
    /// It took more steps than allowed.
    TooLong,
}

/// Looks for an order; also tells how many steps that took.
pub(super) fn search<M: Model>(model: &M, calls: &[Seen<'_, M>], steps_max: u64) -> (Outcome, u64) {
    let mut search = Search::new(model, calls);
    let mut steps = 0;
    // The event to look at.
    let mut at = search.events.first();
    while search.answers_left > 0 {
        steps += 1;
        if steps > steps_max {
            return (Outcome::TooLong, steps);
        }
        at = match search.events.get(at) {
            Some(Event::Call(call)) if search.take(call) => search.events.first(),
            Some(Event::Call(_)) => search.events.after(at),
            // Whatever begins behind an end cannot come before it.
            Some(Event::Answer) | None => match search.go_back() {
                Some(call) => search.events.after(search.places[call].0),
                None => return (Outcome::Unexplained, steps),
            },
        };
    }
    (Outcome::Explained, steps)
}

/// Where the search is.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Position<S> {
    /// The calls taken, a bit each.
    taken: Vec<u64>,
    /// What they lead to.
    state: S,
    /// If the last call taken has no answer, the state before it: the next call must come out differently because of it.
    unused: Option<S>,
}

struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Seen<'a, M>],
    events: Events,
    /// Where the events of a call are: its beginning and, if it has one, its end.
    places: Vec<(usize, Option<usize>)>,
    position: Position<M::State>,
    tried: HashSet<Position<M::State>>,
    /// The calls taken, each with the states of the position before it.
    path: Vec<(usize, M::State, Option<M::State>)>,
    answers_left: usize,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, calls: &'a [Seen<'a, M>]) -> Self {
        // At one moment beginnings come before ends: calls that touch overlap.
        let mut timeline: Vec<(u64, bool, usize)> = Vec::new();
        for (number, call) in calls.iter().enumerate() {
            timeline.push((call.called, false, number));
            timeline.extend(call.answer.map(|(answered, _)| (answered, true, number)));
        }
        timeline.sort_unstable();
        let mut places = vec![(0, None); calls.len()];
        for (place, (_, is_answer, call)) in timeline.iter().enumerate() {
            if *is_answer {
                places[*call].1 = Some(place);
            } else {
                places[*call].0 = place;
            }
        }
        let events = timeline.into_iter().map(|(_, is_answer, call)| if is_answer { Event::Answer } else { Event::Call(call) });
        Self {
            model,
            calls,
            events: Events::new(events.collect()),
            places,
            position: Position { taken: vec![0; calls.len().div_ceil(64)], state: model.initial(), unused: None },
            tried: HashSet::new(),
            path: Vec::new(),
            answers_left: calls.iter().filter(|call| call.answer.is_some()).count(),
        }
    }

    /// Takes a call, if it may get its answer now and the search has not been where that leads.
    fn take(&mut self, number: usize) -> bool {
        let call = &self.calls[number];
        let answer = call.answer.map(|(_, answer)| answer);
        let Some(after) = self.model.step(&self.position.state, call.call, answer) else {
            return false;
        };
        let without_unused = |before: &M::State| self.model.step(before, call.call, answer).as_ref() == Some(&after);
        if self.position.unused.as_ref().is_some_and(without_unused) {
            return false;
        }
        if answer.is_none() && after == self.position.state {
            return false;
        }
        let state = std::mem::replace(&mut self.position.state, after);
        let unused = std::mem::replace(&mut self.position.unused, answer.is_none().then(|| state.clone()));
        self.flip(number);
        if !self.tried.insert(self.position.clone()) {
            self.flip(number);
            (self.position.state, self.position.unused) = (state, unused);
            return false;
        }
        self.answers_left -= usize::from(answer.is_some());
        let (beginning, end) = self.places[number];
        self.events.take_out(beginning);
        end.into_iter().for_each(|end| self.events.take_out(end));
        self.path.push((number, state, unused));
        true
    }

    /// Undoes the last call taken and tells which it was.
    fn go_back(&mut self) -> Option<usize> {
        let (number, state, unused) = self.path.pop()?;
        let (beginning, end) = self.places[number];
        // In the reverse order of taking out.
        end.into_iter().for_each(|end| self.events.put_in(end));
        self.events.put_in(beginning);
        self.answers_left += usize::from(self.calls[number].answer.is_some());
        self.flip(number);
        (self.position.state, self.position.unused) = (state, unused);
        Some(number)
    }

    fn flip(&mut self, number: usize) {
        self.position.taken[number / 64] ^= 1 << (number % 64);
    }
}

/// The beginning of a call, or the end of one.
#[derive(Clone, Copy)]
enum Event {
    Call(usize),
    Answer,
}

/// The events that are left, in the order of their moments: a list in which taking out and putting in again, last out
/// first in, cost nothing. An event keeps its place in `events`; behind the last one the links close to a ring.
struct Events {
    events: Vec<Event>,
    next: Vec<usize>,
    previous: Vec<usize>,
}

impl Events {
    fn new(events: Vec<Event>) -> Self {
        let ring = events.len() + 1;
        let next = (1..=ring).map(|place| place % ring).collect();
        let previous = (0..ring).map(|place| (place + ring - 1) % ring).collect();
        Self { events, next, previous }
    }

    fn first(&self) -> usize {
        self.next[self.events.len()]
    }

    fn after(&self, place: usize) -> usize {
        self.next[place]
    }

    fn get(&self, place: usize) -> Option<Event> {
        self.events.get(place).copied()
    }

    fn take_out(&mut self, place: usize) {
        let (previous, next) = (self.previous[place], self.next[place]);
        self.next[previous] = next;
        self.previous[next] = previous;
    }

    fn put_in(&mut self, place: usize) {
        let (previous, next) = (self.previous[place], self.next[place]);
        self.next[previous] = place;
        self.previous[next] = place;
    }
}
