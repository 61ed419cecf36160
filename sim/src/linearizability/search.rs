//! The search for an order: Wing and Gong's, with Lowe's memory.
//!
//! Take a call that no other call precedes, see whether the model allows its answer, go on from there, and come back
//! when that leads nowhere. The same calls taken with the same state after them are never tried twice. The calls that
//! may come next are those whose beginning comes before the first end in the list of beginnings and ends that are left;
//! taking a call takes its own two out of the list, and going back puts them in again.
//!
//! **Calls without an answer** are never left out of the candidates by an end, so each could be tried everywhere. But
//! an order that explains a history with the fewest of them has each followed by a call that comes out differently
//! because of it: otherwise it would do without. So only such orders are tried, and calls with an answer first.

use std::collections::HashSet;

use super::{Effect, Model, Operation};

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
    let mut candidate = search.first_candidate();
    let mut steps = 0;
    while search.answers_left > 0 {
        steps += 1;
        if steps > steps_max {
            return (Outcome::TooLong, steps);
        }
        candidate = match search.call(&mut candidate) {
            Some(call) if search.take(candidate, call) => search.first_candidate(),
            Some(_) => search.next_candidate(candidate),
            None => match search.go_back() {
                Some(last) => search.next_candidate(last),
                None => return (Outcome::Unexplained, steps),
            },
        };
    }
    (Outcome::Explained, steps)
}

/// A call that may come next, by where it is found.
#[derive(Clone, Copy)]
enum Candidate {
    /// By its beginning in the list of events.
    Answered(usize),
    /// By its place among the calls without an answer.
    Unanswered(usize),
}

/// Where the search is.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Position<S> {
    /// The calls taken, a bit each.
    taken: Vec<u64>,
    /// What they lead to.
    state: S,
    /// If the last call taken has no answer, the state before it: the next call must come out differently because of
    /// it.
    unused: Option<S>,
}

struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Seen<'a, M>],
    /// The beginnings and ends of the calls with an answer that are not taken.
    events: Events,
    /// Where the events of a call are.
    places: Vec<Option<(usize, usize)>>,
    /// The calls without an answer that could change something, by their moments.
    unanswered: Vec<usize>,
    position: Position<M::State>,
    tried: HashSet<Position<M::State>>,
    path: Vec<Choice<M::State>>,
    answers_left: usize,
}

/// A call taken, and what the position was before.
struct Choice<S> {
    candidate: Candidate,
    call: usize,
    state: S,
    unused: Option<S>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, calls: &'a [Seen<'a, M>]) -> Self {
        // At one moment beginnings come before ends: calls that touch overlap.
        let mut timeline: Vec<(u64, bool, usize)> = Vec::new();
        for (number, call) in calls.iter().enumerate() {
            let Some((answered, _)) = call.answer else { continue };
            timeline.extend([(call.called, false, number), (answered, true, number)]);
        }
        timeline.sort_unstable();
        let mut places = vec![None; calls.len()];
        for (place, (_, is_end, call)) in timeline.iter().enumerate() {
            match (&mut places[*call], *is_end) {
                (Some((_, end)), true) => *end = place,
                (beginning, _) => *beginning = Some((place, place)),
            }
        }
        let event = |(moment, is_end, call)| if is_end { Event::End(moment) } else { Event::Beginning(call) };
        let could_matter = |call: &usize| {
            let call = &calls[*call];
            call.answer.is_none() && model.effect(call.call) != Effect::Reads
        };
        let mut unanswered: Vec<usize> = (0..calls.len()).filter(could_matter).collect();
        unanswered.sort_by_key(|call| calls[*call].called);
        Self {
            model,
            calls,
            events: Events::new(timeline.into_iter().map(event).collect()),
            places,
            unanswered,
            position: Position { taken: vec![0; calls.len().div_ceil(64)], state: model.initial(), unused: None },
            tried: HashSet::new(),
            path: Vec::new(),
            answers_left: calls.iter().filter(|call| call.answer.is_some()).count(),
        }
    }

    fn first_candidate(&self) -> Candidate {
        Candidate::Answered(self.events.first())
    }

    fn next_candidate(&self, candidate: Candidate) -> Candidate {
        match candidate {
            Candidate::Answered(place) => Candidate::Answered(self.events.after(place)),
            Candidate::Unanswered(place) => Candidate::Unanswered(place + 1),
        }
    }

    /// The call at a candidate's place or the next one behind it that may come next.
    fn call(&self, candidate: &mut Candidate) -> Option<usize> {
        if let Candidate::Answered(place) = *candidate {
            // Whatever begins behind an end cannot come before it.
            if let Some(Event::Beginning(call)) = self.events.get(place) {
                return Some(call);
            }
            *candidate = Candidate::Unanswered(0);
        }
        let Candidate::Unanswered(first) = *candidate else { return None };
        let horizon = self.horizon();
        let begun = self.unanswered[first..].iter().take_while(|call| self.calls[**call].called <= horizon);
        let (skipped, call) = begun.enumerate().find(|(_, call)| !self.is_taken(**call))?;
        *candidate = Candidate::Unanswered(first + skipped);
        Some(*call)
    }

    /// The first end that is left.
    fn horizon(&self) -> u64 {
        let mut place = self.events.first();
        while let Some(Event::Beginning(_)) = self.events.get(place) {
            place = self.events.after(place);
        }
        match self.events.get(place) {
            Some(Event::End(moment)) => moment,
            _ => u64::MAX,
        }
    }

    /// Takes a call, if it may get its answer now and the search has not been where that leads.
    fn take(&mut self, candidate: Candidate, number: usize) -> bool {
        let call = &self.calls[number];
        if self.position.unused.is_some() && self.model.effect(call.call) == Effect::Overwrites {
            return false;
        }
        let answer = call.answer.map(|(_, answer)| answer);
        let Some(after) = self.model.step(&self.position.state, call.call, answer) else {
            return false;
        };
        let same_without = |before: &M::State| self.model.step(before, call.call, answer).as_ref() == Some(&after);
        if self.position.unused.as_ref().is_some_and(same_without) {
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
        if let Some((beginning, end)) = self.places[number] {
            self.answers_left -= 1;
            self.events.take_out(beginning);
            self.events.take_out(end);
        }
        self.path.push(Choice { candidate, call: number, state, unused });
        true
    }

    /// Undoes the last choice and tells which it was.
    fn go_back(&mut self) -> Option<Candidate> {
        let Choice { candidate, call, state, unused } = self.path.pop()?;
        if let Some((beginning, end)) = self.places[call] {
            // In the reverse order of taking out.
            self.events.put_in(end);
            self.events.put_in(beginning);
            self.answers_left += 1;
        }
        self.flip(call);
        (self.position.state, self.position.unused) = (state, unused);
        Some(candidate)
    }

    fn is_taken(&self, call: usize) -> bool {
        self.position.taken[call / 64] >> (call % 64) & 1 == 1
    }

    fn flip(&mut self, call: usize) {
        self.position.taken[call / 64] ^= 1 << (call % 64);
    }
}

/// The beginning of a call, or the moment at which one ends.
#[derive(Clone, Copy)]
enum Event {
    Beginning(usize),
    End(u64),
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
