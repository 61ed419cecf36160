//! The state as records, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::apply::Staging;
use crate::{Header, Index, Key, KeyEntry, Record, SessionId, State, Topic};

impl State {
    /// Everything, what is being restored included. Nodes come before what is on them.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let staging = self.staging.as_deref().into_iter().flat_map(|staging| {
            let begun = Record::Staging(staging.id, staging.steps);
            std::iter::once(begun).chain(staging.state.own_records().map(|record| Record::Staged(Box::new(record))))
        });
        self.own_records().chain(staging)
    }

    /// Everything but what is being restored.
    fn own_records(&self) -> impl Iterator<Item = Record> + '_ {
        let Self { header, keys, catalog, sessions, marks: _, staging: _ } = self;
        std::iter::once(Record::Header(*header))
            .chain(catalog.nodes().cloned().map(Record::Node))
            .chain(catalog.services().cloned().map(Record::Service))
            .chain(catalog.checks().cloned().map(Record::Check))
            .chain(sessions.iter().cloned().map(Record::Session))
            .chain(keys.entries().map(|(key, entry)| Record::Key(key.clone(), entry.clone())))
            .chain(keys.tombstones().map(|(key, index)| Record::Tombstone(key.clone(), *index)))
            .chain(keys.delays().map(|(key, until_ms)| Record::LockDelay(key.clone(), *until_ms)))
            .chain(self.marks_as_recorded().map(|(topic, index)| Record::Mark(topic, index)))
    }

    /// The marks as records carry them: a service's health has the last change of the own checks of its nodes in it.
    pub(crate) fn marks_as_recorded(&self) -> impl Iterator<Item = (Topic, Index)> + use<'_> {
        let newer = Arc::new(self.newer_health());
        let marks = {
            let newer = newer.clone();
            self.marks.iter().filter(move |(topic, _)| !newer.contains_key(*topic))
        };
        let newer: Vec<_> = newer.iter().map(|(topic, index)| (topic.clone(), *index)).collect();
        marks.map(|(topic, index)| (topic.clone(), index)).chain(newer)
    }

    /// The services whose health was last changed by the own checks of a node, and when.
    fn newer_health(&self) -> BTreeMap<Topic, Index> {
        let mut newer = BTreeMap::new();
        for (node, index) in self.marks.nodes() {
            for service in self.catalog.services_on(node) {
                let topic = Topic::health(&service.name);
                if self.marks.get(&topic).unwrap_or(0) < index {
                    let known = newer.entry(topic).or_insert(index);
                    *known = index.max(*known);
                }
            }
        }
        newer
    }

    /// Starts building a state from records.
    pub fn from_records() -> StateBuilder {
        StateBuilder::default()
    }
}

/// How many keys are gathered before they are put into the table at once.
const KEYS_MAX: usize = 4096;

/// Builds a state from its records. Total: a record without its parent is dropped, and a lock whose session is missing
/// is released.
#[derive(Debug, Default)]
pub struct StateBuilder {
    state: State,
    /// Keys that came in growing order and are larger than any in the state.
    keys: Vec<(Key, Arc<KeyEntry>)>,
    /// The largest key put into the state.
    last: Option<Key>,
    marks: Vec<(Topic, Index)>,
    /// The state that is being restored.
    staging: Option<Box<(Staging, StateBuilder)>>,
}

impl StateBuilder {
    /// Goes on with a state that was paused.
    pub(crate) fn continuing(state: State) -> Self {
        let last = state.keys.last().cloned();
        Self { state, last, ..Self::default() }
    }

    /// Adds a record.
    pub fn push(&mut self, record: Record) {
        let State { header, keys, catalog, sessions, .. } = &mut self.state;
        header.index = header.index.max(carried_index(&record));
        match record {
            Record::Header(saved) => *header = Header { index: header.index, ..saved },
            Record::Key(key, entry) => self.push_key(key, entry),
            Record::Tombstone(key, index) => {
                self.flush();
                if self.state.keys.get(&key).is_none() {
                    self.state.keys.put_tombstone(key, index);
                }
            }
            Record::Node(node) => catalog.put_node(node),
            Record::Service(service) => {
                if catalog.node(&service.node).is_some() {
                    catalog.put_service(service);
                }
            }
            Record::Check(check) => {
                let has_service = || catalog.service(&check.node, &check.service_id).is_some();
                if catalog.node(&check.node).is_some() && (check.service_id.is_empty() || has_service()) {
                    catalog.put_check(check);
                }
            }
            Record::Session(session) => {
                if catalog.node(&session.node).is_some() {
                    sessions.remove(session.id);
                    sessions.put(session);
                }
            }
            Record::LockDelay(key, until_ms) => keys.delay(key, until_ms),
            Record::Mark(topic, index) => self.marks.push((topic, index)),
            Record::Staging(id, steps) => {
                let staging = Staging { id, steps, state: State::new() };
                self.staging = Some(Box::new((staging, Self::default())));
            }
            Record::Staged(record) => {
                if let Some(staging) = &mut self.staging {
                    staging.1.push(*record);
                }
            }
        }
    }

    fn push_key(&mut self, key: Key, entry: Arc<KeyEntry>) {
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            self.flush();
            self.state.keys.put(key, entry);
            return;
        }
        self.last = Some(key.clone());
        self.keys.push((key, entry));
        if self.keys.len() == KEYS_MAX {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let keys = std::mem::take(&mut self.keys);
        self.state.keys.extend_sorted(keys);
    }

    /// The state as far as it came; more may be added later.
    pub(crate) fn pause(mut self) -> State {
        self.flush();
        for (topic, index) in std::mem::take(&mut self.marks) {
            self.state.mark(&topic, index);
        }
        self.state.staging = self.staging.map(|staging| {
            let (staging, builder) = *staging;
            Arc::new(Staging { state: builder.pause(), ..staging })
        });
        self.state
    }

    /// The state.
    pub fn finish(self) -> State {
        let mut state = self.pause();
        let orphans: Vec<(SessionId, Key)> =
            state.keys.holds().filter(|(session, _)| state.sessions.get(*session).is_none()).cloned().collect();
        for (_, key) in orphans {
            if let Some(entry) = state.keys.get(&key) {
                let entry = KeyEntry { session: None, ..KeyEntry::clone(entry) };
                state.keys.put(key, Arc::new(entry));
            }
        }
        state
    }
}

/// The largest index that a record carries, which the state it belongs to has given out.
fn carried_index(record: &Record) -> Index {
    let stamp = match record {
        Record::Header(header) => return header.index.max(header.floor).max(header.restored),
        Record::Tombstone(_, index) | Record::Mark(_, index) => return *index,
        Record::LockDelay(..) | Record::Staging(..) | Record::Staged(_) => return 0,
        Record::Key(_, entry) => entry.stamp,
        Record::Node(node) => node.stamp,
        Record::Service(service) => service.stamp,
        Record::Check(check) => check.stamp,
        Record::Session(session) => session.stamp,
    };
    stamp.modified.max(stamp.created)
}
