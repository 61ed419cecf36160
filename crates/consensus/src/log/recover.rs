//! Reading the log's files: all of them at start, and stretches of them for entries that memory no longer holds.
//!
//! Two things can be wrong with a record. It may be *torn*: the process died between writing and syncing it, nobody was
//! ever told that it is there, and it is cut off with all that follows. Or it may be *damaged*: it had been durable, others
//! count on it, and going on without it could undo what was acknowledged; the server must not start.
//!
//! They are told apart by proof. Each record says where its batch began, and a batch is written only after all before it
//! was synced. So bytes are proven to have been durable when any valid record exists whose batch began after them, in the
//! same file or in a later one; and where the mark beside the log says so (see [`mark`]), which holds when the end of the log
//! is gone as a whole. Without such proof they belong to the last batch, which may be torn. What this cannot see is damage
//! to the very last batch of a log that was not closed in order: it looks like a torn one.
//!
//! A file is made in its full length before it gets its name, so a shorter one was cut by someone else. If all that is known
//! to have been durable is there, it is given its length again, and a warning says so.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use quorate_base::disk::write_zeroes;
use quorate_base::{Disk, File, Host, OpenMode};

use crate::error::{LogError, StartError};
use crate::log::index::{RUN_BYTES, Run};
use crate::log::mark::{self, Mark, Marker};
use crate::log::record::{self, Decoded, HEADER_BYTES as RECORD_HEADER_BYTES, Invalid, Record};
use crate::log::segment::{self, BadHeader, HEADER_BYTES, Header, Segment};
use crate::log::writer::Resume;
use crate::log::{LogConfig, LogSummary, State};
use crate::protocol::{Entry, LogId};

/// How much of a file is read at a time.
const READ_BYTES: usize = 1 << 20;

/// The first file of a new log is at most this long, so that a server that stores little takes little.
const FIRST_SEGMENT_BYTES: u64 = 4 << 20;

/// A log that was read.
pub(crate) struct Recovered {
    /// What readers see.
    pub(crate) state: State,
    /// Where the writer goes on.
    pub(crate) resume: Resume,
    /// A prepared file that nothing was written to.
    pub(crate) next: Option<Arc<Segment>>,
    /// The sequence number of the file after the one being written.
    pub(crate) next_sequence: u64,
    /// Where the writer notes what is durable.
    pub(crate) marker: Marker,
}

/// Reads the log in a directory. Once `accept` and the mark have taken what it holds, cuts a torn tail off, removes unfinished
/// files and makes the first file of a log that has none; until then nothing is changed.
pub(crate) fn recover(
    host: &Host,
    config: &LogConfig,
    accept: impl FnOnce(LogSummary) -> Result<(), LogError>,
) -> Result<Recovered, StartError> {
    let disk = &*host.disk;
    let at_directory = |source| StartError::Io { path: config.directory.display().to_string(), source };
    disk.create_directory(&config.directory).map_err(at_directory)?;
    let names = disk.list(&config.directory).map_err(at_directory)?;
    let segments = open_segments(disk, config, &names)?;
    let mut replay = Replay::new(config.tail_bytes_max);
    replay.read(segments)?;
    accept(replay.summary())?;
    if let Some(mark) = mark::read(disk, &config.directory)? {
        replay.check_mark(mark, &config.directory)?;
    }
    for unfinished in names.iter().filter(|name| segment::is_unfinished(name)) {
        disk.remove(&config.directory.join(unfinished)).map_err(at_directory)?;
    }
    if replay.active.is_none() {
        let capacity = config.segment_bytes.min(FIRST_SEGMENT_BYTES);
        let header = Header { sequence: 0, capacity, salt: host.random.number() };
        let first = Segment::prepare(disk, &config.directory, header, true)
            .and_then(|segment| segment.name_it(disk, &config.directory))
            .map_err(at_directory)?;
        replay.read(vec![first])?;
    }
    replay.cut_torn_tail()?;
    replay.lengthen()?;
    replay.finish(Marker::open(disk, &config.directory).map_err(at_directory)?)
}

/// Opens the log files, oldest first, and checks that none is missing.
fn open_segments(disk: &dyn Disk, config: &LogConfig, names: &[String]) -> Result<Vec<Segment>, StartError> {
    let mut segments: Vec<Segment> = Vec::new();
    // Names are of equal length, so their order is that of their numbers.
    for name in names {
        let Some(sequence) = segment::sequence_of(name) else { continue };
        if let Some(before) = segments.last()
            && before.sequence + 1 != sequence
        {
            let missing = config.directory.join(segment::name(before.sequence + 1));
            return Err(LogError::Missing { file: missing.display().to_string() }.into());
        }
        segments.push(open_segment(disk, config, name, sequence)?);
    }
    Ok(segments)
}

