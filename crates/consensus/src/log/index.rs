//! Where entries are found: the newest in memory, all others by a sparse table of places in the files.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::log::segment::Segment;
use crate::protocol::{Entry, Payload};

/// What an entry costs in memory beside its command.
const ENTRY_OVERHEAD_BYTES: usize = size_of::<Entry>();

/// The newest entries, in order and without a gap: at least all that are not yet durable.
#[derive(Default)]
pub(crate) struct Tail {
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Tail {
    /// The index of its first entry.
    pub(crate) fn first(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.id.index)
    }

    /// Adds the next entry.
    pub(crate) fn push(&mut self, entry: Entry) {
        debug_assert!(self.entries.back().is_none_or(|last| last.id.index + 1 == entry.id.index));
        self.bytes += cost(&entry);
        self.entries.push_back(entry);
    }

    /// The entries in `[from, to)` that are here.
    pub(crate) fn range(&self, from: u64, to: u64) -> impl Iterator<Item = &Entry> {
        let first = self.first().unwrap_or(from);
        let position = |index: u64| (index.saturating_sub(first) as usize).min(self.entries.len());
        self.entries.range(position(from)..position(to).max(position(from)))
    }

    /// Drops the entries from `index` on.
    pub(crate) fn cut_from(&mut self, index: u64) {
        while self.entries.back().is_some_and(|entry| entry.id.index >= index) {
            self.pop(VecDeque::pop_back);
        }
    }

    /// Drops the entries up to `index`.
    pub(crate) fn drop_to(&mut self, index: u64) {
        while self.entries.front().is_some_and(|entry| entry.id.index <= index) {
            self.pop(VecDeque::pop_front);
        }
    }

    /// Drops the oldest entries until `bytes_max` holds, but none that is newer than `durable`, and keeps the last.
    pub(crate) fn shrink(&mut self, bytes_max: usize, durable: Option<u64>) {
        while self.bytes > bytes_max
            && self.entries.len() > 1
            && self.first().is_some_and(|first| durable.is_some_and(|durable| first <= durable))
        {
            self.pop(VecDeque::pop_front);
        }
    }

    fn pop(&mut self, end: impl FnOnce(&mut VecDeque<Entry>) -> Option<Entry>) {
        if let Some(entry) = end(&mut self.entries) {
            self.bytes -= cost(&entry);
        }
    }
}

/// About how much memory an entry takes.
pub(crate) fn cost(entry: &Entry) -> usize {
    let payload = match &entry.payload {
        Payload::Blank => 0,
        Payload::Command(command) => command.bytes().len(),
        Payload::Membership(membership) => membership.members.len() * 256,
    };
    ENTRY_OVERHEAD_BYTES + payload
}

/// A stretch of entries that follow one another in one file, up to the next run's first.
#[derive(Clone)]
pub(crate) struct Run {
    /// The index of its first entry.
    pub(crate) first: u64,
    /// The file.
    pub(crate) segment: Arc<Segment>,
    /// Where in the file the first entry's record begins.
    pub(crate) offset: u64,
    /// How many bytes of log, over all files, come before it: see [`Runs::bytes_after`].
    pub(crate) stream: u64,
}

/// The table of runs, by index. A new one begins with each file, after each truncation, and every
/// [`RUN_BYTES`].
#[derive(Default)]
pub(crate) struct Runs(VecDeque<Run>);

/// How far apart the places are: what is read in vain to reach an entry.
pub(crate) const RUN_BYTES: u64 = 64 << 10;

impl Runs {
    /// Adds the next run.
    pub(crate) fn push(&mut self, run: Run) {
        self.0.push_back(run);
    }

    /// The index of the first entry.
    pub(crate) fn first(&self) -> Option<u64> {
        self.0.front().map(|run| run.first)
    }

    /// The run that holds the entry at `index`, and the index where the next run begins.
    pub(crate) fn locate(&self, index: u64) -> Option<(&Run, Option<u64>)> {
        let after = self.0.partition_point(|run| run.first <= index);
        let run = self.0.get(after.checked_sub(1)?)?;
        Some((run, self.0.get(after).map(|next| next.first)))
    }

    /// Forgets the entries from `index` on.
    pub(crate) fn cut_from(&mut self, index: u64) {
        while self.0.back().is_some_and(|run| run.first >= index) {
            self.0.pop_back();
        }
    }

