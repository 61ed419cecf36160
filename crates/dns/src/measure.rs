//! What DNS measures, under Consul's names.
//!
//! A thread that serves datagrams keeps its times for a while and hands them over together: a lock for each query would
//! be the only one on its way.

use std::time::Duration;

use quorate_base::metrics::{Counter, MetricName, Registry, Sample};

use crate::respond::Asked;

/// The metrics of all threads.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// How long questions about names took, in milliseconds.
    domain_query: Sample,
    /// The same for the names of addresses.
    ptr_query: Sample,
    /// Questions that were answered from a state older than five seconds.
    pub(crate) stale_queries: Counter,
    /// Questions that were answered SERVFAIL because as many waited for recursors as may.
    pub(crate) refused_waits: Counter,
    /// Connections that were closed at once because there were as many as may be, of all clients or of one.
    pub(crate) refused_connections: Counter,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry, node_name: &str) -> Self {
        let of_node = |name| MetricName::with_labels(name, &[("node", node_name)]);
        Self {
            domain_query: registry.sample(of_node("consul.dns.domain_query")),
            ptr_query: registry.sample(of_node("consul.dns.ptr_query")),
            stale_queries: registry.counter("consul.dns.stale_queries"),
            refused_waits: registry.counter("quorate.dns.refused_waits"),
            refused_connections: registry.counter("quorate.dns.refused_connections"),
        }
    }

    /// Records one question.
    pub(crate) fn record(&self, asked: Asked, elapsed: Duration) {
        match asked {
            Asked::Address => self.ptr_query.record_duration(elapsed),
            Asked::Name | Asked::Nothing => self.domain_query.record_duration(elapsed),
        }
    }

    /// The times of one thread.
    pub(crate) fn batch(&self) -> Batch {
        Batch { metrics: self.clone(), times: Vec::new() }
    }
}

/// How many times a thread keeps before it hands them over.
const BATCH_TIMES_MAX: usize = 64;

/// The times that one thread has not handed over.
pub(crate) struct Batch {
    metrics: Metrics,
    times: Vec<f64>,
}

impl Batch {
    /// Notes one question.
    pub(crate) fn record(&mut self, asked: Asked, elapsed: Duration) {
        if asked == Asked::Address {
            return self.metrics.record(asked, elapsed);
        }
        self.times.push(elapsed.as_secs_f64() * 1_000.0);
        if self.times.len() == BATCH_TIMES_MAX {
            self.flush();
        }
    }

    /// Hands over what there is.
    pub(crate) fn flush(&mut self) {
        if !self.times.is_empty() {
            self.metrics.domain_query.record_all(&self.times);
            self.times.clear();
        }
    }
}