fn open_segment(disk: &dyn Disk, config: &LogConfig, name: &str, sequence: u64) -> Result<Segment, StartError> {
    let path = config.directory.join(name);
    let file_name = path.display().to_string();
    let at_file = |source| StartError::Io { path: path.display().to_string(), source };
    let file = disk.open(&path, OpenMode::Edit).map_err(at_file)?;
    let mut header = [0; HEADER_BYTES as usize];
    let read = read_available(&*file, &mut header, 0).map_err(at_file)?;
    let damaged = |what: &str| LogError::Damaged { file: file_name.clone(), offset: 0, what: what.to_owned() };
    if read < header.len() {
        return Err(damaged(&format!("the file has {read} bytes, less than its header")).into());
    }
    match segment::decode_header(&header[..read]) {
        Ok(Header { sequence: own, capacity, salt }) if own == sequence => {
            // A file that was cut short reads as zeroes behind its end; the records and the mark tell what is missing.
            Ok(Segment { file, sequence, capacity, salt, path })
        }
        Ok(_) => Err(damaged("its header belongs to another file").into()),
        Err(BadHeader::Damaged) => Err(damaged("the file's header").into()),
        Err(BadHeader::Version(version)) => {
            Err(LogError::Version { file: file_name, version, newest: segment::VERSION }.into())
        }
    }
}

/// The state that the records tell, so far.
struct Replay {
    state: State,
    tail_bytes_max: usize,
    /// The last file read, and where it ends.
    active: Option<Arc<Segment>>,
    end: u64,
    sealed: VecDeque<(Arc<Segment>, Option<LogId>)>,
    /// A prepared file that holds nothing.
    next: Option<Arc<Segment>>,
    since_run: Option<u64>,
    /// A torn tail, to be cut off: the file, and from where to where.
    torn: Option<(Arc<Segment>, Range<u64>)>,
    /// Files that are shorter than they were made, and their lengths.
    shortened: Vec<(Arc<Segment>, u64)>,
}

impl Replay {
    fn new(tail_bytes_max: usize) -> Self {
        Self {
            state: State::default(),
            tail_bytes_max,
            active: None,
            end: 0,
            sealed: VecDeque::new(),
            next: None,
            since_run: None,
            torn: None,
            shortened: Vec::new(),
        }
    }

    /// Reads all files, oldest first.
    fn read(&mut self, segments: Vec<Segment>) -> Result<(), StartError> {
        let mut segments: Vec<Arc<Segment>> = segments.into_iter().map(Arc::new).collect();
        for segment in &segments {
            let length = segment.file.length().map_err(|error| io_error(segment, error))?;
            if length < segment.capacity {
                self.shortened.push((segment.clone(), length));
            }
        }
        // A file is prepared while the one before it is written, so at most the last one holds nothing.
        if segments.len() > 1 {
            self.next = pop_unused(&mut segments)?;
        }
        let count = segments.len();
        for (position, segment) in segments.into_iter().enumerate() {
            self.read_segment(segment, position + 1 == count)?;
        }
        Ok(())
    }

    /// The log must reach the place up to which it had been durable.
    fn check_mark(&self, mark: Mark, directory: &Path) -> Result<(), LogError> {
        let newest = self.next.as_ref().or(self.active.as_ref());
        let Some(newest) = newest.filter(|newest| newest.sequence >= mark.sequence) else {
            let missing = directory.join(segment::name(mark.sequence));
            return Err(LogError::Missing { file: missing.display().to_string() });
        };
        let (segment, end) = match &self.active {
            Some(active) if active.sequence == mark.sequence => (active, self.end),
            // Prepared and not used, or its first batch was torn.
            _ if newest.sequence == mark.sequence => (newest, HEADER_BYTES),
            // What begins after it counts on it.
            _ => return Ok(()),
        };
        if segment.salt != mark.salt {
            return Err(damaged(segment, 0, format!("it is not the file that {} speaks of", mark::NAME)));
        }
        if end < mark.offset {
            let shortened = self.shortened.iter().find(|(shortened, _)| Arc::ptr_eq(shortened, segment));
            let cut = shortened.map_or_else(String::new, |(_, length)| {
                format!("the file has {length} bytes and was made with {}; ", segment.capacity)
            });
            let what = format!("{cut}its records end here, and had been durable up to byte {}", mark.offset);
            return Err(damaged(segment, end, what));
        }
        Ok(())
    }

