//! The tasks of an agent: one for each run, and those that go on for as long as it does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Agent;
use crate::definition::{Check, CheckDefinition};
use crate::machine::Extent;

/// How many writes to the catalog are under way at once; more share one sync of the servers' log.
const STEPS_AT_ONCE: usize = 16;

/// How long to gather changes that others make to the own node before looking at them.
const REPAIR_DELAY: Duration = Duration::from_secs(1);

/// How long to gather changes of a node that an alias stands for: one whose checks change all the time costs ten looks a
/// second.
const FOLLOW_DELAY: Duration = Duration::from_millis(100);

/// The longest sleep of the driver, so that a sum of times never overflows.
const DRIVER_PAUSE_MS_MAX: u64 = 3_600_000;

impl Agent {
    pub(super) fn start_run(&self, run: u64, check: Arc<CheckDefinition>) {
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

    pub(super) fn start_following(&self, run: u64, check: Arc<CheckDefinition>, interval_ms: u64) {
        let (cancel, cancelled) = oneshot::channel();
        self.cancels().insert(run, cancel);
        let agent = self.clone();
        self.0.host.spawn(async move {
            tokio::select! {
                () = agent.follow(run, &check, Duration::from_millis(interval_ms)) => {}
                _ = cancelled => {}
            }
            agent.cancels().remove(&run);
        });
    }

    /// Looks at whom an alias stands for, and again whenever something changes there, for ever.
    async fn follow(&self, run: u64, check: &CheckDefinition, interval: Duration) {
        let Check::Alias(alias) = &check.check else { return };
        loop {
            // Asked for before the look, so that no change is missed.
            let changed = self.0.catalog.changed(&alias.node);
            let result = self.0.runner.run(check).await;
            self.act(|machine, now| machine.followed(now, run, &check.id, result));
            tokio::select! {
                () = changed => tokio::time::sleep(FOLLOW_DELAY).await,
                () = tokio::time::sleep(interval) => {}
            }
        }
    }

    /// Sleeps until the machine's next deadline and lets it act, for ever.
    pub(super) async fn drive(self) {
        loop {
            let next = self.look(|machine| {
                let next = machine.next_deadline().unwrap_or(u64::MAX);
                self.0.driver_sleeps_until.store(next, Ordering::Relaxed);
                next
            });
            let pause = Duration::from_millis(next.saturating_sub(self.now()).min(DRIVER_PAUSE_MS_MAX));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.0.wake_driver.notified() => {}
            }
            self.act(|machine, now| machine.handle_timeout(now));
        }
    }

    /// Brings the catalog in line whenever there is something to tell it, for ever.
    pub(super) async fn keep_catalog(self) {
        let node = &self.0.node_name;
        loop {
            let extent = self.act(|machine, _| machine.take_comparison()).0;
            if let Some(extent) = extent {
                match self.0.catalog.view(node).await {
                    Ok(view) => drop(self.act(|machine, _| machine.compare(&view, extent))),
                    Err(reason) => {
                        tracing::debug!(reason, "the catalog can't be looked at; it is tried again");
                        self.act(|machine, now| machine.comparison_failed(now, extent, &reason));
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
    pub(super) async fn watch_catalog(self) {
        loop {
            let changed = self.0.catalog.changed(&self.0.node_name);
            self.act(|machine, _| machine.compare_soon(Extent::Repair));
            changed.await;
            tokio::time::sleep(REPAIR_DELAY).await;
        }
    }
}
