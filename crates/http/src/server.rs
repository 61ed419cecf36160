//! The server: takes connections, bounds them, and stops gracefully.
//!
//! Stopping is in three steps: no connection is taken any more, parked queries are answered with what there is, and the
//! requests in flight get [`Terms::drain_timeout`] to finish.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quorate_base::metrics::{INTERVAL, Registry};
use quorate_node::Handle;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::connection::{self, ConnectionGuard};
use crate::local::Local;
use crate::measure::RouteMetrics;
use crate::routes;
use crate::settings::{Settings, Terms};
use crate::shared::{Shared, stopping};
use crate::stream::{Arrival, Listener, Peer};

/// The HTTP server of one node. Clones speak of the same one.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// How long to wait when no connection can be taken, which is mostly for want of file descriptors: others must close.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How long one past the bound may take to read why.
const REFUSAL_TIMEOUT: Duration = Duration::from_millis(100);
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
        let route_metrics = RouteMetrics::new(&metrics, routes::all().iter().map(|route| route.verbs.len()));
        let shared = Shared::new(node, local, settings, terms, metrics, route_metrics);
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
        self.shared.set_terms(terms);
    }

    /// Stops: takes no more connections, answers parked queries, and waits for the requests in flight, at most for
    /// [`Terms::drain_timeout`]. Gives how many connections were still open then.
    pub async fn drain(&self) -> usize {
        self.shared.draining.send_replace(true);
        self.shared.node.end_waits();
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
            self.shared.refresh_gauges().await;
            self.shared.metrics.rotate(self.shared.node.host().wall.now_ms());
        }
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
