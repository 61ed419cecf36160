//! One run: a cluster, its clients and its nemesis from one seed, with all properties checked after each step.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quorate_node::codec::FORMAT_NEWEST;
use quorate_node::{Caller, Consistency, Handle, NodeId, Role, Rpc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::clients::{self, Accounts, Router};
use crate::cluster::{Cluster, Directory};
use crate::history;
use crate::nemesis::Nemesis;
use crate::properties::{self, Property, ServerView, View};
use crate::sabotage::Sabotage;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where everything random comes from.
    pub seed: u64,
    /// How many servers.
    pub servers: usize,
    /// How long the nemesis acts, in simulated seconds.
    pub seconds: u64,
    /// How the cluster is broken on purpose.
    pub sabotage: Option<Sabotage>,
    /// The one property to check; all if none is named.
    pub only: Option<String>,
}

/// What a run that went well did.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// How often the properties were checked.
    pub steps: u64,
    /// How many writes were acknowledged.
    pub writes: usize,
    /// How many calls the linearizability checker judged.
    pub calls: usize,
    /// How many locks were held.
    pub holds: usize,
    /// A number for everything that happened: equal for equal runs.
    pub trace: u64,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The property, or what else.
    pub property: String,
    /// What was seen.
    pub what: String,
}

/// How long a cluster whose faults are mended may take to agree on everything.
const RECOVERY: Duration = Duration::from_secs(60);
/// How long its leader may take to end restores whose driver died, and to go over to the newest format.
const TIDYING: Duration = Duration::from_secs(150);
/// How long a server may take to notice a fault that was there before everything was mended.
const FAULTS_NOTICED: Duration = Duration::from_millis(100);
/// How many clients of each kind there are.
const CLIENTS: u64 = 3;

type Delivered = Arc<Mutex<Vec<(NodeId, NodeId, Rpc)>>>;

struct Run {
    plan: Plan,
    cluster: Cluster,
    directory: Directory,
    accounts: Accounts,
    delivered: Delivered,
    properties: Vec<(&'static str, Box<dyn Property>)>,
    trace: DefaultHasher,
    steps: u64,
}

/// Runs a plan. Call it on a runtime with one thread and a paused clock, in a process of its own.
pub async fn run(plan: Plan) -> Result<Summary, Violation> {
    let mut run = Run::new(plan);
    for place in 0..run.cluster.servers.len() {
        run.start(place).await?;
    }
    let writers = run.spawn_clients();
    let mut nemesis = Nemesis::new(run.plan.seed ^ 0x5eed);
    let end = Instant::now() + Duration::from_secs(run.plan.seconds);
    while Instant::now() < end {
        sleep(Duration::from_millis(nemesis.pause_ms())).await;
        run.cluster.bury().await;
        nemesis.act(&mut run.cluster).await.map_err(|what| violation("start", what))?;
        run.directory.update(&run.cluster);
        run.check(false)?;
    }
    run.settle(writers).await?;
    run.judge()
}

/// The state as a server has it, whatever it knows of the others.
fn state_of(handle: &Handle) -> Option<quorate_node::View> {
    handle.view_now(&Caller::anonymous(), Consistency::STALE)
}

fn violation(property: &str, what: impl ToString) -> Violation {
    Violation { property: property.to_owned(), what: what.to_string() }
}

impl Run {
    fn new(plan: Plan) -> Self {
        let of_nodes = plan.sabotage.map_or_else(Default::default, Sabotage::of_nodes);
        let cluster = Cluster::new(plan.seed, plan.servers, of_nodes);
        if let Some(sabotage) = plan.sabotage {
            sabotage.of_surroundings(&cluster);
        }
        let delivered = Delivered::default();
        let messages = delivered.clone();
        cluster.network.observe(move |from, to, rpc| {
            messages.lock().unwrap_or_else(PoisonError::into_inner).push((from, to, rpc.clone()));
        });
        let mut properties = properties::all();
        properties.retain(|(name, _)| plan.only.as_deref().is_none_or(|only| only == *name));
        Self {
            plan,
            cluster,
            directory: Directory::default(),
            accounts: Accounts::default(),
            delivered,
            properties,
            trace: DefaultHasher::new(),
            steps: 0,
        }
    }

    async fn start(&mut self, place: usize) -> Result<(), Violation> {
        self.cluster.start(place).await.map_err(|what| violation("start", what))?;
        self.directory.update(&self.cluster);
        Ok(())
    }

    /// Starts all clients; gives those that end when they are asked to.
    #[allow(clippy::disallowed_methods, reason = "clients live outside the simulated machines")]
    fn spawn_clients(&self) -> JoinSet<()> {
        let mut writers = JoinSet::new();
        for client in 0..CLIENTS {
            writers.spawn(clients::write_journal(client, self.router(client), self.accounts.clone()));
            writers.spawn(clients::take_locks(client, self.router(100 + client), self.accounts.clone()));
            writers.spawn(clients::measure_delays(client, self.router(500 + client), self.accounts.clone()));
            writers.spawn(clients::use_registers(client, self.router(200 + client), self.accounts.clone()));
        }
        writers.spawn(clients::interrupt_restores(self.router(600), self.accounts.clone()));
        for (client, prefix) in ["register/", "register/1", "lock/", "journal/0/1", "nothing/"].iter().enumerate() {
            let (client, prefix) = (client as u64, (*prefix).to_owned());
            let router = self.router(300 + client);
            tokio::spawn(clients::watch(client, prefix, self.directory.clone(), router, self.accounts.clone()));
        }
        writers
    }

