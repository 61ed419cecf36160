//! Transactions: several verbs that take place all together or not at all.
//!
//! As in 1.13.9 there are two passes. The first looks at each operation by itself, against the state as it is; if one of
//! them can't be, the errors of all such are the answer. The second carries the operations out one after the other, goes
//! on after an error, and if there was any takes everything back and answers with all of them.
//!
//! What the reads of a transaction give back is bounded together ([`TXN_ANSWER_BYTES_MAX`]), since a few operations can
//! each read a large tree. Where the transaction writes, the bound decides what the state becomes. So it holds since
//! [`FORMAT_OF_BOUND`], when all servers know it.

use std::sync::Arc;

use crate::apply::Outcome;
use crate::apply::keys::{MISSING_KEY, Written};
use crate::apply::registration::{prepare_check, prepare_service, validate_node};
use crate::effects::Effects;
use crate::quote::quote;
use crate::{
    CatalogVerb, Format, Key, KeyEntry, KeyOperation, KeyVerb, SessionReference, Stamp, State, TxnError, TxnOperation,
    TxnResult, ValueShown,
};

/// How many bytes the keys and values that a transaction reads may have together, with [`READ_BYTES`] for each of them.
/// It is room for 128 of the largest values that there are by default, and an answer of that size takes some 100 MB as
/// JSON.
pub const TXN_ANSWER_BYTES_MAX: usize = 64 << 20;

/// What an entry counts for in addition to its key and value: about what the rest of it takes as JSON.
const READ_BYTES: usize = 128;

/// The format since which a transaction that writes fails for too large an answer.
const FORMAT_OF_BOUND: Format = 2;

/// How much more the reads of a transaction may give back.
struct Room(usize);

impl Room {
    /// What a transaction may have.
    const WHOLE: Self = Self(TXN_ANSWER_BYTES_MAX);

    /// What a transaction that writes may have in a format.
    fn of_write(format: Format) -> Self {
        if format >= FORMAT_OF_BOUND { Self::WHOLE } else { Self(usize::MAX) }
    }

    /// Takes what an entry counts for. The first that finds too little leaves nothing for those after it.
    fn take(&mut self, key: &Key, entry: &KeyEntry, shown: ValueShown) -> Outcome {
        let value = if shown == ValueShown::Yes { entry.value.len() } else { 0 };
        match self.0.checked_sub(READ_BYTES + key.as_bytes().len() + value) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => {
                self.0 = 0;
                Err(format!(
                    "what this transaction reads takes more than {TXN_ANSWER_BYTES_MAX} bytes; read less, or in several \
                     transactions"
                ))
            }
        }
    }
}

impl State {
    /// Carries out a transaction.
    pub(super) fn apply_txn(
        &mut self,
        operations: Vec<TxnOperation>,
        effects: &mut Effects,
    ) -> Result<Vec<TxnResult>, Vec<TxnError>> {
        self.carry_out_txn(operations, Room::of_write(self.header.format), effects)
    }

    fn carry_out_txn(
        &mut self,
        mut operations: Vec<TxnOperation>,
        mut room: Room,
        effects: &mut Effects,
    ) -> Result<Vec<TxnResult>, Vec<TxnError>> {
        collect(operations.iter_mut().map(|operation| self.prepare_txn(operation).map(|()| Vec::new())))?;
        self.atomically(effects, |state, effects| {
            collect(operations.into_iter().map(|operation| match operation {
                TxnOperation::Key(operation) => state.txn_key(operation, &mut room, effects),
                TxnOperation::Node(verb, node) => state.txn_node(verb, *node, effects),
                TxnOperation::Service(verb, service) => state.txn_service(verb, *service, effects),
                TxnOperation::Check(verb, check) => state.txn_check(verb, *check, effects),
            }))
        })
    }

    /// What a transaction would be answered now. Nothing comes of it.
    pub fn rehearse_txn(&self, operations: Vec<TxnOperation>) -> Result<Vec<TxnResult>, Vec<TxnError>> {
        let mut effects = Effects::new(self.header.index.saturating_add(1));
        self.clone().carry_out_txn(operations, Room::WHOLE, &mut effects)
    }

