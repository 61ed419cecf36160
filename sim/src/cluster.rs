//! The servers of a simulated cluster: starting, crashing and restarting the real node code on simulated machines.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_base::metrics::Registry;
use quorate_base::{Account, MemoryDisk};
use quorate_node::{Config, ConsensusConfig, Handle, LogWriter, Member, NodeId, Peers, Sabotage};
use quorate_state::{Check, CheckStatus, FORMAT_FIRST, FORMAT_NEWEST, Format, Node, Registration, Service};
use tokio::time::Instant;

use crate::host::Life;
use crate::network::SimNetwork;

/// What fits on a disk: several snapshots and segments of what the clients write.
pub const DISK_BYTES: u64 = 64 << 20;
/// Segments of the log, small enough that a run fills several.
const SEGMENT_BYTES: u64 = 256 << 10;
/// Log between snapshots, small enough that a run takes several.
const SNAPSHOT_AFTER_BYTES: u64 = 128 << 10;

/// A cluster.
pub struct Cluster {
    seed: u64,
    started: Instant,
    sabotage: Sabotage,
    first_members: BTreeMap<NodeId, Member>,
    /// Its network.
    pub network: SimNetwork,
    /// Its servers.
    pub servers: Vec<Server>,
}

/// A server, running or not.
pub struct Server {
    /// Its identity.
    pub id: NodeId,
    /// Its disk.
    pub disk: MemoryDisk,
    starts: u64,
    /// The newest format that its program reads.
    format_newest: Format,
    running: Option<(Life, Handle)>,
}

impl Server {
    /// The node, if it runs.
    pub fn handle(&self) -> Option<&Handle> {
        self.running.as_ref().map(|(_, handle)| handle)
    }
}

fn empty_disk(seed: u64) -> MemoryDisk {
    let disk = MemoryDisk::simulated(seed);
    disk.set_capacity(DISK_BYTES);
    disk
}

impl Cluster {
    /// A cluster of servers that do not run yet.
    pub fn new(seed: u64, servers: usize, sabotage: Sabotage) -> Self {
        let ids: Vec<_> = (1..=servers as u128).map(NodeId::from_u128).collect();
        let member = |id: &NodeId| Member { name: format!("server-{}", id.as_u128()), address: id.to_string() };
        Self {
            seed,
            started: Instant::now(),
            sabotage,
            first_members: ids.iter().map(|id| (*id, member(id))).collect(),
            network: SimNetwork::new(seed),
            servers: ids
                .iter()
                .map(|id| Server {
                    id: *id,
                    disk: empty_disk(seed ^ id.as_u128() as u64),
                    starts: 0,
                    format_newest: FORMAT_FIRST,
                    running: None,
                })
                .collect(),
        }
    }

    /// Starts a server that does not run. An error means that it refuses to start; it gives up silently if its power is
    /// cut meanwhile.
    pub async fn start(&mut self, place: usize) -> Result<(), String> {
        let server = &mut self.servers[place];
        server.starts += 1;
        let seed = self.seed.wrapping_mul(31) ^ (place as u64) << 32 ^ server.starts;
        let life = Life::new(seed, &server.disk, self.started);
        // Some start with the newer program, at first or when they come back.
        if life.host.random.number().is_multiple_of(2) {
            server.format_newest = FORMAT_NEWEST;
        }
        let peers = self.network.peers(server.id);
        let config = config(server.id, server.format_newest, self.first_members.clone(), peers);
        let (host, transport) = (life.host.clone(), self.network.port(server.id));
        // In a task of the host, so that what the start itself starts belongs to the host too.
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let sabotage = self.sabotage;
        life.host.spawn(async move {
            let _ = sender.send(Handle::start_broken(config, host, transport, sabotage).await);
        });
        match receiver.await {
            Ok(Ok(handle)) => {
                self.network.connect(server.id, handle.clone(), life.host.clone());
                server.running = Some((life, handle));
                Ok(())
            }
            Ok(Err(error)) if life.is_alive() => Err(format!("server {} refuses to start: {error}", server.id)),
            _ => {
                life.end();
                server.disk.crash();
                Ok(())
            }
        }
    }

    /// Ends a server at once, wherever it is, and what it did not sync with it.
    pub async fn crash(&mut self, place: usize) {
        let server = &mut self.servers[place];
        if let Some((life, _)) = server.running.take() {
            self.network.disconnect(server.id);
            life.end();
            // The runtime drops ended tasks when their turn comes.
            tokio::task::yield_now().await;
            server.disk.crash();
        }
    }

