//! Whose turn it is to run: a check whose time has come waits here while as many runs are under way as may be.
//!
//! Runs that start commands and runs that open connections wait apart. They cost different things, so each kind has a bound of
//! its own, and they hang for different reasons: targets that a broken network hides must not keep commands waiting, nor
//! slow commands the network.

use std::collections::{BTreeMap, VecDeque};

use super::Id;
use crate::definition::Check;
use crate::settings::Settings;

/// What a run takes of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Command,
    Connection,
}

impl Means {
    fn of(check: &Check) -> Self {
        match check {
            Check::Script(_) | Check::Docker(_) | Check::OsService(_) => Self::Command,
            _ => Self::Connection,
        }
    }
}

/// Those of one kind.
#[derive(Default)]
struct Lane {
    /// Checks whose time has come, each at most once.
    waiting: VecDeque<Id>,
    under_way: usize,
}

/// Who runs and who waits.
#[derive(Default)]
pub(super) struct Turns {
    commands: Lane,
    connections: Lane,
    runs: BTreeMap<u64, Means>,
}

impl Turns {
    fn lane(&mut self, means: Means) -> &mut Lane {
        match means {
            Means::Command => &mut self.commands,
            Means::Connection => &mut self.connections,
        }
    }

    /// The time of a check has come.
    pub(super) fn wait(&mut self, id: Id, check: &Check) {
        self.lane(Means::of(check)).waiting.push_back(id);
    }

    /// The next check that may run. It may have been removed or replaced while it waited.
    pub(super) fn next(&mut self, settings: &Settings) -> Option<Id> {
        let lanes = [(&mut self.commands, settings.commands_max), (&mut self.connections, settings.connections_max)];
        lanes.into_iter().filter(|(lane, max)| lane.under_way < *max).find_map(|(lane, _)| lane.waiting.pop_front())
    }

    /// A run begins.
    pub(super) fn begin(&mut self, run: u64, check: &Check) {
        let means = Means::of(check);
        self.runs.insert(run, means);
        self.lane(means).under_way += 1;
    }

    /// A run has ended; one that never took a turn, as those that follow an alias, gives none back.
    pub(super) fn end(&mut self, run: u64) {
        if let Some(means) = self.runs.remove(&run) {
            self.lane(means).under_way -= 1;
        }
    }
}
