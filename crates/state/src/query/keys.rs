//! Questions about keys.

use std::sync::Arc;

use crate::{Index, Key, KeyEntry, State};

impl State {
    /// The entry of a key.
    pub fn key(&self, key: &[u8]) -> Option<&Arc<KeyEntry>> {
        self.keys.get(&Key::from(key))
    }

    /// All keys that start so, in order.
    pub fn keys_under<'a>(&'a self, prefix: &[u8]) -> impl Iterator<Item = (&'a Key, &'a Arc<KeyEntry>)> + use<'a> {
        self.keys.under(&Key::from(prefix))
    }

    /// When each deleted key that starts so was deleted, as far as that is remembered.
    pub fn deletions_under<'a>(&'a self, prefix: &[u8]) -> impl Iterator<Item = Index> + use<'a> {
        self.keys.tombstones_under(&Key::from(prefix)).map(|(_, index)| *index)
    }

    /// How many keys there are.
    pub fn key_count(&self) -> usize {
        self.keys.count()
    }
}
