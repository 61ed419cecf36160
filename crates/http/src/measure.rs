//! What the HTTP server measures of itself: the time of each request by method and route, under Consul's name.

use std::sync::OnceLock;
use std::time::Duration;

use quorate_base::metrics::{MetricName, Registry, Sample};
use tokio::time::Instant;

use crate::routes::{self, Route};

/// The times of requests. A route that was never asked has none: readers would see a hundred empty ones.
pub(crate) struct RouteMetrics {
    registry: Registry,
    /// By the route's number, then by the place of the method in the route.
    samples: Vec<Box<[OnceLock<Sample>]>>,
}

impl RouteMetrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let samples = routes::all().iter().map(|route| route.actions.iter().map(|_| OnceLock::new()).collect());
        Self { registry: registry.clone(), samples: samples.collect() }
    }

    /// Records how long a request took, waiting included, as in Consul.
    pub(crate) fn record(&self, route: &Route, place: usize, elapsed: Duration) {
        let sample = self.samples[route.number][place].get_or_init(|| {
            let path = route.pattern.trim_start_matches('/').replace('/', "_");
            let method = route.actions[place].0.as_str();
            self.registry.sample(MetricName::with_labels("consul.api.http", &[("method", method), ("path", &path)]))
        });
        sample.record_duration(elapsed);
    }
}

/// The times of writes, from the proposal to the answer.
pub(crate) struct Timers {
    pub(crate) kvs_apply: Timer,
    pub(crate) txn_apply: Timer,
    pub(crate) txn_read: Timer,
    pub(crate) session_apply: Timer,
    pub(crate) session_renew: Timer,
    pub(crate) catalog_register: Timer,
    pub(crate) catalog_deregister: Timer,
}

impl Timers {
    pub(crate) fn new(registry: &Registry) -> Self {
        let timer = |name| Timer { sample: registry.sample(name) };
        Self {
            kvs_apply: timer("consul.kvs.apply"),
            txn_apply: timer("consul.txn.apply"),
            txn_read: timer("consul.txn.read"),
            session_apply: timer("consul.session.apply"),
            session_renew: timer("consul.session.renew"),
            catalog_register: timer("consul.catalog.register"),
            catalog_deregister: timer("consul.catalog.deregister"),
        }
    }
}

/// Measures how long something takes.
pub(crate) struct Timer {
    sample: Sample,
}

impl Timer {
    /// Measures until what it gives is dropped.
    pub(crate) fn start(&self) -> Running<'_> {
        Running { sample: &self.sample, started: Instant::now() }
    }
}

/// A measurement under way.
pub(crate) struct Running<'a> {
    sample: &'a Sample,
    started: Instant,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.sample.record_duration(self.started.elapsed());
    }
}
