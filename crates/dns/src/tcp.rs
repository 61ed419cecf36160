//! Accepts connections, and bounds how many there are: of all clients, and of each.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quorate_base::clients::{ClientGuard, Clients};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connection::{Connection, SharedWorker};
use crate::service::Service;

/// The most connections at once, over all addresses that are served; one more is closed at once. Each holds some KiB.
const CONNECTIONS_MAX: usize = 1_024;
/// The most connections of one client, by its address; an IPv6 client is a /64. A host whose programs all ask over TCP, or
/// a resolver that asks for many, gets along with fewer, and it takes four clients to have all places.
const CONNECTIONS_PER_CLIENT_MAX: usize = CONNECTIONS_MAX / 4;
/// How long no connection is accepted after an error that does not go away by itself, such as too many open files.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// The places of connections, shared by all listeners.
#[derive(Clone)]
pub(crate) struct Places {
    all: Arc<Semaphore>,
    clients: Arc<Clients>,
}

/// The place of one connection, free again when it is dropped.
pub(crate) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_client: ClientGuard,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self {
            all: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            clients: Arc::new(Clients::new(CONNECTIONS_PER_CLIENT_MAX)),
        }
    }

    /// A place for a connection of this client, if there is one.
    fn take(&self, client: IpAddr) -> Option<Place> {
        let of_client = self.clients.enter(Some(client))?;
        let of_all = self.all.clone().try_acquire_owned().ok()?;
        Some(Place { _of_all: of_all, _of_client: of_client })
    }
}

/// Accepts connections for as long as it is polled.
pub(crate) async fn serve(service: Service, listener: TcpListener, places: Places, worker: SharedWorker) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a DNS connection could not be accepted");
                tokio::time::sleep(ERROR_PAUSE).await;
                continue;
            }
        };
        let Some(place) = places.take(SocketAddr::ip(&peer)) else {
            service.metrics().refused_connections.increment();
            tracing::debug!(%peer, "a DNS connection was closed: there are as many as may be");
            continue;
        };
        let connection = Connection::new(service.clone(), worker.clone(), peer.ip());
        service.host().spawn(async move {
            // A client that goes away, or stalls, ends its connection and nothing else.
            let _ = connection.run(stream).await;
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_can_not_have_all_places() {
        let places = Places::new();
        let client = |number: u8| IpAddr::from([10, 0, 0, number]);
        let mut held = Vec::new();
        for number in 1..=4 {
            held.extend(std::iter::from_fn(|| places.take(client(number))));
            assert_eq!(held.len(), usize::from(number) * CONNECTIONS_PER_CLIENT_MAX);
        }
        // All places are taken now, and a client that was refused one has not used up any of its own.
        assert!(places.take(client(5)).is_none());
        held.truncate(CONNECTIONS_MAX - 1);
        assert!(places.take(client(5)).is_some());
    }
}
