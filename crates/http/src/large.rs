//! Large answers: how many are made at once, and how much memory they take until the last client has read them.
//!
//! A client may ask for much and read nothing, on many connections and many streams of HTTP/2. What was made is counted in
//! the server's [`Account`] for as long as anybody has it, once however many share it, and past the bound no large answer is
//! made. What each client has not read is counted in its share, too. A write is never refused for that: its answer comes
//! when it has taken place.

use std::sync::Arc;

use bytes::Bytes;
use quorate_base::account::{Account, COUNTED_BYTES_MIN, Charge, NoRoom};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::stream::Peer;

/// How many are made at once. More would take memory and be no faster; those who wait hold nothing.
const TURNS: usize = 4;

/// The large answers of a server.
pub(crate) struct LargeAnswers {
    account: Arc<Account>,
    turns: Semaphore,
}

impl LargeAnswers {
    /// None yet.
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Self { account, turns: Semaphore::new(TURNS) }
    }

    /// Waits for the turn to make one.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It fails only for a closed semaphore, and nobody closes this one.
        self.turns.acquire().await.ok()
    }

    /// Refuses one more answer when all that is held for clients takes as much as it may.
    pub(crate) fn check_room(&self) -> Result<(), NoRoom> {
        self.account.check_room()
    }

    /// Counts an answer as one that a client has not read, until it is sent.
    pub(crate) fn send(&self, client: Peer, body: Bytes) -> Result<Bytes, NoRoom> {
        if body.len() < COUNTED_BYTES_MIN {
            return Ok(body);
        }
        let mut charge = self.account.open(client);
        charge.add_share(body.len())?;
        Ok(charged(body, charge))
    }

    /// Counts an answer, if it is large, for as long as anybody has it.
    pub(crate) fn count(&self, body: Bytes) -> Bytes {
        if body.len() < COUNTED_BYTES_MIN {
            return body;
        }
        let charge = self.account.count(body.len());
        charged(body, charge)
    }
}

/// Bytes that are charged until the last who has them lets go of them.
fn charged(body: Bytes, charge: Charge) -> Bytes {
    struct Charged {
        body: Bytes,
        _charge: Charge,
    }
    impl AsRef<[u8]> for Charged {
        fn as_ref(&self) -> &[u8] {
            &self.body
        }
    }
    Bytes::from_owner(Charged { body, _charge: charge })
}

#[cfg(test)]
mod tests {
    use quorate_base::metrics::Registry;

    use super::*;

    fn large(bytes_max: usize) -> LargeAnswers {
        LargeAnswers::new(Account::new(bytes_max, &Registry::default()))
    }

    #[test]
    fn an_answer_counts_once_and_until_the_last_of_it_is_gone() {
        let large = large(100_000);
        let first = large.count(vec![1; 70_000].into());
        let shared = first.clone();
        assert!(large.check_room().is_ok());
        let second = large.count(vec![2; 70_000].into());
        assert!(large.check_room().is_err());
        drop((first, second));
        assert_eq!(large.account.bytes(), 70_000);
        drop(shared);
        assert_eq!(large.account.bytes(), 0);
    }

    #[test]
    fn what_a_client_has_not_read_counts_in_its_share() {
        let large = large(400_000);
        let (one, other) = (Some([10, 0, 0, 1].into()), Some([10, 0, 0, 2].into()));
        let body = || Bytes::from(vec![1; 70_000]);
        let sent = large.send(one, body());
        assert!(sent.is_ok() && large.send(one, body()).is_err());
        assert!(large.send(other, body()).is_ok() && large.send(None, body()).is_ok());
        assert!(large.send(one, Bytes::from(vec![1; 10])).is_ok());
        drop(sent);
        assert!(large.send(one, body()).is_ok());
    }

    #[test]
    fn small_answers_are_not_counted() {
        let large = large(1);
        let _small = large.count(vec![1; COUNTED_BYTES_MIN - 1].into());
        assert!(large.check_room().is_ok());
    }
}
