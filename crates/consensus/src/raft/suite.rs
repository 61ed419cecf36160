//! openraft's own tests of a storage, on memory and on the real disk. They prove no durability, and never reopen anything:
//! the log's and the cluster's tests do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use quorate_base::{Host, MemoryDisk};

use crate::application::{
    Application, Commands, RestoreError, SnapshotRecords, SnapshotSink, SnapshotSource, UnreadableCommand,
};
use crate::config::LogWriter;
use crate::log::{Log, LogConfig};
use crate::raft::state_machine::{Machine, Restored, StateMachine};
use crate::raft::storage::LogStorage;
use crate::raft::type_config::TypeConfig;
use crate::snapshot::SnapshotStore;

/// Keeps nothing.
struct Nothing;

impl Application for Nothing {
    type Command = Bytes;
    type Response = ();

    fn decode(bytes: Bytes) -> Result<Bytes, UnreadableCommand> {
        Ok(bytes)
    }

    /// So the suite has both ways: here and on a thread of its own.
    fn is_long(&self, commands: &[(u64, Bytes)]) -> bool {
        commands.len().is_multiple_of(2)
    }

    fn apply(&mut self, commands: Commands<'_, Bytes>, responses: &mut Vec<()>) {
        responses.extend(commands.map(|_| ()));
    }

    fn snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(Self)
    }

    fn restore(&mut self, _: u64, _: &mut dyn SnapshotRecords) -> Result<(), RestoreError> {
        Ok(())
    }
}

impl SnapshotSource for Nothing {
    fn write(self: Box<Self>, _: &mut dyn SnapshotSink) -> std::io::Result<()> {
        Ok(())
    }
}

struct Builder {
    disk: Disk,
    writer: LogWriter,
}

enum Disk {
    Memory,
    Real,
}

/// A directory that goes with the test.
struct Scratch(Option<PathBuf>);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
}

type C = TypeConfig<()>;

impl StoreBuilder<C, LogStorage, StateMachine<Nothing>, Scratch> for Builder {
    async fn build(&self) -> Result<(Scratch, LogStorage, StateMachine<Nothing>), StorageError<C>> {
        let (host, scratch) = match self.disk {
            Disk::Memory => (Host { disk: Arc::new(MemoryDisk::default()), ..Host::real() }, None),
            Disk::Real => {
                let unique = format!("quorate-suite-{}", Host::real().random.uuid());
                (Host::real(), Some(std::env::temp_dir().join(unique)))
            }
        };
        let directory = scratch.clone().unwrap_or_else(|| Path::new("/data").to_owned());
        host.disk.create_directory(&directory).unwrap();
        let config = LogConfig {
            directory: directory.clone(),
            segment_bytes: 64 << 10,
            tail_bytes_max: 400,
            writer: self.writer,
            metrics: Default::default(),
        };
        let log = Log::open(host.clone(), config, |_| Ok(())).unwrap();
        let (store, newest) = SnapshotStore::open(host.clone(), &directory).unwrap();
        let restored = Restored::from_snapshot(store, newest, Nothing).unwrap();
        let machine = Machine::start(host.clone(), log.clone(), restored, u64::MAX, Default::default());
        Ok((Scratch(scratch), LogStorage::new(host, log, 1 << 20), StateMachine::new(Arc::new(machine))))
    }
}

async fn run(disk: Disk, writer: LogWriter) {
    Suite::test_all(Builder { disk, writer }).await.unwrap();
}

#[tokio::test]
async fn suite_on_memory() {
    run(Disk::Memory, LogWriter::Inline).await;
}

#[tokio::test]
async fn suite_on_the_real_disk_with_a_thread() {
    run(Disk::Real, LogWriter::Thread).await;
}

#[tokio::test]
async fn suite_on_the_real_disk_adaptive() {
    run(Disk::Real, LogWriter::Adaptive).await;
}
