//! What the HTTP server measures: the times of requests and writes, and what there is of everything, under Consul's names.

use std::sync::OnceLock;
use std::time::Duration;

use hyper::Method;
use quorate_base::metrics::{Counter, Gauge, MetricName, Registry, Sample};
use quorate_node::{Body, Handle, Knowing, Reply, Request, Role};
use tokio::time::Instant;

/// A route and one of its methods, as metrics name them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteName<'a> {
    /// The route's number.
    pub(crate) number: usize,
    /// Its path.
    pub(crate) pattern: &'a str,
    /// The method.
    pub(crate) method: &'a Method,
    /// The method's place among those of the route.
    pub(crate) place: usize,
}

/// The times of requests. A route that was never asked has none: readers would see a hundred empty ones.
pub(crate) struct RouteMetrics {
    registry: Registry,
    /// By the route's number, then by the place of the method in the route.
    samples: Vec<Box<[OnceLock<Sample>]>>,
}

impl RouteMetrics {
    /// For routes with so many methods each, by their numbers.
    pub(crate) fn new(registry: &Registry, methods: impl Iterator<Item = usize>) -> Self {
        let samples = methods.map(|methods| (0..methods).map(|_| OnceLock::new()).collect());
        Self { registry: registry.clone(), samples: samples.collect() }
    }

    /// Records how long a request of a route by one of its methods took, waiting included, as in Consul.
    pub(crate) fn record(&self, route: RouteName<'_>, elapsed: Duration) {
        let sample = self.samples[route.number][route.place].get_or_init(|| {
            let path = route.pattern.trim_start_matches('/').replace('/', "_");
            let method = route.method.as_str();
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
        let requests = registry.counter(REQUESTS);
        let timer = |name| Timer { sample: registry.sample(name), requests: requests.clone() };
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

/// The number of all that was asked of the state, questions included.
pub(crate) const REQUESTS: &str = "consul.rpc.request";

/// Counts something that was asked of the state, and measures how long it takes.
pub(crate) struct Timer {
    sample: Sample,
    requests: Counter,
}

impl Timer {
    /// Measures until what it gives is dropped.
    pub(crate) fn start(&self) -> Running<'_> {
        self.requests.increment();
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

/// How much there is of everything; brought up to date when somebody looks.
pub(crate) struct Gauges {
    kv_entries: Gauge,
    nodes: Gauge,
    services: Gauge,
    service_instances: Gauge,
    servers: Gauge,
    is_leader: Gauge,
    applied_index: Gauge,
    last_index: Gauge,
    resident_bytes: Gauge,
    system_bytes: Gauge,
}

impl Gauges {
    pub(crate) fn new(registry: &Registry, datacenter: &str) -> Self {
        // The prefix is there twice in Consul's names of these, too.
        let of_datacenter = |name| registry.gauge(MetricName::with_labels(name, &[("datacenter", datacenter)]));
        Self {
            kv_entries: of_datacenter("consul.consul.state.kv_entries"),
            nodes: of_datacenter("consul.consul.state.nodes"),
            services: of_datacenter("consul.consul.state.services"),
            service_instances: of_datacenter("consul.consul.state.service_instances"),
            servers: of_datacenter("consul.consul.members.servers"),
            is_leader: registry.gauge("consul.server.isLeader"),
            applied_index: registry.gauge("consul.raft.applied_index"),
            last_index: registry.gauge("consul.raft.last_index"),
            resident_bytes: registry.gauge("consul.runtime.alloc_bytes"),
            system_bytes: registry.gauge("consul.runtime.sys_bytes"),
        }
    }

    pub(crate) async fn refresh(&self, node: &Handle) {
        let ask = |body| async { node.serve(Request::local(body)).await.reply().await };
        if let Ok(Reply::Counts(counts)) = ask(Body::Counts).await {
            self.kv_entries.set(counts.keys as f64);
            self.nodes.set(counts.nodes as f64);
            self.services.set(counts.services as f64);
            self.service_instances.set(counts.instances as f64);
        }
        if let Ok(Reply::Status(status)) = ask(Body::Status(Knowing::Local)).await {
            self.servers.set(status.servers.len() as f64);
            self.is_leader.set(if status.role == Role::Leader { 1.0 } else { 0.0 });
            self.applied_index.set(status.progress.applied.map_or(0.0, |at| at.index as f64));
            self.last_index.set(status.progress.last_log.map_or(0.0, |at| at.index as f64));
        }
        if let Some(resident) = resident_bytes() {
            // There is no heap of a runtime to tell apart from the process.
            self.resident_bytes.set(resident as f64);
            self.system_bytes.set(resident as f64);
        }
    }
}

/// The memory of this process, where the system tells.
fn resident_bytes() -> Option<u64> {
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE_BYTES)
}
