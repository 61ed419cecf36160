//! When each topic last changed.

use crate::tables::{Set, Table};
use crate::{Index, Topic};

/// The last change of every topic but keys, whose entries and tombstones tell.
///
/// `dead` holds those topics of `changed` that no longer exist, by index, so that forgetting them needs no search.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Marks {
    changed: Table<Topic, Index>,
    dead: Set<(Index, Topic)>,
}

impl Marks {
    /// When a topic last changed, unless that is forgotten.
    pub(crate) fn get(&self, topic: &Topic) -> Option<Index> {
        self.changed.get(topic).copied()
    }
}
