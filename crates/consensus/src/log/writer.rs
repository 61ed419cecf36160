//! The one who writes: turns jobs into records, a batch at a time, and syncs once per batch.
//!
//! The order of the file is the order of the jobs. A batch is written with one call and synced with one; only then are the
//! jobs' askers told and the places of the entries published. A batch never begins before the one before it was synced:
//! recovery relies on it. After any failure nothing is written ever again.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use quorate_base::Host;
use quorate_base::disk::is_shortage;
use quorate_base::metrics::Sample;
use tokio::time::Instant;

use crate::log::index::{RUN_BYTES, Run};
use crate::log::mark::{Mark, Marker};
use crate::log::record::{self, Record};
use crate::log::segment::{self, HEADER_BYTES, Segment};
use crate::log::space::{BATCH_OVERHEAD_BYTES, Space};
use crate::protocol::{Entry, LogId, Vote};

/// What a job's asker is told, once.
pub(crate) type Completion = Box<dyn FnOnce(io::Result<()>) + Send>;

/// Something to be made durable.
pub(crate) enum Job {
    /// Entries that follow the last.
    Append {
        /// The entries.
        entries: Vec<Entry>,
        /// Which generation of the log they belong to: see `State::generation`.
        generation: u64,
        /// Told when they are durable.
        done: Completion,
    },
    /// The server's vote.
    Vote(Vote, Completion),
    /// The end of all entries after this one.
    Truncate(Option<LogId>, Completion),
    /// The entries up to this one are no longer needed.
    Purge(LogId),
    /// The disk is full and no entry of the file being written is needed: go on in a small one, so that this can go.
    Vacate,
    /// The end of the log's use by this process.
    Close(Completion),
}

impl Job {
    /// Whether it brings a single entry, or less.
    pub(crate) fn is_small(&self) -> bool {
        !matches!(self, Self::Append { entries, .. } if entries.len() > 1)
    }

    /// Tells the asker that it is done.
    pub(crate) fn complete(self) {
        if let Self::Append { done, .. } | Self::Vote(_, done) | Self::Truncate(_, done) | Self::Close(done) = self {
            done(Ok(()));
        }
    }

    /// Tells the asker that it will not be done.
    pub(crate) fn refuse(self, failure: &str) {
        if let Self::Append { done, .. } | Self::Vote(_, done) | Self::Truncate(_, done) | Self::Close(done) = self {
            done(Err(io::Error::other(failure.to_owned())));
        }
    }

    /// How many entries it brings.
    pub(crate) fn entries(&self) -> usize {
        match self {
            Self::Append { entries, .. } => entries.len(),
            Self::Vote(..) | Self::Truncate(..) | Self::Purge(_) | Self::Vacate | Self::Close(_) => 0,
        }
    }

    /// The room that its records take.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Append { entries, .. } => entries.iter().map(record::entry_bytes).sum(),
            Self::Vote(..) => record::padded(16),
            Self::Truncate(..) | Self::Purge(_) | Self::Close(_) => record::padded(0),
            Self::Vacate => 0,
        }
    }
}

/// What a batch changed in the table of places, in order.
pub(crate) enum Change {
    /// A run begins.
    Run(Run),
    /// The entries from this index on are void.
    CutFrom(u64),
    /// The entries up to this one are gone.
    DropTo(u64),
    /// The entries of this generation up to this index are durable.
    Durable(u64, u64),
}

/// Where the writer stands.
pub(crate) struct Writer {
    host: Host,
    directory: PathBuf,
    segment_bytes: u64,
    space: Arc<Space>,
    /// Where is noted what is durable.
    marker: Marker,
    /// The file being written.
    pub(crate) active: Arc<Segment>,
    /// Where its next batch begins.
    pub(crate) end: u64,
    /// The files before it, oldest first, each with its last entry.
    pub(crate) sealed: VecDeque<(Arc<Segment>, Option<LogId>)>,
    /// The last entry, as the written records tell it.
    pub(crate) last: Option<LogId>,
    /// The vote, likewise.
    pub(crate) vote: Option<Vote>,
    /// The purge, likewise.
    pub(crate) purged: Option<LogId>,
    /// What is committed, likewise.
    pub(crate) committed: Option<LogId>,
    /// How many bytes of log were written, over all files.
    pub(crate) stream: u64,
    /// How many of them since the last run began; `None` begins one.
    pub(crate) since_run: Option<u64>,
    /// Files whose entries are all purged, to be removed.
    pub(crate) garbage: VecDeque<Arc<Segment>>,
    /// The batch: records not yet written, and when its first byte is in the file.
    buffer: Vec<u8>,
    batch_start: u64,
    changes: Vec<Change>,
    /// How long syncs take.
    pub(crate) sync_time: Sample,
}

