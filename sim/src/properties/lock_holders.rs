//! A lock is never held twice: from the answer that it was acquired to the request to give it back, no other client is
//! told that it has it. And of all holders of a key in one of its lives, no two had the same lock index.

use std::collections::BTreeMap;

use quorate_state::{Key, SessionId};

use super::{Property, View};

#[derive(Default)]
pub(super) struct LockHolders {
    /// By the key, when it was created, and its lock index.
    by_lock_index: BTreeMap<(Key, u64, u64), SessionId>,
    holds_checked: usize,
}

impl Property for LockHolders {
    fn check(&mut self, view: &View<'_>) -> Result<(), String> {
        for server in view.servers {
            for (key, entry) in server.state.keys_under(b"lock/") {
                let Some(session) = entry.session else { continue };
                let term = (key.clone(), entry.stamp.created, entry.lock_index);
                let holder = *self.by_lock_index.entry(term).or_insert(session);
                if holder != session {
                    return Err(format!("{key:?} was held by {holder} and by {session} at {}", entry.lock_index));
                }
            }
        }
        let holds = view.accounts.holds();
        for (place, hold) in holds.iter().enumerate().skip(self.holds_checked) {
            let overlaps = |other: &&crate::clients::Hold| {
                other.key == hold.key
                    && other.client != hold.client
                    && other.until.is_none_or(|until| until > hold.from)
            };
            if let Some(other) = holds[..place].iter().find(overlaps) {
                return Err(format!("{} is held by {} while {} holds it", hold.key, hold.client, other.client));
            }
        }
        self.holds_checked = holds.len();
        Ok(())
    }
}
