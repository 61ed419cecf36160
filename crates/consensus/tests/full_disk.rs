//! A server on a small disk whose state is small: it may refuse writes for a moment, and never for good.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use quorate_base::metrics::{Registry, Value};
use quorate_base::{Disk, Host, MemoryDisk};
use quorate_consensus::*;

/// Keeps the last command: one key, overwritten for ever.
#[derive(Clone, Default)]
struct Latest(Arc<Mutex<Bytes>>);

impl Application for Latest {
    type Command = Bytes;
    type Response = ();

    fn decode(bytes: Bytes) -> Result<Bytes, UnreadableCommand> {
        Ok(bytes)
    }

    fn is_long(&self, _: &[(u64, Bytes)]) -> bool {
        false
    }

    fn apply(&mut self, commands: Commands<'_, Bytes>, responses: &mut Vec<()>) {
        for (_, command) in commands {
            *self.0.lock().unwrap() = command;
            responses.push(());
        }
    }

    fn snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(self.clone())
    }

    fn restore(&mut self, _: u64, records: &mut dyn SnapshotRecords) -> Result<(), RestoreError> {
        while let Some(record) = records.next()? {
            *self.0.lock().unwrap() = Bytes::copy_from_slice(record);
        }
        Ok(())
    }
}

impl SnapshotSource for Latest {
    fn write(self: Box<Self>, sink: &mut dyn SnapshotSink) -> std::io::Result<()> {
        let latest = self.0.lock().unwrap().clone();
        sink.record(&latest)
    }
}

struct Alone;

impl Transport for Alone {
    fn call(&self, _: NodeId, _: &Member, _: Rpc) -> BoxFuture<'static, Result<RpcReply, TransportError>> {
        Box::pin(std::future::ready(Err(TransportError::Unreachable("nobody is there".to_owned()))))
    }
}

const SEGMENT_BYTES: u64 = 256 << 10;
const VALUE_BYTES: usize = 20 << 10;

async fn start(disk: &MemoryDisk, adjust: fn(&mut Config)) -> (Consensus<Latest>, Latest) {
    start_measured(disk, adjust, Registry::default()).await
}

async fn start_measured(disk: &MemoryDisk, adjust: fn(&mut Config), metrics: Registry) -> (Consensus<Latest>, Latest) {
    let id = NodeId::from_u128(1);
    let mut config = Config { log_writer: LogWriter::Inline, metrics, ..Config::new(id, "/data") };
    config = config.with_segment_bytes(SEGMENT_BYTES);
    adjust(&mut config);
    let latest = Latest::default();
    let host = Host { disk: Arc::new(disk.clone()), ..Host::real() };
    let server = Consensus::start(config, host, Arc::new(Alone), latest.clone()).await.unwrap();
    let member = Member { name: "alone".to_owned(), address: String::new() };
    server.bootstrap([(id, member)].into()).await.unwrap();
    server.status().wait_for(|status| status.role == Role::Leader).await.unwrap();
    (server, latest)
}

fn value(number: u32) -> Bytes {
    [&number.to_le_bytes()[..], &vec![7; VALUE_BYTES]].concat().into()
}

