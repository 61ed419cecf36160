//! The Raft log: entries, votes and marks in one append-only stream of records over a row of files.
//!
//! Nothing that was written is ever overwritten: a truncation and a purge are records themselves, so after a crash the
//! stream, read from its oldest file, tells the whole state. A vote, an entry and a truncation share the same order, the
//! same writer and the same syncs. `docs/internals/log-format.md` draws the bytes.
//!
//! Who does what:
//! - [`Log`] takes jobs, in order, and answers reads: the newest entries from memory ([`index::Tail`]), older ones from
//!   the files by a sparse table ([`index::Runs`]).
//! - [`writer::Writer`] turns jobs into records, on the caller's task or on a thread ([`queue`]).
//! - [`space::Space`] promises room ahead, so that what was accepted can be written.
//! - [`mark`] notes beside the log how much of it is durable, so that a loss of its end is noticed.
//! - [`recover`] reads the files at start and tells a torn tail from damage.
//!
//! Invariants:
//! - An entry leaves memory only when it is durable and its place is in the table.
//! - A batch is written only after the one before it was synced.
//! - After a failed write or sync, nothing is written ever again by this process.

mod index;
mod mark;
mod queue;
pub(crate) mod record;
mod recover;
pub(crate) mod segment;
mod space;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use quorate_base::disk::{is_file_shortage, is_shortage};
use quorate_base::{Host, OpenMode};

use tokio::time::Instant;

use crate::config::LogWriter;
use crate::error::{LogError, StartError};
use crate::log::index::{Runs, Tail};
use crate::log::queue::Queue;
pub(crate) use crate::log::record::{command_bytes, entry_bytes as record_bytes};
use crate::log::segment::Segment;
pub(crate) use crate::log::space::{Promise, Room, Space};
pub(crate) use crate::log::writer::Completion;
use crate::log::writer::{Change, Job, VACATED_TO_BYTES, Writer};
use crate::metrics::LogMetrics;
use crate::protocol::{Entry, LogId, Vote};

/// How a log is kept.
#[derive(Clone)]
pub(crate) struct LogConfig {
    /// See `Config::directory`.
    pub(crate) directory: PathBuf,
    /// See `Config::segment_bytes`.
    pub(crate) segment_bytes: u64,
    /// See `Config::tail_bytes_max`.
    pub(crate) tail_bytes_max: usize,
    /// See `Config::log_writer`.
    pub(crate) writer: LogWriter,
    /// Where measurements go.
    pub(crate) metrics: LogMetrics,
}

/// What is in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogSummary {
    /// The last entry no longer there.
    pub(crate) purged: Option<LogId>,
    /// The last entry; the purged one if there is none after it.
    pub(crate) last: Option<LogId>,
    /// What is known to be committed.
    pub(crate) committed: Option<LogId>,
    /// The server's vote.
    pub(crate) vote: Option<Vote>,
}

/// The log. Clones are the same one; with the last of them its thread ends, if it has one, and what was not durable by then
/// may be lost.
#[derive(Clone)]
pub(crate) struct Log {
    shared: Arc<Shared>,
}

/// What readers, the writer and the owner of the log share.
pub(crate) struct Shared {
    host: Host,
    config: LogConfig,
    state: Mutex<State>,
    queue: Arc<Queue>,
    space: Arc<Space>,
    /// What a snapshot takes, 0 if that is not known yet: log files leave as much of the disk free, because only a snapshot
    /// makes room again.
    snapshot_bytes: AtomicU64,
}

/// The log as readers see it: every job handed in is already part of it.
#[derive(Default)]
struct State {
    summary: LogSummary,
    tail: Tail,
    runs: Runs,
    /// Raised by each truncation, so that news of older entries cannot speak for newer ones with the same index.
    generation: u64,
    /// The last entry of this generation that is durable and in the table.
    durable: Option<u64>,
    /// How many bytes of log were written, over all files.
    stream: u64,
    /// Why nothing is written any more.
    failed: Option<Arc<str>>,
}

/// What is kept back for Raft's own records when commands fill the log: some thousands of votes in a file of the usual
/// size.
fn headroom_bytes(segment_bytes: u64) -> u64 {
    (segment_bytes / 64).clamp(4 << 10, 256 << 10)
}

/// The smallest file that is prepared on a disk that is nearly full. The largest command takes an eighth of a usual file, and
/// fits in with the headroom.
fn smallest_bytes(segment_bytes: u64) -> u64 {
    segment_bytes / 4
}

