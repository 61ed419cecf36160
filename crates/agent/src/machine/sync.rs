//! What the catalog still has to be told, as sets of ids: *dirty* entries are to be written, *gone* ones to be removed.
//!
//! A change of an entry puts it there at once. Beside that all entries are compared with the catalog: from time to time
//! wholly, and, when somebody else wrote to the own node, to repair what that took away or changed. Entries that the agent
//! does not know are removed by the whole comparison alone: who writes to the catalog from outside gets as much time as
//! with Consul.
//!
//! When the catalog can't be reached, everything stays in the sets and is tried again after a pause that doubles. A step of
//! several entries that is refused, or too large, is told again entry by entry, so that one can't hold up the others.

use std::sync::Arc;

use quorate_state::{Check, Deregistration, Registration};

use super::*;

/// Pauses after failures, in milliseconds: the first, and the longest.
const PAUSE_MS_MIN: u64 = 500;
const PAUSE_MS_MAX: u64 = 30_000;

/// How many failures in a row are worth a word in the log: some 15 s of them.
const FAILURES_WORTH_TELLING: u32 = 6;

/// How many checks travel in one registration without their service.
const CHECKS_IN_STEP_MAX: usize = 64;

/// The bytes that the checks of a registration may have together, as counted by their texts: a small part of what the servers'
/// log takes of one command, and with those that are told at the same time of what it takes at once. A check that is
/// larger travels alone.
const STEP_BYTES_MAX: usize = 512 << 10;

/// What a check has beside its texts, about.
const CHECK_BYTES: usize = 64;

/// The catalog's part of the machine.
#[derive(Default)]
pub(super) struct SyncState {
    pub(super) dirty_services: BTreeSet<Id>,
    pub(super) dirty_checks: BTreeSet<Id>,
    pub(super) gone_services: BTreeSet<Id>,
    pub(super) gone_checks: BTreeSet<Id>,
    /// The checks that the catalog removes with a service, by service, until it has: they are to be removed one by one if
    /// the service comes back before.
    went_with: BTreeMap<Id, BTreeSet<Id>>,
    /// What was in a step that was refused.
    troubles: BTreeMap<Entry, Trouble>,
    /// The comparison that is due.
    due: Option<Extent>,
    /// How often in a row the catalog could not be told.
    pub(super) failures: u32,
    /// Whether a pause after a failure is under way.
    is_pausing: bool,
    /// Whether aliases are being evaluated.
    pub(super) is_evaluating: bool,
}

/// An entry of the own node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    Service(Id),
    Check(Id),
}

/// Why an entry travels alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// It was in a step that was refused, perhaps for another entry's sake.
    Suspected,
    /// It was refused by itself.
    Refused,
}

/// How far a comparison goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Only what is missing in the catalog, or other there.
    Repair,
    /// Also what is there and not here.
    All,
}

/// What the catalog has of the own node.
#[derive(Clone, Debug, Default)]
pub struct NodeView {
    /// Its services.
    pub services: Vec<Arc<Service>>,
    /// Its checks.
    pub checks: Vec<Arc<Check>>,
}

/// One write to the catalog.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Write a service, or checks, or both.
    Register(Box<Registration>),
    /// Remove a service with its checks, or a check.
    Deregister(Deregistration),
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The catalog took it.
    Taken,
    /// The catalog refused it, or it is too large, and would be again: a single entry is left until it changes or all are
    /// compared.
    Refused(String),
    /// The catalog could not be reached, or may not have taken it.
    Failed(String),
}

impl Machine {
    pub(super) fn service_is_dirty(&mut self, id: &Id) {
        self.sync.dirty_services.insert(id.clone());
        self.emit(Effect::Sync);
    }

    pub(super) fn check_is_dirty(&mut self, id: &Id) {
        self.sync.dirty_checks.insert(id.clone());
        self.emit(Effect::Sync);
    }

    pub(super) fn full_sync_is_due(&mut self, now: u64) {
        let interval = ms(self.settings.full_sync_interval);
        let next = now.saturating_add(interval).saturating_add(self.random.below(interval));
        self.timers.set(Timer::FullSync, next);
        self.compare_soon(Extent::All);
    }

    /// A comparison is wanted.
    pub fn compare_soon(&mut self, extent: Extent) {
        self.sync.due = self.sync.due.max(Some(extent));
        self.emit(Effect::Sync);
    }

    pub(super) fn retry_is_due(&mut self) {
        self.sync.is_pausing = false;
        self.emit(Effect::Sync);
    }

    /// The comparison to make now, if one is due and no pause is under way.
    pub fn take_comparison(&mut self) -> Option<Extent> {
        if self.sync.is_pausing { None } else { self.sync.due.take() }
    }

    /// The catalog could not be looked at.
    pub fn comparison_failed(&mut self, now: u64, extent: Extent, reason: &str) {
        self.sync.due = self.sync.due.max(Some(extent));
        self.pause(now, reason);
    }

