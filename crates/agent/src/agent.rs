//! The agent: the machine behind one lock, and the tasks that do what it says.

mod restore;
mod tasks;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_api as api;
use quorate_base::Host;
use quorate_state::CheckStatus;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use crate::catalog::Catalog;
use crate::convert;
use crate::definition::{CheckDefinition, ServiceDefinition, Source};
use crate::error::{AgentError, DefinitionError};
use crate::machine::{Effect, Machine, StoreKey, TtlState};
use crate::run::Runner;
use crate::settings::Settings;
use crate::store::{Receipt, Record, Store};

/// A running agent. Clones speak of the same one.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    host: Host,
    /// The own node's.
    node_name: String,
    /// Where checks run. See [`Agent::start`].
    runs_host: Host,
    /// Whether a check ever ran.
    has_run: AtomicBool,
    started: Instant,
    machine: Mutex<Machine>,
    catalog: Arc<dyn Catalog>,
    runner: Runner,
    store: Option<Store>,
    /// Ends each run that is under way. There are at most [`Settings::commands_max`] and [`Settings::connections_max`], one
    /// for each alias of another node, and those that are being ended.
    cancels: Mutex<HashMap<u64, oneshot::Sender<()>>>,
    /// Wakes whoever sleeps until the next deadline, for an earlier one.
    wake_driver: Notify,
    /// What the driver sleeps for, in the machine's milliseconds.
    driver_sleeps_until: AtomicU64,
    wake_sync: Notify,
    /// How often a service changed.
    changes: watch::Sender<u64>,
}

/// How many checks a request may register with a service: each is a file that is synced before the answer, some seconds for
/// so many. Others are registered by themselves.
const CHECKS_OF_SERVICE_MAX: usize = 1_024;

/// What could not be taken of the configuration files: name and reason.
pub type Removed = Vec<(String, AgentError)>;

impl Agent {
    /// Starts an agent: reads what is kept, takes what files define (which wins over what requests registered), and
    /// brings the catalog in line from then on.
    ///
    /// Checks run on `runs_host`, which differs from `host` in its tasks alone: on a thread of their own they hold up
    /// nothing else. From the first run on, the agent's deadlines and its comparisons with the catalog are looked after
    /// there, too; until then nothing is started there.
    pub fn start(
        settings: Settings,
        host: Host,
        runs_host: Host,
        catalog: Arc<dyn Catalog>,
        services: Vec<ServiceDefinition>,
        checks: Vec<CheckDefinition>,
    ) -> io::Result<Self> {
        let settings = Arc::new(settings);
        let (store, records) = match &settings.directory {
            None => (None, Vec::new()),
            Some(directory) => {
                let (store, records) = Store::open(host.clone(), directory)?;
                (Some(store), records)
            }
        };
        let machine = Machine::new(settings.clone(), host.random.number());
        let agent = Self(Arc::new(Inner {
            started: Instant::now(),
            machine: Mutex::new(machine),
            runner: Runner::new(settings.clone(), runs_host.clone(), catalog.clone()),
            runs_host,
            has_run: AtomicBool::new(false),
            catalog,
            store,
            cancels: Mutex::default(),
            wake_driver: Notify::new(),
            driver_sleeps_until: AtomicU64::new(0),
            wake_sync: Notify::new(),
            changes: watch::Sender::new(0),
            node_name: settings.node.name.clone(),
            host: host.clone(),
        }));
        agent.restore(records, services, checks);
        agent.repeat(Self::drive);
        agent.repeat(Self::keep_catalog);
        host.spawn(agent.clone().watch_catalog());
        if agent.0.store.is_some() {
            let writer = agent.clone();
            host.spawn(async move {
                if let Some(store) = &writer.0.store {
                    store.run().await;
                }
            });
        }
        Ok(agent)
    }