/// What is missing for the next log file, for clients and for the log of events.
fn shortage(error: &io::Error, needed_bytes: u64) -> String {
    if is_file_shortage(error) {
        "too many files are open for the next log file to be made".to_owned()
    } else if error.kind() == io::ErrorKind::QuotaExceeded {
        format!("the disk quota is used up: the next log file needs {needed_bytes} bytes")
    } else {
        format!("the disk is full: the next log file needs {needed_bytes} bytes")
    }
}

impl Log {
    /// Opens the log in a directory, making it if there is none. `accept` looks at what was found before anything in the
    /// directory is changed, and may refuse it. Blocking: it reads all that is there.
    pub(crate) fn open(
        host: Host,
        config: LogConfig,
        accept: impl FnOnce(LogSummary) -> Result<(), LogError>,
    ) -> Result<Self, StartError> {
        let recover::Recovered { state, resume, next, next_sequence, marker } =
            recover::recover(&host, &config, accept)?;
        let left = resume.active.capacity - resume.end;
        let space = Arc::new(Space::new(left, next, next_sequence, headroom_bytes(config.segment_bytes)));
        let mut writer =
            Writer::new(host.clone(), config.directory.clone(), config.segment_bytes, space.clone(), (resume, marker));
        writer.sync_time = config.metrics.sync.clone();
        let queue = Arc::new(Queue::new(config.writer, writer));
        let shared = Arc::new(Shared {
            host,
            config,
            state: Mutex::new(state),
            queue,
            space,
            snapshot_bytes: AtomicU64::new(0),
        });
        shared.measure_files(&shared.queue.writer());
        if !matches!(shared.config.writer, LogWriter::Inline) {
            queue::start_thread(&shared)?;
        }
        Ok(Self { shared })
    }

    /// What is in the log.
    pub(crate) fn summary(&self) -> LogSummary {
        self.shared.state().summary
    }

    /// Why nothing is written any more, if so.
    pub(crate) fn failure(&self) -> Option<Arc<str>> {
        self.shared.state().failed.clone()
    }

