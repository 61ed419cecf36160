//! The runs of checks as their target saw them: how many, of which check, and how they lie in time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The slices of time in which runs are counted to tell whether they are spread or come in heaps.
const BUCKET: Duration = Duration::from_millis(100);

/// One run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The number of the check; `None` where the target can't tell (a connection says nothing of who made it).
    pub(super) check: Option<u32>,
    pub(super) at: Instant,
    /// Whether it was answered as a failure.
    pub(super) failed: bool,
}

/// The runs that a target saw; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs(Arc<Mutex<Vec<Run>>>);

impl Runs {
    fn lock(&self) -> MutexGuard<'_, Vec<Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a run.
    pub(super) fn note(&self, check: Option<u32>, failed: bool) {
        self.lock().push(Run { check, at: Instant::now(), failed });
    }

    /// Forgets what was seen so far.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// How many runs there were.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// When each of `checks` checks was first answered with a failure.
    pub(super) fn first_failures(&self, checks: u32) -> Vec<Option<Instant>> {
        let mut firsts = vec![None; checks as usize];
        for run in self.lock().iter().filter(|run| run.failed) {
            if let Some(check) = run.check {
                firsts[check as usize].get_or_insert(run.at);
            }
        }
        firsts
    }

    /// How the runs lie in the time from `start` on.
    pub(super) fn spread(&self, checks: u32, start: Instant, length: Duration) -> Spread {
        let mut buckets = vec![0_u32; (length.as_millis() / BUCKET.as_millis()).max(1) as usize];
        let mut of_check = vec![0_u32; checks as usize];
        let mut count = 0;
        for run in self.lock().iter().filter(|run| run.at >= start && run.at < start + length) {
            count += 1;
            let place = ((run.at - start).as_millis() / BUCKET.as_millis()) as usize;
            if let Some(bucket) = buckets.get_mut(place) {
                *bucket += 1;
            }
            if let Some(check) = run.check {
                of_check[check as usize] += 1;
            }
        }
        let mean = f64::from(count) / buckets.len() as f64;
        Spread {
            count,
            fewest: of_check.iter().copied().min().unwrap_or_default(),
            most: of_check.iter().copied().max().unwrap_or_default(),
            peak: f64::from(buckets.iter().copied().max().unwrap_or_default()) / mean,
        }
    }
}

/// How runs lie in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) count: u32,
    /// The runs of the check that had the fewest, and of the one that had the most. Both are 0 where no run names its check.
    pub(super) fewest: u32,
    pub(super) most: u32,
    /// The fullest tenth of a second against the mean one.
    pub(super) peak: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_by_check_and_by_time() {
        let runs = Runs::default();
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let run = |check, ms, failed| Run { check: Some(check), at: at(ms), failed };
        // The last lies behind the end.
        *runs.lock() =
            vec![run(0, 0, false), run(1, 10, true), run(1, 350, true), run(0, 399, false), run(0, 400, true)];
        let spread = runs.spread(2, start, Duration::from_millis(400));
        assert_eq!(spread, Spread { count: 4, fewest: 2, most: 2, peak: 2.0 });
        assert_eq!(runs.first_failures(2), [Some(at(400)), Some(at(10))]);
        runs.clear();
        assert_eq!(runs.count(), 0);
    }
}
