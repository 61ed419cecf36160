//! The server: takes connections, bounds them, and stops gracefully.
//!
//! Stopping is in three steps: no connection is taken any more, parked queries are answered with what there is, and the
//! requests in flight get [`Terms::drain_timeout`] to finish.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use quorate_base::clients::{ClientGuard, Clients};
use quorate_base::metrics::{Gauge, INTERVAL, Registry};
use quorate_node::Handle;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{oneshot, watch};

use crate::answers::AnswerCache;
use crate::connection;
use crate::large::LargeAnswers;
use crate::local::Local;
use crate::measure::{Gauges, RouteMetrics, Timers};
use crate::questions::Questions;
use crate::rules::Rules;
use crate::settings::{Settings, Terms};
use crate::stream::{Arrival, Listener, Peer};

/// The HTTP server of one node. Clones speak of the same one.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) node: Handle,
    /// The agent; a node without one answers its routes with an error.
    pub(crate) local: Option<Local>,
    pub(crate) settings: Settings,
    in_force: ArcSwap<InForce>,
    clients: Arc<Clients>,
    /// The requests that clients have under way over HTTP/2.
    streams: Arc<Clients>,
    pub(crate) metrics: Registry,
    pub(crate) route_metrics: RouteMetrics,
    pub(crate) timers: Timers,
    pub(crate) questions: Questions,
    pub(crate) answers: AnswerCache,
    pub(crate) large: LargeAnswers,
    /// Whether the server is stopping.
    pub(crate) draining: watch::Sender<bool>,
    gauges: Gauges,
    connections: AtomicUsize,
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

/// How long to wait when no connection can be taken, which is mostly for want of file descriptors: others must close.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How long one past the bound may take to read why.
const REFUSAL_TIMEOUT: Duration = Duration::from_millis(100);
/// What part of all parked queries one client may have over HTTP/2, where the bound on its connections bounds little.
const STREAMS_SHARE: usize = 4;
/// What one past the bound reads.
const REFUSAL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\n\
Retry-After: 1\r\nContent-Length: 69\r\nConnection: close\r\n\r\n\
This server has as many connections as it may have; try again later.\n";

/// What one past the bound of its own client reads; the text is Consul's.
const CLIENT_REFUSAL: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain; charset=utf-8\r\n\
Retry-After: 1\r\nContent-Length: 81\r\nConnection: close\r\n\r\n\
Your IP is issuing too many concurrent connections, please rate limit your calls\n";

impl Server {
    /// A server for `node`. Its measurements go to `metrics`, whose intervals it ends while it serves.
    pub fn new(node: Handle, settings: Settings, terms: Terms, metrics: Registry) -> Self {
        Self::with_agent(node, settings, terms, metrics, None)
    }