    /// The error of the first operation whose tree has no more room in the answer, by the state as it is. In the first
    /// format no transaction that writes fails for that once it is in the log, so this is asked before it is proposed.
    pub fn too_large_for_txn(&self, operations: &[TxnOperation]) -> Option<TxnError> {
        let mut room = Room::WHOLE;
        operations.iter().enumerate().find_map(|(operation, step)| match step {
            TxnOperation::Key(KeyOperation { key, verb: KeyVerb::GetTree }) => {
                let reason = self.txn_tree(key, &mut room, |_, _| ()).err()?;
                Some(TxnError { operation, reason })
            }
            _ => None,
        })
    }

    /// The errors of operations that are none whatever the others are; if there are any, no operation is carried out.
    pub fn unacceptable_in_txn(&self, operations: &[TxnOperation]) -> Vec<TxnError> {
        let prepared = operations.iter().map(|operation| self.prepare_txn(&mut operation.clone()).map(|()| Vec::new()));
        collect(prepared).err().unwrap_or_default()
    }

    /// Answers a transaction that only reads. A verb that writes is an error.
    pub fn read_txn(&self, operations: &[TxnOperation]) -> Result<Vec<TxnResult>, Vec<TxnError>> {
        collect(operations.iter().map(|operation| self.prepare_read(operation).map(|()| Vec::new())))?;
        let mut room = Room::WHOLE;
        collect(operations.iter().map(|operation| match operation {
            TxnOperation::Key(operation) => self.txn_key_read(operation, &mut room),
            TxnOperation::Node(CatalogVerb::Get, node) => self.txn_node_get(node),
            TxnOperation::Service(CatalogVerb::Get, service) => self.txn_service_get(service),
            TxnOperation::Check(CatalogVerb::Get, check) => self.txn_check_get(check),
            TxnOperation::Node(..) | TxnOperation::Service(..) | TxnOperation::Check(..) => Err(READS_ONLY.to_owned()),
        }))
    }

    /// What an operation must be whatever the others are; fills in what it may leave out.
    fn prepare_txn(&self, operation: &mut TxnOperation) -> Outcome {
        match operation {
            TxnOperation::Node(verb, node) if *verb != CatalogVerb::Get => validate_node(node),
            TxnOperation::Service(verb, service) if *verb != CatalogVerb::Get => prepare_service(service),
            TxnOperation::Check(verb, check) if *verb != CatalogVerb::Get => {
                prepare_check(check);
                Ok(())
            }
            other => self.prepare_read(other),
        }
    }

    fn prepare_read(&self, operation: &TxnOperation) -> Outcome {
        let TxnOperation::Key(KeyOperation { key, verb }) = operation else { return Ok(()) };
        if key.as_bytes().is_empty() && *verb != KeyVerb::DeleteTree {
            return Err(MISSING_KEY.to_owned());
        }
        if matches!(verb, KeyVerb::Lock(..)) && self.is_delayed(key) {
            return Err(format!("failed to lock key {} due to lock delay", quote(key.as_bytes())));
        }
        Ok(())
    }

    fn txn_key(&mut self, operation: KeyOperation, room: &mut Room, effects: &mut Effects) -> Outcome<Vec<TxnResult>> {
        let KeyOperation { key, verb } = operation;
        let name = key.clone();
        let failed = |verb: &str, why: &str| format!("failed to {verb} key {}, {why}", quote(name.as_bytes()));
        match verb {
            KeyVerb::Set(value) => Ok(written(&name, self.set(key, value, effects))),
            KeyVerb::Cas(value, index) => match self.cas(key, value, index, effects) {
                Written::Entry(entry) => Ok(written(&name, entry)),
                Written::No => Err(failed("set", "index is stale")),
            },
            KeyVerb::Lock(value, session) => {
                let holder = self.holder(&session).map_err(|refusal| refusal.to_string())?;
                match self.lock(key, value, holder, effects) {
                    Written::Entry(entry) => Ok(written(&name, entry)),
                    Written::No => Err(failed("lock", "lock is already held")),
                }
            }
            KeyVerb::Unlock(value, session) => {
                if session.0.is_empty() {
                    return Err("missing session".to_owned());
                }
                match session.id().map_or(Written::No, |session| self.unlock(key, value, session, effects)) {
                    Written::Entry(entry) => Ok(written(&name, entry)),
                    Written::No => Err(failed("unlock", "lock isn't held, or is held by another session")),
                }
            }
            KeyVerb::Delete => {
                self.delete(&key, effects);
                Ok(Vec::new())
            }
            KeyVerb::DeleteCas(index) if self.delete_cas(&key, index, effects) => Ok(Vec::new()),
            KeyVerb::DeleteCas(_) => Err(failed("delete", "index is stale")),
            KeyVerb::DeleteTree => {
                self.delete_tree(&key, effects);
                Ok(Vec::new())
            }
            read => self.txn_key_read(&KeyOperation { key, verb: read }, room),
        }
    }

