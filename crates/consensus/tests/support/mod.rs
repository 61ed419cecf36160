//! A cluster in one process: a counting application, a network in memory that can be cut, disks that outlive their servers.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::disallowed_methods, reason = "tests start their own tasks")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use bytes::Bytes;
use quorate_base::Host;
use quorate_base::memory_disk::{MemoryDisk, Operation};
use quorate_consensus::*;

/// A command that [`Ledger`] cannot read, as if a newer program had written it.
pub(crate) const UNREADABLE: &str = "unreadable";
/// A command that takes long: it is applied once the test lets go of [`Ledger`]'s gate.
pub(crate) const LONG: &str = "long";

/// Keeps every command it was given, by index, and answers with how many there were.
#[derive(Clone, Default)]
pub(crate) struct Ledger(pub(crate) Arc<Mutex<BTreeMap<u64, Bytes>>>, pub(crate) Arc<Mutex<()>>);

impl Application for Ledger {
    type Command = Bytes;
    type Response = usize;

    fn decode(bytes: Bytes) -> Result<Bytes, UnreadableCommand> {
        if bytes.starts_with(UNREADABLE.as_bytes()) {
            return Err(UnreadableCommand("a command of version 2, and this program reads up to 1".to_owned()));
        }
        Ok(bytes)
    }

    fn is_long(&self, commands: &[(u64, Bytes)]) -> bool {
        commands.iter().any(|(_, command)| *command == LONG)
    }

    fn apply(&mut self, commands: Commands<'_, Bytes>, responses: &mut Vec<usize>) {
        let _gate = self.is_long(commands.as_slice()).then(|| self.1.lock().unwrap());
        let mut ledger = self.0.lock().unwrap();
        for (index, command) in commands {
            assert!(ledger.insert(index, command).is_none(), "entry {index} was applied twice");
            responses.push(ledger.len());
        }
    }

    fn snapshot(&self) -> Box<dyn SnapshotSource> {
        Box::new(Copied(self.0.lock().unwrap().clone()))
    }

    fn restore(&mut self, last_index: u64, records: &mut dyn SnapshotRecords) -> Result<(), RestoreError> {
        let mut ledger = BTreeMap::new();
        while let Some(record) = records.next()? {
            let (index, command) = record.split_first_chunk::<8>().unwrap();
            ledger.insert(u64::from_le_bytes(*index), Bytes::copy_from_slice(command));
        }
        assert!(ledger.keys().all(|index| *index <= last_index));
        *self.0.lock().unwrap() = ledger;
        Ok(())
    }
}

struct Copied(BTreeMap<u64, Bytes>);

impl SnapshotSource for Copied {
    fn write(self: Box<Self>, sink: &mut dyn SnapshotSink) -> std::io::Result<()> {
        self.0.iter().try_for_each(|(index, command)| sink.record(&[&index.to_le_bytes()[..], &command[..]].concat()))
    }
}

fn said_no() -> io::Error {
    io::Error::other("the disk said no")
}

/// Each sync of a file fails from now on.
pub(crate) fn fail_syncs(disk: &MemoryDisk) {
    disk.set_hook(|operation, _| if operation == Operation::Sync { Err(said_no()) } else { Ok(()) });
}

/// From now on no log file can be prepared: its sync fails. Gives how many times it did.
pub(crate) fn fail_unnamed_syncs(disk: &MemoryDisk) -> Arc<AtomicUsize> {
    let failed = Arc::new(AtomicUsize::new(0));
    let counted = failed.clone();
    // A file keeps the name that it was opened by; one that was prepared before has its syncs.
    let unnamed: Mutex<BTreeSet<PathBuf>> = Mutex::default();
    disk.set_hook(move |operation, path| {
        let mut unnamed = unnamed.lock().unwrap();
        if operation == Operation::Create && path.extension().is_some_and(|extension| extension == "new") {
            unnamed.insert(path.to_owned());
        }
        if operation == Operation::Sync && unnamed.contains(path) {
            counted.fetch_add(1, Ordering::SeqCst);
            return Err(said_no());
        }
        Ok(())
    });
    failed
}

