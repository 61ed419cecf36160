//! Keys, locks and lock delays, written down as plainly as can be.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use quorate_state::{
    Changes, Command, Index, Key, KeyEntry, KeyOperation, KeyValue, KeyVerb, Node, Operation, Registration, Response,
    Session, SessionBehavior, SessionId, SessionReference, Stamp, State, TxnOperation,
};

#[derive(Clone, Default)]
struct Model {
    keys: BTreeMap<Vec<u8>, KeyEntry>,
    sessions: BTreeMap<SessionId, Session>,
    delayed_until: BTreeMap<Vec<u8>, u64>,
    clock_ms: u64,
    written: BTreeSet<Vec<u8>>,
}

/// What a verb comes to.
#[derive(Debug, PartialEq)]
enum Verdict {
    Yes,
    No,
    Unacceptable,
}

pub(crate) fn check(commands: Vec<Command>) -> Result<(), TestCaseError> {
    let (mut state, mut model) = (State::new(), Model::default());
    let node = Node { name: "n1".into(), address: "10.0.0.1".into(), ..Node::default() };
    let registration = Box::new(Registration { node, ..Registration::default() });
    let register = Command { now_ms: 0, operation: Operation::Register(registration) };
    state.apply(1, register, &mut Changes::default());
    for (position, command) in commands.into_iter().enumerate() {
        let index = position as u64 + 2;
        let mut changes = Changes::default();
        let response = state.apply(index, command.clone(), &mut changes);
        model.written.clear();
        let verdict = model.apply(index, command.clone());
        let got = match response {
            Response::Done | Response::Flag(true) | Response::Session(_) | Response::Txn(Ok(_)) => Verdict::Yes,
            Response::Flag(false) | Response::Txn(Err(_)) => Verdict::No,
            Response::Refused(_) => Verdict::Unacceptable,
        };
        prop_assert_eq!(got, verdict, "{:?}", command);
        let keys: BTreeMap<Vec<u8>, KeyEntry> =
            state.keys_under(b"").map(|(key, entry)| (key.as_bytes().to_vec(), KeyEntry::clone(entry))).collect();
        prop_assert_eq!(&keys, &model.keys, "{:?}", command);
        let touched: BTreeSet<Vec<u8>> = changes
            .topics
            .iter()
            .filter_map(|topic| match topic {
                quorate_state::Topic::Key(key) => Some(key.as_bytes().to_vec()),
                _ => None,
            })
            .collect();
        prop_assert_eq!(&touched, &model.written, "{:?}", command);
    }
    Ok(())
}

impl Model {
    fn apply(&mut self, index: Index, command: Command) -> Verdict {
        self.clock_ms = self.clock_ms.max(command.now_ms);
        match command.operation {
            Operation::Key(KeyOperation { key, verb }) => {
                // Whose session has ended may release all the same, and is told that it holds nothing.
                let unknown = matches!(&verb, KeyVerb::Lock(_, session) if self.known(session).is_none());
                let nobody = matches!(&verb, KeyVerb::Unlock(_, session) if session.0.is_empty());
                if missing(&key, &verb) || is_read(&verb) || (unknown && !self.is_delayed(&key)) || nobody {
                    return Verdict::Unacceptable;
                }
                self.verb(index, &key, verb)
            }
            Operation::Txn(operations) => self.txn(index, operations),
            Operation::SessionCreate(session) => match self.sessions.get(&session.id) {
                Some(old) if *old != session => Verdict::Unacceptable,
                _ => {
                    self.sessions.insert(session.id, session);
                    Verdict::Yes
                }
            },
            Operation::SessionDestroy(id) => {
                self.end(index, id);
                Verdict::Yes
            }
            Operation::Reap(_) => Verdict::Yes,
            other => panic!("not generated: {other:?}"),
        }
    }

    fn txn(&mut self, index: Index, operations: Vec<TxnOperation>) -> Verdict {
        let mut after = self.clone();
        let mut all = true;
        for operation in &operations {
            let TxnOperation::Key(KeyOperation { key, verb }) = operation else { panic!("not generated") };
            let delayed = matches!(verb, KeyVerb::Lock(..)) && self.is_delayed(key);
            all &= !missing(key, verb) && !delayed;
        }
        for operation in operations {
            let TxnOperation::Key(KeyOperation { key, verb }) = operation else { panic!("not generated") };
            all &= after.verb(index, &key, verb) == Verdict::Yes;
        }
        if !all {
            return Verdict::No;
        }
        *self = after;
        Verdict::Yes
    }