    fn txn_key_read(&self, operation: &KeyOperation, room: &mut Room) -> Outcome<Vec<TxnResult>> {
        let KeyOperation { key, verb } = operation;
        let found = self.keys.get(key);
        let name = quote(key.as_bytes());
        let mut shown = |entry: &Arc<KeyEntry>, shown| {
            room.take(key, entry, shown)?;
            Ok(vec![TxnResult::Key(key.clone(), entry.clone(), shown)])
        };
        match (verb, found) {
            (KeyVerb::Get | KeyVerb::GetOrEmpty, Some(entry)) => shown(entry, ValueShown::Yes),
            (KeyVerb::Get, None) => Err(format!("key {name} doesn't exist")),
            (KeyVerb::GetOrEmpty, None) => shown(&Arc::new(nothing()), ValueShown::Yes),
            (KeyVerb::GetTree, _) => {
                self.txn_tree(key, room, |key, entry| TxnResult::Key(key.clone(), entry.clone(), ValueShown::Yes))
            }
            (KeyVerb::CheckIndex(_), None) => Err(format!("failed to check index, key {name} doesn't exist")),
            (KeyVerb::CheckIndex(index), Some(entry)) if entry.stamp.modified != *index => Err(format!(
                "failed index check for key {name}, current modify index {} != {index}",
                entry.stamp.modified
            )),
            (KeyVerb::CheckSession(_), None) => Err(format!("failed to check session, key {name} doesn't exist")),
            (KeyVerb::CheckSession(session), Some(entry)) if !holds(entry, session) => Err(format!(
                "failed session check for key {name}, current session {} != {}",
                quote(entry.session.map(|id| id.to_string()).unwrap_or_default()),
                quote(&session.0)
            )),
            (KeyVerb::CheckIndex(_) | KeyVerb::CheckSession(_), Some(entry)) => shown(entry, ValueShown::No),
            (KeyVerb::CheckNotExists, Some(_)) => Err(format!("key {name} exists")),
            (KeyVerb::CheckNotExists, None) => Ok(Vec::new()),
            _ => Err(READS_ONLY.to_owned()),
        }
    }

    /// Something of each key that starts so, as far as there is room for all of them.
    fn txn_tree<T>(&self, prefix: &Key, room: &mut Room, of: impl Fn(&Key, &Arc<KeyEntry>) -> T) -> Outcome<Vec<T>> {
        let keys = self.keys.under(prefix);
        keys.map(|(key, entry)| room.take(key, entry, ValueShown::Yes).map(|()| of(key, entry))).collect()
    }
}

/// What a verb that writes is answered where only reads are.
pub(super) const READS_ONLY: &str = "cannot write in a transaction that only reads";

/// Runs all operations; the results of all, or the errors of all that failed.
fn collect(outcomes: impl Iterator<Item = Outcome<Vec<TxnResult>>>) -> Result<Vec<TxnResult>, Vec<TxnError>> {
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for (operation, outcome) in outcomes.enumerate() {
        match outcome {
            Ok(some) => results.extend(some),
            Err(reason) => errors.push(TxnError { operation, reason }),
        }
    }
    if errors.is_empty() { Ok(results) } else { Err(errors) }
}

fn written(key: &Key, entry: Arc<KeyEntry>) -> Vec<TxnResult> {
    vec![TxnResult::Key(key.clone(), entry, ValueShown::No)]
}

