//! Places for questions that wait: bounded over all clients and for each.
//!
//! Questions about the zone (where a CNAME leads, or what the leader knows) have places of their own: whatever is asked
//! about the rest of the world, and however long that takes, leaves them alone.

use std::net::IpAddr;
use std::sync::Arc;

use quorate_base::clients::{ClientGuard, Clients};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many questions about the rest of the world may wait at once. Each holds a socket and some KiB.
const OUTSIDE_MAX: usize = 1_024;
/// The same of one client, which may be the forwarder of a whole host, and still leaves places for others.
const OUTSIDE_PER_CLIENT_MAX: usize = OUTSIDE_MAX / 4 * 3;
/// How many questions about the zone may wait at once. Each may hold some sockets.
const ZONE_MAX: usize = 512;
/// The same of one client.
const ZONE_PER_CLIENT_MAX: usize = ZONE_MAX / 4 * 3;

/// The places of all questions.
pub(crate) struct Waits {
    outside: Places,
    zone: Places,
}

struct Places {
    all: Arc<Semaphore>,
    clients: Arc<Clients>,
}

/// The place of one question, free again when it is dropped.
pub(crate) struct WaitPlace {
    _of_all: OwnedSemaphorePermit,
    _of_client: ClientGuard,
}

impl Waits {
    pub(crate) fn new() -> Self {
        Self {
            outside: Places::new(OUTSIDE_MAX, OUTSIDE_PER_CLIENT_MAX),
            zone: Places::new(ZONE_MAX, ZONE_PER_CLIENT_MAX),
        }
    }

    /// A place for a client's question about the rest of the world, if there is one.
    pub(crate) fn outside(&self, client: IpAddr) -> Option<WaitPlace> {
        self.outside.take(client)
    }

    /// A place for a client's question about the zone, if there is one.
    pub(crate) fn zone(&self, client: IpAddr) -> Option<WaitPlace> {
        self.zone.take(client)
    }
}

impl Places {
    fn new(max: usize, per_client_max: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(max)), clients: Arc::new(Clients::new(per_client_max)) }
    }

    fn take(&self, client: IpAddr) -> Option<WaitPlace> {
        let of_client = self.clients.enter(Some(client))?;
        let of_all = self.all.clone().try_acquire_owned().ok()?;
        Some(WaitPlace { _of_all: of_all, _of_client: of_client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_one_client_nor_the_rest_of_the_world_takes_all_places() {
        let waits = Waits::new();
        let client = |number: u8| IpAddr::from([10, 0, 0, number]);
        let mut held: Vec<_> = std::iter::from_fn(|| waits.outside(client(1))).collect();
        assert_eq!(held.len(), OUTSIDE_PER_CLIENT_MAX);
        held.extend(std::iter::from_fn(|| waits.outside(client(2))));
        assert_eq!(held.len(), OUTSIDE_MAX);
        assert!(waits.outside(client(3)).is_none());
        assert!(waits.zone(client(1)).is_some());
        held.clear();
        assert!(waits.outside(client(3)).is_some());
    }
}