    /// Goes by other settings from now on; only where things are kept, and the node's name, stay as they were.
    pub fn set_settings(&self, settings: Settings) {
        let settings = Arc::new(settings);
        self.0.runner.set_settings(settings.clone());
        self.machine().set_settings(settings);
    }

    /// Looks at the local state. Don't hold it up.
    pub fn look<T>(&self, look: impl FnOnce(&Machine) -> T) -> T {
        look(&self.machine())
    }

    /// Tells of each change of a service.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Registers a service, as [`Machine::register_service`]; when it returns, it is kept on disk.
    pub async fn register_service(&self, body: api::ServiceDefinition, replace_checks: bool) -> Result<(), AgentError> {
        let count = body.checks.len();
        if count > CHECKS_OF_SERVICE_MAX {
            let text =
                format!("{count} checks in one registration are more than {CHECKS_OF_SERVICE_MAX}, which is the limit");
            return Err(DefinitionError(text).into());
        }
        let definition = ServiceDefinition::try_from(body.clone())?;
        let id = definition.service.id.clone();
        let (registered, written) = self.act(|machine, now| {
            machine.register_service(now, definition, Source::Api, replace_checks)?;
            Ok::<_, AgentError>(self.keep_service(&id, body))
        });
        self.kept(registered?.into_iter().chain(written)).await
    }

    /// Removes a service with its checks.
    pub async fn deregister_service(&self, id: &str) -> Result<(), AgentError> {
        let (removed, kept) = self.act(|machine, now| machine.deregister_service(now, id));
        removed?;
        self.kept(kept).await
    }

    /// Registers a check of the node, or of a service that is there.
    pub async fn register_check(&self, body: api::AgentCheckDefinition) -> Result<(), AgentError> {
        let record = Record::Check { definition: Box::new(body.clone()), is_of_service: false };
        let definition = CheckDefinition::try_from(body)?;
        let key = StoreKey::Check(definition.id.as_str().into());
        let registered = self.act(|machine, now| {
            machine.register_check(now, definition, Source::Api)?;
            Ok::<_, AgentError>(self.keep(&key, record))
        });
        self.kept(registered.0?).await
    }

    /// Removes a check.
    pub async fn deregister_check(&self, id: &str) -> Result<(), AgentError> {
        let (removed, kept) = self.act(|machine, now| machine.deregister_check(now, id));
        removed?;
        self.kept(kept).await
    }

    /// A TTL check is told its status; when it returns, that is written, and survives the process.
    pub async fn update_ttl(&self, id: &str, status: CheckStatus, output: String) -> Result<(), AgentError> {
        let (updated, kept) = self.act(|machine, now| machine.update_ttl(now, id, status, output));
        updated?;
        self.kept(kept).await
    }

    /// Puts a service in maintenance with a reason, or takes it out with none.
    pub async fn service_maintenance(&self, id: &str, reason: Option<&str>) -> Result<(), AgentError> {
        let (kept, forgotten) = self.act(|machine, now| {
            let changed = machine.service_maintenance(now, id, reason)?;
            Ok::<_, AgentError>(self.keep_maintenance(changed))
        });
        self.kept(kept?.into_iter().chain(forgotten)).await
    }

    /// Puts the node in maintenance with a reason, or takes it out with none.
    pub async fn node_maintenance(&self, reason: Option<&str>) -> Result<(), AgentError> {
        let (kept, forgotten) = self.act(|machine, now| {
            let changed = machine.node_maintenance(now, reason);
            self.keep_maintenance(changed)
        });
        self.kept(kept.into_iter().chain(forgotten)).await
    }

    /// Keeps a service and, each in a file of its own, the checks that came with it: they may be removed or replaced alone.
    fn keep_service(&self, id: &str, body: api::ServiceDefinition) -> Vec<Receipt> {
        let checks = convert::checks_of(&body).into_iter().filter_map(|check| {
            let key = StoreKey::Check(check.id.as_str().into());
            self.keep(&key, Record::Check { definition: Box::new(check), is_of_service: true })
        });
        let mut receipts: Vec<Receipt> = checks.collect();
        let alone = api::ServiceDefinition { check: None, checks: Vec::new(), ..body };
        receipts.extend(self.keep(&StoreKey::Service(id.into()), Record::Service(Box::new(alone))));
        receipts
    }

