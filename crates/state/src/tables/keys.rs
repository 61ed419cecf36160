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
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Arc<KeyEntry>> {
        self.entries.get(key)
    }

    /// All keys that start so, in order.
    pub(crate) fn under<'a>(&'a self, prefix: &[u8]) -> impl Iterator<Item = (&'a Key, &'a Arc<KeyEntry>)> + use<'a> {
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

    /// When a key that is not there was deleted, unless that is forgotten.
    pub(crate) fn tombstone(&self, key: &[u8]) -> Option<Index> {
        self.tombstones.get(key).copied()
    }

    /// The tombstones of keys that start so.
    pub(crate) fn tombstones_under<'a>(
        &'a self,
        prefix: &[u8],
    ) -> impl Iterator<Item = (&'a Key, &'a Index)> + use<'a> {
        starting_with(&self.tombstones, prefix)
    }

    /// The keys whose lock a session holds, in order.
    pub(crate) fn held_by(&self, session: SessionId) -> impl Iterator<Item = &Key> + use<'_> {
        let from = (session, Key::from(&b""[..]));
        self.held_by.from(&from).take_while(move |((holder, _), ())| *holder == session).map(|((_, key), ())| key)
    }

    /// Until when a key can't be acquired; 0 if it can.
    pub(crate) fn delayed_until(&self, key: &[u8]) -> u64 {
        self.delays.get(key).copied().unwrap_or(0)
    }

    /// All lock delays.
    pub(crate) fn delays(&self) -> impl Iterator<Item = (&Key, &u64)> + use<'_> {
        self.delays.iter()
    }
}

/// The part of a table whose keys start so.
fn starting_with<'a, V: Clone>(
    table: &'a Table<Key, V>,
    prefix: &[u8],
) -> impl Iterator<Item = (&'a Key, &'a V)> + use<'a, V> {
    let prefix = Key::from(prefix);
    table.from(prefix.as_bytes()).take_while(move |(key, _)| key.as_bytes().starts_with(prefix.as_bytes()))
}
