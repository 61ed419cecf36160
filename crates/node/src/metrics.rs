//! What a node measures, under Consul's names where Consul measures the same.

use quorate_base::metrics::{Counter, Gauge, Registry, Sample};
use quorate_state::{Operation, RestoreStep};

/// The node's metrics.
pub(crate) struct Metrics {
    /// Proposals made on this server.
    pub(crate) proposals: Counter,
    /// From a proposal to its answer, in milliseconds.
    pub(crate) commit_time: Sample,
    /// Sessions whose deadline this leader watches.
    pub(crate) session_deadlines: Gauge,
    /// Questions parked.
    pub(crate) watches: Gauge,
    /// Batches shown to readers.
    kinds: Kinds,
}

/// Commands applied, by kind.
struct Kinds {
    key: Counter,
    txn: Counter,
    session: Counter,
    register: Counter,
    deregister: Counter,
    reap: Counter,
    restore: Counter,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            proposals: registry.counter("consul.raft.apply"),
            commit_time: registry.sample("consul.raft.commitTime"),
            session_deadlines: registry.gauge("consul.session_ttl.active"),
            watches: registry.gauge("quorate.watches.parked"),
            kinds: Kinds {
                key: registry.counter("consul.fsm.kvs"),
                txn: registry.counter("consul.fsm.txn"),
                session: registry.counter("consul.fsm.session"),
                register: registry.counter("consul.fsm.register"),
                deregister: registry.counter("consul.fsm.deregister"),
                reap: registry.counter("consul.fsm.tombstone"),
                restore: registry.counter("quorate.fsm.restore"),
            },
        }
    }

    pub(crate) fn applied(&self, operation: &Operation) {
        let kind = match operation {
            Operation::Key(_) => &self.kinds.key,
            Operation::Txn(_) => &self.kinds.txn,
            Operation::SessionCreate(_) | Operation::SessionDestroy(_) => &self.kinds.session,
            Operation::Register(_) => &self.kinds.register,
            Operation::Deregister(_) => &self.kinds.deregister,
            Operation::Reap(_) => &self.kinds.reap,
            Operation::Restore(RestoreStep::Commit { .. }) => &self.kinds.restore,
            Operation::Restore(_) => return,
        };
        kind.increment();
    }
}
