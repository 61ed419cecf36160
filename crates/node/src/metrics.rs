//! What a node measures, under Consul's names where Consul measures the same.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_base::metrics::{Counter, Gauge, MetricName, Registry, Sample};
use quorate_state::{KeyVerb, Operation, RestoreStep};

/// The node's metrics.
pub(crate) struct Metrics {
    /// Proposals made on this server.
    pub(crate) proposals: Counter,
    /// From a proposal to its answer, in milliseconds.
    pub(crate) commit_time: Sample,
    /// Sessions whose deadline this leader watches.
    pub(crate) session_deadlines: Gauge,
    /// Waits for changes, of parked questions, kept answers and the node itself.
    pub(crate) watches: Gauge,
    /// Requests that wait.
    pub(crate) parked: Gauge,
    /// How often a parked question was answered anew.
    pub(crate) parked_evaluated: Counter,
    /// How often somebody who waited got news.
    pub(crate) parked_woken: Counter,
    /// Questions answered by an answer that was kept.
    pub(crate) answers_hit: Counter,
    /// Questions of the same kinds for which none was.
    pub(crate) answers_missed: Counter,
    /// What it takes to apply one command, in milliseconds.
    apply_time: Sample,
    /// The same by the kind of command.
    kinds: Kinds,
}

/// The time that commands take to apply, by kind and, where Consul tells them apart, by what they do.
struct Kinds {
    key: BTreeMap<&'static str, Sample>,
    txn: Sample,
    session_create: Sample,
    session_destroy: Sample,
    register: Sample,
    deregister: Sample,
    reap: Sample,
    restore: Sample,
}

/// The verbs that write a key.
const KEY_VERBS: [&str; 7] = ["set", "cas", "lock", "unlock", "delete", "delete-cas", "delete-tree"];

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            proposals: registry.counter("consul.raft.apply"),
            commit_time: registry.sample("consul.raft.commitTime"),
            session_deadlines: registry.gauge("consul.session_ttl.active"),
            watches: registry.gauge("quorate.watches.parked"),
            parked: registry.gauge("consul.rpc.queries_blocking"),
            parked_evaluated: registry.counter("quorate.http.parked.evaluated"),
            parked_woken: registry.counter("quorate.http.parked.woken"),
            answers_hit: registry.counter("quorate.http.answers.hit"),
            answers_missed: registry.counter("quorate.http.answers.miss"),
            apply_time: registry.sample("consul.raft.fsm.apply"),
            kinds: Kinds::new(registry),
        }
    }

    /// A command was applied.
    pub(crate) fn applied(&self, kind: Option<&Sample>, elapsed: Duration) {
        self.apply_time.record_duration(elapsed);
        if let Some(sample) = kind {
            sample.record_duration(elapsed);
        }
    }

    /// The measure of commands of this kind.
    pub(crate) fn kind_of(&self, operation: &Operation) -> Option<&Sample> {
        let kinds = &self.kinds;
        Some(match operation {
            Operation::Key(operation) => return kinds.key.get(verb_word(&operation.verb)),
            Operation::Txn(_) => &kinds.txn,
            Operation::SessionCreate(_) => &kinds.session_create,
            Operation::SessionDestroy(_) => &kinds.session_destroy,
            Operation::Register(_) => &kinds.register,
            Operation::Deregister(_) => &kinds.deregister,
            Operation::Reap(_) => &kinds.reap,
            Operation::Restore(RestoreStep::Commit { .. }) => &kinds.restore,
            Operation::Restore(_) | Operation::ActivateFormat(_) => return None,
        })
    }
}

impl Kinds {
    fn new(registry: &Registry) -> Self {
        let by_operation = |name, operation| registry.sample(MetricName::with_labels(name, &[("op", operation)]));
        Self {
            key: KEY_VERBS.into_iter().map(|verb| (verb, by_operation("consul.fsm.kvs", verb))).collect(),
            txn: registry.sample("consul.fsm.txn"),
            session_create: by_operation("consul.fsm.session", "create"),
            session_destroy: by_operation("consul.fsm.session", "destroy"),
            register: registry.sample("consul.fsm.register"),
            deregister: registry.sample("consul.fsm.deregister"),
            reap: by_operation("consul.fsm.tombstone", "reap"),
            restore: registry.sample("quorate.fsm.restore"),
        }
    }
}

/// Consul's word for what is done with a key; empty for what only reads.
fn verb_word(verb: &KeyVerb) -> &'static str {
    match verb {
        KeyVerb::Set(_) => "set",
        KeyVerb::Cas(..) => "cas",
        KeyVerb::Lock(..) => "lock",
        KeyVerb::Unlock(..) => "unlock",
        KeyVerb::Delete => "delete",
        KeyVerb::DeleteCas(_) => "delete-cas",
        KeyVerb::DeleteTree => "delete-tree",
        KeyVerb::Get
        | KeyVerb::GetOrEmpty
        | KeyVerb::GetTree
        | KeyVerb::CheckIndex(_)
        | KeyVerb::CheckSession(_)
        | KeyVerb::CheckNotExists => "",
    }
}
