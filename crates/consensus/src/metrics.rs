//! What consensus measures, under Consul's names where Consul measures the same. Times are in milliseconds.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use quorate_base::metrics::{Counter, Gauge, Registry, Sample};
use tokio::time::Instant;

use crate::application::{SnapshotSink, SnapshotSource};
use crate::protocol::NodeId;
use crate::status::{Role, Status};

/// The measures of one server.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    /// The log.
    pub(crate) log: LogMetrics,
    /// From a look at the state to a copy of it.
    pub(crate) fsm_snapshot: Sample,
    /// Bringing the state to what a snapshot says.
    pub(crate) fsm_restore: Sample,
    /// The same, the last time.
    pub(crate) fsm_last_restore: Gauge,
    /// Applying a batch.
    pub(crate) fsm_apply_batch: Sample,
    /// How many entries it had.
    pub(crate) fsm_apply_batch_entries: Sample,
    /// The same, the last time: Consul has both.
    pub(crate) commit_entries: Gauge,
    /// Opening a snapshot's file.
    pub(crate) snapshot_create: Sample,
    /// Writing and syncing it.
    pub(crate) snapshot_persist: Sample,
    /// All of it.
    pub(crate) snapshot_take: Sample,
    /// The length of the newest.
    pub(crate) snapshot_bytes: Gauge,
    /// On a leader with followers, how long ago a majority of them was heard.
    last_contact: Sample,
    state_leader: Counter,
    state_candidate: Counter,
    state_follower: Counter,
    leader_changes: Counter,
    term: Gauge,
}

/// The measures of the log.
#[derive(Clone, Default)]
pub(crate) struct LogMetrics {
    /// One sync.
    pub(crate) sync: Sample,
    /// How many entries shared one.
    batch_entries: Sample,
    /// How many bytes.
    batch_bytes: Sample,
    /// Writing a batch on a leader, its sync included.
    dispatch: Sample,
    /// How many entries the last one had.
    dispatch_entries: Gauge,
    /// What the log's files take on the disk.
    pub(crate) bytes: Gauge,
    /// How many there are.
    pub(crate) files: Gauge,
    /// 1 while there is no room for the next log file.
    pub(crate) disk_full: Gauge,
    /// Whether this server leads.
    leads: std::sync::Arc<AtomicBool>,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            log: LogMetrics {
                sync: registry.sample("quorate.log.sync"),
                batch_entries: registry.sample("quorate.log.batch_entries"),
                batch_bytes: registry.sample("quorate.log.batch_bytes"),
                dispatch: registry.sample("consul.raft.leader.dispatchLog"),
                dispatch_entries: registry.gauge("consul.raft.leader.dispatchNumLogs"),
                bytes: registry.gauge("quorate.log.bytes"),
                files: registry.gauge("quorate.log.files"),
                disk_full: registry.gauge("quorate.log.disk_full"),
                leads: std::sync::Arc::default(),
            },
            fsm_snapshot: registry.sample("consul.raft.fsm.snapshot"),
            fsm_restore: registry.sample("consul.raft.fsm.restore"),
            fsm_last_restore: registry.gauge("consul.raft.fsm.lastRestoreDuration"),
            fsm_apply_batch: registry.sample("consul.raft.fsm.applyBatch"),
            fsm_apply_batch_entries: registry.sample("consul.raft.fsm.applyBatchNum"),
            commit_entries: registry.gauge("consul.raft.commitNumLogs"),
            snapshot_create: registry.sample("consul.raft.snapshot.create"),
            snapshot_persist: registry.sample("consul.raft.snapshot.persist"),
            snapshot_take: registry.sample("consul.raft.snapshot.takeSnapshot"),
            snapshot_bytes: registry.gauge("quorate.snapshot.bytes"),
            last_contact: registry.sample("consul.raft.leader.lastContact"),
            state_leader: registry.counter("consul.raft.state.leader"),
            state_candidate: registry.counter("consul.raft.state.candidate"),
            state_follower: registry.counter("consul.raft.state.follower"),
            leader_changes: registry.counter("quorate.raft.leader_changes"),
            term: registry.gauge("quorate.raft.term"),
        }
    }

    /// A state was made from a snapshot.
    pub(crate) fn restored(&self, elapsed: Duration) {
        self.fsm_restore.record_duration(elapsed);
        self.fsm_last_restore.set(elapsed.as_secs_f64() * 1000.0);
    }

    /// A batch of entries was applied.
    pub(crate) fn applied(&self, entries: usize, elapsed: Duration) {
        self.fsm_apply_batch.record_duration(elapsed);
        self.fsm_apply_batch_entries.record(entries as f64);
        self.commit_entries.set(entries as f64);
    }
}

