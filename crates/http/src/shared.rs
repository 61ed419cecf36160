//! What all requests of a server share: the node, the agent beside it, the settings, and what is measured and bounded.
//!
//! It knows nothing of routes and connections, which stand on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use quorate_base::clients::{ClientGuard, Clients};
use quorate_base::duration::GoDuration;
use quorate_base::metrics::{Counter, Gauge, Registry};
use quorate_node::Handle;
use tokio::sync::watch;

use crate::answers::RenderedAnswers;
use crate::large::LargeAnswers;
use crate::local::Local;
use crate::measure::{Gauges, REQUESTS, RouteMetrics, Timers};
use crate::rules::Rules;
use crate::settings::{Settings, Terms};
use crate::stream::Peer;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) node: Handle,
    /// The agent; a node without one answers its routes with an error.
    pub(crate) local: Option<Local>,
    pub(crate) settings: Settings,
    in_force: ArcSwap<InForce>,
    pub(crate) clients: Arc<Clients>,
    /// The requests that clients have under way over HTTP/2.
    streams: Arc<Clients>,
    pub(crate) metrics: Registry,
    pub(crate) route_metrics: RouteMetrics,
    pub(crate) timers: Timers,
    /// Questions asked, waiting or not.
    pub(crate) queries: Counter,
    /// The same, counted with all else that is asked of the state.
    pub(crate) requests: Counter,
    pub(crate) answers: RenderedAnswers,
    pub(crate) large: LargeAnswers,
    /// Whether the server is stopping.
    pub(crate) draining: watch::Sender<bool>,
    gauges: Gauges,
    pub(crate) connections: AtomicUsize,
    connections_gauge: Gauge,
}

/// The terms that hold now, and the rules that come of them.
pub(crate) struct InForce {
    pub(crate) terms: Terms,
    pub(crate) rules: Rules,
}

impl InForce {
    fn new(terms: Terms) -> Self {
        Self { rules: Rules::new(&terms), terms }
    }
}

/// What part of all parked queries one client may have over HTTP/2, where the bound on its connections bounds little.
const STREAMS_SHARE: usize = 4;

impl Shared {
    /// For a server that starts.
    pub(crate) fn new(
        node: Handle,
        local: Option<Local>,
        settings: Settings,
        terms: Terms,
        metrics: Registry,
        route_metrics: RouteMetrics,
    ) -> Self {
        Self {
            route_metrics,
            timers: Timers::new(&metrics),
            queries: metrics.counter("consul.rpc.query"),
            requests: metrics.counter(REQUESTS),
            answers: RenderedAnswers::new(settings.answer_cache_bytes_max, &metrics),
            large: LargeAnswers::new(node.account().clone()),
            draining: watch::Sender::new(false),
            gauges: Gauges::new(&metrics, node.datacenter()),
            connections: AtomicUsize::new(0),
            connections_gauge: metrics.gauge("quorate.http.connections"),
            clients: Arc::new(Clients::new(terms.connections_per_client_max)),
            streams: Arc::new(Clients::new(settings.parked_queries_max / STREAMS_SHARE)),
            in_force: ArcSwap::from_pointee(InForce::new(terms)),
            node,
            local,
            settings,
            metrics,
        }
    }

    /// Serves on other terms from now on.
    pub(crate) fn set_terms(&self, terms: Terms) {
        self.clients.set_max(terms.connections_per_client_max);
        self.in_force.store(Arc::new(InForce::new(terms)));
    }

    /// A place for a request over HTTP/2, if its client may have one more.
    pub(crate) fn enter_stream(&self, peer: Peer) -> Option<ClientGuard> {
        self.streams.enter(peer)
    }

    /// The terms and rules that hold now, for a short look. Don't hold it across a wait.
    pub(crate) fn in_force(&self) -> Guard<Arc<InForce>> {
        self.in_force.load()
    }

    /// Whether the server is stopping.
    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Does work that would hold up everything else on a different thread. `None` if the process is ending.
    pub(crate) async fn elsewhere<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        self.node.host().elsewhere(work).await
    }

    /// How long a client that waits for a change is to wait: what it asked for within the bounds, and up to a sixteenth
    /// more, so that clients that came together do not come together again.
    pub(crate) fn longest_wait(&self, asked_for: Option<GoDuration>) -> Duration {
        const JITTER_SHARE: u32 = 16;
        // An answer takes a moment to be made and sent, and none may come later than the whole sixteenth.
        const ANSWERING: Duration = Duration::from_millis(20);
        let in_force = self.in_force();
        let asked_for = asked_for.map(GoDuration::to_std).filter(|wait| !wait.is_zero());
        let wait = asked_for.unwrap_or(in_force.terms.wait_default).min(in_force.terms.wait_max);
        let jitter_max = (wait / JITTER_SHARE).saturating_sub(ANSWERING);
        let jitter = match u64::try_from(jitter_max.as_micros()) {
            Ok(limit @ 1..) => self.node.host().random.below(limit),
            _ => 0,
        };
        wait + Duration::from_micros(jitter)
    }

    /// Brings up to date the gauges that nobody sets by himself.
    pub(crate) async fn refresh_gauges(&self) {
        self.node.refresh_metrics();
        self.gauges.refresh(&self.node).await;
        self.connections_gauge.set(self.connections.load(Ordering::Relaxed) as f64);
    }
}

/// Resolves when the server is stopping.
pub(crate) async fn stopping(draining: &mut watch::Receiver<bool>) {
    // An error means that the server is gone.
    drop(draining.wait_for(|draining| *draining).await);
}
