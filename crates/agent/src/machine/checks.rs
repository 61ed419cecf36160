//! Checks: when they run, what their results mean, and when a critical service is given up.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::definition::{Check, OUTPUT_BYTES_MAX};
use crate::error::AgentError;

/// How often an alias of another node is looked up even if nothing changes there, unless its definition says: its thresholds
/// count results.
const ALIAS_INTERVAL: Duration = Duration::from_secs(5);

/// Room for what says that an output was cut.
const CUT_TOLD_BYTES: usize = 100;

impl Machine {
    /// Puts a check in place, with this status if it is a new one. One of that id keeps its status and what it said; one that
    /// is the same goes on as it is.
    pub(super) fn put_check(
        &mut self,
        now: u64,
        definition: CheckDefinition,
        source: Source,
        is_of_service: bool,
        first: CheckStatus,
    ) {
        let id: Id = definition.id.as_str().into();
        let mut status = first;
        let mut output = String::new();
        let mut gives_up = false;
        if let Some(entry) = self.checks.get_mut(&id) {
            if entry.source == Source::Api && source == Source::File {
                // What a request had registered gives way, also on disk.
                self.effects.push_back(Effect::Forget(StoreKey::Check(id.clone())));
            }
            if *entry.definition == definition {
                entry.source = source;
                entry.is_of_service = is_of_service;
                if source == Source::Api {
                    self.is_registered_again(now, &id);
                }
                return;
            }
            gives_up = self.timers.at(&Timer::GiveUp(id.clone())).is_some();
            status = entry.status;
            output = std::mem::take(&mut entry.output);
            self.unlink_check(&id);
        }
        let definition = Arc::new(definition);
        let entry = CheckEntry {
            definition: definition.clone(),
            source,
            is_of_service,
            status,
            output,
            successes: 0,
            failures: 0,
            run: None,
            is_queued: false,
        };
        self.checks.insert(id.clone(), entry);
        self.checks_of.entry(definition.service_id.as_str().into()).or_default().insert(id.clone());
        self.sync.gone_checks.remove(&id);
        self.check_is_dirty(&id);
        self.start_check(now, &id, &definition);
        if gives_up {
            self.watch_critical(now, &id);
        }
        self.refresh_aliases(now, &definition.service_id);
    }

    /// Whoever registers the same again is alive, as some clients tell in no other way: what waits for word begins anew.
    fn is_registered_again(&mut self, now: u64, id: &Id) {
        let Some(entry) = self.checks.get(id) else { return };
        if let Check::Ttl(ttl) = entry.definition.check {
            self.timers.set(Timer::Ttl(id.clone()), now.saturating_add(ms(ttl)));
        }
        let timer = Timer::GiveUp(id.clone());
        if self.timers.at(&timer).is_some() {
            self.timers.clear(&timer);
            self.watch_critical(now, id);
        }
    }

    fn start_check(&mut self, now: u64, id: &Id, definition: &Arc<CheckDefinition>) {
        match &definition.check {
            Check::Ttl(ttl) => self.timers.set(Timer::Ttl(id.clone()), now.saturating_add(ms(*ttl))),
            Check::Maintenance => {}
            Check::Alias(alias) if self.is_own_node(&alias.node) => {
                self.aliases_of.entry(alias.service_id.as_str().into()).or_default().insert(id.clone());
                self.evaluate_alias(now, id);
            }
            Check::Alias(_) => self.follow(id, definition),
            _ => {
                // Spread over the interval, so that checks which are registered together do not run together.
                let delay = self.random.below(self.run_interval(definition));
                self.timers.set(Timer::Run(id.clone()), now + delay);
            }
        }
    }

    /// Has an alias of another node followed. That is a run without an end, which waits more than it works: it takes no place
    /// from others.
    fn follow(&mut self, id: &Id, definition: &Arc<CheckDefinition>) {
        self.runs_started += 1;
        if let Some(entry) = self.checks.get_mut(id) {
            entry.run = Some(self.runs_started);
        }
        let interval_ms = self.run_interval(definition);
        self.emit(Effect::Follow { run: self.runs_started, check: definition.clone(), interval_ms });
    }

    /// What whom an alias stands for says now, unless it is not followed by this run any more.
    pub fn followed(&mut self, now: u64, run: u64, check: &str, result: RunResult) {
        let entry = self.checks.get_key_value(check).filter(|(_, entry)| entry.run == Some(run));
        if let Some(id) = entry.map(|(id, _)| id.clone()) {
            self.weigh(now, &id, result);
        }
    }

    fn run_interval(&self, definition: &CheckDefinition) -> u64 {
        let interval = match &definition.check {
            Check::Alias(_) if definition.interval.is_zero() => ALIAS_INTERVAL,
            _ => definition.interval,
        };
        ms(interval.max(self.settings.interval_min)).max(1)
    }

