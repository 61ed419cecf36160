//! Snapshot files against damage and crashes.

use quorate_base::MemoryDisk;

use super::*;
use crate::application::{SnapshotRecords, SnapshotSink};
use crate::protocol::Membership;

struct Records(Vec<Vec<u8>>);

impl SnapshotSource for Records {
    fn write(self: Box<Self>, sink: &mut dyn SnapshotSink) -> io::Result<()> {
        self.0.iter().try_for_each(|record| sink.record(record))
    }
}

fn records() -> Vec<Vec<u8>> {
    vec![b"one".to_vec(), Vec::new(), vec![7; 300_000], b"four".to_vec()]
}

fn meta(index: u64) -> SnapshotMeta {
    SnapshotMeta { last: LogId { term: 2, index }, membership_at: None, membership: Membership::default() }
}

fn directory() -> &'static Path {
    Path::new("/data")
}

fn write(store: &SnapshotStore, index: u64) -> io::Result<SnapshotFile> {
    store.write(meta(index), Box::new(Records(records())))
}

fn read_all(mut reader: SnapshotReader) -> Result<Vec<Vec<u8>>, SnapshotError> {
    let mut records = Vec::new();
    while let Some(record) = reader.next()? {
        records.push(record.to_vec());
    }
    Ok(records)
}

#[test]
fn a_snapshot_comes_back_and_replaces_the_one_before() {
    let disk = MemoryDisk::simulated(0);
    let (store, none) = SnapshotStore::open(disk.host(), directory()).unwrap();
    assert!(none.is_none());
    write(&store, 5).unwrap();
    let second = write(&store, 300).unwrap();
    assert_eq!(disk.paths("").len(), 1);
    disk.set_seed(1);
    disk.crash();
    let (store, reader) = SnapshotStore::open(disk.host(), directory()).unwrap();
    let mut reader = reader.unwrap();
    assert_eq!(*reader.meta(), meta(300));
    while reader.next().unwrap().is_some() {}
    store.set_current(reader).unwrap();
    assert_eq!(store.current().unwrap().identity, second.identity);
    let (_, reader) = SnapshotStore::open(disk.host(), directory()).unwrap();
    assert_eq!(read_all(reader.unwrap()).unwrap(), records());
}

#[test]
fn every_changed_or_missing_byte_is_noticed() {
    let disk = MemoryDisk::simulated(0);
    let (store, _) = SnapshotStore::open(disk.host(), directory()).unwrap();
    store.write(meta(5), Box::new(Records(vec![b"one".to_vec(), b"two".to_vec()]))).unwrap();
    let path = disk.paths(".snapshot").remove(0);
    let whole = disk.bytes(&path).unwrap();
    let mut broken: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
    for byte in 0..whole.len() {
        let mut changed = whole.clone();
        changed[byte] ^= 0x10;
        broken.push(changed);
    }
    broken.push([whole.clone(), vec![0]].concat());
    for bytes in broken {
        disk.set_bytes(&path, bytes);
        let opened = SnapshotStore::open(disk.host(), directory());
        let read = opened.map(|(_, reader)| read_all(reader.unwrap()));
        let text = match read {
            Err(error) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Ok(Ok(_)) => panic!("not noticed"),
        };
        assert!(
            text.contains("/data/0000000000000005-0000000000000002.snapshot") && text.contains("restore"),
            "{text}"
        );
    }
}

#[test]
fn a_crash_while_writing_leaves_the_old_snapshot_or_the_new_one() {
    for dice in 0..300 {
        let disk = MemoryDisk::simulated(0);
        let (store, _) = SnapshotStore::open(disk.host(), directory()).unwrap();
        write(&store, 5).unwrap();
        disk.cut_power_after(dice % 12);
        let written = write(&store, 300);
        disk.set_seed(dice);
        disk.crash();
        let (_, reader) = SnapshotStore::open(disk.host(), directory()).unwrap();
        let reader = reader.unwrap();
        let last = reader.meta().last.index;
        assert!(last == 300 || (last == 5 && written.is_err()), "{last}");
        assert_eq!(read_all(reader).unwrap(), records());
    }
}

