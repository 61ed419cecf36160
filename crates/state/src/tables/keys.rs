//! The keys, what was deleted of them, who holds their locks and which locks are delayed.

use std::sync::Arc;

use crate::tables::{Set, Table};
use crate::{Index, Key, KeyEntry, SessionId};

/// The key-value family.
///
/// - A key is in `entries` or in `tombstones` or in neither, never in both.
/// - `tombstones_by_index` and `held_by` are `tombstones` and `entries` seen from the other side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Keys {
    entries: Table<Key, Arc<KeyEntry>>,
    tombstones: Table<Key, Index>,
    tombstones_by_index: Set<(Index, Key)>,
    held_by: Set<(SessionId, Key)>,
    /// Until when, in the state's milliseconds, a key can't be acquired.
    delays: Table<Key, u64>,
}

impl Keys {
    /// The entry of a key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<KeyEntry>> {
        self.entries.get(key)
    }

    /// All keys that start so, in order.
    pub(crate) fn under<'a>(&'a self, prefix: &Key) -> impl Iterator<Item = (&'a Key, &'a Arc<KeyEntry>)> + use<'a> {
        starting_with(&self.entries, prefix)
    }

    /// How many keys there are.
    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    /// All keys, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Key, &Arc<KeyEntry>)> + use<'_> {
        self.entries.iter()
    }

    /// The last key.
    pub(crate) fn last(&self) -> Option<&Key> {
        self.entries.last().map(|(key, _)| key)
    }

    /// When a key that is not there was deleted, unless that is forgotten.
    pub(crate) fn tombstone(&self, key: &Key) -> Option<Index> {
        self.tombstones.get(key).copied()
    }

    /// The tombstones of keys that start so.
    pub(crate) fn tombstones_under<'a>(&'a self, prefix: &Key) -> impl Iterator<Item = (&'a Key, &'a Index)> + use<'a> {
        starting_with(&self.tombstones, prefix)
    }

    /// The keys whose lock a session holds, in order.
    pub(crate) fn held_by(&self, session: SessionId) -> impl Iterator<Item = &Key> + use<'_> {
        let from = (session, Key::from(""));
        self.held_by
            .starting_at(&from)
            .take_while(move |((holder, _), ())| *holder == session)
            .map(|((_, key), ())| key)
    }

    /// Puts an entry in the place of what was there, a tombstone included.
    pub(crate) fn put(&mut self, key: Key, entry: Arc<KeyEntry>) {
        let now = entry.session;
        let old = self.entries.insert(key.clone(), entry);
        self.hold(&key, old.as_ref().and_then(|old| old.session), now);
        if old.is_none() {
            self.forget_tombstone(&key);
        }
    }

    /// Puts entries, keys in growing order, none of them there yet. See [`Table::extend_sorted`].
    pub(crate) fn extend_sorted(&mut self, entries: Vec<(Key, Arc<KeyEntry>)>) {
        for (key, entry) in &entries {
            self.hold(key, None, entry.session);
            self.forget_tombstone(key);
        }
        self.entries.extend_sorted(entries);
    }

    /// Deletes a key and leaves a tombstone.
    pub(crate) fn delete(&mut self, key: &Key, index: Index) {
        if let Some(old) = self.entries.remove(key) {
            self.hold(key, old.session, None);
            self.put_tombstone(key.clone(), index);
        }
    }

    /// Leaves a tombstone for a key that is not there.
    pub(crate) fn put_tombstone(&mut self, key: Key, index: Index) {
        self.forget_tombstone(&key);
        self.tombstones.insert(key.clone(), index);
        self.tombstones_by_index.insert((index, key), ());
    }

    /// Forgets the oldest tombstone if it is not younger than `up_to`, and gives its index.
    pub(crate) fn reap_tombstone(&mut self, up_to: Index) -> Option<Index> {
        let (oldest, ()) = self.tombstones_by_index.first()?;
        let (index, key) = oldest.clone();
        if index > up_to {
            return None;
        }
        self.forget_tombstone(&key);
        Some(index)
    }

    /// The tombstones that are not younger than an index, oldest first.
    pub(crate) fn tombstones_up_to(&self, up_to: Index) -> impl Iterator<Item = &(Index, Key)> + use<'_> {
        self.tombstones_by_index.keys().take_while(move |(index, _)| *index <= up_to)
    }

    /// All tombstones.
    pub(crate) fn tombstones(&self) -> impl Iterator<Item = (&Key, &Index)> + use<'_> {
        self.tombstones.iter()
    }

    /// All locks that are held: by whom, and which key.
    pub(crate) fn holds(&self) -> impl Iterator<Item = &(SessionId, Key)> + use<'_> {
        self.held_by.keys()
    }

    /// Until when a key can't be acquired; 0 if it can.
    pub(crate) fn delayed_until(&self, key: &Key) -> u64 {
        self.delays.get(key).copied().unwrap_or(0)
    }

    /// All lock delays.
    pub(crate) fn delays(&self) -> impl Iterator<Item = (&Key, &u64)> + use<'_> {
        self.delays.iter()
    }

    /// Lets a key not be acquired before that time.
    pub(crate) fn delay(&mut self, key: Key, until_ms: u64) {
        self.delays.insert(key, until_ms);
    }

    /// Forgets the delay of a key.
    pub(crate) fn end_delay(&mut self, key: &Key) {
        self.delays.remove(key);
    }

    /// Moves the session that holds a key's lock in the index of holders.
    fn hold(&mut self, key: &Key, from: Option<SessionId>, to: Option<SessionId>) {
        if from == to {
            return;
        }
        if let Some(from) = from {
            self.held_by.remove(&(from, key.clone()));
        }
        if let Some(to) = to {
            self.held_by.insert((to, key.clone()), ());
        }
    }

    fn forget_tombstone(&mut self, key: &Key) {
        if let Some(index) = self.tombstones.remove(key) {
            self.tombstones_by_index.remove(&(index, key.clone()));
        }
    }
}

/// The part of a table whose keys start so.
fn starting_with<'a, V: Clone>(
    table: &'a Table<Key, V>,
    prefix: &Key,
) -> impl Iterator<Item = (&'a Key, &'a V)> + use<'a, V> {
    let prefix = prefix.clone();
    table.starting_at(&prefix).take_while(move |(key, _)| key.as_bytes().starts_with(prefix.as_bytes()))
}
