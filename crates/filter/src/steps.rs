//! What an evaluation costs, counted in steps.
//!
//! A step is some two nanoseconds' work: one byte put through an automaton that is already built. The count depends on
//! the filter and the values alone, never on the machine, so the same question has the same outcome everywhere.

/// The steps that the evaluation of one question may take: a second of work. Filters that people write take a few
/// thousand times less over a thousand instances.
pub const STEPS_MAX: u64 = 500_000_000;

/// For one part of a selector: a name found among those of its record.
pub(crate) const SELECTOR_STEPS: u64 = 8;

/// For a key found in a map.
pub(crate) const KEY_STEPS: u64 = 16;

/// For an item of a list looked at.
pub(crate) const ITEM_STEPS: u64 = 2;

/// For a byte of JSON read.
pub(crate) const JSON_BYTE_STEPS: u64 = 8;

/// The steps of an evaluation were used up before it came to an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Filter takes more than the limit of {limit} steps over these results; use fewer or simpler regular expressions, or \
     ask for fewer results"
)]
pub struct Exhausted {
    /// The steps that there were.
    pub limit: u64,
}

/// Steps to take, and those taken.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    limit: u64,
    left: u64,
}

impl Steps {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, left: limit }
    }

    /// Takes so many steps.
    pub(crate) fn take(&mut self, steps: u64) -> Result<(), Exhausted> {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Exhausted { limit: self.limit })
            }
        }
    }

    /// Takes a step for each byte of a text.
    pub(crate) fn take_bytes(&mut self, text: &[u8]) -> Result<(), Exhausted> {
        self.take(text.len() as u64)
    }

    pub(crate) fn taken(&self) -> u64 {
        self.limit - self.left
    }

    /// Allows more steps.
    pub(crate) fn grant(&mut self, steps: u64) {
        self.limit = self.limit.saturating_add(steps);
        self.left = self.left.saturating_add(steps);
    }

    pub(crate) fn exhausted(&self) -> Exhausted {
        Exhausted { limit: self.limit }
    }
}