    fn pause(&mut self, now: u64, reason: &str) {
        if !self.sync.is_pausing {
            let pause = (PAUSE_MS_MIN << self.sync.failures.min(10)).min(PAUSE_MS_MAX);
            self.sync.failures = self.sync.failures.saturating_add(1);
            if self.sync.failures == FAILURES_WORTH_TELLING {
                tracing::warn!(reason, "the catalog could not be told for some time; it is tried again");
            }
            self.sync.is_pausing = true;
            let at = now + pause / 2 + self.random.below(pause / 2);
            self.timers.set(Timer::SyncRetry, at);
        }
    }

    /// The next writes, at most so many; their entries leave the sets. None during a pause.
    pub fn take_steps(&mut self, steps_max: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.sync.is_pausing {
            return steps;
        }
        while steps.len() < steps_max
            && let Some(step) = self.take_step()
        {
            steps.push(step);
        }
        steps
    }

    fn take_step(&mut self) -> Option<Step> {
        let node = self.settings.node.name.clone();
        if let Some(id) = self.sync.gone_services.pop_first() {
            return Some(Step::Deregister(Deregistration {
                node,
                service_id: id.to_string(),
                check_id: String::new(),
            }));
        }
        if let Some(id) = self.sync.gone_checks.pop_first() {
            return Some(Step::Deregister(Deregistration {
                node,
                service_id: String::new(),
                check_id: id.to_string(),
            }));
        }
        while let Some(id) = self.sync.dirty_services.pop_first() {
            if let Some(entry) = self.services.get(&id) {
                let service = Service { node, ..entry.service.clone() };
                let checks = self.checks_with(&id, &service);
                return Some(self.registration(Some(service), checks));
            }
        }
        let first = self.sync.dirty_checks.first()?.clone();
        let fitting = match self.sync.travels_alone(Entry::Check(first.clone())) {
            true => Vec::new(),
            false => self.fitting(self.sync.dirty_checks.iter().take(CHECKS_IN_STEP_MAX), 0),
        };
        let checks = if fitting.is_empty() { vec![first] } else { fitting };
        Some(self.registration(None, checks))
    }

    /// The checks that travel with a service, so that it is never there without them: as many as fit.
    fn checks_with(&self, id: &Id, service: &Service) -> Vec<Id> {
        if self.sync.travels_alone(Entry::Service(id.clone())) {
            return Vec::new();
        }
        let of_it = self.checks_of.get(id).into_iter().flatten();
        self.fitting(of_it.filter(|check| self.sync.dirty_checks.contains(*check)), service_bytes(service))
    }