impl LogMetrics {
    /// A batch was written and synced.
    pub(crate) fn wrote(&self, entries: usize, bytes: u64, elapsed: Duration) {
        self.batch_entries.record(entries as f64);
        self.batch_bytes.record(bytes as f64);
        if entries > 0 && self.leads.load(Ordering::Relaxed) {
            self.dispatch.record_duration(elapsed);
            self.dispatch_entries.set(entries as f64);
        }
    }
}

/// Counts changes of role and leader as they are seen.
pub(crate) struct RoleCounter {
    metrics: Metrics,
    role: Option<Role>,
    leader: Option<NodeId>,
}

impl RoleCounter {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics, role: None, leader: None }
    }

    /// Takes note of a status.
    pub(crate) fn see(&mut self, status: &Status) {
        let metrics = &self.metrics;
        metrics.term.set(status.term as f64);
        let before = self.role.replace(status.role);
        let follows = |role: Role| matches!(role, Role::Learner | Role::Follower);
        let as_before = before == Some(status.role) || before.is_some_and(follows) && follows(status.role);
        if !as_before {
            match status.role {
                // Consul has no word for a server that does not vote.
                Role::Learner | Role::Follower => metrics.state_follower.increment(),
                Role::Candidate => metrics.state_candidate.increment(),
                Role::Leader => metrics.state_leader.increment(),
                Role::Stopped => {}
            }
        }
        metrics.log.leads.store(status.role == Role::Leader, Ordering::Relaxed);
        if status.leader.is_some() && status.leader != self.leader {
            self.leader = status.leader;
            metrics.leader_changes.increment();
        }
        let has_followers = status.members.members.len() > 1;
        if let Some(contact) = status.last_contact.filter(|_| has_followers && status.role == Role::Leader) {
            metrics.last_contact.record_duration(contact.elapsed());
        }
    }
}

/// A source that tells when its writing begins.
pub(crate) struct Measured {
    pub(crate) source: Box<dyn SnapshotSource>,
    pub(crate) since: Instant,
    pub(crate) create: Sample,
}

impl SnapshotSource for Measured {
    fn write(self: Box<Self>, sink: &mut dyn SnapshotSink) -> io::Result<()> {
        self.create.record_duration(self.since.elapsed());
        self.source.write(sink)
    }
}

#[cfg(test)]
mod tests {
    use quorate_base::metrics::Value;

    use super::*;

    fn total(registry: &Registry, name: &str) -> f64 {
        let readings = registry.read().readings;
        match readings.iter().find(|reading| reading.name.name == name).unwrap().value {
            Value::Counter { total, .. } => total,
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn roles_and_leaders_are_counted_once_for_each_change() {
        let registry = Registry::default();
        let mut counter = RoleCounter::new(Metrics::new(&registry));
        let (one, two) = (Some(NodeId::from_u128(1)), Some(NodeId::from_u128(2)));
        let seen = [
            (Role::Learner, None),
            (Role::Follower, None),
            (Role::Candidate, None),
            (Role::Leader, one),
            (Role::Leader, one),
            (Role::Follower, None),
            (Role::Follower, two),
        ];
        for (role, leader) in seen {
            counter.see(&Status { role, leader, ..Status::default() });
        }
        assert_eq!(total(&registry, "consul.raft.state.follower"), 2.0);
        assert_eq!(total(&registry, "consul.raft.state.candidate"), 1.0);
        assert_eq!(total(&registry, "consul.raft.state.leader"), 1.0);
        assert_eq!(total(&registry, "quorate.raft.leader_changes"), 2.0);
    }
}
