//! The log against a disk that keeps nothing it did not promise.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use quorate_base::framing::head::FileKind;
use quorate_base::memory_disk::{Gate, MemoryDisk, Operation};

use super::*;
use crate::error::LogError;
use crate::protocol::{NodeId, Payload};

const SEGMENT_BYTES: u64 = 64 << 10;

fn config(tail_bytes_max: usize) -> LogConfig {
    LogConfig {
        directory: PathBuf::from("/data"),
        segment_bytes: SEGMENT_BYTES,
        tail_bytes_max,
        writer: LogWriter::Inline,
        metrics: LogMetrics::default(),
    }
}

fn open(disk: &MemoryDisk) -> Result<Log, StartError> {
    Log::open(disk.host(), config(2000), |_| Ok(()))
}

fn entry(term: u64, index: u64, size: usize) -> Entry {
    let fill = (term as u8).wrapping_mul(31).wrapping_add(index as u8);
    Entry { id: LogId { term, index }, payload: Payload::Command(vec![fill; size].into()) }
}

fn vote(term: u64) -> Vote {
    Vote { term, node: NodeId::from_u128(u128::from(term) + 7), committed: term.is_multiple_of(2) }
}

/// A completion, and what it was told.
fn told() -> (Completion, Arc<Mutex<Option<bool>>>) {
    let result = Arc::new(Mutex::new(None));
    let there = result.clone();
    (Box::new(move |outcome: io::Result<()>| *there.lock().unwrap() = Some(outcome.is_ok())), result)
}

fn append(log: &Log, entries: Vec<Entry>) -> bool {
    let (done, result) = told();
    log.append(entries, done).is_ok() && result.lock().unwrap().expect("inline tells at once")
}

fn all(log: &Log) -> Vec<Entry> {
    log.read(0, u64::MAX, usize::MAX).unwrap()
}

fn close(log: Log) {
    let (done, result) = told();
    log.close(done);
    assert_eq!(*result.lock().unwrap(), Some(true));
}

/// What a log should hold.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    purged: Option<LogId>,
    entries: Vec<Entry>,
    vote: Option<Vote>,
}

impl Model {
    fn of(log: &Log) -> Self {
        let LogSummary { purged, vote, last, .. } = log.summary();
        let entries = all(log);
        assert_eq!(last, entries.last().map(|entry| entry.id).or(purged));
        for pair in entries.windows(2) {
            assert_eq!(pair[0].id.index + 1, pair[1].id.index);
        }
        // A few of them alone, wherever they are.
        for entry in entries.iter().step_by(1 + entries.len() / 4) {
            assert_eq!(log.read(entry.id.index, entry.id.index + 1, 0).unwrap(), std::slice::from_ref(entry));
        }
        Self { purged, entries, vote }
    }

    fn last(&self) -> Option<LogId> {
        self.entries.last().map(|entry| entry.id).or(self.purged)
    }

    fn truncate(&mut self, after: Option<LogId>) {
        self.entries.retain(|entry| after.is_some_and(|after| entry.id.index <= after.index));
    }

    fn purge(&mut self, upto: LogId) {
        self.entries.retain(|entry| entry.id.index > upto.index);
        self.purged = Some(upto);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Append { count: usize, size: usize, new_term: bool },
    Vote,
    Truncate { back: usize },
    Purge { ahead: usize, beyond: bool },
    Chores,
    Close,
    Crash { operations: u64, dice: u64 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1..6usize, 0..9000usize, proptest::bool::weighted(0.1))
            .prop_map(|(count, size, new_term)| Op::Append { count, size, new_term }),
        2 => Just(Op::Vote),
        2 => (0..12usize).prop_map(|back| Op::Truncate { back }),
        2 => (0..20usize, proptest::bool::weighted(0.1)).prop_map(|(ahead, beyond)| Op::Purge { ahead, beyond }),
        2 => Just(Op::Chores),
        1 => Just(Op::Close),
        2 => (0..12u64, any::<u64>()).prop_map(|(operations, dice)| Op::Crash { operations, dice }),
    ]
}

/// Runs operations on a log and on its model, and compares them after each.
struct Run {
    disk: MemoryDisk,
    log: Log,
    model: Model,
    term: u64,
    crash: Option<u64>,
}