    fn keep_maintenance(&self, changed: crate::machine::Changed) -> Option<Receipt> {
        let crate::machine::Changed::Added(check) = changed else { return None };
        let record = Record::Maintenance { service_id: check.service_id, notes: check.notes };
        self.keep(&StoreKey::Check(check.id.as_str().into()), record)
    }

    /// Brings what configuration files define in line with these, at start and when they are read again. What did not
    /// change goes on undisturbed. Gives what could not be taken.
    pub fn replace_files(&self, services: Vec<ServiceDefinition>, checks: Vec<CheckDefinition>) -> Removed {
        self.act(|machine, now| machine.replace_files(now, services, checks)).0
    }

    /// Why [`Self::replace_files`] would not take one of these, with its name; the first one found. Changes nothing.
    pub fn refusal_of_files(
        &self,
        services: &[ServiceDefinition],
        checks: &[CheckDefinition],
    ) -> Option<(String, AgentError)> {
        self.machine().refusal_of_files(services, checks)
    }

    /// Waits until all that was to be kept so far is on disk, or could not be.
    pub async fn settle(&self) {
        if let Some(store) = &self.0.store {
            store.settle().await;
        }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        // The machine is whole between its methods; a panic elsewhere does not spoil it.
        self.0.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Feeds the machine and does what it says. Gives the writes to disk that came of it.
    fn act<T>(&self, feed: impl FnOnce(&mut Machine, u64) -> T) -> (T, Vec<Receipt>) {
        let mut machine = self.machine();
        let fed = feed(&mut machine, self.now());
        machine.start_runs();
        let mut written = Vec::new();
        while let Some(effect) = machine.take_effect() {
            written.extend(self.perform(effect));
        }
        let next = machine.next_deadline().unwrap_or(u64::MAX);
        // Read and written under the machine's lock, so that no earlier deadline is missed.
        if next < self.0.driver_sleeps_until.load(Ordering::Relaxed) {
            self.0.wake_driver.notify_one();
        }
        (fed, written)
    }

    /// Does what the machine says, without waiting for it.
    fn perform(&self, effect: Effect) -> Option<Receipt> {
        match effect {
            Effect::Run { run, check } => self.start_run(run, check),
            Effect::Follow { run, check, interval_ms } => self.start_following(run, check, interval_ms),
            Effect::Cancel { run } => {
                // Its end is told by the run itself; one that is ending already hears nothing.
                drop(self.cancels().remove(&run));
            }
            Effect::KeepState(id, TtlState { status, output, left_ms }) => {
                let expires_ms = self.0.host.wall.now_ms().saturating_add(left_ms);
                let record = Record::State { id: id.to_string(), status, output, expires_ms };
                return self.keep(&StoreKey::State(id), record);
            }
            Effect::Forget(key) => return self.0.store.as_ref().map(|store| store.put(&key, None)),
            Effect::Sync => self.0.wake_sync.notify_one(),
            Effect::ServicesChanged => self.0.changes.send_modify(|changes| *changes += 1),
        }
        None
    }

    fn keep(&self, key: &StoreKey, record: Record) -> Option<Receipt> {
        Some(self.0.store.as_ref()?.put(key, Some(record.encode())))
    }

    /// Waits until all of these writes were tried; an error if one could not be made.
    async fn kept(&self, receipts: impl IntoIterator<Item = Receipt>) -> Result<(), AgentError> {
        let mut kept = Ok(());
        for receipt in receipts {
            kept = kept.and(receipt.received().await);
        }
        kept.map_err(AgentError::NotKept)
    }

    fn cancels(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<()>>> {
        self.0.cancels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