    fn verb(&mut self, index: Index, key: &Key, verb: KeyVerb) -> Verdict {
        let name = key.as_bytes().to_vec();
        let old = self.keys.get(&name).cloned();
        let (holder, lock_index) = old.as_ref().map_or((None, 0), |old| (old.session, old.lock_index));
        let modified = old.as_ref().map_or(0, |old| old.stamp.modified);
        let verdict = match verb {
            KeyVerb::Set(value) => return self.put(index, name, value, holder, lock_index),
            KeyVerb::Cas(value, at) if modified == at => return self.put(index, name, value, holder, lock_index),
            KeyVerb::Cas(..) => false,
            KeyVerb::Lock(value, session) => match self.known(&session) {
                None => false,
                Some(_) if self.is_delayed(key) => false,
                Some(session) if holder == Some(session) => return self.put(index, name, value, holder, lock_index),
                Some(session) if holder.is_none() => {
                    return self.put(index, name, value, Some(session), lock_index + 1);
                }
                Some(_) => false,
            },
            KeyVerb::Unlock(value, session) => match self.known(&session) {
                Some(session) if holder == Some(session) => return self.put(index, name, value, None, lock_index),
                _ => false,
            },
            KeyVerb::Delete => self.delete(|other| *other == name),
            KeyVerb::DeleteCas(at) => (old.is_none() || modified == at) && self.delete(|other| *other == name),
            KeyVerb::DeleteTree => self.delete(|other| other.starts_with(&name)),
            KeyVerb::Get => old.is_some(),
            KeyVerb::GetOrEmpty | KeyVerb::GetTree => true,
            KeyVerb::CheckIndex(at) => old.is_some() && modified == at,
            KeyVerb::CheckSession(session) => match (old, session.id()) {
                (None, _) => false,
                (Some(old), Some(id)) => old.session == Some(id),
                (Some(old), None) => old.session.is_none() && session.0.is_empty(),
            },
            KeyVerb::CheckNotExists => old.is_none(),
        };
        if verdict { Verdict::Yes } else { Verdict::No }
    }

    fn put(
        &mut self,
        index: Index,
        name: Vec<u8>,
        value: KeyValue,
        session: Option<SessionId>,
        lock_index: Index,
    ) -> Verdict {
        let old = self.keys.get(&name);
        let mut entry = KeyEntry {
            value: value.value,
            flags: value.flags,
            session,
            lock_index,
            stamp: old.map_or(Stamp { created: index, modified: index }, |old| old.stamp),
        };
        if old != Some(&entry) {
            entry.stamp.modified = index;
            self.written.insert(name.clone());
            self.keys.insert(name, entry);
        }
        Verdict::Yes
    }

    fn delete(&mut self, which: impl Fn(&Vec<u8>) -> bool) -> bool {
        self.written.extend(self.keys.keys().filter(|key| which(key)).cloned());
        self.keys.retain(|key, _| !which(key));
        true
    }

    fn end(&mut self, index: Index, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        let delay_ms = session.lock_delay_ns.clamp(0, 60_000_000_000).unsigned_abs() / 1_000_000;
        let held: Vec<Vec<u8>> =
            self.keys.iter().filter(|(_, entry)| entry.session == Some(id)).map(|(key, _)| key.clone()).collect();
        for key in held {
            if delay_ms > 0 {
                self.delayed_until.insert(key.clone(), self.clock_ms + delay_ms);
            }
            self.written.insert(key.clone());
            match session.behavior {
                SessionBehavior::Delete => {
                    self.keys.remove(&key);
                }
                SessionBehavior::Release => {
                    let entry = self.keys.get_mut(&key).expect("it is held");
                    entry.session = None;
                    entry.stamp.modified = index;
                }
            }
        }
    }

    fn known(&self, session: &SessionReference) -> Option<SessionId> {
        session.id().filter(|id| self.sessions.contains_key(id))
    }

    fn is_delayed(&self, key: &Key) -> bool {
        self.delayed_until.get(key.as_bytes()).is_some_and(|until| *until > self.clock_ms)
    }
}

fn missing(key: &Key, verb: &KeyVerb) -> bool {
    key.as_bytes().is_empty() && *verb != KeyVerb::DeleteTree
}

fn is_read(verb: &KeyVerb) -> bool {
    use KeyVerb::{CheckIndex, CheckNotExists, CheckSession, Get, GetOrEmpty, GetTree};
    matches!(verb, Get | GetOrEmpty | GetTree | CheckIndex(_) | CheckSession(_) | CheckNotExists)
}