    /// Forgets the entries up to `index`. A run is kept for as long as it holds a newer one.
    pub(crate) fn drop_to(&mut self, index: u64) {
        while self.0.get(1).is_some_and(|second| second.first <= index.saturating_add(1)) {
            self.0.pop_front();
        }
    }

    /// How many of `total` bytes of log were written after the entry at `index`, to within a run.
    pub(crate) fn bytes_after(&self, index: Option<u64>, total: u64) -> u64 {
        // An entry before the first run is one that was purged.
        let located = index.and_then(|index| self.locate(index)).map(|(run, _)| run);
        located.or(self.0.front()).map_or(0, |run| total.saturating_sub(run.stream))
    }

    /// The oldest entry that may stay if at most `bytes_max` bytes of log, of `total`, are to be kept up to the entry at
    /// `upto`, which is included: the one after it if none may. To within a run, and never more.
    pub(crate) fn first_within(&self, upto: u64, bytes_max: u64, total: u64) -> u64 {
        let after = self.0.partition_point(|run| run.first <= upto);
        let end = self.0.get(after).map_or(total, |run| run.stream);
        let kept = self.0.partition_point(|run| run.stream + bytes_max < end);
        self.0.get(kept).map_or(upto + 1, |run| run.first.min(upto + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::LogId;

    fn entry(index: u64) -> Entry {
        Entry { id: LogId { term: 1, index }, payload: Payload::Command(vec![0; 100].into()) }
    }

    fn indexes(tail: &Tail, from: u64, to: u64) -> Vec<u64> {
        tail.range(from, to).map(|entry| entry.id.index).collect()
    }

    #[test]
    fn the_tail_gives_what_it_has() {
        let mut tail = Tail::default();
        assert_eq!(indexes(&tail, 0, 9), []);
        (5..10).for_each(|index| tail.push(entry(index)));
        assert_eq!(indexes(&tail, 0, 7), [5, 6]);
        assert_eq!(indexes(&tail, 8, 20), [8, 9]);
        assert_eq!(indexes(&tail, 10, 20), []);
        assert_eq!(indexes(&tail, 7, 3), []);
        tail.cut_from(9);
        tail.drop_to(5);
        assert_eq!(indexes(&tail, 0, 20), [6, 7, 8]);
        assert_eq!(tail.bytes, 3 * cost(&entry(0)));
    }

    #[test]
    fn the_tail_keeps_what_is_not_durable_and_the_last() {
        let mut tail = Tail::default();
        (5..10).for_each(|index| tail.push(entry(index)));
        tail.shrink(0, None);
        assert_eq!(tail.first(), Some(5));
        tail.shrink(0, Some(6));
        assert_eq!(tail.first(), Some(7));
        tail.shrink(2 * cost(&entry(0)), Some(20));
        assert_eq!(tail.first(), Some(8));
        tail.shrink(0, Some(20));
        assert_eq!(indexes(&tail, 0, 20), [9]);
    }

    fn run(first: u64, stream: u64) -> Run {
        let disk = quorate_base::MemoryDisk::default();
        let header = crate::log::segment::Header { sequence: 0, capacity: 4096, salt: 0 };
        let segment = Segment::prepare(&disk, std::path::Path::new("/"), header, false).unwrap();
        Run { first, segment: Arc::new(segment), offset: 0, stream }
    }

    #[test]
    fn what_is_kept_behind_an_entry_is_bounded_in_bytes() {
        let mut runs = Runs::default();
        assert_eq!(runs.first_within(7, 100, 0), 8);
        [(5, 0), (10, 1000), (15, 1100), (20, 2000)]
            .into_iter()
            .for_each(|(first, stream)| runs.push(run(first, stream)));
        // Up to entry 17, whose run ends at 2000.
        assert_eq!(runs.first_within(17, 5000, 2500), 5);
        assert_eq!(runs.first_within(17, 1000, 2500), 10);
        assert_eq!(runs.first_within(17, 950, 2500), 15);
        assert_eq!(runs.first_within(17, 899, 2500), 18);
        assert_eq!(runs.first_within(17, 0, 2500), 18);
        assert_eq!(runs.first_within(22, 500, 2500), 20);
    }

    #[test]
    fn what_was_written_after_a_purged_entry_is_all_that_is_there() {
        let mut runs = Runs::default();
        assert_eq!(runs.bytes_after(Some(4), 500), 0);
        runs.push(run(5, 300));
        assert_eq!(runs.bytes_after(Some(4), 500), 200);
        assert_eq!(runs.bytes_after(None, 500), 200);
    }
}
