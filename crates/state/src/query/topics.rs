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
            Topic::Session(id) => match self.sessions.get(*id) {
                Some(session) => session.stamp.modified,
                None => self.marks.get(topic).unwrap_or(header.floor),
            },
            Topic::Service(name) => self.marked(topic).max(self.last_change_of_nodes(name)),
            Topic::Health(name) => {
                self.marked(topic).max(self.last_change_of_nodes(name)).max(self.last_change_of_own_checks(name))
            }
            other => self.marked(other),
        };
        changed.max(header.restored).max(1)
    }

    /// The part of [`State::last_change`] of the keys under a prefix that is no entry's own: the last deletion, or what
    /// was forgotten or restored since.
    pub fn last_deletion_under(&self, prefix: &[u8]) -> Index {
        self.deletions_under(prefix).fold(self.header.floor, Index::max).max(self.header.restored).max(1)
    }

    /// When a topic was last marked. What is there and was never marked came with a restore.
    fn marked(&self, topic: &Topic) -> Index {
        let unmarked = || if self.exists(topic) { 0 } else { self.header.floor };
        self.marks.get(topic).unwrap_or_else(unmarked)
    }

    /// The last change of the nodes that a service's instances are on.
    fn last_change_of_nodes(&self, service: &str) -> Index {
        let nodes = self.catalog.nodes_of_service(service).filter_map(|node| self.catalog.node(node));
        nodes.map(|node| node.stamp.modified).max().unwrap_or(0)
    }

    /// The last change of the own checks of the nodes that a service's instances are on.
    fn last_change_of_own_checks(&self, service: &str) -> Index {
        self.catalog.nodes_of_service(service).map(|node| self.marks.own_checks(node)).max().unwrap_or(0)
    }
}