impl Run {
    fn new() -> Self {
        let disk = MemoryDisk::simulated(0);
        let log = open(&disk).unwrap();
        Self { disk, log, model: Model::default(), term: 1, crash: None }
    }

    fn step(&mut self, op: &Op) {
        let before = self.model.clone();
        match op {
            Op::Append { count, size, new_term } => self.append(*count, *size, *new_term),
            Op::Vote => {
                self.term += 1;
                let (done, _) = told();
                self.log.save_vote(vote(self.term), done);
                self.model.vote = Some(vote(self.term));
            }
            Op::Truncate { back } => {
                let kept = self.model.entries.len().saturating_sub(*back);
                let after = kept.checked_sub(1).map(|at| self.model.entries[at].id).or(self.model.purged);
                self.log.truncate_after(after, told().0);
                self.model.truncate(after);
                // Another leader's entries take the place of the cut ones.
                self.term += 1;
            }
            Op::Purge { ahead, beyond } => self.purge(*ahead, *beyond),
            Op::Chores => self.log.do_chores(true),
            Op::Close => {
                let (done, _) = told();
                self.log.close(done);
                self.reopen();
            }
            Op::Crash { operations, dice } => {
                self.disk.cut_power_after(*operations);
                self.crash = Some(*dice);
                return;
            }
        }
        if !self.disk.has_power() {
            self.come_back(before);
        }
        assert_eq!(Model::of(&self.log), self.model);
    }

    fn append(&mut self, count: usize, size: usize, new_term: bool) {
        self.term += u64::from(new_term);
        let next = self.model.last().map_or(0, |id| id.index + 1);
        let entries: Vec<Entry> = (0..count as u64).map(|n| entry(self.term, next + n, size)).collect();
        let durable = append(&self.log, entries.clone());
        assert_eq!(durable, self.log.failure().is_none());
        self.model.entries.extend(entries);
    }

    fn purge(&mut self, ahead: usize, beyond: bool) {
        let upto = match self.model.entries.get(ahead) {
            Some(entry) => entry.id,
            None if beyond => LogId { term: self.term, index: self.model.last().map_or(0, |id| id.index + 1) + 3 },
            None => return,
        };
        self.log.purge(upto);
        self.model.purge(upto);
    }

    fn reopen(&mut self) {
        if self.disk.has_power() {
            self.log = open(&self.disk).unwrap();
        }
    }

    /// The power was lost during an operation: what had been before it is there, and of it any beginning.
    fn come_back(&mut self, before: Model) {
        self.disk.set_seed(self.crash.take().unwrap_or(1));
        self.disk.crash();
        self.log = open(&self.disk).unwrap();
        let found = Model::of(&self.log);
        let intended = &self.model;
        let as_before = found == before;
        let as_intended = found == *intended;
        let beginning = found.entries.len() >= before.entries.len()
            && intended.entries.starts_with(&found.entries)
            && found.purged == before.purged
            && found.vote == before.vote;
        assert!(as_before || as_intended || beginning, "before {before:?}\nintended {intended:?}\nfound {found:?}");
        self.model = found;
    }
}

proptest! {
    #[test]
    fn what_was_acknowledged_survives_any_crash(ops in proptest::collection::vec(op(), 1..40)) {
        let mut run = Run::new();
        for op in &ops {
            run.step(op);
        }
        // And an orderly end keeps everything.
        let (done, _) = told();
        run.log.close(done);
        if !run.disk.has_power() {
            return Ok(());
        }
        run.reopen();
        prop_assert_eq!(Model::of(&run.log), run.model);
    }
}

/// A log with three batches; gives the disk, the file and where each batch begins and the last ends.
fn three_batches() -> (MemoryDisk, PathBuf, Vec<usize>) {
    let disk = MemoryDisk::simulated(0);
    let log = open(&disk).unwrap();
    let path = Path::new("/data").join(segment::name(0));
    let mut bounds = vec![segment::HEADER_BYTES as usize];
    for batch in 0..3u64 {
        assert!(append(&log, (0..3).map(|n| entry(1, batch * 3 + n, 20)).collect()));
        let written = disk.bytes(&path).unwrap().iter().rposition(|byte| *byte != 0).unwrap() + 1;
        bounds.push(written.next_multiple_of(record::ALIGNMENT));
    }
    (disk, path, bounds)
}