/// Writes a value, for as long as it takes; gives how often that was refused.
async fn write(server: &Consensus<Latest>, number: u32) -> u32 {
    for refused in 0..60 {
        match server.propose(value(number)).await {
            Ok(_) => return refused,
            Err(ProposeError::DiskFull { .. }) => tokio::time::sleep(Duration::from_millis(500)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("write {number} is refused for good");
}

#[tokio::test(start_paused = true)]
async fn one_key_can_be_overwritten_for_ever_on_a_small_disk() {
    // From one log file and two snapshots on, much less than what is written; at some sizes no second file fits beside the
    // first, at some no third.
    for more_kib in (48..3 * 256).step_by(40) {
        let disk_bytes = SEGMENT_BYTES + (more_kib << 10);
        overwrite_for_ever(&MemoryDisk::new(disk_bytes)).await;
    }
}

async fn overwrite_for_ever(disk: &MemoryDisk) {
    let (server, latest) = start(disk, |config| config.snapshot_after_log_bytes = 1 << 30).await;
    for number in 0..100 {
        write(&server, number).await;
    }
    assert_eq!(*latest.0.lock().unwrap(), value(99));
    server.shutdown().await;
    drop(server);
    // A start on the full disk goes on too.
    let (server, latest) = start(disk, |config| config.snapshot_after_log_bytes = 1 << 30).await;
    for number in 100..150 {
        write(&server, number).await;
    }
    assert_eq!(*latest.0.lock().unwrap(), value(149));
    assert_eq!(server.status().borrow().fatal, None);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_alone_keeps_no_log_behind_its_snapshot() {
    let disk = MemoryDisk::default();
    let (server, _) = start(&disk, |_| {}).await;
    let mut most = 0;
    for number in 0..1000 {
        assert_eq!(write(&server, number).await, 0);
        most = most.max(disk.used_bytes());
    }
    // The trigger of two files, what was written while the snapshot was, the file prepared, and two snapshots.
    assert!(most <= 6 * SEGMENT_BYTES, "{most}");
    // After a restart the snapshots go on: what was purged up to the last one counts as covered.
    server.shutdown().await;
    drop(server);
    let (server, _) = start(&disk, |_| {}).await;
    let before = server.progress().snapshot;
    for number in 0..100 {
        write(&server, number).await;
        assert!(disk.used_bytes() <= 6 * SEGMENT_BYTES);
    }
    assert!(server.progress().snapshot > before);
    let logs = disk.list(std::path::Path::new("/data")).unwrap().iter().filter(|name| name.ends_with(".log")).count();
    assert!(logs <= 5, "{logs}");
}

/// What a metric says: a gauge's value, a counter's total, how many values a sample has.
fn measured(registry: &Registry, name: &str) -> f64 {
    let readings = registry.read().readings;
    let reading = readings.iter().find(|reading| reading.name.name == name).unwrap_or_else(|| panic!("{name}"));
    match reading.value {
        Value::Gauge(value) => value,
        Value::Counter { total, .. } => total,
        Value::Sample { count, .. } => count as f64,
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_snapshots_and_roles_are_measured() {
    let disk = MemoryDisk::new(3 * SEGMENT_BYTES + (64 << 10));
    let registry = Registry::default();
    let (server, _) = start_measured(&disk, |config| config.snapshot_after_log_bytes = 1 << 30, registry.clone()).await;
    let read = |name| measured(&registry, name);
    for number in 0..8 {
        assert_eq!(write(&server, number).await, 0);
    }
    server.snapshot_now().await.unwrap();
    for name in [
        "consul.raft.state.leader",
        "consul.raft.state.follower",
        "quorate.raft.leader_changes",
        "consul.raft.fsm.snapshot",
        "consul.raft.snapshot.create",
        "consul.raft.snapshot.persist",
        "consul.raft.snapshot.takeSnapshot",
    ] {
        assert_eq!(read(name), 1.0, "{name}");
    }
    for name in
        ["quorate.log.sync", "quorate.log.batch_bytes", "quorate.log.batch_entries", "consul.raft.fsm.applyBatch"]
    {
        assert!(read(name) >= 8.0, "{name}: {}", read(name));
    }
    assert!(read("consul.raft.leader.dispatchLog") >= 7.0);
    assert_eq!((read("consul.raft.leader.dispatchNumLogs"), read("consul.raft.commitNumLogs")), (1.0, 1.0));
    assert!(read("quorate.snapshot.bytes") > VALUE_BYTES as f64);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((read("quorate.log.files"), read("quorate.log.bytes")), (2.0, 2.0 * SEGMENT_BYTES as f64));
    assert_eq!(read("quorate.log.disk_full"), 0.0);
    disk.set_capacity(disk.used_bytes());
    let mut status = server.status();
    tokio::select! {
        full = status.wait_for(|status| status.disk_full) => drop(full.unwrap()),
        () = async { loop { write(&server, 9).await; } } => {}
    }
    assert_eq!(read("quorate.log.disk_full"), 1.0);
    server.shutdown().await;
    drop(server);
    let registry = Registry::default();
    let _server = start_measured(&disk, |_| {}, registry.clone()).await;
    assert_eq!(measured(&registry, "consul.raft.fsm.restore"), 1.0);
}
