//! A lock or a place in a semaphore: acquired, watched, given back.

use std::time::Duration;

use quorate_api::KvPair;
use quorate_api::client::{Delete, PutCondition, Write};

use super::holding::{Holding, HoldingError};
use super::semaphore;

/// What marks a key as one of a lock, for all clients.
const LOCK_FLAGS: u64 = 0x2ddc_cbc0_58a5_0c18;

/// How long to wait before a server that failed is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// How long to wait for a lock that is free and yet can't be had: its last holder's lock delay is not over.
const DELAYED_RETRY: Duration = Duration::from_secs(1);

impl Holding<'_> {
    /// Waits until it is held. Gives the index at which it was.
    pub(super) async fn acquire(&self) -> Result<u64, HoldingError> {
        if self.limit > 1 {
            return semaphore::acquire(self).await;
        }
        let mut index = 0;
        loop {
            let seen = self.read(index).await?;
            if let Some(pair) = &seen.1 {
                if pair.flags != LOCK_FLAGS {
                    return Err(HoldingError::OtherUse(self.key.clone()));
                }
                if pair.session == self.session {
                    return Ok(seen.0);
                }
                if !pair.session.is_empty() {
                    index = seen.0;
                    continue;
                }
            }
            let write = Write { flags: LOCK_FLAGS, condition: PutCondition::Acquire(self.session.to_owned()) };
            if self.put(&self.key, b"", &write).await? {
                return Ok(self.read(0).await?.0);
            }
            // Somebody else was faster, whose end is waited for; or it is free, and its last holder's lock delay is not over.
            let (now, pair) = self.read(0).await?;
            index = match pair {
                Some(pair) if !pair.session.is_empty() && pair.session != self.session => now,
                _ => {
                    tokio::time::sleep(DELAYED_RETRY).await;
                    0
                }
            };
        }
    }

    /// Resolves when it is not held any more, or when nobody can tell any more whether it is.
    pub(super) async fn lost(&self, mut index: u64, retries: i64) {
        let mut failures = 0;
        loop {
            match self.read(index).await {
                Ok((seen, pair)) => {
                    if !pair.is_some_and(|pair| self.is_holder(&pair)) {
                        return;
                    }
                    index = seen;
                    failures = 0;
                }
                Err(_) if failures < retries => {
                    failures += 1;
                    index = 0;
                    tokio::time::sleep(RETRY).await;
                }
                Err(_) => return,
            }
        }
    }

    fn is_holder(&self, pair: &KvPair<'_>) -> bool {
        if self.limit > 1 { semaphore::is_holder(pair, self.session) } else { pair.session == self.session }
    }

    /// Gives it back.
    pub(super) async fn release(&self) -> Result<(), HoldingError> {
        if self.limit > 1 {
            return semaphore::release(self).await;
        }
        let write = Write { flags: LOCK_FLAGS, condition: PutCondition::Release(self.session.to_owned()) };
        let held = self.read(0).await?.1.is_some_and(|pair| pair.session == self.session);
        if held && self.client.kv_put(&self.key, b"", &write).await? { Ok(()) } else { Err(HoldingError::NotHeld) }
    }

    /// Takes part no more, neither as a holder nor waiting. What stays behind ends with the session.
    pub(super) async fn withdraw(&self) {
        if self.limit > 1 {
            semaphore::withdraw(self).await;
        }
    }

    /// Gives up while it is being acquired: whoever stops waiting may hold it already, and a session that ends with a lock
    /// keeps everybody else from it for the lock delay.
    pub(super) async fn give_up(&self) {
        let was_held = self.release().await.is_ok();
        self.withdraw().await;
        if was_held {
            // Who waits for it finds it free, with its key or without.
            let _ = self.clean_up().await;
        }
    }

    /// Removes its key if nobody holds it or waits for it; whether that was so.
    pub(super) async fn clean_up(&self) -> Result<bool, HoldingError> {
        let Some(pair) = self.read(0).await?.1 else { return Ok(true) };
        if self.limit <= 1 && pair.flags != LOCK_FLAGS {
            return Err(HoldingError::OtherUse(self.key.clone()));
        }
        if !pair.session.is_empty() || (self.limit > 1 && !semaphore::is_empty(&pair)) {
            return Ok(false);
        }
        Ok(self.client.kv_delete(&self.key, Delete::Cas(pair.modify_index)).await?)
    }
}