/// What a thread did to a disk that must not touch it.
pub(crate) type Trespasses = Arc<Mutex<BTreeSet<Operation>>>;

/// From now on this thread must not touch the disk.
pub(crate) fn forbid(disk: &MemoryDisk, thread: ThreadId) -> Trespasses {
    let trespasses = Trespasses::default();
    let noted = trespasses.clone();
    disk.set_hook(move |operation, _| {
        if std::thread::current().id() == thread {
            noted.lock().unwrap().insert(operation);
        }
        Ok(())
    });
    trespasses
}

/// A network in memory. Links can be cut one way; every request can be delivered twice.
#[derive(Clone, Default)]
pub(crate) struct Net(Arc<Mutex<NetInner>>);

#[derive(Default)]
struct NetInner {
    servers: BTreeMap<NodeId, Consensus<Ledger>>,
    cut: HashSet<(NodeId, NodeId)>,
    duplicate: bool,
    snapshot_pieces: usize,
}

impl Net {
    pub(crate) fn isolate(&self, id: NodeId, ids: &[NodeId]) {
        let mut inner = self.0.lock().unwrap();
        for other in ids {
            inner.cut.insert((id, *other));
            inner.cut.insert((*other, id));
        }
    }

    /// Lets nothing through to `id`, neither requests nor answers; what it says is heard.
    pub(crate) fn deafen(&self, id: NodeId, ids: &[NodeId]) {
        self.0.lock().unwrap().cut.extend(ids.iter().map(|other| (*other, id)));
    }

    pub(crate) fn heal(&self) {
        self.0.lock().unwrap().cut.clear();
    }

    pub(crate) fn duplicate(&self) {
        self.0.lock().unwrap().duplicate = true;
    }

    pub(crate) fn snapshot_pieces(&self) -> usize {
        self.0.lock().unwrap().snapshot_pieces
    }
}

struct Port {
    from: NodeId,
    net: Net,
}

impl Transport for Port {
    fn call(&self, to: NodeId, _: &Member, rpc: Rpc) -> BoxFuture<'static, Result<RpcReply, TransportError>> {
        let (net, from) = (self.net.clone(), self.from);
        Box::pin(async move {
            let cut = || TransportError::Unreachable("cut".to_owned());
            let (server, duplicate) = {
                let mut inner = net.0.lock().unwrap();
                inner.snapshot_pieces += usize::from(matches!(rpc, Rpc::InstallSnapshot(_)));
                let passes = !inner.cut.contains(&(from, to));
                let server = inner.servers.get(&to).filter(|_| passes).cloned();
                (server.ok_or_else(cut)?, inner.duplicate)
            };
            if duplicate {
                let (again, rpc) = (server.clone(), rpc.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(3)).await;
                    let _ = again.handle(from, rpc).await;
                });
            }
            let reply = server.handle(from, rpc).await.map_err(TransportError::Refused)?;
            if net.0.lock().unwrap().cut.contains(&(to, from)) { Err(cut()) } else { Ok(reply) }
        })
    }
}

/// Servers on disks of their own.
pub(crate) struct Cluster {
    pub(crate) ids: Vec<NodeId>,
    pub(crate) net: Net,
    pub(crate) disks: Vec<MemoryDisk>,
    pub(crate) servers: Vec<Option<(Consensus<Ledger>, Ledger)>>,
    pub(crate) adjust: fn(&mut Config),
}

pub(crate) fn member(id: NodeId) -> Member {
    Member { name: format!("server-{}", id.as_u128()), address: String::new() }
}