#[test]
fn the_last_batch_torn_at_each_byte_leaves_what_came_before() {
    let (disk, path, bounds) = three_batches();
    let whole = disk.bytes(&path).unwrap();
    for cut in bounds[2]..=bounds[3] {
        let copy = disk.copy();
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        copy.set_bytes(&path, torn);
        let log = open(&copy).unwrap();
        let length = all(&log).len();
        assert!((6..=9).contains(&length), "cut at {cut}: {length}");
        assert_eq!(length == 9, whole[cut..bounds[3]].iter().all(|byte| *byte == 0));
        // The log goes on after it, and a second start finds all of it.
        assert!(append(&log, vec![entry(2, length as u64, 20)]));
        let expected = all(&log);
        drop(log);
        assert_eq!(all(&open(&copy).unwrap()), expected);
    }
}

#[test]
fn a_torn_batch_whose_middle_is_missing_never_comes_back() {
    let (disk, path, bounds) = three_batches();
    let mut torn = disk.bytes(&path).unwrap();
    // The first record of the last batch is lost, those behind it are whole.
    let record = (bounds[3] - bounds[2]) / 3;
    torn[bounds[2]..bounds[2] + record].fill(0);
    disk.set_bytes(&path, torn);
    let log = open(&disk).unwrap();
    assert_eq!(all(&log).len(), 6);
    // A record of the same length takes its place; those that were behind it must not join the log.
    assert!(append(&log, vec![entry(2, 6, 20)]));
    drop(log);
    let entries = all(&open(&disk).unwrap());
    assert_eq!(entries.last().unwrap().id, LogId { term: 2, index: 6 });
}

#[test]
fn damage_before_the_last_batch_refuses_to_start_and_names_the_place() {
    let (disk, path, bounds) = three_batches();
    let whole = disk.bytes(&path).unwrap();
    for byte in 0..bounds[2] {
        let copy = disk.copy();
        let mut damaged = whole.clone();
        damaged[byte] ^= 0x40;
        copy.set_bytes(&path, damaged);
        let Err(StartError::Log(LogError::Damaged { file, offset, .. })) = open(&copy) else {
            panic!("byte {byte} was changed and the log opened");
        };
        assert_eq!(file, path.display().to_string());
        assert!(offset as usize <= byte && byte < offset as usize + 64, "byte {byte}, offset {offset}");
    }
}

#[test]
fn zeroed_sectors_before_the_last_batch_are_damage_too() {
    let (disk, path, bounds) = three_batches();
    for bound in bounds.windows(2).take(2) {
        let copy = disk.copy();
        let mut damaged = disk.bytes(&path).unwrap();
        damaged[bound[0]..bound[1]].fill(0);
        copy.set_bytes(&path, damaged);
        assert!(matches!(open(&copy), Err(StartError::Log(LogError::Damaged { .. }))));
    }
}

#[test]
fn after_an_orderly_end_damage_to_the_last_batch_is_seen() {
    let (disk, path, bounds) = three_batches();
    close(open(&disk).unwrap());
    let whole = disk.bytes(&path).unwrap();
    for byte in bounds[2]..bounds[3] {
        let copy = disk.copy();
        let mut damaged = whole.clone();
        damaged[byte] ^= 1;
        copy.set_bytes(&path, damaged);
        assert!(matches!(open(&copy), Err(StartError::Log(LogError::Damaged { .. }))), "byte {byte}");
    }
}

/// A log of several files.
fn several_files() -> (MemoryDisk, Vec<Entry>) {
    let disk = MemoryDisk::simulated(0);
    let log = open(&disk).unwrap();
    for index in 0..40 {
        assert!(append(&log, vec![entry(1, index, 5000)]));
        log.do_chores(false);
    }
    let entries = all(&log);
    assert!(disk.paths(".log").len() > 3);
    (disk, entries)
}