    fn router(&self, number: u64) -> Router {
        Router::new(self.directory.clone(), self.plan.seed.wrapping_mul(1_000_003).wrapping_add(number))
    }

    /// Checks all properties against what is now.
    fn check(&mut self, settled: bool) -> Result<(), Violation> {
        self.steps += 1;
        let handles = self.cluster.servers.iter().filter_map(|server| server.handle());
        let servers: Vec<_> = handles
            .filter_map(|handle| Some(ServerView { status: handle.status(), state: state_of(handle)? }))
            .collect();
        let delivered = std::mem::take(&mut *self.delivered.lock().unwrap_or_else(PoisonError::into_inner));
        for (from, to, rpc) in &delivered {
            (from, to, format!("{rpc:?}")).hash(&mut self.trace);
        }
        for server in &servers {
            (server.status.role as u8, server.status.term, server.state.index()).hash(&mut self.trace);
        }
        let view = View { servers: &servers, delivered: &delivered, accounts: &self.accounts, settled };
        for (name, property) in &mut self.properties {
            property.check(&view).map_err(|what| violation(name, what))?;
        }
        Ok(())
    }

    /// Mends everything, lets the clients finish, and waits until all servers agree.
    async fn settle(&mut self, mut writers: JoinSet<()>) -> Result<(), Violation> {
        self.cluster.bury().await;
        Nemesis::relent(&mut self.cluster).await.map_err(|what| violation("start", what))?;
        // A fault from before may be noticed only now; a server that stops later stopped for no reason.
        sleep(FAULTS_NOTICED).await;
        self.cluster.bury().await;
        Nemesis::relent(&mut self.cluster).await.map_err(|what| violation("start", what))?;
        self.cluster.upgrade().await.map_err(|what| violation("start", what))?;
        self.directory.update(&self.cluster);
        self.accounts.stop();
        let ended = timeout(RECOVERY, async { while writers.join_next().await.is_some() {} }).await;
        ended.map_err(|_| violation("recovery", "a client got no answer from a mended cluster"))?;
        let reader = clients::read_at_the_end(CLIENTS, self.router(400), self.accounts.clone());
        let read = timeout(RECOVERY, reader).await;
        read.map_err(|_| violation("recovery", "a mended cluster does not answer reads"))?;
        let deadline = Instant::now() + RECOVERY;
        while !self.agrees() {
            if Instant::now() > deadline {
                let statuses: Vec<_> = self.directory.get().iter().map(|running| running.handle.status()).collect();
                return Err(violation("recovery", format!("a mended cluster does not agree: {statuses:#?}")));
            }
            sleep(Duration::from_millis(100)).await;
            self.check(false)?;
        }
        let deadline = Instant::now() + TIDYING;
        while !self.is_tidy() {
            if Instant::now() > deadline {
                return Err(violation("recovery", "a restore or an older format stays in a mended cluster"));
            }
            sleep(Duration::from_secs(1)).await;
            self.check(false)?;
        }
        // Watchers look for a server now and then, and are told by it.
        sleep(Duration::from_secs(2)).await;
        self.check(true)
    }

    /// Whether all servers run, one leads, and all have applied all there is.
    fn agrees(&self) -> bool {
        let statuses: Vec<_> = self.directory.get().iter().map(|running| running.handle.status()).collect();
        let Some(leader) = statuses.iter().find(|status| status.role == Role::Leader) else { return false };
        statuses.len() == self.cluster.servers.len()
            && statuses.iter().all(|status| {
                status.progress.applied == leader.progress.last_log
                    && status.progress.committed == status.progress.applied
            })
    }

    /// Whether no server has anything of a restore that nobody goes on with, and all write the newest format.
    fn is_tidy(&self) -> bool {
        let states = self.cluster.servers.iter().filter_map(|server| state_of(server.handle()?));
        states.into_iter().all(|state| state.restore_under_way().is_none() && state.format() == FORMAT_NEWEST)
    }

    /// Judges what the clients saw.
    fn judge(self) -> Result<Summary, Violation> {
        let calls = self.accounts.calls();
        if self.plan.only.as_deref().is_none_or(|only| only == "linearizability") {
            history::check_calls(&calls).map_err(|what| violation("linearizability", what))?;
        }
        Ok(Summary {
            steps: self.steps,
            writes: self.accounts.journal().len(),
            calls: calls.len(),
            holds: self.accounts.holds().len(),
            trace: self.trace.finish(),
        })
    }
}
