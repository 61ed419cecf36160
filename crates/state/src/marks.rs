//! When each topic last changed.

use crate::tables::{Set, Table};
use crate::{Index, Topic};

/// The last change of every topic but keys, whose entries and tombstones tell.
///
/// `dead` holds those topics of `changed` that no longer exist, by index, so that finding the oldest takes no search.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Marks {
    changed: Table<Topic, Index>,
    dead: Set<(Index, Topic)>,
}

/// Whether what a topic stands for is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existence {
    /// It is; its mark is kept.
    Present,
    /// It is gone; its mark may be forgotten in time.
    Gone,
}

impl Marks {
    /// When a topic last changed, unless that is forgotten.
    pub(crate) fn get(&self, topic: &Topic) -> Option<Index> {
        self.changed.get(topic).copied()
    }

    /// All that is remembered.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Topic, &Index)> + use<'_> {
        self.changed.iter()
    }

    /// Sets when a topic changed.
    pub(crate) fn set(&mut self, topic: &Topic, index: Index, existence: Existence) {
        if let Some(old) = self.changed.insert(topic.clone(), index) {
            self.dead.remove(&(old, topic.clone()));
        }
        if existence == Existence::Gone {
            self.dead.insert((index, topic.clone()), ());
        }
    }

    /// Forgets the oldest mark of what is gone if it is not younger than `up_to`, and gives its index.
    pub(crate) fn reap(&mut self, up_to: Index) -> Option<Index> {
        let (oldest, ()) = self.dead.first()?;
        let oldest = oldest.clone();
        if oldest.0 > up_to {
            return None;
        }
        self.dead.remove(&oldest);
        self.changed.remove(&oldest.1);
        Some(oldest.0)
    }
}