    /// Where room for entries is promised.
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.shared.space
    }

    /// Adds entries that follow the last. They can be read at once; `done` is told when they are durable.
    pub(crate) fn append(&self, entries: Vec<Entry>, done: Completion) -> io::Result<()> {
        let mut state = self.shared.state();
        let mut last = state.summary.last;
        for entry in &entries {
            if last.is_some_and(|last| last.index + 1 != entry.id.index) {
                return Err(io::Error::other(format!("entry {} does not follow {last:?}", entry.id)));
            }
            last = Some(entry.id);
        }
        state.summary.last = last;
        entries.iter().for_each(|entry| state.tail.push(entry.clone()));
        let generation = state.generation;
        drop(state);
        self.shared.submit(Job::Append { entries, generation, done });
        Ok(())
    }

    /// Replaces the server's vote. `done` is told when it is durable.
    pub(crate) fn save_vote(&self, vote: Vote, done: Completion) {
        self.shared.state().summary.vote = Some(vote);
        self.shared.submit(Job::Vote(vote, done));
    }

    /// Notes what is committed. It becomes durable with the next entries: lost, it only lengthens a start.
    pub(crate) fn save_committed(&self, committed: Option<LogId>) {
        self.shared.state().summary.committed = committed;
    }

    /// Voids the entries after `after`, all of them if none. `done` is told when that is durable.
    pub(crate) fn truncate_after(&self, after: Option<LogId>, done: Completion) {
        let mut state = self.shared.state();
        let from = after.map_or(0, |id| id.index + 1);
        if state.summary.last.is_none_or(|last| last.index < from) {
            // There is nothing to void.
            drop(state);
            return done(Ok(()));
        }
        state.tail.cut_from(from);
        state.generation += 1;
        state.durable = state.durable.min(after.map(|id| id.index));
        state.summary.last = after;
        if state.summary.purged > after {
            state.summary.purged = after;
        }
        drop(state);
        self.shared.submit(Job::Truncate(after, done));
    }

    /// Drops the entries up to `upto`, which a durable snapshot covers; also beyond the last entry, whose successor is then
    /// the one after `upto`.
    pub(crate) fn purge(&self, upto: LogId) {
        let mut state = self.shared.state();
        if state.summary.purged >= Some(upto) {
            return;
        }
        state.summary.purged = Some(upto);
        state.tail.drop_to(upto.index);
        if state.summary.last.is_none_or(|last| last.index < upto.index) {
            state.summary.last = Some(upto);
            state.generation += 1;
            state.durable = None;
            state.tail.cut_from(0);
        }
        drop(state);
        self.shared.submit(Job::Purge(upto));
    }

    /// Makes everything durable and marks the log as closed in order, so that the next start takes any damage for damage.
    pub(crate) fn close(&self, done: Completion) {
        self.shared.submit(Job::Close(done));
    }

    /// How many bytes of log were written after the entry at `index`, roughly.
    pub(crate) fn bytes_after(&self, index: Option<u64>) -> u64 {
        let state = self.shared.state();
        state.runs.bytes_after(index, state.stream)
    }

    /// The oldest entry that may stay so that at most `bytes_max` bytes of log are kept up to the entry at `upto`.
    pub(crate) fn first_within(&self, upto: u64, bytes_max: u64) -> u64 {
        let state = self.shared.state();
        state.runs.first_within(upto, bytes_max, state.stream)
    }

    /// Tells what the newest snapshot takes.
    pub(crate) fn set_snapshot_bytes(&self, bytes: u64) {
        self.shared.snapshot_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Whether commands are refused for want of room and no file before the one being written could go: then only it can, once
    /// none of its entries is needed.
    pub(crate) fn is_stuck(&self) -> bool {
        self.shared.space.is_full() && self.shared.space.waits_for_disk()
    }

    /// Leaves the file being written for a very small one, if none of its entries is needed any more.
    pub(crate) fn vacate(&self) {
        self.shared.submit(Job::Vacate);
    }

    /// Whether a snapshot up to `applied` would let a file go that one up to `covered` does not. Blocking.
    pub(crate) fn has_file_within(&self, covered: Option<u64>, applied: u64) -> bool {
        self.shared.queue.writer().has_file_within(covered, applied)
    }

    /// The entries in `[from, to)` that the log has, in order and without a gap: about `bytes_max` of them, at least one
    /// if there is one. Blocking, if [`Self::read_recent`] gives none.
    pub(crate) fn read(&self, from: u64, to: u64, bytes_max: usize) -> io::Result<Vec<Entry>> {
        self.shared.read(from, to, bytes_max)
    }

    /// What [`Self::read`] gives, if all of it is in memory.
    pub(crate) fn read_recent(&self, from: u64, to: u64, bytes_max: usize) -> Option<Vec<Entry>> {
        let state = self.shared.state();
        let (from, end) = state.bounds(from, to);
        let mut taken = Taken::new(bytes_max);
        let at_hand = from >= end || state.is_recent(from);
        at_hand.then(|| {
            taken.take_recent(&state, from, end);
            taken.entries
        })
    }

    /// Does what the log needs done beside writing: removes old files, prepares the next one. `retry` also after a full
    /// disk. Blocking.
    pub(crate) fn do_chores(&self, retry: bool) {
        let freed = self.shared.remove_garbage();
        self.shared.prepare_next(retry || freed);
        self.shared.measure_files(&self.shared.queue.writer());
        self.shared.config.metrics.disk_full.set(f64::from(u8::from(self.shared.space.waits_for_disk())));
    }

    /// Whether [`Self::do_chores`] has something to do, and whether it waits for room on the disk.
    pub(crate) fn waits_for_disk(&self) -> bool {
        self.shared.space.waits_for_disk()
    }

    /// The same log, without keeping it open.
    pub(crate) fn downgrade(&self) -> WeakLog {
        WeakLog(Arc::downgrade(&self.shared))
    }
}

/// A log that may be gone.
pub(crate) struct WeakLog(Weak<Shared>);

impl WeakLog {
    /// The log, if it is still in use.
    pub(crate) fn upgrade(&self) -> Option<Log> {
        self.0.upgrade().map(|shared| Log { shared })
    }
}

/// A batch that was written, or not, and whose askers wait to be told.
#[must_use]
struct Finished {
    jobs: Vec<Job>,
    failure: Option<Arc<str>>,
}