/// Whether that session holds the lock; no session at all is the holder of a lock that nobody holds.
fn holds(entry: &KeyEntry, session: &SessionReference) -> bool {
    match session.id() {
        Some(id) => entry.session == Some(id),
        None => session.0.is_empty() && entry.session.is_none(),
    }
}

/// The entry of a key that is not there.
fn nothing() -> KeyEntry {
    KeyEntry { value: Box::default(), flags: 0, session: None, lock_index: 0, stamp: Stamp::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Changes, Command, KeyValue, Operation, Response};

    const TREE_BYTES: usize = 8 << 20;
    const VALUES: usize = 16;

    fn apply(state: &mut State, operation: Operation) -> Response {
        let index = state.index() + 2;
        state.apply(index, Command { now_ms: 1, operation }, &mut Changes::default())
    }

    fn on_key(key: &str, verb: KeyVerb) -> TxnOperation {
        TxnOperation::Key(KeyOperation { key: key.into(), verb })
    }

    fn set(key: &str, bytes: usize) -> TxnOperation {
        on_key(key, KeyVerb::Set(KeyValue { value: vec![b'v'; bytes].into(), flags: 0 }))
    }

    /// A state with a tree of [`TREE_BYTES`].
    fn planted() -> State {
        let mut state = State::new();
        let sets = (0..VALUES).map(|number| set(&format!("tree/{number}"), TREE_BYTES / VALUES)).collect();
        assert!(matches!(apply(&mut state, Operation::Txn(sets)), Response::Txn(Ok(_))));
        state
    }

    /// A transaction that reads the tree so often.
    fn reads(times: usize) -> Vec<TxnOperation> {
        vec![on_key("tree/", KeyVerb::GetTree); times]
    }

    /// As often as it has no room any more: the values alone would just have it.
    const TOO_OFTEN: usize = TXN_ANSWER_BYTES_MAX / TREE_BYTES;

    fn is_too_large(errors: &[TxnError]) -> bool {
        matches!(errors, [TxnError { operation, reason }]
            if *operation == TOO_OFTEN - 1 && reason.contains(&TXN_ANSWER_BYTES_MAX.to_string()))
    }

    #[test]
    fn reads_have_a_bound_together() {
        let state = planted();
        let read = state.read_txn(&reads(TOO_OFTEN - 1)).expect("there is room for these");
        assert_eq!(read.len(), (TOO_OFTEN - 1) * VALUES);
        assert!(is_too_large(&state.read_txn(&reads(TOO_OFTEN)).unwrap_err()));
        assert_eq!(state.too_large_for_txn(&reads(TOO_OFTEN - 1)), None);
        assert!(is_too_large(&state.too_large_for_txn(&reads(TOO_OFTEN)).into_iter().collect::<Vec<_>>()));
    }

    #[test]
    fn a_transaction_that_writes_has_the_bound_since_format_2_and_copies_no_value_before() {
        let mut state = planted();
        let writing = || [vec![set("written", 1)], reads(TOO_OFTEN)].concat();
        let Response::Txn(Ok(results)) = apply(&mut state, Operation::Txn(writing())) else {
            panic!("format 1 knows no bound")
        };
        let first = state.key(b"tree/0").expect("it is there");
        let same = |result: &&TxnResult| matches!(result, TxnResult::Key(_, entry, _) if Arc::ptr_eq(entry, first));
        assert_eq!(results.iter().filter(same).count(), TOO_OFTEN);

        assert_eq!(apply(&mut state, Operation::ActivateFormat(2)), Response::Done);
        let written_at = state.key(b"written").map(|entry| entry.stamp);
        let again = [vec![set("written", 2)], reads(TOO_OFTEN)].concat();
        let Response::Txn(Err(errors)) = apply(&mut state, Operation::Txn(again)) else {
            panic!("format 2 has the bound")
        };
        assert!(matches!(&*errors, [TxnError { operation: TOO_OFTEN, .. }]), "{errors:?}");
        assert_eq!(state.key(b"written").map(|entry| entry.stamp), written_at);
    }
}
