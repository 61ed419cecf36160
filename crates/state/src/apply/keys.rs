//! Writing keys and taking their locks.

use std::sync::Arc;

use crate::effects::Effects;
use crate::{
    Index, Key, KeyEntry, KeyOperation, KeyValue, KeyVerb, Refusal, Response, SessionId, SessionReference, Stamp, State,
};

/// What a write of a key came to.
pub(crate) enum Written {
    /// The key now has this entry; it may have had it before.
    Entry(Arc<KeyEntry>),
    /// The condition did not hold.
    No,
}

impl State {
    /// One verb on its own.
    pub(super) fn apply_key(&mut self, operation: KeyOperation, effects: &mut Effects) -> Response {
        let KeyOperation { key, verb } = operation;
        if key.as_bytes().is_empty() && verb != KeyVerb::DeleteTree {
            return refused(MISSING_KEY);
        }
        let written = match verb {
            KeyVerb::Set(value) => {
                self.set(key, value, effects);
                return Response::Flag(true);
            }
            KeyVerb::Cas(value, index) => self.cas(key, value, index, effects),
            KeyVerb::Lock(value, session) => {
                if self.is_delayed(&key) {
                    return Response::Flag(false);
                }
                match self.holder(&session) {
                    Ok(holder) => self.lock(key, value, holder, effects),
                    Err(refusal) => return Response::Refused(refusal),
                }
            }
            KeyVerb::Unlock(value, session) => match self.holder(&session) {
                Ok(holder) => self.unlock(key, value, holder, effects),
                // Whose session has ended holds nothing, and has lost the lock no less than to somebody else.
                Err(Refusal::InvalidSession(_)) => Written::No,
                Err(refusal) => return Response::Refused(refusal),
            },
            KeyVerb::Delete => {
                self.delete(&key, effects);
                return Response::Flag(true);
            }
            KeyVerb::DeleteCas(index) => return Response::Flag(self.delete_cas(&key, index, effects)),
            KeyVerb::DeleteTree => {
                self.delete_tree(&key, effects);
                return Response::Flag(true);
            }
            KeyVerb::Get
            | KeyVerb::GetOrEmpty
            | KeyVerb::GetTree
            | KeyVerb::CheckIndex(_)
            | KeyVerb::CheckSession(_)
            | KeyVerb::CheckNotExists => return refused("a verb that only reads has its place in a transaction"),
        };
        Response::Flag(matches!(written, Written::Entry(_)))
    }

    /// Writes a key, whatever is there. The lock and its index stay as they are.
    pub(super) fn set(&mut self, key: Key, value: KeyValue, effects: &mut Effects) -> Arc<KeyEntry> {
        let old = self.keys.get(&key).cloned();
        let (session, lock_index) = lock_of(old.as_deref());
        self.write(key, value, old, session, lock_index, effects)
    }

    /// Writes a key if it was last changed at `index`, or if there is none and `index` is 0.
    pub(super) fn cas(&mut self, key: Key, value: KeyValue, index: Index, effects: &mut Effects) -> Written {
        let old = self.keys.get(&key).cloned();
        if old.as_ref().map_or(0, |old| old.stamp.modified) != index {
            return Written::No;
        }
        let (session, lock_index) = lock_of(old.as_deref());
        Written::Entry(self.write(key, value, old, session, lock_index, effects))
    }

    /// Writes a key and takes its lock, if nobody else holds it. The lock's index grows each time it changes hands.
    pub(super) fn lock(&mut self, key: Key, value: KeyValue, session: SessionId, effects: &mut Effects) -> Written {
        let old = self.keys.get(&key).cloned();
        let (holder, lock_index) = lock_of(old.as_deref());
        let lock_index = match holder {
            Some(holder) if holder == session => lock_index,
            Some(_) => return Written::No,
            // A restore may bring any number. One that can't grow stays, for a write may not be refused for it.
            None => lock_index.saturating_add(1),
        };
        self.keys.end_delay(&key);
        Written::Entry(self.write(key, value, old, Some(session), lock_index, effects))
    }

    /// Writes a key and gives its lock back, if the session holds it.
    pub(super) fn unlock(&mut self, key: Key, value: KeyValue, session: SessionId, effects: &mut Effects) -> Written {
        let old = self.keys.get(&key).cloned();
        match lock_of(old.as_deref()) {
            (Some(holder), lock_index) if holder == session => {
                Written::Entry(self.write(key, value, old, None, lock_index, effects))
            }
            _ => Written::No,
        }
    }

    /// Deletes a key.
    pub(super) fn delete(&mut self, key: &Key, effects: &mut Effects) {
        if self.keys.get(key).is_some() {
            self.keys.delete(key, effects.index);
            effects.key(key.clone());
        }
    }

    /// Deletes a key if it was last changed at `index`. One that is not there counts as deleted.
    pub(super) fn delete_cas(&mut self, key: &Key, index: Index, effects: &mut Effects) -> bool {
        match self.keys.get(key) {
            Some(old) if old.stamp.modified != index => return false,
            Some(_) => self.delete(key, effects),
            None => {}
        }
        true
    }

    /// Deletes all keys that start so.
    pub(super) fn delete_tree(&mut self, prefix: &Key, effects: &mut Effects) {
        let keys: Vec<Key> = self.keys.under(prefix).map(|(key, _)| key.clone()).collect();
        for key in &keys {
            self.delete(key, effects);
        }
    }

    /// Takes the lock of a key from the session that held it.
    pub(super) fn release(&mut self, key: &Key, effects: &mut Effects) {
        if let Some(old) = self.keys.get(key) {
            let mut entry = KeyEntry::clone(old);
            entry.session = None;
            entry.stamp.modified = effects.index;
            self.keys.put(key.clone(), Arc::new(entry));
            effects.key(key.clone());
        }
    }

    /// Whether a key can't be acquired yet.
    pub(super) fn is_delayed(&self, key: &Key) -> bool {
        self.keys.delayed_until(key) > self.header.clock_ms
    }

    /// The session that a lock verb names.
    pub(super) fn holder(&self, session: &SessionReference) -> Result<SessionId, Refusal> {
        if session.0.is_empty() {
            return Err(Refusal::Invalid("missing session".to_owned()));
        }
        let known = session.id().filter(|id| self.sessions.get(*id).is_some());
        known.ok_or_else(|| Refusal::InvalidSession(session.0.clone()))
    }

    /// Puts an entry in the place of `old`, unless it would be the same.
    fn write(
        &mut self,
        key: Key,
        value: KeyValue,
        old: Option<Arc<KeyEntry>>,
        session: Option<SessionId>,
        lock_index: Index,
        effects: &mut Effects,
    ) -> Arc<KeyEntry> {
        let KeyValue { value, flags } = value;
        let mut stamp = Stamp { created: effects.index, modified: effects.index };
        if let Some(old) = old {
            let unchanged = old.flags == flags && old.session == session && old.lock_index == lock_index;
            if unchanged && old.value == value {
                return old;
            }
            stamp.created = old.stamp.created;
        }
        let entry = Arc::new(KeyEntry { value, flags, session, lock_index, stamp });
        self.keys.put(key.clone(), entry.clone());
        effects.key(key);
        entry
    }
}

/// Who holds the lock of a key, and how often it was taken.
fn lock_of(entry: Option<&KeyEntry>) -> (Option<SessionId>, Index) {
    entry.map_or((None, 0), |entry| (entry.session, entry.lock_index))
}

/// What a verb without a key is answered.
pub(super) const MISSING_KEY: &str = "Must provide key";

fn refused(reason: &str) -> Response {
    Response::Refused(Refusal::Invalid(reason.to_owned()))
}