pub(crate) fn config(id: NodeId) -> Config {
    Config {
        log_writer: LogWriter::Inline,
        segment_bytes: 256 << 10,
        proposal_bytes_max: 16 << 10,
        proposals_bytes_max: 64 << 10,
        replication_bytes_max: 64 << 10,
        snapshot_after_log_bytes: 1 << 30,
        log_kept_entries: 10,
        snapshot_chunk_bytes: 4 << 10,
        proposal_timeout_ms: 3000,
        ..Config::new(id, "/data")
    }
}

impl Cluster {
    pub(crate) async fn start(count: usize, adjust: fn(&mut Config)) -> Self {
        let ids: Vec<NodeId> = (1..=count as u128).map(NodeId::from_u128).collect();
        let disks = ids.iter().map(|_| MemoryDisk::default()).collect();
        let servers = ids.iter().map(|_| None).collect();
        let mut cluster = Self { ids, net: Net::default(), disks, servers, adjust };
        for position in 0..count {
            cluster.restart(position).await;
        }
        cluster
    }

    /// A cluster whose servers all know each other and have a leader.
    pub(crate) async fn formed(count: usize, adjust: fn(&mut Config)) -> Self {
        let cluster = Self::start(count, adjust).await;
        cluster.server(0).bootstrap(cluster.members()).await.unwrap();
        cluster.leader().await;
        cluster
    }

    pub(crate) fn members(&self) -> BTreeMap<NodeId, Member> {
        self.ids.iter().map(|id| (*id, member(*id))).collect()
    }

    pub(crate) fn voters(&self) -> BTreeSet<NodeId> {
        self.ids.iter().copied().collect()
    }

    pub(crate) fn server(&self, position: usize) -> &Consensus<Ledger> {
        &self.servers[position].as_ref().expect("running").0
    }

    pub(crate) fn ledger(&self, position: usize) -> BTreeMap<u64, Bytes> {
        self.servers[position].as_ref().expect("running").1.0.lock().unwrap().clone()
    }

    pub(crate) fn host(&self, position: usize) -> Host {
        self.disks[position].host()
    }

    pub(crate) async fn try_start(&self, position: usize) -> Result<(Consensus<Ledger>, Ledger), StartError> {
        let id = self.ids[position];
        let mut config = config(id);
        (self.adjust)(&mut config);
        let ledger = Ledger::default();
        let port = Arc::new(Port { from: id, net: self.net.clone() });
        let server = Consensus::start(config, self.host(position), port, ledger.clone()).await?;
        Ok((server, ledger))
    }

    pub(crate) async fn restart(&mut self, position: usize) {
        let started = self.try_start(position).await.unwrap();
        self.net.0.lock().unwrap().servers.insert(self.ids[position], started.0.clone());
        self.servers[position] = Some(started);
    }

    pub(crate) async fn stop(&mut self, position: usize) {
        self.net.0.lock().unwrap().servers.remove(&self.ids[position]);
        if let Some((server, _)) = self.servers[position].take() {
            server.shutdown().await;
        }
    }

    /// Waits until there is what is looked for.
    pub(crate) async fn until<T>(&self, look: impl Fn() -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(found) = look() {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it to come")
    }

    /// The position of the leader, once a running server is one and may answer reads.
    pub(crate) async fn leader(&self) -> usize {
        let leads = |server: &Option<(Consensus<Ledger>, Ledger)>| {
            server.as_ref().is_some_and(|(server, _)| server.check_lease().is_ok())
        };
        self.until(|| self.servers.iter().position(leads)).await
    }

    /// Waits until a server has applied `index`.
    pub(crate) async fn applied(&self, position: usize, index: u64) {
        let server = self.server(position);
        self.until(|| server.progress().applied.filter(|applied| applied.index >= index)).await;
    }

    /// Proposes until a leader takes it.
    pub(crate) async fn write(&self, command: &str) -> u64 {
        let wait = async {
            loop {
                let leader = self.leader().await;
                match self.server(leader).propose(Bytes::from(command.to_owned())).await {
                    Ok(applied) => return applied.index,
                    Err(error) if error.outcome() == Outcome::Unchanged => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("written")
    }
}
