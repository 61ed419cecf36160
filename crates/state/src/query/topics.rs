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
                entries.fold(self.last_deletion_under(prefix.as_bytes()), Index::max)
            }
            // What is there and was never marked came with a restore.
            other => self.marks.get(other).unwrap_or_else(|| if self.exists(other) { 0 } else { header.floor }),
        };
        changed.max(header.restored).max(1)
    }

    /// The part of [`State::last_change`] of the keys under a prefix that is no entry's own: the last deletion, or what
    /// was forgotten or restored since.
    pub fn last_deletion_under(&self, prefix: &[u8]) -> Index {
        self.deletions_under(prefix).fold(self.header.floor, Index::max).max(self.header.restored).max(1)
    }
}