#[test]
fn a_log_of_several_files_comes_back() {
    let (disk, entries) = several_files();
    assert_eq!(all(&open(&disk).unwrap()), entries);
}

#[test]
fn damage_in_an_earlier_file_and_a_missing_file_refuse_to_start() {
    let (disk, _) = several_files();
    let paths = disk.paths(".log");
    let whole = disk.bytes(&paths[1]).unwrap();
    for (what, from, to) in
        [("last record", 60_000, 60_010), ("all", 0, whole.len()), ("second half", 30_000, whole.len())]
    {
        let copy = disk.copy();
        let mut damaged = whole.clone();
        damaged[from..to].fill(0);
        copy.set_bytes(&paths[1], damaged);
        let refused = open(&copy).err().unwrap_or_else(|| panic!("{what}"));
        assert!(refused.to_string().contains(&paths[1].display().to_string()), "{refused}");
    }
    disk.lose(&paths[1]);
    assert!(matches!(open(&disk), Err(StartError::Log(LogError::Missing { .. }))));
}

#[test]
fn purged_files_are_removed_and_the_rest_comes_back() {
    let (disk, entries) = several_files();
    let log = open(&disk).unwrap();
    let before = disk.paths(".log").len();
    log.save_vote(vote(9), Box::new(|_| {}));
    log.purge(entries[35].id);
    log.do_chores(false);
    assert!(disk.paths(".log").len() < before - 1);
    let expected = Model::of(&log);
    assert_eq!(expected.entries, entries[36..]);
    disk.set_seed(3);
    disk.crash();
    assert_eq!(Model::of(&open(&disk).unwrap()), expected);
}

#[test]
fn a_failed_sync_ends_all_writing_for_good() {
    let disk = MemoryDisk::simulated(0);
    let log = open(&disk).unwrap();
    assert!(append(&log, vec![entry(1, 0, 10)]));
    disk.set_hook(|operation, _| match operation {
        Operation::Sync => Err(io::Error::other("the disk said no")),
        _ => Ok(()),
    });
    assert!(!append(&log, vec![entry(1, 1, 10)]));
    assert!(log.failure().unwrap().contains("the disk said no"));
    // The disk is well again, as it seems; what it lost nobody knows, so nothing is written.
    disk.mend();
    assert!(!append(&log, vec![entry(1, 2, 10)]));
}

#[test]
fn a_full_disk_turns_promises_away_and_raft_still_has_its_headroom() {
    let disk = MemoryDisk::simulated(0);
    let log = open(&disk).unwrap();
    disk.set_capacity(disk.used_bytes());
    let mut index = 0;
    loop {
        match log.space().promise(1032) {
            Room::Promised(_promise) => assert!(append(&log, vec![entry(1, index, 1000)])),
            Room::Soon => log.do_chores(false),
            Room::Full => break,
        }
        index += 1;
    }
    assert!(index > 40, "the first file was used");
    assert!(log.space().is_full());
    for term in 2..40 {
        let (done, result) = told();
        log.save_vote(vote(term), done);
        assert_eq!(*result.lock().unwrap(), Some(true));
    }
    disk.set_capacity(u64::MAX);
    log.do_chores(true);
    assert!(!log.space().is_full());
    assert!(matches!(log.space().promise(1032), Room::Promised(_)));
    assert_eq!(Model::of(&open(&disk.copy()).unwrap()), Model::of(&log));
}

#[test]
fn promises_under_way_count() {
    let log = open(&MemoryDisk::simulated(0)).unwrap();
    let mut promises = Vec::new();
    while let Room::Promised(promise) = log.space().promise(1000) {
        promises.push(promise);
    }
    assert!(promises.len() < SEGMENT_BYTES as usize / 1000);
    promises.pop();
    assert!(matches!(log.space().promise(1000), Room::Promised(_)));
}