/// The buffer is given back to the allocator past this length.
const BUFFER_KEPT_BYTES: usize = 1 << 20;

/// The file that takes the place of one that is vacated: its opening records, and some votes beside.
pub(crate) const VACATED_TO_BYTES: u64 = 4096;

/// Where a recovered log goes on.
pub(crate) struct Resume {
    pub(crate) active: Arc<Segment>,
    pub(crate) end: u64,
    pub(crate) sealed: VecDeque<(Arc<Segment>, Option<LogId>)>,
    pub(crate) last: Option<LogId>,
    pub(crate) vote: Option<Vote>,
    pub(crate) purged: Option<LogId>,
    pub(crate) committed: Option<LogId>,
    pub(crate) stream: u64,
}

impl Writer {
    pub(crate) fn new(
        host: Host,
        directory: PathBuf,
        segment_bytes: u64,
        space: Arc<Space>,
        (resume, marker): (Resume, Marker),
    ) -> Self {
        let Resume { active, end, sealed, last, vote, purged, committed, stream } = resume;
        Self {
            host,
            directory,
            segment_bytes,
            space,
            marker,
            active,
            end,
            sealed,
            last,
            vote,
            purged,
            committed,
            stream,
            since_run: None,
            garbage: VecDeque::new(),
            buffer: Vec::new(),
            batch_start: end,
            changes: Vec::new(),
            sync_time: Sample::default(),
        }
    }

    /// Makes the jobs durable, and what is `committed` with them. Gives what changed in the table of places.
    pub(crate) fn write(&mut self, jobs: &[Job], committed: Option<LogId>) -> io::Result<Vec<Change>> {
        self.batch_start = self.end;
        for job in jobs {
            self.put_job(job)?;
        }
        if let Some(committed) = committed.filter(|id| self.committed < Some(*id)) {
            self.put(&Record::Committed(committed))?;
            self.committed = Some(committed);
        }
        self.flush()?;
        self.collect_garbage();
        Ok(std::mem::take(&mut self.changes))
    }

    fn put_job(&mut self, job: &Job) -> io::Result<()> {
        match job {
            Job::Append { entries, generation, .. } => {
                for entry in entries {
                    self.put_entry(entry)?;
                }
                if let Some(last) = entries.last() {
                    self.changes.push(Change::Durable(*generation, last.id.index));
                }
            }
            Job::Vote(vote, _) => {
                self.put(&Record::Vote(*vote))?;
                self.vote = Some(*vote);
            }
            Job::Truncate(after, _) => {
                self.put(&Record::Truncate(*after))?;
                self.last = *after;
                self.since_run = None;
                if self.purged > *after {
                    self.purged = *after;
                }
                self.changes.push(Change::CutFrom(after.map_or(0, |id| id.index + 1)));
            }
            Job::Purge(id) => {
                self.put(&Record::Purge(*id))?;
                self.purged = Some(*id);
                if self.last.is_none_or(|last| last.index <= id.index) {
                    self.last = Some(*id);
                    self.since_run = None;
                    // A place that is kept keeps its file open, and so the room on the disk.
                    self.changes.push(Change::CutFrom(0));
                }
                self.changes.push(Change::DropTo(id.index));
            }
            Job::Vacate => self.vacate()?,
            Job::Close(_) => self.put(&Record::Closed)?,
        }
        Ok(())
    }

    fn put_entry(&mut self, entry: &Entry) -> io::Result<()> {
        let bytes = record::entry_bytes(entry);
        self.make_room(bytes)?;
        if self.since_run.is_none_or(|since| since >= RUN_BYTES) {
            let run = Run {
                first: entry.id.index,
                segment: self.active.clone(),
                offset: self.position(),
                stream: self.stream,
            };
            self.changes.push(Change::Run(run));
            self.since_run = Some(0);
        }
        // The entry's command is shared, not copied, until it is in the buffer.
        self.encode(&Record::Entry(entry.clone()));
        self.last = Some(entry.id);
        Ok(())
    }

