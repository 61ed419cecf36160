//! Large answers: how many are made at once, and how much memory they take until the last client has read them.
//!
//! A client may ask for much and read nothing, on many connections and many streams of HTTP/2. What was made is counted for
//! as long as anybody has it, once however many share it, and past the bound no large answer is made. What each client has
//! not read is counted by its address, too, so that none of them fills the room of all. A write is never refused for that: its
//! answer comes when it has taken place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use quorate_base::clients;
use quorate_base::metrics::{Gauge, Registry};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::reply::Refused;
use crate::stream::Peer;

/// Smaller answers are not counted: the bounds on connections and streams bound them well enough.
pub(crate) const COUNTED_BYTES_MIN: usize = 8 << 10;

/// What part of the room one client may have.
const CLIENT_PART: usize = 4;

/// How many are made at once. More would take memory and be no faster; those who wait hold nothing.
const TURNS: usize = 4;

/// The large answers of a server.
pub(crate) struct LargeAnswers {
    bytes_max: usize,
    bytes: Arc<AtomicUsize>,
    /// The bytes that each client has not read yet. Bounded by the number of connections.
    by_client: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    turns: Semaphore,
    gauge: Gauge,
}

impl LargeAnswers {
    /// None yet, and room for about so many bytes of them.
    pub(crate) fn new(bytes_max: usize, registry: &Registry) -> Self {
        let gauge = registry.gauge("quorate.http.answers.large_bytes");
        Self { bytes_max, bytes: Arc::default(), by_client: Arc::default(), turns: Semaphore::new(TURNS), gauge }
    }

    /// Waits for the turn to make one.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It fails only for a closed semaphore, and nobody closes this one.
        self.turns.acquire().await.ok()
    }

    /// Refuses one more answer when those that are there take as much as they may.
    pub(crate) fn check_room(&self) -> Result<(), Refused> {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.gauge.set(bytes as f64);
        if bytes < self.bytes_max {
            return Ok(());
        }
        Err(Refused::overloaded(format!(
            "Large answers that clients have not read yet take {bytes} bytes, and the limit is {}; try again later.",
            self.bytes_max
        )))
    }

    /// Counts an answer as one that a client has not read, until it is sent. `None` if the client has as much as it may.
    pub(crate) fn send(&self, client: Peer, body: Bytes) -> Option<Bytes> {
        let Some(client) = client.map(clients::bounded_as).filter(|_| body.len() >= COUNTED_BYTES_MIN) else {
            return Some(body);
        };
        let mut unread = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = unread.get(&client).copied().unwrap_or(0);
        // One alone always has room, however large it is.
        if bytes > 0 && bytes >= self.bytes_max / CLIENT_PART {
            return None;
        }
        unread.insert(client, bytes + body.len());
        drop(unread);
        Some(Bytes::from_owner(Unread { body, client, by_client: self.by_client.clone() }))
    }

    /// Counts an answer, if it is large, for as long as anybody has it.
    pub(crate) fn count(&self, body: Bytes) -> Bytes {
        if body.len() < COUNTED_BYTES_MIN {
            return body;
        }
        self.bytes.fetch_add(body.len(), Ordering::Relaxed);
        Bytes::from_owner(Counted { body, bytes: self.bytes.clone() })
    }
}

/// A body that is counted.
struct Counted {
    body: Bytes,
    bytes: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.body.len(), Ordering::Relaxed);
    }
}

/// A body on its way to a client.
struct Unread {
    body: Bytes,
    client: IpAddr,
    by_client: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let mut unread = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut bytes) = unread.entry(self.client) {
            *bytes.get_mut() -= self.body.len();
            if *bytes.get() == 0 {
                bytes.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_until_the_last_of_it_is_gone() {
        let large = LargeAnswers::new(100_000, &Registry::default());
        let first = large.count(vec![1; 70_000].into());
        let shared = first.clone();
        assert!(large.check_room().is_ok());
        let second = large.count(vec![2; 70_000].into());
        assert_eq!(large.check_room().unwrap_err().status, 429);
        drop((first, second));
        assert_eq!(large.bytes.load(Ordering::Relaxed), 70_000);
        drop(shared);
        assert_eq!(large.bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_client_has_a_part_of_the_room() {
        let large = LargeAnswers::new(400_000, &Registry::default());
        let (one, other) = (Some([10, 0, 0, 1].into()), Some([10, 0, 0, 2].into()));
        let body = || Bytes::from(vec![1; 70_000]);
        let sent = [large.send(one, body()), large.send(one, body())];
        assert!(sent.iter().all(Option::is_some));
        assert!(large.send(one, body()).is_none());
        assert!(large.send(other, body()).is_some() && large.send(None, body()).is_some());
        assert!(large.send(one, Bytes::from(vec![1; 10])).is_some());
        drop(sent);
        assert!(large.send(one, body()).is_some());
        assert!(large.by_client.lock().unwrap().is_empty());
    }

    #[test]
    fn small_answers_are_not_counted() {
        let large = LargeAnswers::new(1, &Registry::default());
        let _small = large.count(vec![1; COUNTED_BYTES_MIN - 1].into());
        assert!(large.check_room().is_ok());
    }
}
