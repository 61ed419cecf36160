//! The memory that clients make a server hold: a total, and a share of it for each of them.
//!
//! Whatever a client can make large or many is charged here for as long as it is held: bodies on their way in, answers that
//! are not read yet, questions that wait. Past the total, or past a client's share of it, the client is refused and nothing
//! else happens; what others hold stays.
//!
//! A client is an address, and an IPv6 client is a whole /64, as for its connections. Clients on Unix sockets have no
//! address: what they hold counts for the total alone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clients::bounded_as;
use crate::metrics::{Gauge, Registry};

/// What part of the total one client may have.
const SHARES: usize = 4;

/// What is too small to be worth the counting, in bytes: the bounds on connections and streams bound it well enough.
pub const COUNTED_BYTES_MIN: usize = 8 << 10;

/// The account of a server.
#[derive(Debug)]
pub struct Account {
    bytes_max: usize,
    bytes: AtomicUsize,
    /// What each client holds. Bounded by the number of connections.
    shares: Mutex<BTreeMap<IpAddr, usize>>,
    gauge: Gauge,
}

/// Why a client may not make the server hold more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// All clients together have as much as they may.
    #[error("What this server holds for its clients takes {bytes} bytes, and the limit is {limit}; try again later.")]
    InTotal {
        /// How much they have.
        bytes: usize,
        /// How much they may have.
        limit: usize,
    },
    /// This client has as much as it may.
    #[error(
        "What this server holds for this client, such as answers it has not read and requests it has not ended, takes \
         {bytes} bytes, and the limit for one client is {limit}; try again later."
    )]
    InShare {
        /// How much it has.
        bytes: usize,
        /// How much it may have.
        limit: usize,
    },
}

impl Account {
    /// An empty account of about so many bytes.
    pub fn new(bytes_max: usize, registry: &Registry) -> Arc<Self> {
        let gauge = registry.gauge("quorate.clients.held_bytes");
        Arc::new(Self { bytes_max, bytes: AtomicUsize::new(0), shares: Mutex::default(), gauge })
    }

    /// A charge of nothing yet to a client.
    pub fn open(self: &Arc<Self>, client: Option<IpAddr>) -> Charge {
        Charge { account: self.clone(), client: client.map(bounded_as), total: 0, share: 0 }
    }

    /// Charges what is there already to all together, and refuses nothing.
    pub fn count(self: &Arc<Self>, bytes: usize) -> Charge {
        let mut charge = self.open(None);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        charge.total = bytes;
        charge
    }

    /// Whether there is room for more at all.
    pub fn check_room(&self) -> Result<(), NoRoom> {
        let bytes = self.bytes();
        if bytes < self.bytes_max { Ok(()) } else { Err(NoRoom::InTotal { bytes, limit: self.bytes_max }) }
    }

    /// Brings the gauge up to date, before it is read.
    pub fn refresh_metrics(&self) {
        self.gauge.set(self.bytes() as f64);
    }

    /// How much is held.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Adds to the share of a client, for a charge that has so much of it already.
    fn add_to_share(&self, client: IpAddr, own: usize, bytes: usize) -> Result<(), NoRoom> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let held = shares.get(&client).copied().unwrap_or(0);
        let limit = self.bytes_max / SHARES;
        // One thing alone always has room, however large it is.
        if held > own && held + bytes > limit {
            return Err(NoRoom::InShare { bytes: held, limit });
        }
        shares.insert(client, held + bytes);
        Ok(())
    }

    fn take_from_share(&self, client: IpAddr, bytes: usize) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut held) = shares.entry(client) {
            *held.get_mut() = held.get().saturating_sub(bytes);
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

/// What a client is charged with, until this is dropped.
#[derive(Debug)]
pub struct Charge {
    account: Arc<Account>,
    client: Option<IpAddr>,
    total: usize,
    share: usize,
}

impl Charge {
    /// Charges the client with more.
    pub fn add(&mut self, bytes: usize) -> Result<(), NoRoom> {
        self.account.check_room()?;
        self.add_share(bytes)?;
        self.account.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.total += bytes;
        Ok(())
    }

    /// The same for what is counted in the total already, because several clients share it.
    pub fn add_share(&mut self, bytes: usize) -> Result<(), NoRoom> {
        if let Some(client) = self.client.filter(|_| bytes > 0) {
            self.account.add_to_share(client, self.share, bytes)?;
            self.share += bytes;
        }
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.total > 0 {
            self.account.bytes.fetch_sub(self.total, Ordering::Relaxed);
        }
        if let Some(client) = self.client.filter(|_| self.share > 0) {
            self.account.take_from_share(client, self.share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Arc<Account> {
        Account::new(400_000, &Registry::default())
    }

    fn client(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    #[test]
    fn what_is_charged_is_given_back() {
        let account = account();
        let mut charge = account.open(client(1));
        charge.add(50_000).unwrap();
        charge.add(40_000).unwrap();
        let counted = account.count(5);
        assert_eq!(account.bytes(), 90_005);
        drop((charge, counted));
        assert_eq!((account.bytes(), account.shares.lock().unwrap().len()), (0, 0));
    }

    #[test]
    fn a_client_has_a_quarter_and_others_keep_theirs() {
        let account = account();
        let mut held = account.open(client(1));
        held.add(90_000).unwrap();
        let mut more = account.open(client(1));
        assert_eq!(more.add(20_000), Err(NoRoom::InShare { bytes: 90_000, limit: 100_000 }));
        assert_eq!(account.bytes(), 90_000, "what is refused is not counted");
        account.open(client(2)).add(100_000).unwrap();
        account.open(None).add(100_000).unwrap();
        drop(held);
        more.add(20_000).unwrap();
    }

    #[test]
    fn one_thing_alone_has_room_however_large_it_is() {
        let account = account();
        let mut large = account.open(client(1));
        large.add(80_000).unwrap();
        large.add(220_000).unwrap();
        assert!(account.open(client(1)).add(1).is_err());
    }

    #[test]
    fn the_total_bounds_all_together() {
        let account = account();
        let _counted = account.count(400_000);
        let full = NoRoom::InTotal { bytes: 400_000, limit: 400_000 };
        assert_eq!(account.check_room(), Err(full));
        assert_eq!(account.open(client(1)).add(1), Err(full));
    }

    #[test]
    fn what_is_shared_counts_once_in_total_and_for_each_reader() {
        let account = account();
        let _counted = account.count(90_000);
        let readers = [client(1), client(2)].map(|client| {
            let mut charge = account.open(client);
            charge.add_share(90_000).unwrap();
            charge
        });
        assert_eq!(account.bytes(), 90_000);
        drop(readers);
        assert!(account.shares.lock().unwrap().is_empty());
    }
}
