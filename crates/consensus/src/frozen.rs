//! A data directory of version 1: its files are read for ever, and written as they were until there is a version 2.
//!
//! `fixtures/v1` was written by this crate's own code: [`write_directory`] does it again. The log files are there without
//! the zeroes that fill them up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quorate_base::{Disk, Host, MemoryDisk, Random};
use quorate_transcript::{contents, fixtures, frozen};

use crate::application::{SnapshotRecords, SnapshotSink, SnapshotSource};
use crate::config::LogWriter;
use crate::error::StartError;
use crate::log::{Log, LogConfig, LogSummary};
use crate::metrics::LogMetrics;
use crate::protocol::{Entry, LogId, Member, Membership, NodeId, Payload, Vote};
use crate::snapshot::SnapshotStore;
use crate::snapshot::format::SnapshotMeta;

const DIRECTORY: &str = "/data";
const SEGMENT_BYTES: u64 = 8 << 10;

/// Gives each file a salt of its own, and always the same.
struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed) as u8);
    }
}

fn host(disk: &MemoryDisk) -> Host {
    Host { random: Arc::new(Counting(AtomicU64::new(0x51))), ..disk.host() }
}

fn open_log(host: &Host) -> Result<Log, StartError> {
    let config = LogConfig {
        directory: PathBuf::from(DIRECTORY),
        segment_bytes: SEGMENT_BYTES,
        tail_bytes_max: 1 << 20,
        writer: LogWriter::Inline,
        metrics: LogMetrics::default(),
    };
    Log::open(host.clone(), config, |_| Ok(()))
}

fn id(term: u64, index: u64) -> LogId {
    LogId { term, index }
}

fn node(number: u128) -> NodeId {
    NodeId::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8800 + number)
}

fn membership() -> Membership {
    let member = |number: u128| Member { name: format!("server-{number}"), address: format!("10.0.0.{number}:8300") };
    Membership {
        voters: vec![[node(1), node(2)].into(), [node(1), node(2), node(3)].into()],
        members: (1..=3).map(|number| (node(number), member(number))).collect(),
    }
}

fn command(term: u64, index: u64, bytes: &[u8]) -> Entry {
    Entry { id: id(term, index), payload: Payload::Command(bytes.to_vec().into()) }
}

/// More than is left of the first file.
fn long_command() -> Vec<u8> {
    (0..5000u32).map(|at| (at % 251) as u8).collect()
}

/// The entries that the log holds in the end.
fn entries() -> Vec<Entry> {
    vec![
        command(1, 2, b"a command"),
        command(2, 3, &long_command()),
        command(2, 4, &long_command()),
        Entry { id: id(3, 5), payload: Payload::Blank },
    ]
}

fn vote() -> Vote {
    Vote { term: 3, node: node(2), committed: true }
}

fn meta() -> SnapshotMeta {
    SnapshotMeta { last: id(1, 1), membership_at: Some(id(1, 1)), membership: membership() }
}

fn records() -> Vec<Vec<u8>> {
    vec![b"a record".to_vec(), Vec::new(), vec![0xff; 100]]
}

struct Records;

impl SnapshotSource for Records {
    fn write(self: Box<Self>, sink: &mut dyn SnapshotSink) -> io::Result<()> {
        records().iter().try_for_each(|record| sink.record(record))
    }
}

/// Writes a record of each kind and each file of a data directory.
fn write_directory(host: &Host) {
    let (store, _) = SnapshotStore::open(host.clone(), Path::new(DIRECTORY)).unwrap();
    store.write(meta(), Box::new(Records)).unwrap();
    let log = open_log(host).unwrap();
    let append = |entries: Vec<Entry>| log.append(entries, Box::new(|done| done.unwrap())).unwrap();
    log.save_vote(Vote { term: 1, node: node(1), committed: false }, Box::new(|done| done.unwrap()));
    append(vec![command(1, 0, b"void")]);
    log.truncate_after(None, Box::new(|done| done.unwrap()));
    let members = Entry { id: id(1, 1), payload: Payload::Membership(membership()) };
    append(vec![Entry { id: id(1, 0), payload: Payload::Blank }, members, command(1, 2, b"a command")]);
    append(vec![command(1, 3, b"void as well")]);
    log.truncate_after(Some(id(1, 2)), Box::new(|done| done.unwrap()));
    log.save_committed(Some(id(1, 2)));
    append(vec![command(2, 3, &long_command())]);
    log.purge(id(1, 1));
    append(vec![command(2, 4, &long_command())]);
    log.save_vote(vote(), Box::new(|done| done.unwrap()));
    append(vec![Entry { id: id(3, 5), payload: Payload::Blank }]);
    log.close(Box::new(|done| done.unwrap()));
}

fn without_zeroes(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}

#[test]
fn a_directory_is_written_as_ever() {
    let disk = MemoryDisk::default();
    write_directory(&host(&disk));
    let folder = fixtures(env!("CARGO_MANIFEST_DIR"), 1);
    let names = disk.list(Path::new(DIRECTORY)).unwrap();
    for name in &names {
        let bytes = disk.bytes(&Path::new(DIRECTORY).join(name)).unwrap();
        let is_log = name.ends_with(".log");
        frozen(&folder.join(name), if is_log { without_zeroes(&bytes) } else { &bytes });
    }
    let fixtures: Vec<String> = contents(&folder).into_iter().map(|(name, _)| name).collect();
    assert_eq!(fixtures, names);
}

/// A disk whose directory is that of this version.
fn disk_of(version: u32) -> MemoryDisk {
    let disk = MemoryDisk::default();
    for (name, mut bytes) in contents(&fixtures(env!("CARGO_MANIFEST_DIR"), version)) {
        if name.ends_with(".log") {
            bytes.resize(SEGMENT_BYTES as usize, 0);
        }
        disk.set_bytes(&Path::new(DIRECTORY).join(name), bytes);
    }
    disk
}

#[test]
fn the_log_of_version_1_is_read() {
    let log = open_log(&host(&disk_of(1))).unwrap();
    let summary =
        LogSummary { vote: Some(vote()), committed: Some(id(1, 2)), purged: Some(id(1, 1)), last: Some(id(3, 5)) };
    assert_eq!(log.summary(), summary);
    assert_eq!(log.read(0, u64::MAX, usize::MAX).unwrap(), entries());
}

/// The mark is read as well: it names a place that a log must reach.
#[test]
fn the_mark_of_version_1_vouches_for_the_log() {
    let disk = disk_of(1);
    let newest = Path::new(DIRECTORY).join("0000000000000001.log");
    let mut bytes = disk.bytes(&newest).unwrap();
    bytes[64..].fill(0);
    disk.set_bytes(&newest, bytes);
    let refused = open_log(&host(&disk)).err().expect("the records that were durable are gone").to_string();
    assert!(refused.contains("had been durable up to byte"), "{refused}");
}

#[test]
fn the_snapshot_of_version_1_is_read() {
    let (_, reader) = SnapshotStore::open(host(&disk_of(1)), Path::new(DIRECTORY)).unwrap();
    let mut reader = reader.unwrap();
    assert_eq!(*reader.meta(), meta());
    for record in records() {
        assert_eq!(reader.next().unwrap(), Some(&record[..]));
    }
    assert_eq!(reader.next().unwrap(), None);
}
