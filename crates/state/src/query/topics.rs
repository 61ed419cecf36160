//! When the answer to a question last changed.

use crate::{Index, State, Topic};

impl State {
    /// The index of the last change of what a topic stands for, as far as that is remembered: never less than 1, and
    /// never less than it was for the same topic.
    pub fn last_change(&self, topic: &Topic) -> Index {
        let header = &self.header;
        let changed = match topic {
            Topic::Key(key) => match self.keys.get(key) {
                Some(entry) => entry.stamp.modified,
                None => self.keys.tombstone(key).unwrap_or(header.floor),
            },
            Topic::KeysUnder(prefix) => {
                let entries = self.keys.under(prefix).map(|(_, entry)| entry.stamp.modified);
                let tombstones = self.keys.tombstones_under(prefix).map(|(_, index)| *index);
                entries.chain(tombstones).fold(header.floor, Index::max)
            }
            // What is there and was never marked came with a restore.
            other => self.marks.get(other).unwrap_or_else(|| if self.exists(other) { 0 } else { header.floor }),
        };
        changed.max(header.restored).max(1)
    }
}
