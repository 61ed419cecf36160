//! What the catalog still has to be told, as sets of ids: *dirty* entries are to be written, *gone* ones to be removed.
//!
//! A change of an entry puts it there at once. Beside that all entries are compared with the catalog: from time to time
//! wholly, and, when somebody else wrote to the own node, to repair what that took away or changed. Entries that the agent
//! does not know are removed by the whole comparison alone: who writes to the catalog from outside gets as much time as
//! with Consul.
//!
//! When the catalog can't be reached, everything stays in the sets and is tried again after a pause that doubles.

use std::sync::Arc;

use quorate_state::{Check, Deregistration, Registration};

use super::*;

/// Pauses after failures, in milliseconds: the first, and the longest.
const PAUSE_MS_MIN: u64 = 500;
const PAUSE_MS_MAX: u64 = 30_000;

/// How many checks of the node travel in one registration.
const CHECKS_IN_STEP_MAX: usize = 64;

/// The catalog's part of the machine.
#[derive(Default)]
pub(super) struct SyncState {
    pub(super) dirty_services: BTreeSet<Id>,
    pub(super) dirty_checks: BTreeSet<Id>,
    pub(super) gone_services: BTreeSet<Id>,
    pub(super) gone_checks: BTreeSet<Id>,
    /// The comparison that is due.
    due: Option<Extent>,
    /// How often in a row the catalog could not be told.
    failures: u32,
    /// Whether a pause after a failure is under way.
    is_pausing: bool,
    /// Whether aliases are being evaluated.
    pub(super) is_evaluating: bool,
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
    /// The catalog refused it, and would again: it is left until something changes.
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
    pub fn comparison_failed(&mut self, now: u64, extent: Extent) {
        self.sync.due = self.sync.due.max(Some(extent));
        self.pause(now);
    }

    fn pause(&mut self, now: u64) {
        if !self.sync.is_pausing {
            let pause = (PAUSE_MS_MIN << self.sync.failures.min(10)).min(PAUSE_MS_MAX);
            self.sync.failures = self.sync.failures.saturating_add(1);
            self.sync.is_pausing = true;
            let at = now + pause / 2 + self.random.below(pause / 2);
            self.timers.set(Timer::SyncRetry, at);
        }
    }

    /// Compares all entries with what the catalog has.
    pub fn compare(&mut self, view: &NodeView, extent: Extent) {
        self.sync.failures = 0;
        self.compare_services(view, extent);
        self.compare_checks(view, extent);
    }

    fn compare_services(&mut self, view: &NodeView, extent: Extent) {
        let mut missing: BTreeSet<Id> = self.services.keys().cloned().collect();
        for there in &view.services {
            let Some((id, here)) = self.services.get_key_value(&*there.id) else {
                if extent == Extent::All && !self.settings.protected.contains(&there.id) {
                    self.sync.gone_services.insert(there.id.as_str().into());
                }
                continue;
            };
            let id = id.clone();
            if here.service.enable_tag_override && here.service.tags != there.tags {
                if let Some(entry) = self.services.get_mut(&id) {
                    entry.service.tags.clone_from(&there.tags);
                }
                self.emit(Effect::ServicesChanged);
            }
            if self.services.get(&id).is_some_and(|here| is_same_service(&here.service, there)) {
                missing.remove(&id);
            }
        }
        self.sync.dirty_services.extend(missing);
    }

    fn compare_checks(&mut self, view: &NodeView, extent: Extent) {
        let mut missing: BTreeSet<Id> = self.checks.keys().cloned().collect();
        for there in &view.checks {
            let Some((id, here)) = self.checks.get_key_value(&*there.id) else {
                let goes_with_service = self.sync.gone_services.contains(&*there.service_id);
                if extent == Extent::All && !self.settings.protected.contains(&there.id) && !goes_with_service {
                    self.sync.gone_checks.insert(there.id.as_str().into());
                }
                continue;
            };
            let waits_with_output = self.timers.at(&Timer::Output(id.clone())).is_some();
            if is_same_check(here, there) && (waits_with_output || here.output == there.output) {
                missing.remove(id);
            }
        }
        self.sync.dirty_checks.extend(missing);
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
        if let Some(id) = self.sync.dirty_services.pop_first() {
            let entry = self.services.get(&id)?;
            let service = Service { node: node.clone(), ..entry.service.clone() };
            // Its checks travel with it, so that it is never there without them.
            let of_it: Vec<Id> = self.checks_of.get(&id).into_iter().flatten().cloned().collect();
            let dirty = of_it.into_iter().filter(|check| self.sync.dirty_checks.contains(check)).collect();
            return Some(self.registration(Some(service), dirty));
        }
        if self.sync.dirty_checks.is_empty() {
            return None;
        }
        let checks = self.sync.dirty_checks.iter().take(CHECKS_IN_STEP_MAX).cloned().collect();
        Some(self.registration(None, checks))
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
            Told::Taken => self.sync.failures = 0,
            Told::Refused(reason) => {
                tracing::warn!(reason, "the catalog refused an entry of this agent");
            }
            Told::Failed(reason) => {
                tracing::debug!(reason, "the catalog could not be told; it is tried again");
                self.put_back(step);
                self.pause(now);
            }
        }
    }

    fn put_back(&mut self, step: Step) {
        match step {
            Step::Register(registration) => {
                let service = registration.service.map(|service| Id::from(service.id));
                self.sync.dirty_services.extend(service.filter(|id| self.services.contains_key(id)));
                let checks = registration.checks.into_iter().map(|check| Id::from(check.id));
                self.sync.dirty_checks.extend(checks.filter(|id| self.checks.contains_key(id)));
            }
            Step::Deregister(Deregistration { service_id, .. }) if !service_id.is_empty() => {
                let id = Id::from(service_id);
                if !self.services.contains_key(&id) {
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
}

/// Compares all that is the agent's to say, field by field: with ten thousand services copies would be most of the work.
fn is_same_service(here: &Service, there: &Service) -> bool {
    // Spelled out, so that a new field can't be forgotten.
    let Service {
        node: _,
        stamp: _,
        id,
        name,
        tags,
        address,
        tagged_addresses,
        meta,
        port,
        socket_path,
        weights,
        enable_tag_override,
        kind,
        proxy,
        connect,
        ports,
        locality,
        ai,
    } = here;
    *id == there.id
        && *name == there.name
        && *tags == there.tags
        && *address == there.address
        && *tagged_addresses == there.tagged_addresses
        && *meta == there.meta
        && *port == there.port
        && *socket_path == there.socket_path
        && *weights == there.weights
        && *enable_tag_override == there.enable_tag_override
        && *kind == there.kind
        && *proxy == there.proxy
        && *connect == there.connect
        && *ports == there.ports
        && *locality == there.locality
        && *ai == there.ai
}

fn is_same_check(here: &CheckEntry, there: &Check) -> bool {
    let definition = &here.definition;
    definition.name == there.name
        && here.status == there.status
        && definition.notes == there.notes
        && definition.service_id == there.service_id
        && definition.check.kind() == there.kind
        && definition.interval_text == there.interval
        && definition.timeout_text == there.timeout
}
