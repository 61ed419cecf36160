//! The time that a leader gives its commands.
//!
//! Lock delays and all other deadlines of the state are measured by it, so it must run evenly whatever happens to the
//! wall clock. At the start of a term it is the later of the state's clock and the wall clock; from then on it goes by
//! the leader's monotonic clock. A step of the wall clock within the term changes nothing and is logged once.
//!
//! Entries of earlier terms may be applied only after the term has started. If they bring the state's clock past this
//! one, this one goes on from there: otherwise the state's would stand still until it is caught up with.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

/// The least change of the wall clock that counts as a step, in milliseconds: more than a slewed clock gains between two
/// commands, less than anyone would call a step.
const STEP_MS_MIN: u64 = 1_000;

/// What the clocks of this server say at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// The monotonic one.
    pub(crate) monotonic: Instant,
    /// The wall clock, in milliseconds since the Unix epoch.
    pub(crate) wall_ms: u64,
    /// The state's, in the same milliseconds.
    pub(crate) state_ms: u64,
}

/// The clock of the term that this server leads, shared by all who propose.
#[derive(Default)]
pub(crate) struct LeaderClock(Mutex<Option<TermClock>>);

impl LeaderClock {
    /// The time of a command that is proposed now, by the leader of this term.
    pub(crate) fn now_ms(&self, term: u64, clocks: Clocks) -> u64 {
        let mut clock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = match &mut *clock {
            Some(clock) if clock.term == term => clock,
            outdated => outdated.insert(TermClock::start(term, clocks)),
        };
        if let Some(step_ms) = clock.step_of_wall_ms(clocks) {
            warn!(step_ms, "the wall clock was stepped; lock delays and other deadlines keep their length");
        }
        clock.now_ms(clocks)
    }
}

/// The clock of one term.
struct TermClock {
    term: u64,
    /// What it showed at `set`.
    set_ms: u64,
    set: Instant,
    /// The wall clock when it was last looked at, and when that was.
    wall_ms: u64,
    looked: Instant,
}

impl TermClock {
    fn start(term: u64, clocks: Clocks) -> Self {
        let Clocks { monotonic, wall_ms, state_ms } = clocks;
        Self { term, set_ms: state_ms.max(wall_ms), set: monotonic, wall_ms, looked: monotonic }
    }

    fn now_ms(&mut self, clocks: Clocks) -> u64 {
        let now_ms = after(self.set_ms, clocks.monotonic.saturating_duration_since(self.set));
        if clocks.state_ms <= now_ms {
            return now_ms;
        }
        (self.set_ms, self.set) = (clocks.state_ms, clocks.monotonic);
        clocks.state_ms
    }

    /// By how much the wall clock was stepped since it was last looked at, if it was.
    fn step_of_wall_ms(&mut self, clocks: Clocks) -> Option<i64> {
        let expected_ms = after(self.wall_ms, clocks.monotonic.saturating_duration_since(self.looked));
        (self.wall_ms, self.looked) = (clocks.wall_ms, clocks.monotonic);
        let step_ms = clocks.wall_ms.wrapping_sub(expected_ms).cast_signed();
        (step_ms.unsigned_abs() >= STEP_MS_MIN).then_some(step_ms)
    }
}

fn after(start_ms: u64, passed: Duration) -> u64 {
    start_ms.saturating_add(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    /// The wall clock when the tests start.
    const WALL_MS: u64 = 1_700_000_000_000;

    /// What the clocks show so long after the start of a test.
    fn clocks(start: Instant, passed_ms: u64, wall_ms: u64, state_ms: u64) -> Clocks {
        Clocks { monotonic: start + Duration::from_millis(passed_ms), wall_ms, state_ms }
    }

    #[test]
    fn a_term_starts_at_the_later_of_both_clocks_and_goes_on_evenly() {
        let start = Instant::now();
        let leader = LeaderClock::default();
        assert_eq!(leader.now_ms(1, clocks(start, 0, WALL_MS, 5)), WALL_MS);
        assert_eq!(leader.now_ms(1, clocks(start, 40, WALL_MS + 40, WALL_MS)), WALL_MS + 40);
        // The state is an hour ahead: a new term goes on from there, and does not stand still.
        let ahead_ms = WALL_MS + HOUR_MS;
        assert_eq!(leader.now_ms(2, clocks(start, 50, WALL_MS + 50, ahead_ms)), ahead_ms);
        assert_eq!(leader.now_ms(2, clocks(start, 5_050, WALL_MS + 5_050, ahead_ms)), ahead_ms + 5_000);
    }

    #[test]
    fn a_step_of_the_wall_clock_changes_nothing_and_is_reported_once() {
        for step_ms in [HOUR_MS as i64, -(HOUR_MS as i64), 120_000] {
            let start = Instant::now();
            let wall = |passed_ms: u64| (WALL_MS + passed_ms).saturating_add_signed(step_ms);
            let mut clock = TermClock::start(1, clocks(start, 0, WALL_MS, 0));
            let stepped = clocks(start, 300, wall(300), WALL_MS);
            assert_eq!((clock.now_ms(stepped), clock.step_of_wall_ms(stepped)), (WALL_MS + 300, Some(step_ms)));
            let later = clocks(start, 60_000, wall(60_000), WALL_MS + 300);
            assert_eq!((clock.now_ms(later), clock.step_of_wall_ms(later)), (WALL_MS + 60_000, None));
        }
    }

    #[test]
    fn entries_of_earlier_terms_that_are_applied_later_do_not_stop_it() {
        let start = Instant::now();
        let mut clock = TermClock::start(2, clocks(start, 0, WALL_MS, 0));
        let ahead_ms = WALL_MS + HOUR_MS;
        assert_eq!(clock.now_ms(clocks(start, 10, WALL_MS + 10, ahead_ms)), ahead_ms);
        assert_eq!(clock.now_ms(clocks(start, 510, WALL_MS + 510, ahead_ms)), ahead_ms + 500);
    }

    #[test]
    fn a_clock_that_is_slewed_is_not_stepped() {
        let start = Instant::now();
        let mut clock = TermClock::start(1, clocks(start, 0, WALL_MS, 0));
        for seconds in 1..5_000 {
            let passed_ms = seconds * 1_000;
            let slewed_ms = WALL_MS + passed_ms + passed_ms / 2_000;
            assert_eq!(clock.step_of_wall_ms(clocks(start, passed_ms, slewed_ms, 0)), None);
        }
    }
}