    /// A server for `node` and the agent beside it.
    pub fn with_agent(node: Handle, settings: Settings, terms: Terms, metrics: Registry, local: Option<Local>) -> Self {
        let shared = Shared {
            route_metrics: RouteMetrics::new(&metrics),
            timers: Timers::new(&metrics),
            questions: Questions::new(settings.parked_queries_max, &metrics),
            answers: AnswerCache::new(settings.answer_cache_bytes_max, &metrics),
            large: LargeAnswers::new(settings.large_answer_bytes_max, &metrics),
            draining: watch::Sender::new(false),
            gauges: Gauges::new(&metrics, &settings.datacenter),
            connections: AtomicUsize::new(0),
            connections_gauge: metrics.gauge("quorate.http.connections"),
            clients: Arc::new(Clients::new(terms.connections_per_client_max)),
            streams: Arc::new(Clients::new(settings.parked_queries_max / STREAMS_SHARE)),
            in_force: ArcSwap::from_pointee(InForce::new(terms)),
            node,
            local,
            settings,
            metrics,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Takes connections until the server stops. May run for several listeners at once.
    pub async fn serve(&self, listener: impl Into<Listener>) {
        let listener = listener.into();
        let mut draining = self.shared.draining.subscribe();
        loop {
            tokio::select! {
                biased;
                () = stopping(&mut draining) => return,
                accepted = listener.accept() => match accepted {
                    Ok((arrival, peer)) => self.take(arrival, peer),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(ACCEPT_RETRY).await;
                    }
                },
            }
        }
    }

    fn take(&self, arrival: Arrival, peer: Peer) {
        let shared = self.shared.clone();
        let host = self.shared.node.host();
        let Some(guard) = ConnectionGuard::enter(&shared) else {
            return host.spawn(refuse(arrival, REFUSAL));
        };
        let Some(client_guard) = shared.clients.enter(peer) else {
            return host.spawn(refuse(arrival, CLIENT_REFUSAL));
        };
        host.spawn(connection::run(shared, arrival, peer, guard, client_guard));
    }

    /// Serves on other terms from now on: the requests and connections to come, and the headers of answers that are still
    /// out. Nobody is cut off by them.
    pub fn set_terms(&self, terms: Terms) {
        self.shared.clients.set_max(terms.connections_per_client_max);
        self.shared.in_force.store(Arc::new(InForce::new(terms)));
    }

    /// Stops: takes no more connections, answers parked queries, and waits for the requests in flight, at most for
    /// [`Terms::drain_timeout`]. Gives how many connections were still open then.
    pub async fn drain(&self) -> usize {
        self.shared.draining.send_replace(true);
        self.shared.questions.wake_all();
        let deadline = tokio::time::Instant::now() + self.shared.in_force().terms.drain_timeout;
        const LOOK_AGAIN: Duration = Duration::from_millis(10);
        loop {
            let open = self.shared.connections.load(Ordering::Relaxed);
            if open == 0 || tokio::time::Instant::now() >= deadline {
                return open;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Ends the intervals of the metrics and brings the gauges up to date, for as long as the server runs.
    pub async fn keep_metrics(&self) {
        let mut draining = self.shared.draining.subscribe();
        loop {
            if tokio::time::timeout(INTERVAL, stopping(&mut draining)).await.is_ok() {
                return;
            }
            self.shared.refresh_gauges();
            self.shared.metrics.rotate(self.shared.node.host().wall.now_ms());
        }
    }
}

impl Shared {
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

    /// Does work that would hold up everything else on another thread. `None` if the process is ending.
    pub(crate) async fn elsewhere<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.node.host().tasks.spawn_blocking(Box::new(move || {
            // If nobody waits for it any more, the client has gone.
            if !sender.is_closed() {
                let _ = sender.send(work());
            }
        }));
        receiver.await.ok()
    }

    /// Brings up to date the gauges that nobody sets by himself.
    pub(crate) fn refresh_gauges(&self) {
        self.node.refresh_metrics();
        self.gauges.refresh(&self.node);
        self.connections_gauge.set(self.connections.load(Ordering::Relaxed) as f64);
    }
}

/// Resolves when the server is stopping.
pub(crate) async fn stopping(draining: &mut watch::Receiver<bool>) {
    // An error means that the server is gone.
    drop(draining.wait_for(|draining| *draining).await);
}

/// Counts a connection for as long as it lives.
pub(crate) struct ConnectionGuard(Arc<Shared>);

impl ConnectionGuard {
    fn enter(shared: &Arc<Shared>) -> Option<Self> {
        if shared.connections.fetch_add(1, Ordering::Relaxed) >= shared.settings.connections_max {
            shared.connections.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(shared.clone()))
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn refuse(arrival: Arrival, refusal: &'static [u8]) {
    // Whoever expects TLS could not read it.
    let mut stream: Box<dyn AsyncWrite + Send + Unpin> = match arrival {
        Arrival::Tcp(stream) => Box::new(stream),
        Arrival::Unix(stream) => Box::new(stream),
        Arrival::Tls(..) => return,
    };
    let write = async {
        let _ = stream.write_all(refusal).await;
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(REFUSAL_TIMEOUT, write).await;
}

#[cfg(test)]
mod tests {
    #[test]
    fn refusals_tell_their_own_length() {
        for refusal in [super::REFUSAL, super::CLIENT_REFUSAL] {
            let text = std::str::from_utf8(refusal).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
        }
    }
}
