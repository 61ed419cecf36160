//! Transactions: several verbs that take place all together or not at all.
//!
//! As in 1.13.9 there are two passes. The first looks at each operation by itself, against the state as it is; if one of
//! them can't be, the errors of all such are the answer. The second carries the operations out one after the other, goes
//! on after an error, and if there was any takes everything back and answers with all of them.

use std::sync::Arc;

use crate::apply::Outcome;
use crate::apply::keys::{MISSING_KEY, Written};
use crate::apply::registration::{prepare_check, prepare_service, validate_node};
use crate::effects::Effects;
use crate::quote::quote;
use crate::{
    CatalogVerb, Key, KeyEntry, KeyOperation, KeyVerb, SessionReference, Stamp, State, TxnError, TxnOperation,
    TxnResult, ValueShown,
};

impl State {
    /// Carries out a transaction.
    pub(super) fn apply_txn(
        &mut self,
        mut operations: Vec<TxnOperation>,
        effects: &mut Effects,
    ) -> Result<Vec<TxnResult>, Vec<TxnError>> {
        collect(operations.iter_mut().map(|operation| self.prepare_txn(operation).map(|()| Vec::new())))?;
        self.atomically(effects, |state, effects| {
            collect(operations.into_iter().map(|operation| match operation {
                TxnOperation::Key(operation) => state.txn_key(operation, effects),
                TxnOperation::Node(verb, node) => state.txn_node(verb, *node, effects),
                TxnOperation::Service(verb, service) => state.txn_service(verb, *service, effects),
                TxnOperation::Check(verb, check) => state.txn_check(verb, *check, effects),
            }))
        })
    }

    /// What a transaction would be answered now. Nothing comes of it.
    pub fn rehearse_txn(&self, operations: Vec<TxnOperation>) -> Result<Vec<TxnResult>, Vec<TxnError>> {
        self.clone().apply_txn(operations, &mut Effects::new(self.header.index.saturating_add(1)))
    }

    /// The errors of operations that are none whatever the others are; if there are any, no operation is carried out.
    pub fn unacceptable_in_txn(&self, operations: &[TxnOperation]) -> Vec<TxnError> {
        let prepared = operations.iter().map(|operation| self.prepare_txn(&mut operation.clone()).map(|()| Vec::new()));
        collect(prepared).err().unwrap_or_default()
    }

    /// Answers a transaction that only reads. A verb that writes is an error.
    pub fn read_txn(&self, operations: &[TxnOperation]) -> Result<Vec<TxnResult>, Vec<TxnError>> {
        collect(operations.iter().map(|operation| self.prepare_read(operation).map(|()| Vec::new())))?;
        collect(operations.iter().map(|operation| match operation {
            TxnOperation::Key(operation) => self.txn_key_read(operation),
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

    fn txn_key(&mut self, operation: KeyOperation, effects: &mut Effects) -> Outcome<Vec<TxnResult>> {
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
            read => self.txn_key_read(&KeyOperation { key, verb: read }),
        }
    }

    fn txn_key_read(&self, operation: &KeyOperation) -> Outcome<Vec<TxnResult>> {
        let KeyOperation { key, verb } = operation;
        let found = self.keys.get(key);
        let name = quote(key.as_bytes());
        let shown = |entry: &Arc<KeyEntry>, shown| Ok(vec![TxnResult::Key(key.clone(), entry.clone(), shown)]);
        match (verb, found) {
            (KeyVerb::Get | KeyVerb::GetOrEmpty, Some(entry)) => shown(entry, ValueShown::Yes),
            (KeyVerb::Get, None) => Err(format!("key {name} doesn't exist")),
            (KeyVerb::GetOrEmpty, None) => shown(&Arc::new(nothing()), ValueShown::Yes),
            (KeyVerb::GetTree, _) => Ok(self
                .keys
                .under(key)
                .map(|(key, entry)| TxnResult::Key(key.clone(), entry.clone(), ValueShown::Yes))
                .collect()),
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
