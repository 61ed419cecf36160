//! Forgetting what nobody needs to be told any more.

use crate::{Index, Key, State};

impl State {
    /// Forgets the tombstones and the marks of what is gone up to an index, and the lock delays that are over.
    ///
    /// Whatever is absent afterwards answers with the floor, which is no less than any index forgotten, so that no
    /// answer goes back.
    pub(super) fn reap(&mut self, up_to: Index) {
        while let Some(index) = self.keys.reap_tombstone(up_to) {
            self.header.floor = self.header.floor.max(index);
        }
        while let Some(index) = self.marks.reap(up_to) {
            self.header.floor = self.header.floor.max(index);
        }
        let clock_ms = self.header.clock_ms;
        let over = |(key, until_ms): (&Key, &u64)| (*until_ms <= clock_ms).then(|| key.clone());
        let over: Vec<Key> = self.keys.delays().filter_map(over).collect();
        for key in &over {
            self.keys.end_delay(key);
        }
    }
}
