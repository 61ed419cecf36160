//! When each topic last changed.
//!
//! What carries its own last change needs no mark: keys have it in their entries and tombstones, and sessions in their
//! stamp while they live. Nor does a change that counts for all services on a node mark each of them, of which there may be
//! thousands: a node's stamp says when it changed, `own_checks` when its own checks did, and whoever asks about a
//! service looks at the nodes that its instances are on.

use crate::tables::{Name, Set, Table};
use crate::{Index, Topic};

/// The last change of every topic that needs a mark.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    changed: Table<Topic, Mark>,
    /// Those topics of `changed` that no longer exist, by index, so that finding the oldest takes no search.
    dead: Set<(Index, Topic)>,
    /// When a check of the node itself last changed, by the node's name, folded. It counts for the health of all services
    /// that are on the node now. Records carry it as marks of these.
    own_checks: Table<Name, Index>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Mark {
    index: Index,
    existence: Existence,
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
    /// When a topic was last marked, unless that is forgotten.
    pub(crate) fn get(&self, topic: &Topic) -> Option<Index> {
        self.changed.get(topic).map(|mark| mark.index)
    }

    /// All marks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Topic, Index)> + use<'_> {
        self.changed.iter().map(|(topic, mark)| (topic, mark.index))
    }

    /// The topics that may be forgotten, the oldest first.
    pub(crate) fn dead(&self) -> impl Iterator<Item = &(Index, Topic)> + use<'_> {
        self.dead.keys()
    }

    /// Marks a topic.
    pub(crate) fn set(&mut self, topic: &Topic, index: Index, existence: Existence) {
        let old = self.changed.insert(topic.clone(), Mark { index, existence });
        self.bury_no_more(topic, old);
        if existence == Existence::Gone {
            self.dead.insert((index, topic.clone()), ());
        }
    }

    /// Removes the mark of a topic that carries its last change itself from now on.
    pub(crate) fn remove(&mut self, topic: &Topic) {
        let old = self.changed.remove(topic);
        self.bury_no_more(topic, old);
    }

    fn bury_no_more(&mut self, topic: &Topic, old: Option<Mark>) {
        if let Some(Mark { index, existence: Existence::Gone }) = old {
            self.dead.remove(&(index, topic.clone()));
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

    /// When a check of the node itself last changed; 0 if that counts for nothing more.
    pub(crate) fn own_checks(&self, node: &str) -> Index {
        self.own_checks.get(node).copied().unwrap_or(0)
    }

    /// The nodes of which that is known.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&Name, Index)> + use<'_> {
        self.own_checks.iter().map(|(node, index)| (node, *index))
    }

    /// A check of the node itself changed.
    pub(crate) fn set_own_checks(&mut self, node: &Name, index: Index) {
        self.own_checks.insert(node.clone(), index);
    }

    /// A node is gone, and no service is left on it.
    pub(crate) fn forget_node(&mut self, node: &str) {
        self.own_checks.remove(node);
    }
}