    fn put(&mut self, record: &Record) -> io::Result<()> {
        // No record but an entry has a body longer than a node's id.
        self.make_room(record::padded(16))?;
        self.encode(record);
        Ok(())
    }

    fn position(&self) -> u64 {
        self.end + self.buffer.len() as u64
    }

    fn encode(&mut self, record: &Record) {
        let before = self.buffer.len();
        let place = self.active.place(self.position());
        record::encode(record, place, self.batch_start, &mut self.buffer);
        let written = (self.buffer.len() - before) as u64;
        self.stream += written;
        self.since_run = self.since_run.map(|since| since + written);
    }

    /// Goes on in the next file if `bytes` do not fit in this one.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        if self.position() + bytes <= self.active.capacity {
            return Ok(());
        }
        // All of this file is durable before the first byte of the next is written: recovery relies on it.
        self.flush()?;
        let next = match self.space.take_next() {
            Ok(segment) => segment,
            Err(sequence) => Arc::new(self.make_segment(sequence, bytes)?),
        };
        self.go_on_in(next);
        Ok(())
    }

    /// Begins the next file. All of the one before must be durable.
    fn go_on_in(&mut self, next: Arc<Segment>) {
        let previous = std::mem::replace(&mut self.active, next);
        let previous_end = std::mem::replace(&mut self.end, HEADER_BYTES);
        self.sealed.push_back((previous, self.last));
        self.batch_start = self.end;
        self.since_run = None;
        self.encode(&Record::Start { last: self.last, previous_end });
        let opening =
            [self.vote.map(Record::Vote), self.purged.map(Record::Purge), self.committed.map(Record::Committed)];
        for record in opening.iter().flatten() {
            self.encode(record);
        }
    }

    /// Goes on in the smallest file that takes what a file begins with, if that lets the present one go. If there is no room
    /// for that either, nothing changes.
    fn vacate(&mut self) -> io::Result<()> {
        if self.purged < self.last || self.active.capacity <= VACATED_TO_BYTES {
            return Ok(());
        }
        self.flush()?;
        let make = |sequence| {
            let header = segment::Header { sequence, capacity: VACATED_TO_BYTES, salt: self.host.random.number() };
            Segment::prepare(&*self.host.disk, &self.directory, header, false)?
                .name_it(&*self.host.disk, &self.directory)
        };
        match self.space.make_next(make) {
            Ok(None) => Ok(()),
            Ok(Some(next)) => {
                self.go_on_in(next);
                Ok(())
            }
            Err(error) if is_shortage(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes the next file at once: none is ready, because the records at hand had no promised room or the disk is slow.
    /// If the disk is full, the smallest file that can take them.
    fn make_segment(&self, sequence: u64, bytes: u64) -> io::Result<Segment> {
        let smallest = (HEADER_BYTES + bytes + 16 * BATCH_OVERHEAD_BYTES).next_multiple_of(4096);
        let make = |capacity| {
            let header = segment::Header { sequence, capacity, salt: self.host.random.number() };
            Segment::prepare(&*self.host.disk, &self.directory, header, false)
        };
        let made = match make(self.segment_bytes.max(smallest)) {
            Err(error) if is_shortage(&error) => make(smallest),
            other => other,
        };
        made?.name_it(&*self.host.disk, &self.directory)
    }

    /// Writes and syncs what is in the buffer.
    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.active.file.write_at(&self.buffer, self.end)?;
        let started = Instant::now();
        self.active.file.sync()?;
        self.sync_time.record_duration(started.elapsed());
        self.marker.set(Mark::new(&self.active, self.batch_start));
        self.end += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT_BYTES);
        self.batch_start = self.end;
        Ok(())
    }

    /// Whether a file could go if the entries from the one after `covered` up to `applied` were purged.
    pub(crate) fn has_file_within(&self, covered: Option<u64>, applied: u64) -> bool {
        self.sealed.iter().any(|(_, last)| last.is_some_and(|last| Some(last.index) > covered && last.index <= applied))
    }

    /// Sets aside the files that hold nothing but purged entries. What follows them is durable.
    fn collect_garbage(&mut self) {
        while self
            .sealed
            .front()
            .is_some_and(|(_, last)| last.is_none_or(|last| Some(last.index) <= self.purged.map(|id| id.index)))
        {
            if let Some((segment, _)) = self.sealed.pop_front() {
                self.garbage.push_back(segment);
            }
        }
    }
}