    /// Takes a check out of everything but the table itself.
    fn unlink_check(&mut self, id: &Id) {
        let Some(entry) = self.checks.get(id) else { return };
        let definition = entry.definition.clone();
        if let Some(run) = entry.run {
            self.emit(Effect::Cancel { run });
        }
        for timer in [Timer::Run, Timer::Ttl, Timer::GiveUp, Timer::Output] {
            self.timers.clear(&timer(id.clone()));
        }
        remove_from(&mut self.checks_of, &definition.service_id, id);
        if let Check::Alias(alias) = &definition.check {
            remove_from(&mut self.aliases_of, &alias.service_id, id);
        }
        self.forget_check(id);
    }

    /// Removes a check, if it is there.
    pub(super) fn remove_check(&mut self, now: u64, id: &Id) {
        self.unlink_check(id);
        let Some(entry) = self.checks.remove(id) else { return };
        self.sync.gone_checks.insert(id.clone());
        self.emit(Effect::Forget(StoreKey::Check(id.clone())));
        if matches!(entry.definition.check, Check::Ttl(_)) {
            self.emit(Effect::Forget(StoreKey::State(id.clone())));
        }
        self.emit(Effect::Sync);
        self.refresh_aliases(now, &entry.definition.service_id);
    }

    /// A TTL check is told its status.
    pub fn update_ttl(&mut self, now: u64, id: &str, status: CheckStatus, output: String) -> Result<(), AgentError> {
        let Some((id, entry)) = self.checks.get_key_value(id) else {
            return Err(AgentError::UnknownCheck(id.to_owned()));
        };
        let Check::Ttl(ttl) = entry.definition.check else { return Err(AgentError::NotTtl(id.to_string())) };
        let id = id.clone();
        let bytes_max = entry.definition.output_bytes_max(self.settings.check_output_bytes_max);
        self.timers.set(Timer::Ttl(id.clone()), now.saturating_add(ms(ttl)));
        self.weigh(now, &id, RunResult { status, output: cut(output, bytes_max) });
        if let Some(entry) = self.checks.get(&id) {
            let state = TtlState { status: entry.status, output: entry.output.clone(), left_ms: ms(ttl) };
            self.emit(Effect::KeepState(id, state));
        }
        Ok(())
    }

    /// Gives a TTL check what it was told before a restart.
    pub fn restore_ttl(&mut self, now: u64, id: &str, state: TtlState) {
        let ttl = self.checks.get_key_value(id).map(|(id, entry)| (id.clone(), &entry.definition.check));
        if let Some((id, &Check::Ttl(ttl))) = ttl {
            self.timers.set(Timer::Ttl(id.clone()), now.saturating_add(state.left_ms.min(ms(ttl))));
            self.set_status(now, &id, state.status, state.output);
        } else {
            self.forget_state(id);
        }
    }

    /// What a TTL check was told before a restart does not hold any more.
    pub fn forget_state(&mut self, id: &str) {
        self.emit(Effect::Forget(StoreKey::State(id.into())));
    }

    pub(super) fn ttl_expired(&mut self, now: u64, id: &Id) {
        let Some(entry) = self.checks.get(id) else { return };
        let Check::Ttl(ttl) = entry.definition.check else { return };
        const EXPIRED: &str = "TTL expired";
        let output = match entry.output.as_str() {
            "" => EXPIRED.to_owned(),
            said if said.starts_with(EXPIRED) => said.to_owned(),
            said => format!("{EXPIRED} (last output before timeout follows): {said}"),
        };
        self.weigh(now, id, RunResult { status: CheckStatus::Critical, output });
        let is_critical = self.checks.get(id).is_some_and(|entry| entry.status == CheckStatus::Critical);
        if is_critical {
            self.emit(Effect::Forget(StoreKey::State(id.clone())));
        } else {
            // Silence counts again, until it has often enough.
            self.timers.set(Timer::Ttl(id.clone()), now.saturating_add(ms(ttl)));
        }
    }

    pub(super) fn run_is_due(&mut self, id: &Id) {
        let Some(entry) = self.checks.get_mut(id) else { return };
        if entry.run.is_none() && !entry.is_queued {
            entry.is_queued = true;
            self.turns.wait(id.clone(), &entry.definition.check);
        }
    }

    /// Starts runs that wait for their turn, as many as may be. Called after each event.
    pub fn start_runs(&mut self) {
        while let Some(id) = self.turns.next(&self.settings) {
            // A check may have been removed or replaced while it waited.
            let Some(entry) = self.checks.get_mut(&id).filter(|entry| entry.is_queued) else { continue };
            self.runs_started += 1;
            self.turns.begin(self.runs_started, &entry.definition.check);
            entry.is_queued = false;
            entry.run = Some(self.runs_started);
            let effect = Effect::Run { run: self.runs_started, check: entry.definition.clone() };
            self.emit(effect);
        }
    }