    /// Gives shortened files their length again, so that what is written to them finds its room.
    fn lengthen(&mut self) -> Result<(), StartError> {
        for (segment, length) in self.shortened.drain(..) {
            let grown = segment.file.reserve(segment.capacity).and_then(|()| segment.file.sync());
            grown.map_err(|error| io_error(&segment, error))?;
            tracing::warn!(
                file = %segment.path.display(),
                bytes = length,
                missing_bytes = segment.capacity - length,
                "a log file had been cut short, which no crash does; all that is known to have been durable is there, so it \
                 was given its length again"
            );
        }
        Ok(())
    }

    /// What is in the log, as far as it was read.
    fn summary(&self) -> LogSummary {
        let summary = self.state.summary;
        // What is committed may have been noted in the same batch as entries that were torn off.
        LogSummary { committed: summary.committed.min(summary.last), ..summary }
    }

    /// Overwrites what was being written when the process ended. The bytes must go: a later record of just the right
    /// length would join what is behind them to the log again.
    fn cut_torn_tail(&mut self) -> Result<(), StartError> {
        let Some((segment, torn)) = self.torn.take() else { return Ok(()) };
        let cut = write_zeroes(&*segment.file, torn.start, torn.end).and_then(|()| segment.file.sync());
        cut.map_err(|error| io_error(&segment, error))?;
        tracing::warn!(
            file = %segment.path.display(),
            offset = torn.start,
            bytes = torn.end - torn.start,
            "cut a torn tail off the log: it was being written when the process ended, and nobody was told of it"
        );
        Ok(())
    }

    fn read_segment(&mut self, segment: Arc<Segment>, newest: bool) -> Result<(), StartError> {
        let previous_end = std::mem::replace(&mut self.end, HEADER_BYTES);
        let previous_last = self.state.summary.last;
        let previous = self.active.replace(segment.clone());
        self.sealed.extend(previous.map(|previous| (previous, previous_last)));
        self.since_run = None;
        let mut window = Window::new(&segment);
        loop {
            let decoded = match window.record(self.end).map_err(|error| io_error(&segment, error))? {
                Ok(decoded) => decoded,
                Err(invalid) => return self.end_segment(&segment, invalid, newest, previous_end),
            };
            self.check_start(&segment, &decoded.record, previous_end)?;
            self.apply(&segment, decoded)?;
        }
    }

