//! What a command does beside its answer: what it touches, and so whether it uses up its index.

use crate::tables::{Name, fold};
use crate::topic::NodeChange;
use crate::{Changes, Index, Key, State, Topic};

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
        if !effects.wrote() {
            return;
        }
        let Effects { index, keys, mut touched, nodes, replaced: _ } = effects;
        self.header.index = index;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Check, CheckStatus, Command, Node, Operation, Registration, Service};

    /// Many enough that a mark for each of them can't be missed.
    const SERVICES: usize = 50;

    /// A node `n` with many services.
    fn crowded() -> State {
        let mut state = State::new();
        for number in 0..SERVICES {
            let name = format!("service-{number}");
            let service = Service { node: "n".into(), id: name.clone(), name, ..Service::default() };
            register(&mut state, 2, Registration { service: Some(service), ..on_node() }, &mut Changes::default());
        }
        state
    }

    fn on_node() -> Registration {
        let node = Node { name: "n".into(), address: "10.0.0.1".into(), ..Node::default() };
        Registration { node, ..Registration::default() }
    }

    fn register(state: &mut State, index: Index, registration: Registration, changes: &mut Changes) {
        state.apply(index, Command { now_ms: 1, operation: Operation::Register(Box::new(registration)) }, changes);
    }

    fn flip(state: &mut State, index: Index, status: CheckStatus, changes: &mut Changes) {
        let check = Check { node: "n".into(), id: "own".into(), status, ..Check::default() };
        register(state, index, Registration { checks: vec![check], ..on_node() }, changes);
    }

    #[test]
    fn a_check_of_a_node_changes_the_health_of_its_services_and_marks_none_of_them() {
        let mut state = crowded();
        flip(&mut state, 3, CheckStatus::Passing, &mut Changes::default());
        flip(&mut state, 4, CheckStatus::Critical, &mut Changes::default());
        let marked: Vec<_> =
            state.marks.iter().filter(|(_, index)| *index == 4).map(|(topic, _)| topic.clone()).collect();
        let (passing, critical) = (CheckStatus::Passing, CheckStatus::Critical);
        let expected = [Topic::node_checks("n"), Topic::Checks, Topic::ChecksIn(passing), Topic::ChecksIn(critical)];
        assert_eq!(marked, expected);
        for number in 0..SERVICES {
            let name = format!("service-{number}");
            assert_eq!(state.last_change(&Topic::health(&name)), 4);
            assert_eq!(state.last_change(&Topic::service(&name)), 2);
        }
    }

    #[test]
    fn services_of_a_node_whose_check_flips_are_reported_once_in_a_batch() {
        let mut state = crowded();
        let mut changes = Changes::default();
        let of_services =
            |changes: &Changes| changes.topics.iter().filter(|topic| matches!(topic, Topic::Health(_))).count();
        flip(&mut state, 3, CheckStatus::Passing, &mut changes);
        assert_eq!(of_services(&changes), SERVICES);
        // Whatever has been reported is not gone through again.
        changes.topics.clear();
        flip(&mut state, 4, CheckStatus::Critical, &mut changes);
        assert_eq!(of_services(&changes), 0);
        assert!(changes.topics.contains(&Topic::Checks));
    }
}