    /// A run ended: with a result, or without one if it was cancelled.
    pub fn run_ended(&mut self, now: u64, run: u64, check: &str, result: Option<RunResult>) {
        self.turns.end(run);
        let entry = self.checks.get_key_value(check).filter(|(_, entry)| entry.run == Some(run));
        if let Some((id, definition)) = entry.map(|(id, entry)| (id.clone(), entry.definition.clone())) {
            let next = now + self.run_interval(&definition);
            self.timers.set(Timer::Run(id.clone()), next);
            if let Some(entry) = self.checks.get_mut(&id) {
                entry.run = None;
            }
            if let Some(result) = result {
                self.weigh(now, &id, result);
            }
        }
        self.start_runs();
    }

    /// Counts a result, and changes the status if there were enough of its kind in a row.
    fn weigh(&mut self, now: u64, id: &Id, result: RunResult) {
        let Some(entry) = self.checks.get_mut(id) else { return };
        let thresholds = entry.definition.thresholds;
        let status = if result.status == CheckStatus::Critical {
            entry.successes = 0;
            entry.failures = entry.failures.saturating_add(1);
            if entry.failures >= thresholds.failures_before_critical {
                CheckStatus::Critical
            } else if entry.failures >= thresholds.failures_before_warning {
                CheckStatus::Warning
            } else {
                return;
            }
        } else {
            entry.failures = 0;
            entry.successes = entry.successes.saturating_add(1);
            if entry.successes < thresholds.success_before_passing {
                return;
            }
            result.status
        };
        self.set_status(now, id, status, result.output);
    }

    /// Gives a check its status and output, and decides when the catalog is told.
    pub(super) fn set_status(&mut self, now: u64, id: &Id, status: CheckStatus, output: String) {
        let output = match self.settings.discard_check_output {
            true => String::new(),
            // The run has cut it already, and its first line says so.
            false if output.len() <= OUTPUT_BYTES_MAX + CUT_TOLD_BYTES => output,
            false => cut(output, OUTPUT_BYTES_MAX),
        };
        let Some(entry) = self.checks.get_mut(id) else { return };
        let has_new_status = entry.status != status;
        if !has_new_status && entry.output == output {
            // The first result may say what was there before.
            return self.watch_critical(now, id);
        }
        entry.status = status;
        entry.output = output;
        let service_id = entry.definition.service_id.clone();
        if has_new_status {
            tracing::info!(check = &**id, status = status.as_str(), "a check has another status");
            self.timers.clear(&Timer::Output(id.clone()));
            self.check_is_dirty(id);
        } else {
            self.defer_output(now, id);
        }
        self.watch_critical(now, id);
        self.refresh_aliases(now, &service_id);
    }

    fn defer_output(&mut self, now: u64, id: &Id) {
        let interval = ms(self.settings.check_update_interval);
        if interval == 0 {
            return self.check_is_dirty(id);
        }
        if self.timers.at(&Timer::Output(id.clone())).is_none() && !self.sync.dirty_checks.contains(id) {
            let delay = interval / 2 + self.random.below(interval);
            self.timers.set(Timer::Output(id.clone()), now.saturating_add(delay));
        }
    }

    /// Starts or ends the time after which a critical service is given up. It starts with a result: one that nothing was heard
    /// of yet is no failure.
    fn watch_critical(&mut self, now: u64, id: &Id) {
        let Some(entry) = self.checks.get(id) else { return };
        let timer = Timer::GiveUp(id.clone());
        match entry.definition.deregister_after {
            Some(after) if entry.status == CheckStatus::Critical && !entry.definition.service_id.is_empty() => {
                if self.timers.at(&timer).is_none() {
                    let after = ms(after.max(self.settings.deregister_after_min));
                    self.timers.set(timer, now.saturating_add(after));
                }
            }
            _ => self.timers.clear(&timer),
        }
    }

    pub(super) fn give_up(&mut self, now: u64, id: &Id) {
        let Some(entry) = self.checks.get(id) else { return };
        let service = entry.definition.service_id.clone();
        tracing::warn!(service, check = &**id, "a service was critical for too long and is deregistered");
        // It is there, since a check of it is.
        let _ = self.deregister_service(now, &service);
    }
}

/// Removes an id from a set in a map, and the set if it is empty then.
fn remove_from(sets: &mut BTreeMap<Id, BTreeSet<Id>>, key: &str, id: &Id) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(id);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

/// What a TTL check said, cut to what is kept of it; the end tells so, as in Consul.
fn cut(output: String, bytes_max: usize) -> String {
    if output.len() <= bytes_max {
        return output;
    }
    let mut end = bytes_max;
    while !output.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} ... (captured {bytes_max} of {} bytes)", &output[..end], output.len())
}