impl Finished {
    fn tell(self) {
        for job in self.jobs {
            match &self.failure {
                None => job.complete(),
                Some(failure) => job.refuse(failure),
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.stop();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panics while holding it leaves the server stopped anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a job to the writer, or tells its asker that nothing is written any more.
    fn submit(self: &Arc<Self>, job: Job) {
        if let Some(failure) = &self.state().failed {
            return job.refuse(failure);
        }
        self.space.queue(job.bytes());
        self.queue.push(self, job);
    }

    /// Writes a batch. Called with the writer's lock held, by whoever does the writing, who then tells the askers.
    fn write(&self, writer: &mut Writer, jobs: Vec<Job>) -> Finished {
        let committed = {
            let state = self.state();
            if let Some(failure) = &state.failed {
                return Finished { jobs, failure: Some(failure.clone()) };
            }
            state.summary.committed.min(state.summary.last)
        };
        let queued = jobs.iter().map(Job::bytes).sum();
        let entries = jobs.iter().map(Job::entries).sum();
        let (before, started) = (writer.stream, Instant::now());
        match writer.write(&jobs, committed) {
            Ok(changes) => {
                self.config.metrics.wrote(entries, writer.stream - before, started.elapsed());
                self.measure_files(writer);
                self.publish(changes, writer.stream);
                self.space.wrote(queued, writer.active.capacity - writer.end, writer.active.capacity);
                if !writer.garbage.is_empty() {
                    self.space.wanted().notify_one();
                }
                Finished { jobs, failure: None }
            }
            Err(error) => {
                let reason = format!("writing the log {} failed: {error}", writer.active.path.display());
                tracing::error!("{reason}; nothing is written any more");
                Finished { jobs, failure: Some(self.fail(reason)) }
            }
        }
    }

    /// Makes what a batch changed visible to readers.
    fn publish(&self, changes: Vec<Change>, stream: u64) {
        let mut state = self.state();
        state.stream = stream;
        for change in changes {
            match change {
                Change::Run(run) => state.runs.push(run),
                Change::CutFrom(index) => state.runs.cut_from(index),
                Change::DropTo(index) => state.runs.drop_to(index),
                Change::Durable(generation, index) if generation == state.generation => state.durable = Some(index),
                Change::Durable(..) => {}
            }
        }
        let durable = state.durable;
        state.tail.shrink(self.config.tail_bytes_max, durable);
    }

    /// Tells how many files there are, and their size.
    fn measure_files(&self, writer: &Writer) {
        let files = writer.sealed.iter().map(|(segment, _)| segment).chain(&writer.garbage).chain([&writer.active]);
        let next = self.space.next_capacity();
        let (count, bytes) = files.fold((0, 0), |(count, bytes), segment| (count + 1, bytes + segment.capacity));
        self.config.metrics.files.set((count + usize::from(next.is_some())) as f64);
        self.config.metrics.bytes.set((bytes + next.unwrap_or(0)) as f64);
    }

    /// Stops all writing, for good.
    fn fail(&self, reason: String) -> Arc<str> {
        self.state().failed.get_or_insert_with(|| reason.into()).clone()
    }

    /// Prepares the next file if it is time.
    fn prepare_next(&self, retry: bool) {
        let Some(sequence) = self.space.begin_prepare(retry) else { return };
        let disk = &*self.host.disk;
        let directory = &self.config.directory;
        let prepared = self.prepare_largest(sequence);
        let taken =
            prepared.and_then(|segment| self.space.prepared(segment, |segment| segment.name_it(disk, directory)));
        match taken {
            Ok(None) => {}
            Ok(Some(unwanted)) => {
                // The writer made its own. What cannot be removed now is removed at the next start.
                let _ = disk.remove(&unwanted.path);
            }
            // Not now: the chores ask again.
            Err(error) if is_shortage(&error) => {
                self.space.prepare_failed(sequence, shortage(&error, smallest_bytes(self.config.segment_bytes)));
            }
            Err(error) => {
                let reason = format!("preparing a log file in {} failed: {error}", directory.display());
                tracing::error!("{reason}; nothing is written any more");
                self.fail(reason);
                self.space.give_up(sequence);
            }
        }
    }

    /// Whether the disk has room left for a snapshot, which may be a quarter larger than the last one, and for the file that
    /// takes the place of one that is vacated.
    fn check_spare(&self) -> io::Result<()> {
        let snapshot = match self.snapshot_bytes.load(Ordering::Relaxed) {
            // A state is hardly larger than the log that made it.
            0 => self.state().stream.min(smallest_bytes(self.config.segment_bytes)),
            known => known + known / 4,
        };
        let disk = &*self.host.disk;
        // Should it stay after a crash, it counts as an unfinished snapshot and is removed.
        let path = self.config.directory.join(format!("{:016x}.part", self.host.random.number()));
        let reserved = disk.open(&path, OpenMode::CreateNew)?.reserve(snapshot + VACATED_TO_BYTES);
        disk.remove(&path)?;
        reserved
    }

    /// Prepares a file of the usual size or, if the disk has no room for it, the largest half or quarter that it has.
    fn prepare_largest(&self, sequence: u64) -> io::Result<Segment> {
        let mut capacity = self.config.segment_bytes;
        loop {
            let header = segment::Header { sequence, capacity, salt: self.host.random.number() };
            let prepared = Segment::prepare(&*self.host.disk, &self.config.directory, header, true);
            let prepared = prepared.and_then(|segment| match self.check_spare() {
                Ok(()) => Ok(segment),
                Err(error) => {
                    // Best effort: what stays is removed at the next start.
                    let _ = self.host.disk.remove(&segment.path);
                    Err(error)
                }
            });
            let smaller = capacity / 2;
            match prepared {
                Err(error)
                    if is_shortage(&error)
                        && !is_file_shortage(&error)
                        && smaller >= smallest_bytes(self.config.segment_bytes) =>
                {
                    capacity = smaller;
                }
                prepared => return prepared,
            }
        }
    }

    /// Removes the files that hold nothing but purged entries, and tells whether there were any. Oldest first, and each for
    /// good before the next, so that a crash leaves no gap between those that stay.
    fn remove_garbage(&self) -> bool {
        let mut removed_any = false;
        loop {
            let oldest = self.queue.writer().garbage.front().map(|segment| segment.path.clone());
            let Some(path) = oldest else { return removed_any };
            let removed = match self.host.disk.remove(&path) {
                // The last attempt came as far as this.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            };
            if let Err(error) = removed.and_then(|()| self.host.disk.sync_directory(&self.config.directory)) {
                tracing::warn!("removing the old log {} failed, to be tried again: {error}", path.display());
                return removed_any;
            }
            let mut writer = self.queue.writer();
            writer.garbage.pop_front();
            self.measure_files(&writer);
            removed_any = true;
        }
    }

    fn read(&self, from: u64, to: u64, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let mut taken = Taken::new(bytes_max);
        let mut next = from;
        let mut generation = None;
        loop {
            let (run, until) = {
                let state = self.state();
                let (first, end) = state.bounds(next, to);
                let was_cut = *generation.get_or_insert(state.generation) != state.generation;
                if was_cut || (first > next && !taken.entries.is_empty()) {
                    // It was cut meanwhile, or what follows what was read is gone: begin again with what it is now.
                    (generation, taken, next) = (None, Taken::new(bytes_max), from);
                    continue;
                }
                next = first;
                if next >= end || state.is_recent(next) || taken.is_full() {
                    taken.take_recent(&state, next, end);
                    return Ok(taken.entries);
                }
                let missing = || io::Error::other(format!("the log has no place for entry {next}"));
                let (run, until) = state.runs.locate(next).ok_or_else(missing)?;
                let tail_first = state.tail.first().unwrap_or(end);
                (run.clone(), until.unwrap_or(end).min(end).min(tail_first))
            };
            recover::read_run(&run, next, until, &mut |entry| {
                taken.push(entry);
                !taken.is_full()
            })?;
            next = taken.entries.last().map_or(until, |entry| entry.id.index + 1);
        }
    }
}

impl State {
    /// `[from, to)`, cut to what the log has.
    fn bounds(&self, from: u64, to: u64) -> (u64, u64) {
        let LogSummary { purged, last, .. } = self.summary;
        // A log that was never purged begins with its first entry, wherever that is.
        let first = [self.runs.first(), self.tail.first()].into_iter().flatten().min();
        let first = purged.map(|id| id.index + 1).or(first).unwrap_or(0);
        (from.max(first), to.min(last.map_or(0, |id| id.index + 1)))
    }

    /// Whether the entry at `index`, if there is one, and all after it are in memory.
    fn is_recent(&self, index: u64) -> bool {
        self.tail.first().is_some_and(|first| first <= index)
    }
}

/// Entries that were read, up to a size.
struct Taken {
    entries: Vec<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Taken {
    fn new(bytes_max: usize) -> Self {
        Self { entries: Vec::new(), bytes: 0, bytes_max }
    }

    /// Whether they are enough: one always is taken.
    fn is_full(&self) -> bool {
        self.bytes >= self.bytes_max && !self.entries.is_empty()
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += index::cost(&entry);
        self.entries.push(entry);
    }

    /// Takes the entries in `[from, end)` from memory, if they are there, until there are enough.
    fn take_recent(&mut self, state: &State, from: u64, end: u64) {
        if from >= end || !state.is_recent(from) {
            return;
        }
        for entry in state.tail.range(from, end) {
            if self.is_full() {
                return;
            }
            self.push(entry.clone());
        }
    }
}
