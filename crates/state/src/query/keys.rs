//! Questions about keys.

use std::sync::Arc;

use crate::{Key, KeyEntry, State};

impl State {
    /// The entry of a key.
    pub fn key(&self, key: &[u8]) -> Option<&Arc<KeyEntry>> {
        self.keys.get(&Key::from(key))
    }

    /// All keys that start so, in order.
    pub fn keys_under<'a>(&'a self, prefix: &[u8]) -> impl Iterator<Item = (&'a Key, &'a Arc<KeyEntry>)> + use<'a> {
        self.keys.under(&Key::from(prefix))
    }

    /// How many keys there are.
    pub fn key_count(&self) -> usize {
        self.keys.count()
    }
}
