//! The one table of deadlines.

use std::collections::{BTreeMap, BTreeSet};

use super::Id;

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A check is to run.
    Run(Id),
    /// Nothing was heard of a TTL check.
    Ttl(Id),
    /// A check has been critical for so long that its service is given up.
    GiveUp(Id),
    /// A change of a check's output is to be told.
    Output(Id),
    /// All entries are to be compared with the catalog.
    FullSync,
    /// The catalog may be tried again.
    SyncRetry,
}

/// Each timer at most once, with its time.
#[derive(Default)]
pub(super) struct Timers {
    in_order: BTreeSet<(u64, Timer)>,
    by_timer: BTreeMap<Timer, u64>,
}

impl Timers {
    /// Sets a timer, in place of when it was set to before.
    pub(super) fn set(&mut self, timer: Timer, at: u64) {
        if let Some(before) = self.by_timer.insert(timer.clone(), at) {
            self.in_order.remove(&(before, timer.clone()));
        }
        self.in_order.insert((at, timer));
    }

    /// Ends a timer, if it is set.
    pub(super) fn clear(&mut self, timer: &Timer) {
        if let Some(at) = self.by_timer.remove(timer) {
            self.in_order.remove(&(at, timer.clone()));
        }
    }

    /// When a timer is set to.
    pub(super) fn at(&self, timer: &Timer) -> Option<u64> {
        self.by_timer.get(timer).copied()
    }

    /// The earliest time.
    pub(super) fn next(&self) -> Option<u64> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// Takes out a timer whose time has come.
    pub(super) fn take_due(&mut self, now: u64) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        let (_, timer) = self.in_order.pop_first()?;
        self.by_timer.remove(&timer);
        Some(timer)
    }
}
