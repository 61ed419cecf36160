//! Forgetting tombstones that have lived long enough: those up to the index that was current one tombstone time ago.

use std::collections::VecDeque;
use std::time::Duration;

use quorate_consensus::BoxFuture;
use quorate_state::{Index, Operation};
use tokio::time::Instant;
use tracing::warn;

use super::{Duty, Leader, interval};

/// How often tombstones are looked at: how much longer than their time they may live.
const GRANULARITY: Duration = Duration::from_secs(30);

/// Forgets tombstones after their time.
pub(super) struct ForgetTombstones {
    pub(super) ttl: Duration,
}

impl Duty for ForgetTombstones {
    fn run(&self, leader: Leader) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut timer = TombstoneTimer::new(self.ttl);
            let mut round = interval(GRANULARITY);
            loop {
                let now = round.tick().await;
                let Some(index) = timer.due(now, leader.node().published().index()) else { continue };
                if let Err(error) = leader.propose(&Operation::Reap(index)).await {
                    warn!(%error, index, "old tombstones could not be forgotten; the next round tries again");
                }
            }
        })
    }
}

/// Marks in time, oldest first.
struct TombstoneTimer {
    ttl: Duration,
    marks: VecDeque<(Instant, Index)>,
}

impl TombstoneTimer {
    /// Tombstones live for `ttl`, and after a change of leader for up to as long again.
    fn new(ttl: Duration) -> Self {
        Self { ttl, marks: VecDeque::new() }
    }

    /// Notes the index that is current now; gives the largest one that was current a tombstone's time ago, once.
    fn due(&mut self, now: Instant, index: Index) -> Option<Index> {
        if self.marks.back().is_none_or(|(_, last)| *last < index) {
            self.marks.push_back((now, index));
        }
        let mut due = None;
        while let Some((_, index)) = self.marks.pop_front_if(|(noted, _)| *noted + self.ttl <= now) {
            due = Some(index);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_due_once_its_time_has_passed_and_only_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timer = TombstoneTimer::new(Duration::from_secs(10));
        assert_eq!(timer.due(at(0), 5), None);
        assert_eq!(timer.due(at(5), 8), None);
        assert_eq!(timer.due(at(9), 8), None);
        assert_eq!(timer.due(at(10), 8), Some(5));
        assert_eq!(timer.due(at(30), 9), Some(8));
        assert_eq!(timer.due(at(31), 9), None);
    }
}