#[test]
fn the_thread_writes_what_it_is_given_in_order() {
    for writer in [LogWriter::Thread, LogWriter::Adaptive] {
        let disk = MemoryDisk::simulated(0);
        let log = Log::open(disk.host(), LogConfig { writer, ..config(500) }, |_| Ok(())).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        for index in 0..300 {
            let sender = sender.clone();
            log.append(vec![entry(1, index, 100)], Box::new(move |done| sender.send((index, done.is_ok())).unwrap()))
                .unwrap();
            assert_eq!(log.read(index, index + 1, 0).unwrap().len(), 1, "readable at once");
        }
        let told: Vec<(u64, bool)> = receiver.iter().take(300).collect();
        assert_eq!(told, (0..300).map(|index| (index, true)).collect::<Vec<_>>());
        let expected = Model::of(&log);
        drop(log);
        disk.set_seed(1);
        disk.crash();
        assert_eq!(Model::of(&open(&disk).unwrap()), expected);
    }
}

#[test]
fn news_of_cut_entries_does_not_speak_for_those_in_their_place() {
    let disk = MemoryDisk::simulated(0);
    let log = Log::open(disk.host(), LogConfig { writer: LogWriter::Thread, ..config(0) }, |_| Ok(())).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let tell = |what: &'static str| -> Completion {
        let sender = sender.clone();
        Box::new(move |done| sender.send((what, done.is_ok())).unwrap())
    };
    log.append((0..10).map(|index| entry(1, index, 50)).collect(), tell("first")).unwrap();
    assert_eq!(receiver.recv().unwrap(), ("first", true));
    // While a batch is being synced, its entries are cut off and others take their place.
    let gate = Arc::new(Gate::default());
    let held = gate.clone();
    disk.set_hook(move |operation, _| {
        if operation == Operation::Sync {
            held.pass();
        }
        Ok(())
    });
    gate.close();
    log.append((10..20).map(|index| entry(1, index, 50)).collect(), tell("old")).unwrap();
    gate.await_held();
    log.truncate_after(Some(LogId { term: 1, index: 4 }), tell("cut"));
    log.append((5..15).map(|index| entry(2, index, 60)).collect(), tell("new")).unwrap();
    gate.let_one_pass();
    assert_eq!(receiver.recv().unwrap(), ("old", true));
    // The old ones are durable now, the new ones may not be: they must be read as they are.
    let expected: Vec<Entry> =
        (0..5).map(|index| entry(1, index, 50)).chain((5..15).map(|index| entry(2, index, 60))).collect();
    assert_eq!(all(&log), expected);
    gate.open();
    assert_eq!(receiver.iter().take(2).collect::<Vec<_>>(), [("cut", true), ("new", true)]);
    assert_eq!(all(&log), expected);
}

#[test]
fn a_lost_vote_at_the_end_of_an_earlier_file_is_noticed() {
    let disk = MemoryDisk::simulated(0);
    let log = open(&disk).unwrap();
    assert!(append(&log, vec![entry(1, 0, 10)]));
    let second = Path::new("/data").join(segment::name(1));
    let mut term = 0;
    while !disk.paths(".log").contains(&second) {
        term += 1;
        log.save_vote(vote(term), told().0);
    }
    drop(log);
    // The last vote of the first file vanishes without leaving a torn record.
    let first = Path::new("/data").join(segment::name(0));
    let mut bytes = disk.bytes(&first).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let end = end.next_multiple_of(record::ALIGNMENT);
    bytes[end - 48..end].fill(0);
    disk.set_bytes(&first, bytes);
    assert!(matches!(open(&disk), Err(StartError::Log(LogError::Damaged { .. }))));
}

#[test]
fn a_log_that_is_not_accepted_is_left_as_it_is() {
    let (disk, path, bounds) = three_batches();
    let mut torn = disk.bytes(&path).unwrap();
    torn[bounds[3] - 20..].fill(0);
    disk.set_bytes(&path, torn.clone());
    let unfinished = Path::new("/data/0000000000000001.00000000000000aa.new");
    disk.host().disk.open(unfinished, quorate_base::OpenMode::CreateNew).unwrap();
    let names = disk.paths("");
    let refusal = || LogError::Gap { directory: "/data".to_owned(), what: "a test".to_owned() };
    let refused = Log::open(disk.host(), config(2000), |_| Err(refusal()));
    assert!(matches!(refused, Err(StartError::Log(LogError::Gap { .. }))));
    assert_eq!((disk.paths(""), disk.bytes(&path).unwrap()), (names, torn));
    // Nor is a log made where there is none.
    let empty = MemoryDisk::simulated(0);
    assert!(Log::open(empty.host(), config(2000), |_| Err(refusal())).is_err());
    assert_eq!(empty.paths("").len(), 0);
    open(&disk).unwrap();
    assert_eq!(disk.paths(""), [path, Path::new("/data").join(mark::NAME)]);
}

