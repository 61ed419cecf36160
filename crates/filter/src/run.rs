//! One evaluation of a filter over many results.

use std::fmt;

use regex_automata::hybrid::dfa::Cache;

use crate::Filter;
use crate::predicate::Evaluation;
use crate::select::{Place, Select};
use crate::steps::{Exhausted, Steps};

/// One evaluation of a filter: over the results of a question, one after the other, with so many steps for all of them.
///
/// It holds what its searches have built, at most some 256 KiB for each pattern, or a few times the pattern's size if
/// that is more; that goes with it. It can be set aside between two results and be gone on with on any thread.
pub struct Run {
    filter: Filter,
    caches: Box<[Option<Cache>]>,
    steps: Steps,
}

impl Filter {
    /// Begins an evaluation that may take so many steps.
    pub fn run(&self, steps_max: u64) -> Run {
        let caches = self.0.patterns.iter().map(|_| None).collect();
        Run { filter: self.clone(), caches, steps: Steps::new(steps_max) }
    }
}

impl Run {
    /// Whether a result passes. After an error the outcome for this result is not known; with more steps granted it can
    /// be asked for again, and is worked out from its beginning.
    pub fn passes<'a, R: Select<'a>>(&mut self, result: R) -> Result<bool, Exhausted> {
        let Self { filter, caches, steps } = self;
        let parsed = &*filter.0;
        Evaluation { patterns: &parsed.patterns, caches, steps }.holds(&parsed.predicate, Place::Inner(result))
    }

    /// The steps taken so far.
    pub fn steps_taken(&self) -> u64 {
        self.steps.taken()
    }

    /// Allows more steps.
    pub fn grant(&mut self, steps: u64) {
        self.steps.grant(steps);
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("filter", &self.filter).field("steps", &self.steps).finish_non_exhaustive()
    }
}