#[test]
fn a_full_disk_leaves_the_old_snapshot_and_nothing_else() {
    let disk = MemoryDisk::simulated(0);
    let (store, _) = SnapshotStore::open(disk.host(), directory()).unwrap();
    write(&store, 5).unwrap();
    disk.set_capacity(disk.used_bytes() + 1000);
    assert_eq!(write(&store, 300).err().unwrap().kind(), io::ErrorKind::StorageFull);
    assert_eq!(store.begin_receiving(2000).err().unwrap().kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.paths("").len(), 1);
    assert_eq!(store.current().unwrap().meta.last.index, 5);
}

#[test]
fn a_snapshot_from_another_directory_is_copied() {
    let (from, to) = (MemoryDisk::simulated(0), MemoryDisk::simulated(0));
    let (store, _) = SnapshotStore::open(from.host(), Path::new("/elsewhere")).unwrap();
    let theirs = write(&store, 5).unwrap();
    let (store, _) = SnapshotStore::open(to.host(), directory()).unwrap();
    let ours = store.install(theirs.clone()).unwrap();
    assert_eq!(ours.identity, theirs.identity);
    assert_eq!(to.bytes(&ours.path).unwrap(), from.bytes(&theirs.path).unwrap());
}

/// Reads the newest snapshot to its end, as a start does, and gives the store if it was whole.
fn start(disk: &MemoryDisk) -> Result<SnapshotStore, StartError> {
    let (store, reader) = SnapshotStore::open(disk.host(), directory())?;
    if let Some(mut reader) = reader {
        while reader.next()?.is_some() {}
        store.set_current(reader)?;
    }
    Ok(store)
}

fn copy(disk: &MemoryDisk, from: &Path, to: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = disk.bytes(from).unwrap();
    change(&mut bytes);
    let file = disk.host().disk.open(&directory().join(to), OpenMode::CreateNew).unwrap();
    file.write_at(&bytes, 0).unwrap();
}

#[test]
fn a_copy_under_another_name_is_no_snapshot_and_is_left_alone() {
    let disk = MemoryDisk::simulated(0);
    let real = write(&start(&disk).unwrap(), 5).unwrap();
    let strangers = ["backup.snapshot", "ffff.snapshot", "FFFFFFFFFFFFFFFF-0000000000000002.snapshot", "x.part"];
    for stranger in strangers {
        copy(&disk, &real.path, stranger, |bytes| bytes[40] ^= 1);
    }
    let store = start(&disk).unwrap();
    store.clean().unwrap();
    assert_eq!(store.current().unwrap().path, real.path);
    assert_eq!(disk.paths("").len(), 1 + strangers.len());
}

#[test]
fn a_refused_start_touches_nothing_and_an_accepted_one_removes_the_rest() {
    let disk = MemoryDisk::simulated(0);
    let older = write(&start(&disk).unwrap(), 5).unwrap();
    // What a crash between the new one's rename and the old one's removal leaves, and the new one was damaged since.
    copy(&disk, &older.path, "0000000000000003-0000000000000002.snapshot", |_| {});
    copy(&disk, &older.path, "0123456789abcdef.part", |bytes| bytes.truncate(100));
    let whole = disk.bytes(&older.path).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    disk.set_bytes(&older.path, damaged);
    let before = disk.paths("");
    assert!(matches!(start(&disk), Err(StartError::Snapshot(SnapshotError::Damaged { .. }))));
    assert_eq!(disk.paths(""), before);
    disk.set_bytes(&older.path, whole);
    start(&disk).unwrap().clean().unwrap();
    assert_eq!(disk.paths(""), [older.path]);
}