/// `EMFILE`, `ENFILE` and `EDQUOT` of Linux.
const SHORTAGES: [i32; 3] = [24, 23, 122];

/// Each opening of a new file or a directory fails with this error of the operating system.
fn fail_opens(errno: i32) -> impl Fn(Operation, &Path) -> io::Result<()> {
    move |operation, _| match operation {
        Operation::Create | Operation::SyncDirectory => Err(io::Error::from_raw_os_error(errno)),
        _ => Ok(()),
    }
}

#[test]
fn want_of_files_or_quota_is_waited_out_like_a_full_disk() {
    for errno in SHORTAGES {
        let disk = MemoryDisk::simulated(0);
        let log = open(&disk).unwrap();
        disk.set_hook(fail_opens(errno));
        let mut index = 0;
        loop {
            match log.space().promise(1032) {
                Room::Promised(_promise) => assert!(append(&log, vec![entry(1, index, 1000)])),
                Room::Soon => log.do_chores(false),
                Room::Full => break,
            }
            index += 1;
        }
        assert_eq!(log.failure(), None, "{errno}");
        disk.mend();
        log.do_chores(true);
        assert!(matches!(log.space().promise(1032), Room::Promised(_)));
        assert_eq!(Model::of(&open(&disk.copy()).unwrap()), Model::of(&log));
    }
}

#[test]
fn a_directory_that_cannot_be_opened_leaves_no_half_made_file_and_no_garbage() {
    let (disk, entries) = several_files();
    let log = open(&disk).unwrap();
    let before = disk.paths("").len();
    log.purge(entries[35].id);
    disk.set_hook(fail_opens(SHORTAGES[0]));
    log.do_chores(true);
    disk.mend();
    log.do_chores(true);
    assert_eq!(log.failure(), None);
    assert!(disk.paths("").len() < before - 1, "{:?}", disk.paths(""));
    assert_eq!(Model::of(&open(&disk.copy()).unwrap()), Model::of(&log));
    // A file that has its name and not for sure is taken back, with its room.
    let header = segment::Header { sequence: 99, capacity: SEGMENT_BYTES, salt: 1 };
    let prepared = Segment::prepare(&disk, Path::new("/data"), header, false).unwrap();
    disk.set_hook(fail_opens(SHORTAGES[0]));
    assert!(prepared.name_it(&disk, Path::new("/data")).is_err());
    assert!(!disk.paths("").iter().any(|path| path.to_string_lossy().contains("0000000000000063")));
}

#[test]
fn a_log_cut_short_within_its_last_batch_or_behind_it_is_a_torn_one() {
    let (disk, path, bounds) = three_batches();
    let whole = disk.bytes(&path).unwrap();
    for length in (bounds[2]..bounds[3] + 50).chain([whole.len() - 1, whole.len() - 4096]) {
        let copy = disk.copy();
        copy.set_bytes(&path, &whole[..length]);
        let log = open(&copy).unwrap();
        let found = all(&log).len();
        assert_eq!(found, if length >= bounds[3] { 9 } else { found.clamp(6, 8) }, "cut at {length}");
        // It has its length again, and goes on.
        assert_eq!(copy.bytes(&path).unwrap().len(), whole.len());
        assert!(append(&log, vec![entry(2, found as u64, 20)]));
        assert_eq!(all(&open(&copy).unwrap()).len(), found + 1);
    }
}