    /// Starts those that still have the older program with the newer one, one after the other.
    pub async fn upgrade(&mut self) -> Result<(), String> {
        for place in 0..self.servers.len() {
            if self.servers[place].format_newest < FORMAT_NEWEST {
                self.crash(place).await;
                self.servers[place].format_newest = FORMAT_NEWEST;
                self.start(place).await?;
            }
        }
        Ok(())
    }

    /// Steps the wall clock of a server that runs.
    pub fn step_clock(&self, place: usize, by_ms: i64) {
        if let Some((life, _)) = &self.servers[place].running {
            life.step_clock(by_ms);
        }
    }

    /// Crashes the servers whose power was cut or whose node stopped for good. Gives the places of those that ended.
    pub async fn bury(&mut self) -> Vec<usize> {
        let ended = |server: &Server| {
            server.running.as_ref().is_some_and(|(life, handle)| !life.is_alive() || handle.status().fatal.is_some())
        };
        let places: Vec<_> = (0..self.servers.len()).filter(|place| ended(&self.servers[*place])).collect();
        for place in &places {
            self.crash(*place).await;
        }
        places
    }

    /// The places of the servers that do not run.
    pub fn down(&self) -> Vec<usize> {
        (0..self.servers.len()).filter(|place| self.servers[*place].running.is_none()).collect()
    }
}

fn config(id: NodeId, format_newest: Format, first_members: BTreeMap<NodeId, Member>, peers: Arc<dyn Peers>) -> Config {
    Config {
        consensus: ConsensusConfig {
            segment_bytes: SEGMENT_BYTES,
            snapshot_after_log_bytes: SNAPSHOT_AFTER_BYTES,
            log_kept_entries: 20,
            log_writer: LogWriter::Inline,
            proposals_bytes_max: (SEGMENT_BYTES / 4) as usize,
            proposal_bytes_max: (SEGMENT_BYTES / 8) as usize,
            snapshot_chunk_bytes: 16 << 10,
            tail_bytes_max: 16 << 10,
            replication_bytes_max: 32 << 10,
            rpc_timeout_ms: 400,
            ..ConsensusConfig::new(id, "/data")
        },
        name: format!("server-{}", id.as_u128()),
        datacenter: "dc1".into(),
        version: "0.1.0".into(),
        peers: Some(peers),
        first_members,
        registration: registration(),
        format_newest,
        tombstone_ttl_ms: 5_000,
        watches_max: 1_000,
        account: Account::new(16 << 20, &Registry::default()),
        parked_max: 1_000,
        kept_answer_bytes_max: 16 << 20,
        leader_wait_ms: 2_000,
        metrics: Registry::default(),
    }
}

/// What every leader registers: one node, on which the clients' sessions live.
fn registration() -> Registration {
    Registration {
        node: Node { name: HOME.into(), address: "127.0.0.1".into(), ..Node::default() },
        service: Some(Service { node: HOME.into(), id: "consul".into(), name: "consul".into(), ..Service::default() }),
        checks: vec![Check {
            node: HOME.into(),
            id: "serfHealth".into(),
            name: "Serf Health Status".into(),
            status: CheckStatus::Passing,
            ..Check::default()
        }],
        ..Registration::default()
    }
}

/// The node in the catalog on which sessions live.
pub const HOME: &str = "home";

/// The nodes that run, as clients find them: it changes under them.
#[derive(Clone, Default)]
pub struct Directory(Arc<Mutex<Vec<Running>>>);

/// A node that runs, in one of its lives.
#[derive(Clone)]
pub struct Running {
    /// Its identity.
    pub id: NodeId,
    /// How often it was started.
    pub life: u64,
    /// The node.
    pub handle: Handle,
}

impl Directory {
    fn lock(&self) -> MutexGuard<'_, Vec<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The nodes of this cluster that run now.
    pub fn update(&self, cluster: &Cluster) {
        let running =
            |server: &Server| Some(Running { id: server.id, life: server.starts, handle: server.handle()?.clone() });
        *self.lock() = cluster.servers.iter().filter_map(running).collect();
    }

    /// The nodes that run now.
    pub fn get(&self) -> Vec<Running> {
        self.lock().clone()
    }

    /// Whether this life goes on.
    pub fn has(&self, running: &Running) -> bool {
        self.lock().iter().any(|other| (other.id, other.life) == (running.id, running.life))
    }
}
