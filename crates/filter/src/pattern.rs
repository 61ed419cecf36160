//! A compiled regular expression, and a search that counts its steps.
//!
//! A pattern is kept as the nondeterministic automaton alone, which is a few kB for an ordinary one. A search builds the
//! states of a deterministic automaton as it comes to need them, in a [`Cache`] that belongs to the evaluation and goes
//! with it. So a filter that waits holds no more than [`Pattern::weight_bytes`], and the cost of a search is known
//! exactly: a step for each byte, and [`Pattern::state_steps`] for each state that had to be built. A pattern made to
//! need ever new states costs that much for each byte, which its own size bounds; the steps end it.

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::NFA;
use regex_automata::{Input, hybrid};

use crate::steps::{Exhausted, Steps};

/// The memory for the states that one search has built, per pattern and evaluation. When it is full the states are
/// forgotten, and built again when they are needed again. Ordinary patterns need some ten kB.
const CACHE_BYTES_MAX: usize = 256 * 1024;

/// What an automaton holds besides its states: the table of byte classes and the like.
const OVERHEAD_BYTES: usize = 1024;

/// A regular expression, ready to search with.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    automaton: DFA,
    /// What building one state costs at most.
    state_steps: u64,
}

impl Pattern {
    pub(crate) fn new(nfa: NFA) -> Result<Self, hybrid::BuildError> {
        // Building a state visits the automaton's own states, at most all of them with all their transitions, each of
        // which takes some eight bytes; and it adds a row to the table of transitions.
        const ROW_STEPS: u64 = 256;
        let state_steps = ROW_STEPS + nfa.memory_usage() as u64 / 4;
        // The cache is never too small to go on: what it needs at least is known, and granted past the limit.
        let config = Config::new().cache_capacity(CACHE_BYTES_MAX).skip_cache_capacity_check(true);
        let automaton = DFA::builder().configure(config).build_from_nfa(nfa)?;
        Ok(Self { automaton, state_steps })
    }

    /// The memory that it takes while it is kept.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.automaton.get_nfa().memory_usage() + OVERHEAD_BYTES
    }

    /// The most steps that one byte of a text can cost.
    pub(crate) fn state_steps(&self) -> u64 {
        self.state_steps
    }

    /// The place for the states that searches build.
    pub(crate) fn cache(&self) -> Cache {
        Cache::new(&self.automaton)
    }

    /// Whether it matches somewhere in a text.
    pub(crate) fn is_match(&self, text: &[u8], cache: &mut Cache, steps: &mut Steps) -> Result<bool, Exhausted> {
        steps.take_bytes(text)?;
        let Some(mut state) = self
            .building(cache, steps, |automaton, cache| automaton.start_state_forward(cache, &Input::new(text)).ok())?
        else {
            return Err(steps.exhausted());
        };
        for byte in text {
            let next = self.automaton.next_state_untagged(cache, state, *byte);
            state = match next.is_tagged() {
                false => next,
                true => match self.tagged(next, state, *byte, cache, steps)? {
                    Next::State(state) => state,
                    Next::Outcome(found) => return Ok(found),
                },
            };
        }
        let last = self.building(cache, steps, |automaton, cache| automaton.next_eoi_state(cache, state).ok())?;
        last.map(|state| state.is_match()).ok_or(steps.exhausted())
    }

    /// What comes after a state that is not simply one of those that are built.
    #[cold]
    fn tagged(
        &self,
        next: LazyStateID,
        before: LazyStateID,
        byte: u8,
        cache: &mut Cache,
        steps: &mut Steps,
    ) -> Result<Next, Exhausted> {
        let mut next = next;
        if next.is_unknown() {
            steps.take(self.state_steps)?;
            next = self.automaton.next_state(cache, before, byte).map_err(|_| steps.exhausted())?;
        }
        // No pattern of ours has bytes to quit at, and the cache never gives up.
        Ok(match (next.is_match(), next.is_dead() || next.is_quit()) {
            (true, _) => Next::Outcome(true),
            (_, true) => Next::Outcome(false),
            _ => Next::State(next),
        })
    }

    /// Does what may build a state, and takes the steps for it if it did.
    fn building<T>(
        &self,
        cache: &mut Cache,
        steps: &mut Steps,
        what: impl FnOnce(&DFA, &mut Cache) -> Option<T>,
    ) -> Result<Option<T>, Exhausted> {
        let before = (cache.memory_usage(), cache.clear_count());
        let done = what(&self.automaton, cache);
        if before != (cache.memory_usage(), cache.clear_count()) {
            steps.take(self.state_steps)?;
        }
        Ok(done)
    }
}

/// How a search goes on.
enum Next {
    /// In this state.
    State(LazyStateID),
    /// It is over: whether there is a match.
    Outcome(bool),
}