#[test]
fn a_log_cut_short_before_its_last_batch_is_refused_and_left_as_it_is() {
    let (disk, path, bounds) = three_batches();
    let whole = disk.bytes(&path).unwrap();
    for length in 0..bounds[2] {
        let mut zeroed = whole.clone();
        zeroed[length..].fill(0);
        for bytes in [whole[..length].to_vec(), zeroed] {
            let copy = disk.copy();
            copy.set_bytes(&path, bytes.clone());
            let cut = bytes.len() == length;
            match open(&copy) {
                Err(refused @ StartError::Log(LogError::Damaged { .. })) => {
                    let text = refused.to_string();
                    assert!(text.contains(&path.display().to_string()) && text.contains("backup"), "{text}");
                    assert!(!cut || text.contains(&format!("has {length} bytes")), "{text}");
                }
                // Only the zeroes are missing that fill up a record.
                Ok(log) => assert!(!cut && all(&log).len() >= 6, "cut at {length}"),
                Err(error) => panic!("cut at {length}: {error}"),
            }
            if length < bounds[2] - 8 {
                assert_eq!(copy.bytes(&path).unwrap(), bytes);
            }
        }
    }
}

#[test]
fn a_last_log_file_that_is_gone_is_noticed() {
    let (disk, _) = several_files();
    let used = disk.paths(".log").len() - 1;
    for lost in 1..=used + 1 {
        let copy = disk.copy();
        let paths = copy.paths(".log");
        paths[paths.len() - lost..].iter().for_each(|path| copy.lose(path));
        let opened = open(&copy);
        // The very last one may have been prepared only.
        if lost > 1 || opened.is_err() {
            assert!(matches!(opened, Err(StartError::Log(LogError::Missing { .. }))), "{lost}");
        }
    }
    // Without the mark nothing tells, as in a log of an older release.
    disk.lose(&Path::new("/data").join(mark::NAME));
    let last = disk.paths(".log").pop().unwrap();
    disk.lose(&last);
    open(&disk).unwrap();
}

#[test]
fn a_mark_of_a_newer_version_is_not_passed_over() {
    let disk = MemoryDisk::simulated(0);
    drop(open(&disk).unwrap());
    let mut newer = Vec::new();
    let kind = FileKind { magic: *b"QRMARK\r\n", newest_version: 2, fields_bytes_max: 100 };
    kind.put_head(2, b"what this program can't know", &mut newer);
    disk.set_bytes(&Path::new("/data").join(mark::NAME), newer);
    let refused = open(&disk).err().unwrap();
    assert!(matches!(refused, StartError::Log(LogError::Version { version: 2, newest: 1, .. })), "{refused}");
    assert!(refused.to_string().contains("/data/durable"), "{refused}");
}

/// Keeps the level of each event of this thread, with its message.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(tracing::Level, String)>>>);

impl tracing::field::Visit for Heard {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message"
            && let Some(last) = self.0.lock().unwrap().last_mut()
        {
            last.1 = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Heard {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        self.0.lock().unwrap().push((*event.metadata().level(), String::new()));
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_full_disk_is_told_when_it_begins_and_when_it_ends_and_how_much_it_lacks() {
    let disk = MemoryDisk::simulated(0);
    let log = open(&disk).unwrap();
    let heard = Heard::default();
    tracing::subscriber::with_default(heard.clone(), || {
        for _ in 0..2 {
            disk.set_capacity(disk.used_bytes());
            (0..3).for_each(|_| log.do_chores(true));
            let lack = format!("the disk is full: the next log file needs {} bytes", SEGMENT_BYTES / 4);
            assert_eq!(log.space().shortage().as_deref(), Some(lack.as_str()));
            disk.set_capacity(u64::MAX);
            log.do_chores(true);
            assert_eq!(log.space().shortage(), None);
            // The prepared file is used up, and another is needed.
            let mut index = all(&log).len() as u64;
            let before = disk.paths(".log").len();
            while disk.paths(".log").len() == before && log.space().begin_prepare(false).is_none() {
                assert!(append(&log, vec![entry(1, index, 5000)]));
                index += 1;
            }
            log.space().give_up(disk.paths(".log").len() as u64);
        }
    });
    let heard = heard.0.lock().unwrap();
    let levels: Vec<_> = heard.iter().map(|(level, _)| *level).collect();
    use tracing::Level;
    assert_eq!(levels, [Level::WARN, Level::INFO, Level::WARN, Level::INFO], "{heard:?}");
    assert!(heard[0].1.contains(&(SEGMENT_BYTES / 4).to_string()), "{heard:?}");
}
