//! What a command does beside its answer: what it touches, and so whether it uses up its index.

use crate::tables::{Name, fold};
use crate::{Changes, Index, Key, State, Topic};

/// What of a node changed that counts for every service on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NodeChange {
    /// Its name, address or metadata, which each answer about its services shows.
    Itself,
    /// Its own checks, which each answer about their health shows.
    Checks,
}

/// The effects of a command while it is carried out.
pub(crate) struct Effects {
    /// The index that the command writes with.
    pub(crate) index: Index,
    keys: Vec<Key>,
    /// The topics that need a mark.
    touched: Vec<Topic>,
    /// The nodes that changed for all services on them, which need no marks of their own.
    nodes: Vec<(NodeChange, Name)>,
    replaced: bool,
}

/// How far the effects had come before a step.
#[derive(Clone, Copy)]
struct Savepoint {
    keys: usize,
    touched: usize,
    nodes: usize,
}

impl Effects {
    /// None yet.
    pub(crate) fn new(index: Index) -> Self {
        Self { index, keys: Vec::new(), touched: Vec::new(), nodes: Vec::new(), replaced: false }
    }

    /// A key was written or deleted.
    pub(crate) fn key(&mut self, key: Key) {
        self.keys.push(key);
    }

    /// Something else changed.
    pub(crate) fn touch(&mut self, topic: Topic) {
        self.touched.push(topic);
    }

    /// A node changed for all services on it.
    pub(crate) fn touch_services_on(&mut self, node: &str, change: NodeChange) {
        self.nodes.push((change, fold(node).into()));
    }

    /// The whole state was replaced.
    pub(crate) fn everything(&mut self) {
        self.replaced = true;
    }

    /// Whether anything was written.
    fn wrote(&self) -> bool {
        !(self.keys.is_empty() && self.touched.is_empty() && self.nodes.is_empty())
    }

    fn savepoint(&self) -> Savepoint {
        Savepoint { keys: self.keys.len(), touched: self.touched.len(), nodes: self.nodes.len() }
    }

    fn take_back(&mut self, to: Savepoint) {
        self.keys.truncate(to.keys);
        self.touched.truncate(to.touched);
        self.nodes.truncate(to.nodes);
    }
}

impl State {
    /// Carries out a step entirely or not at all: if it fails, the state and the effects are as before.
    pub(crate) fn atomically<T, E>(
        &mut self,
        effects: &mut Effects,
        step: impl FnOnce(&mut Self, &mut Effects) -> Result<T, E>,
    ) -> Result<T, E> {
        let (before, savepoint) = (self.clone(), effects.savepoint());
        let result = step(self, effects);
        if result.is_err() {
            *self = before;
            effects.take_back(savepoint);
        }
        result
    }

    /// Marks what a command touched, and reports it.
    pub(crate) fn settle(&mut self, effects: Effects, changes: &mut Changes) {
        changes.everything |= effects.replaced;
        if effects.replaced {
            changes.index = self.header.index;
        }
        if !effects.wrote() {
            return;
        }
        let Effects { index, keys, mut touched, nodes, replaced: _ } = effects;
        self.header.index = index;
        changes.index = index;
        changes.topics.extend(keys.into_iter().map(Topic::Key));
        touched.sort_unstable();
        touched.dedup();
        for topic in touched {
            self.mark(&topic, index);
            changes.topics.insert(topic);
        }
        for (change, node) in nodes {
            if change == NodeChange::Checks && self.catalog.node(&node).is_some() {
                self.marks.set_own_checks(&node, index);
            }
            self.report_services_on(change, node, changes);
        }
    }

    /// Reports all services on a node as touched, once in a batch: those that come to it later touch themselves.
    fn report_services_on(&self, change: NodeChange, node: Name, changes: &mut Changes) {
        if changes.reported.contains(&(change, node.clone())) {
            return;
        }
        for service in self.catalog.services_on(&node) {
            if change == NodeChange::Itself {
                changes.topics.insert(Topic::service(&service.name));
            }
            changes.topics.insert(Topic::health(&service.name));
        }
        changes.reported.insert((change, node));
    }
}
