//! The agent: the machine behind one lock, and the tasks that do what it says.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quorate_api as api;
use quorate_base::Host;
use quorate_state::CheckStatus;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use crate::catalog::Catalog;
use crate::convert;
use crate::definition::{CheckDefinition, ServiceDefinition, Source};
use crate::error::AgentError;
use crate::machine::{Effect, Extent, Machine, StoreKey, TtlState};
use crate::run::Runner;
use crate::settings::Settings;
use crate::store::{Record, Store};

/// A running agent. Clones speak of the same one.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    host: Host,
    settings: Arc<Settings>,
    started: Instant,
    machine: Mutex<Machine>,
    catalog: Arc<dyn Catalog>,
    runner: Runner,
    store: Option<Store>,
    /// Ends each run that is under way. There are at most [`Settings::runs_max`], and those that are being ended.
    cancels: Mutex<HashMap<u64, oneshot::Sender<()>>>,
    /// Wakes whoever sleeps until the next deadline, for an earlier one.
    wake_driver: Notify,
    /// What the driver sleeps for, in the machine's milliseconds.
    driver_sleeps_until: AtomicU64,
    wake_sync: Notify,
    /// How often a service changed.
    changes: watch::Sender<u64>,
}

/// What could not be taken of the configuration files: name and reason.
pub type Removed = Vec<(String, AgentError)>;

/// How many writes to the catalog are under way at once; more share one sync of the servers' log.
const STEPS_AT_ONCE: usize = 16;

/// How long to gather changes that others make to the own node before looking at them.
const REPAIR_DELAY: Duration = Duration::from_secs(1);

