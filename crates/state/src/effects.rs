//! What a command does beside its answer: which topics it touches, and so whether it uses up its index.

use crate::{Changes, Index, Key, Topic};

/// The effects of one command, or of one step of it, while it is carried out.
pub(crate) struct Effects<'a> {
    /// The index that the command writes with.
    pub(crate) index: Index,
    changes: &'a mut Changes,
    /// The topics touched but keys, which need no mark.
    touched: Vec<Topic>,
    wrote: bool,
}

impl<'a> Effects<'a> {
    /// None yet. What is touched is added to `changes`.
    pub(crate) fn new(index: Index, changes: &'a mut Changes) -> Self {
        Self { index, changes, touched: Vec::new(), wrote: false }
    }

    /// A key was written or deleted.
    pub(crate) fn key(&mut self, key: Key) {
        self.wrote = true;
        self.changes.topics.insert(Topic::Key(key));
    }

    /// Something else changed.
    pub(crate) fn touch(&mut self, topic: Topic) {
        self.wrote = true;
        self.touched.push(topic);
    }

    /// The whole state was replaced.
    pub(crate) fn everything(&mut self) {
        self.changes.everything = true;
    }

    /// Whether anything was written.
    pub(crate) fn wrote(&self) -> bool {
        self.wrote
    }

    /// The topics that need a mark, each once; they are reported as changed.
    pub(crate) fn take_touched(&mut self) -> Vec<Topic> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        self.changes.topics.extend(touched.iter().cloned());
        touched
    }

    /// Takes over the effects of a step that succeeded.
    fn absorb(&mut self, touched: Vec<Topic>, changes: Changes, wrote: bool) {
        self.touched.extend(touched);
        self.changes.topics.extend(changes.topics);
        self.wrote |= wrote;
    }
}

impl crate::State {
    /// Carries out a step entirely or not at all: if it fails, the state and the effects are as before.
    pub(crate) fn atomically<T, E>(
        &mut self,
        effects: &mut Effects<'_>,
        step: impl FnOnce(&mut Self, &mut Effects<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let before = self.clone();
        let mut changes = Changes::default();
        let mut inner = Effects::new(effects.index, &mut changes);
        let result = step(self, &mut inner);
        let (touched, wrote) = (inner.touched, inner.wrote);
        match &result {
            Ok(_) => effects.absorb(touched, changes, wrote),
            Err(_) => *self = before,
        }
        result
    }
}