    /// Those of these checks that travel together, beside so many bytes.
    fn fitting<'a>(&self, checks: impl Iterator<Item = &'a Id>, mut bytes: usize) -> Vec<Id> {
        let mut fitting = Vec::new();
        for id in checks.filter(|id| !self.sync.travels_alone(Entry::Check((*id).clone()))) {
            bytes += self.checks.get(id).map_or(0, check_bytes);
            if bytes > STEP_BYTES_MAX {
                break;
            }
            fitting.push(id.clone());
        }
        fitting
    }

    fn registration(&mut self, service: Option<Service>, checks: Vec<Id>) -> Step {
        let mut registration = Registration {
            node: self.settings.node.clone(),
            skip_node_update: true,
            service,
            checks: Vec::with_capacity(checks.len()),
        };
        for id in checks {
            self.sync.dirty_checks.remove(&id);
            self.timers.clear(&Timer::Output(id.clone()));
            registration.checks.extend(self.checks.get(&id).map(|entry| self.catalog_check(&id, entry)));
        }
        Step::Register(Box::new(registration))
    }

    fn catalog_check(&self, id: &Id, entry: &CheckEntry) -> Check {
        let definition = &entry.definition;
        Check {
            node: self.settings.node.name.clone(),
            id: id.to_string(),
            name: definition.name.clone(),
            status: entry.status,
            notes: definition.notes.clone(),
            output: entry.output.clone(),
            service_id: definition.service_id.clone(),
            kind: definition.check.kind().to_owned(),
            interval: definition.interval_text.clone(),
            timeout: definition.timeout_text.clone(),
            ..Check::default()
        }
    }

    /// What came of a step. One that failed goes back into the sets, unless its entries have changed sides since.
    pub fn step_ended(&mut self, now: u64, step: Step, told: Told) {
        match told {
            Told::Taken => self.taken(step),
            Told::Refused(reason) => self.refused(step, &reason),
            Told::Failed(reason) => {
                tracing::debug!(reason, "the catalog could not be told; it is tried again");
                self.put_back(step);
                self.pause(now, &reason);
            }
        }
    }

    fn taken(&mut self, step: Step) {
        self.sync.failures = 0;
        match step {
            Step::Deregister(what) => drop(self.sync.went_with.remove(&*what.service_id)),
            Step::Register(_) if self.sync.troubles.is_empty() => {}
            Step::Register(registration) => {
                for entry in entries_of(&registration) {
                    self.sync.troubles.remove(&entry);
                }
                let Some(service) = registration.service else { return };
                // What was refused since its service was not there is told again.
                let of_it = self.checks_of.get(&*service.id).into_iter().flatten();
                let refused: Vec<Id> =
                    of_it.filter(|id| self.sync.is_refused(Entry::Check((*id).clone()))).cloned().collect();
                refused.iter().for_each(|id| self.check_is_dirty(id));
            }
        }
    }

    fn refused(&mut self, step: Step, reason: &str) {
        let mut entries = match &step {
            Step::Register(registration) => entries_of(registration),
            Step::Deregister(what) => {
                tracing::warn!(
                    service = what.service_id,
                    check = what.check_id,
                    reason,
                    "the catalog refused to remove"
                );
                self.sync.went_with.remove(&*what.service_id);
                return;
            }
        };
        if entries.len() > 1 {
            tracing::debug!(reason, "the catalog refused several entries at once; each is told by itself");
            self.sync.troubles.extend(entries.into_iter().map(|entry| (entry, Trouble::Suspected)));
            return self.put_back(step);
        }
        let Some(entry) = entries.pop() else { return };
        match &entry {
            Entry::Service(id) => {
                tracing::warn!(service = &**id, reason, "the catalog refused a service of this agent")
            }
            Entry::Check(id) => tracing::warn!(check = &**id, reason, "the catalog refused a check of this agent"),
        }
        self.sync.troubles.insert(entry, Trouble::Refused);
    }

    fn put_back(&mut self, step: Step) {
        match step {
            Step::Register(registration) => {
                for entry in entries_of(&registration) {
                    match entry {
                        Entry::Service(id) if self.services.contains_key(&id) => {
                            self.sync.dirty_services.insert(id);
                        }
                        Entry::Check(id) if self.checks.contains_key(&id) => {
                            self.sync.dirty_checks.insert(id);
                        }
                        _ => {}
                    }
                }
            }
            Step::Deregister(Deregistration { service_id, .. }) if !service_id.is_empty() => {
                let id = Id::from(service_id);
                if self.services.contains_key(&id) {
                    self.release_checks(&id);
                } else {
                    self.sync.gone_services.insert(id);
                }
            }
            Step::Deregister(Deregistration { check_id, .. }) => {
                let id = Id::from(check_id);
                if !self.checks.contains_key(&id) {
                    self.sync.gone_checks.insert(id);
                }
            }
        }
    }

    /// A service is gone with its checks: the catalog removes them with it.
    pub(super) fn service_is_gone(&mut self, id: &Id, checks: impl IntoIterator<Item = Id>) {
        self.sync.dirty_services.remove(id);
        self.sync.troubles.remove(&Entry::Service(id.clone()));
        self.sync.gone_services.insert(id.clone());
        for check in checks {
            self.check_goes_with(id, check);
        }
        self.emit(Effect::Sync);
    }

    /// The catalog removes a check with a service.
    pub(super) fn check_goes_with(&mut self, service: &Id, check: Id) {
        self.sync.gone_checks.remove(&check);
        self.sync.went_with.entry(service.clone()).or_default().insert(check);
    }

    /// A service is there again. If the catalog was not told yet that it was gone, the checks that it had are to be removed
    /// one by one.
    pub(super) fn service_is_back(&mut self, id: &Id) {
        if self.sync.gone_services.remove(id) {
            self.release_checks(id);
        }
    }

    fn release_checks(&mut self, service: &Id) {
        let checks = self.sync.went_with.remove(service).unwrap_or_default();
        let gone = checks.into_iter().filter(|check| !self.checks.contains_key(check));
        self.sync.gone_checks.extend(gone);
    }

    /// A check is no more what it was.
    pub(super) fn forget_check(&mut self, id: &Id) {
        self.sync.dirty_checks.remove(id);
        self.sync.troubles.remove(&Entry::Check(id.clone()));
    }
}

impl SyncState {
    fn travels_alone(&self, entry: Entry) -> bool {
        self.troubles.contains_key(&entry)
    }

    /// Whether the catalog refused an entry by itself.
    pub(super) fn is_refused(&self, entry: Entry) -> bool {
        self.troubles.get(&entry) == Some(&Trouble::Refused)
    }
}

fn entries_of(registration: &Registration) -> Vec<Entry> {
    let service = registration.service.iter().map(|service| Entry::Service(service.id.as_str().into()));
    service.chain(registration.checks.iter().map(|check| Entry::Check(check.id.as_str().into()))).collect()
}

/// How many bytes a check takes in a registration, about.
fn check_bytes(entry: &CheckEntry) -> usize {
    let CheckDefinition { id, name, notes, service_id, .. } = &*entry.definition;
    CHECK_BYTES + entry.output.len() + [id, name, notes, service_id].map(String::len).iter().sum::<usize>()
}

/// How many bytes a service takes, about: what may be long of it.
fn service_bytes(service: &Service) -> usize {
    let tags: usize = service.tags.iter().map(String::len).sum();
    let meta: usize = service.meta.iter().map(|(key, value)| key.len() + value.len()).sum();
    let texts = [&service.proxy, &service.connect, &service.ports, &service.ai].map(String::len);
    tags + meta + texts.iter().sum::<usize>()
}