impl Agent {
    /// Starts an agent: reads what is kept, takes what files define (which wins over what requests registered), and
    /// brings the catalog in line from then on.
    pub fn start(
        settings: Settings,
        host: Host,
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
            runner: Runner::new(settings.clone(), host.clone(), catalog.clone()),
            catalog,
            store,
            cancels: Mutex::default(),
            wake_driver: Notify::new(),
            driver_sleeps_until: AtomicU64::new(0),
            wake_sync: Notify::new(),
            changes: watch::Sender::new(0),
            settings,
            host: host.clone(),
        }));
        agent.restore(records, services, checks);
        host.spawn(agent.clone().drive());
        host.spawn(agent.clone().keep_catalog());
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

    fn restore(&self, records: Vec<Record>, services: Vec<ServiceDefinition>, checks: Vec<CheckDefinition>) {
        let by_file: HashSet<String> = services.iter().map(|service| service.service.id.clone()).collect();
        let of_services = services.iter().flat_map(|service| &service.checks);
        let checks_by_file: HashSet<String> = of_services.chain(&checks).map(|check| check.id.clone()).collect();
        let mut states = Vec::new();
        let mut of_checks = Vec::new();
        for record in records {
            match record {
                Record::Service(body) => self.restore_service(*body, &by_file),
                Record::State { .. } => states.push(record),
                other => of_checks.push(other),
            }
        }
        for (name, error) in self.replace_files(services, checks) {
            tracing::error!(name, %error, "a definition from the configuration can't be taken");
        }
        for record in of_checks {
            self.restore_check(record, &checks_by_file);
        }
        let wall_ms = self.0.host.wall.now_ms();
        for record in states {
            let Record::State { id, status, output, expires_ms } = record else { continue };
            match expires_ms.saturating_sub(wall_ms) {
                0 => drop(self.act(|machine, _| machine.forget_state(&id))),
                left_ms => {
                    let state = TtlState { status, output, left_ms };
                    self.act(|machine, now| machine.restore_ttl(now, &id, state));
                }
            }
        }
    }

    fn restore_service(&self, body: api::ServiceDefinition, by_file: &HashSet<String>) {
        let name = body.name.clone();
        let taken = ServiceDefinition::try_from(body).map_err(AgentError::from).and_then(|definition| {
            if by_file.contains(&definition.service.id) {
                return Ok(());
            }
            self.act(|machine, now| machine.register_service(now, definition, Source::Api, false)).0
        });
        if let Err(error) = taken {
            tracing::warn!(name, %error, "a service that was registered before can't be taken up again");
        }
    }

    fn restore_check(&self, record: Record, by_file: &HashSet<String>) {
        let taken = match record {
            Record::Check { definition, .. } if by_file.contains(&definition.id) => Ok(()),
            Record::Check { definition, is_of_service } => {
                CheckDefinition::try_from(*definition).map_err(AgentError::from).and_then(|mut definition| {
                    if is_of_service {
                        convert::show_as_of_service(&mut definition);
                    }
                    self.act(|machine, now| machine.restore_check(now, definition, is_of_service)).0
                })
            }
            Record::Maintenance { service_id, notes } if service_id.is_empty() => {
                self.act(|machine, now| machine.node_maintenance(now, Some(&notes)));
                Ok(())
            }
            Record::Maintenance { service_id, notes } => {
                let put = self.act(|machine, now| machine.service_maintenance(now, &service_id, Some(&notes))).0;
                put.map(|_| ())
            }
            Record::Service(_) | Record::State { .. } => Ok(()),
        };
        if let Err(error) = taken {
            tracing::warn!(%error, "a check that was registered before can't be taken up again");
        }
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
        let definition = ServiceDefinition::try_from(body.clone())?;
        let id = definition.service.id.clone();
        let registered = self.act(|machine, now| {
            machine.register_service(now, definition, Source::Api, replace_checks)?;
            Ok::<_, AgentError>(self.keep_service(&id, body))
        });
        self.kept(registered.0?).await
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

    /// A TTL check is told its status.
    pub fn update_ttl(&self, id: &str, status: CheckStatus, output: String) -> Result<(), AgentError> {
        self.act(|machine, now| machine.update_ttl(now, id, status, output)).0
    }

    /// Puts a service in maintenance with a reason, or takes it out with none.
    pub async fn service_maintenance(&self, id: &str, reason: Option<&str>) -> Result<(), AgentError> {
        let (kept, forgotten) = self.act(|machine, now| {
            let changed = machine.service_maintenance(now, id, reason)?;
            Ok::<_, AgentError>(self.keep_maintenance(changed))
        });
        self.kept(kept?.or(forgotten)).await
    }

    /// Puts the node in maintenance with a reason, or takes it out with none.
    pub async fn node_maintenance(&self, reason: Option<&str>) -> Result<(), AgentError> {
        let (kept, forgotten) = self.act(|machine, now| {
            let changed = machine.node_maintenance(now, reason);
            self.keep_maintenance(changed)
        });
        self.kept(kept.or(forgotten)).await
    }

    /// Keeps a service and, each in a file of its own, the checks that came with it: they may be removed or replaced alone.
    fn keep_service(&self, id: &str, body: api::ServiceDefinition) -> Option<u64> {
        for check in convert::checks_of(&body) {
            let key = StoreKey::Check(check.id.as_str().into());
            self.keep(&key, Record::Check { definition: Box::new(check), is_of_service: true });
        }
        let alone = api::ServiceDefinition { check: None, checks: Vec::new(), ..body };
        self.keep(&StoreKey::Service(id.into()), Record::Service(Box::new(alone)))
    }

    fn keep_maintenance(&self, changed: crate::machine::Changed) -> Option<u64> {
        let crate::machine::Changed::Added(check) = changed else { return None };
        let record = Record::Maintenance { service_id: check.service_id, notes: check.notes };
        self.keep(&StoreKey::Check(check.id.as_str().into()), record)
    }

    /// Brings what configuration files define in line with these, at start and when they are read again. What did not
    /// change goes on undisturbed. Gives what could not be taken.
    pub fn replace_files(&self, services: Vec<ServiceDefinition>, checks: Vec<CheckDefinition>) -> Removed {
        self.act(|machine, now| machine.replace_files(now, services, checks)).0
    }

    /// Waits until all that was to be kept so far is on disk, or could not be.
    pub async fn settle(&self) {
        if let Some(store) = &self.0.store {
            // A failure was logged, and told to whoever asked for the write.
            let _ = store.written(store.asked()).await;
        }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        // The machine is whole between its methods; a panic elsewhere does not spoil it.
        self.0.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Feeds the machine and does what it says. Gives the last write to disk that came of it.
    fn act<T>(&self, feed: impl FnOnce(&mut Machine, u64) -> T) -> (T, Option<u64>) {
        let mut machine = self.machine();
        let fed = feed(&mut machine, self.now());
        machine.start_runs();
        let mut written = None;
        while let Some(effect) = machine.take_effect() {
            written = self.perform(effect).or(written);
        }
        let next = machine.next_deadline().unwrap_or(u64::MAX);
        if next < self.0.driver_sleeps_until.load(Ordering::Relaxed) {
            self.0.wake_driver.notify_one();
        }
        (fed, written)
    }

    /// Does what the machine says, without waiting for it.
    fn perform(&self, effect: Effect) -> Option<u64> {
        match effect {
            Effect::Run { run, check } => self.start_run(run, check),
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

    fn keep(&self, key: &StoreKey, record: Record) -> Option<u64> {
        Some(self.0.store.as_ref()?.put(key, Some(record.encode())))
    }

    async fn kept(&self, number: Option<u64>) -> Result<(), AgentError> {
        match (&self.0.store, number) {
            (Some(store), Some(number)) => store.written(number).await.map_err(AgentError::NotKept),
            _ => Ok(()),
        }
    }

    fn cancels(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<()>>> {
        self.0.cancels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_run(&self, run: u64, check: Arc<CheckDefinition>) {
        let (cancel, cancelled) = oneshot::channel();
        self.cancels().insert(run, cancel);
        let agent = self.clone();
        self.0.host.spawn(async move {
            let result = tokio::select! {
                result = agent.0.runner.run(&check) => Some(result),
                _ = cancelled => None,
            };
            agent.cancels().remove(&run);
            agent.act(|machine, now| machine.run_ended(now, run, &check.id, result));
        });
    }

    /// Sleeps until the machine's next deadline and lets it act, for ever.
    async fn drive(self) {
        loop {
            let next = self.look(Machine::next_deadline).unwrap_or(u64::MAX);
            self.0.driver_sleeps_until.store(next, Ordering::Relaxed);
            let pause = Duration::from_millis(next.saturating_sub(self.now()).min(DRIVER_PAUSE_MS_MAX));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.0.wake_driver.notified() => {}
            }
            self.act(|machine, now| machine.handle_timeout(now));
        }
    }

    /// Brings the catalog in line whenever there is something to tell it, for ever.
    async fn keep_catalog(self) {
        let node = self.0.settings.node.name.clone();
        loop {
            let extent = self.act(|machine, _| machine.take_comparison()).0;
            if let Some(extent) = extent {
                match self.0.catalog.view(&node).await {
                    Ok(view) => drop(self.act(|machine, _| machine.compare(&view, extent))),
                    Err(reason) => {
                        tracing::debug!(reason, "the catalog can't be looked at; it is tried again");
                        self.act(|machine, now| machine.comparison_failed(now, extent));
                    }
                }
            }
            let steps = self.act(|machine, _| machine.take_steps(STEPS_AT_ONCE)).0;
            if steps.is_empty() {
                self.0.wake_sync.notified().await;
                continue;
            }
            let told = futures_util::future::join_all(steps.iter().map(|step| self.0.catalog.tell(step))).await;
            for (step, told) in steps.into_iter().zip(told) {
                self.act(|machine, now| machine.step_ended(now, step, told));
            }
        }
    }

    /// Has the own node's entries repaired when others change them, for ever.
    async fn watch_catalog(self) {
        loop {
            let changed = self.0.catalog.changed(&self.0.settings.node.name);
            self.act(|machine, _| machine.compare_soon(Extent::Repair));
            changed.await;
            tokio::time::sleep(REPAIR_DELAY).await;
        }
    }
}

/// The longest sleep of the driver, so that a sum of times never overflows.
const DRIVER_PAUSE_MS_MAX: u64 = 3_600_000;
