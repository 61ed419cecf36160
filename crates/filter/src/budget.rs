//! What running filters may cost.

/// How many steps all filters of one question may take: some seconds of one processor at the very worst.
pub(crate) const STEPS_MAX: u64 = 1_000_000_000;

/// What one question may still cost.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    steps: u64,
}

/// The answer would take more work than one question may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The filter takes too long on these results: more than the {STEPS_MAX} steps that one question may take. Ask for \
     fewer results, or use simpler patterns"
)]
pub struct OverBudget;

impl Default for Budget {
    /// The whole budget of one question.
    fn default() -> Self {
        Self::of(STEPS_MAX)
    }
}

impl Budget {
    /// A budget of so many steps.
    pub fn of(steps: u64) -> Self {
        Self { steps }
    }

    /// How many steps are left.
    pub fn left(&self) -> u64 {
        self.steps
    }

    /// Takes steps before the work that they stand for.
    pub(crate) fn take(&mut self, steps: u64) -> Result<(), OverBudget> {
        self.steps = self.steps.checked_sub(steps).ok_or(OverBudget)?;
        Ok(())
    }
}