    /// A file after the first begins by telling where the one before ended: were its last records lost without a trace,
    /// this is what notices.
    fn check_start(&mut self, segment: &Segment, record: &Record, previous_end: u64) -> Result<(), LogError> {
        let first = self.end == HEADER_BYTES;
        match record {
            Record::Start { last, previous_end: expected } if first => {
                let Some((previous, previous_last)) = self.sealed.back() else {
                    // Files before this one were removed because all their entries were purged.
                    self.state.summary.purged = *last;
                    self.state.summary.last = *last;
                    return Ok(());
                };
                if *expected != previous_end || *last != *previous_last {
                    let what = format!("the file after it counts on it up to byte {expected}");
                    return Err(damaged(previous, previous_end, what));
                }
                Ok(())
            }
            Record::Start { .. } => Err(damaged(segment, self.end, "a file's first record within a file".to_owned())),
            _ if first && segment.sequence > 0 => {
                Err(damaged(segment, self.end, "the file does not begin with its first record".to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// What a segment's first unreadable place means.
    fn end_segment(
        &mut self,
        segment: &Arc<Segment>,
        invalid: Invalid,
        newest: bool,
        previous_end: u64,
    ) -> Result<(), StartError> {
        let at = self.end;
        let in_file = |error| io_error(segment, error);
        if invalid == Invalid::Content {
            return Err(damaged(segment, at, "a record that makes no sense".to_owned()).into());
        }
        let clean = match invalid {
            Invalid::Empty | Invalid::Short => written_end(segment, at).map_err(in_file)? == at,
            Invalid::Checksum | Invalid::Content => false,
        };
        if clean {
            return Ok(());
        }
        if !newest {
            return Err(damaged(segment, at, "bytes that are no record, before the end of the log".to_owned()).into());
        }
        let search = search(segment, at).map_err(in_file)?;
        if let Some(proof) = search.proof {
            let what = format!("bytes that are no record; the one at byte {proof} was written after they were durable");
            return Err(damaged(segment, at, what).into());
        }
        self.torn = Some((segment.clone(), at..search.written_end));
        if at == HEADER_BYTES
            && let Some((previous, _)) = self.sealed.pop_back()
        {
            // Nothing is left of the file's first batch, so the one before it is the last one again.
            self.next = self.active.replace(previous);
            self.end = previous_end;
        }
        Ok(())
    }

    fn apply(&mut self, segment: &Arc<Segment>, decoded: Decoded) -> Result<(), LogError> {
        let Decoded { record, length, .. } = decoded;
        let offset = self.end;
        let summary = &mut self.state.summary;
        match record {
            Record::Entry(entry) => {
                if summary.last.is_some_and(|last| last.index + 1 != entry.id.index) {
                    let what = format!("entry {}, which does not follow the one before", entry.id);
                    return Err(damaged(segment, offset, what));
                }
                self.apply_entry(segment, entry, offset);
            }
            Record::Vote(vote) => summary.vote = Some(vote),
            Record::Committed(id) => summary.committed = summary.committed.max(Some(id)),
            Record::Truncate(after) => {
                let from = after.map_or(0, |id| id.index + 1);
                summary.last = after;
                summary.purged = summary.purged.min(after);
                self.state.tail.cut_from(from);
                self.state.runs.cut_from(from);
                self.since_run = None;
            }
            Record::Purge(id) => {
                summary.purged = summary.purged.max(Some(id));
                self.state.tail.drop_to(id.index);
                self.state.runs.drop_to(id.index);
                if summary.last.is_none_or(|last| last.index <= id.index) {
                    summary.last = Some(id);
                    self.state.tail.cut_from(0);
                    self.state.runs.cut_from(0);
                    self.since_run = None;
                }
            }
            Record::Start { .. } | Record::Closed => {}
        }
        self.end += length as u64;
        self.state.stream += length as u64;
        self.since_run = self.since_run.map(|since| since + length as u64);
        Ok(())
    }

    fn apply_entry(&mut self, segment: &Arc<Segment>, entry: Entry, offset: u64) {
        let State { summary, tail, runs, stream, .. } = &mut self.state;
        if self.since_run.is_none_or(|since| since >= RUN_BYTES) {
            runs.push(Run { first: entry.id.index, segment: segment.clone(), offset, stream: *stream });
            self.since_run = Some(0);
        }
        summary.last = Some(entry.id);
        let index = entry.id.index;
        tail.push(entry);
        tail.shrink(self.tail_bytes_max, Some(index));
    }

    fn finish(mut self, marker: Marker) -> Result<Recovered, StartError> {
        let summary = self.summary();
        self.state.summary = summary;
        let active = self.active.ok_or_else(|| StartError::Config("a log has at least one file".to_owned()))?;
        let next_sequence = active.sequence + 1;
        self.state.durable = summary.last.map(|id| id.index);
        let resume = Resume {
            active,
            end: self.end,
            sealed: self.sealed,
            last: summary.last,
            vote: summary.vote,
            purged: summary.purged,
            committed: summary.committed,
            stream: self.state.stream,
        };
        Ok(Recovered { state: self.state, resume, next: self.next, next_sequence, marker })
    }
}

/// What is behind an unreadable place.
struct Search {
    /// A valid record whose batch began after the place, if there is one.
    proof: Option<u64>,
    /// The end of the last byte that is not zero.
    written_end: u64,
}

/// Looks for proof that the bytes at `at` had been durable.
fn search(segment: &Segment, at: u64) -> io::Result<Search> {
    let written_end = written_end(segment, at)?;
    let mut window = Window::new(segment);
    let mut offset = at;
    while offset < written_end {
        let header = window.get(offset, RECORD_HEADER_BYTES as u64)?;
        if header.first_chunk().is_some_and(|header| record::may_prove(header, at))
            && let Ok(decoded) = window.record(offset)?
            && decoded.batch_start > at
        {
            return Ok(Search { proof: Some(offset), written_end });
        }
        offset += record::ALIGNMENT as u64;
    }
    Ok(Search { proof: None, written_end })
}

fn damaged(segment: &Segment, offset: u64, what: String) -> LogError {
    LogError::Damaged { file: segment.path.display().to_string(), offset, what }
}

fn io_error(segment: &Segment, source: io::Error) -> StartError {
    StartError::Io { path: segment.path.display().to_string(), source }
}

/// Takes the last file off if nothing was ever written to it.
fn pop_unused(segments: &mut Vec<Arc<Segment>>) -> Result<Option<Arc<Segment>>, StartError> {
    let Some(last) = segments.last() else { return Ok(None) };
    let unused = written_end(last, HEADER_BYTES).map_err(|error| io_error(last, error))? == HEADER_BYTES;
    Ok(if unused { segments.pop() } else { None })
}

/// The end of a file's last byte from `start` on that is not zero; `start` if there is none.
fn written_end(segment: &Segment, start: u64) -> io::Result<u64> {
    let mut buffer = vec![0; READ_BYTES];
    let (mut at, mut written) = (start, start);
    while at < segment.capacity {
        let length = buffer.len().min((segment.capacity - at) as usize);
        let read = read_available(&*segment.file, &mut buffer[..length], at)?;
        if let Some(end) = nonzero_end(&buffer[..read]) {
            written = at + end as u64;
        }
        if read < length {
            break;
        }
        at += length as u64;
    }
    Ok(written)
}

/// The end of the last byte that is not zero. Looks at 64 bytes at a time, which the compiler makes a few instructions.
fn nonzero_end(bytes: &[u8]) -> Option<usize> {
    let chunk = bytes.chunks(64).rposition(|chunk| chunk.iter().fold(0, |any, byte| any | byte) != 0)?;
    let within = bytes[chunk * 64..].iter().take(64).rposition(|byte| *byte != 0)?;
    Some(chunk * 64 + within + 1)
}

/// Reads until `buffer` is full or the file ends.
fn read_available(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

/// A moving window over a file's records.
struct Window<'a> {
    segment: &'a Segment,
    /// Where the window begins.
    start: u64,
    bytes: Vec<u8>,
    read_bytes: usize,
}

impl<'a> Window<'a> {
    fn new(segment: &'a Segment) -> Self {
        Self { segment, start: 0, bytes: Vec::new(), read_bytes: READ_BYTES }
    }

    /// The record at `offset`.
    fn record(&mut self, offset: u64) -> io::Result<Result<Decoded, Invalid>> {
        let header = self.get(offset, RECORD_HEADER_BYTES as u64)?;
        let Some(header) = header.first_chunk() else { return Ok(Err(Invalid::Short)) };
        let length = match record::length_of(header) {
            Ok(length) => length,
            Err(invalid) => return Ok(Err(invalid)),
        };
        if offset + length > self.segment.capacity {
            // No record reaches behind the end of its file: this was never written as one.
            return Ok(Err(Invalid::Checksum));
        }
        let place = self.segment.place(offset);
        Ok(record::decode(self.get(offset, length)?, place))
    }

    /// `length` bytes from `offset`, or what there is of them.
    fn get(&mut self, offset: u64, length: u64) -> io::Result<&[u8]> {
        let end = (offset + length).min(self.segment.capacity);
        let window_end = self.start + self.bytes.len() as u64;
        if offset < self.start || end > window_end {
            let wanted = (end.saturating_sub(offset) as usize).max(self.read_bytes);
            let wanted = wanted.min(self.segment.capacity.saturating_sub(offset) as usize);
            self.bytes.resize(wanted, 0);
            let read = read_available(&*self.segment.file, &mut self.bytes, offset)?;
            self.bytes.truncate(read);
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        let to = ((end - self.start) as usize).min(self.bytes.len());
        Ok(self.bytes.get(from..to.max(from)).unwrap_or_default())
    }
}

/// Gives the entries in `[from, to)` of a run to `take`, in order, for as long as it says so; at least the first.
pub(crate) fn read_run(run: &Run, from: u64, to: u64, take: &mut dyn FnMut(Entry) -> bool) -> io::Result<()> {
    let mut window = Window::new(&run.segment);
    // Runs are short: what is wanted is near the beginning.
    window.read_bytes = 2 * RUN_BYTES as usize;
    let mut offset = run.offset;
    let mut next = run.first;
    while next < to {
        let decoded = window.record(offset)?.map_err(|invalid| {
            let path = run.segment.path.display();
            io::Error::new(io::ErrorKind::InvalidData, format!("log {path} is damaged at byte {offset}: {invalid:?}"))
        })?;
        offset += decoded.length as u64;
        let Record::Entry(entry) = decoded.record else { continue };
        if entry.id.index != next {
            let path = run.segment.path.display();
            let what = format!("log {path} has entry {} at byte {offset}, and {next} was expected", entry.id);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        next += 1;
        if entry.id.index >= from && !take(entry) {
            break;
        }
    }
    Ok(())
}
