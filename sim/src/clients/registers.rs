//! Clients that read, write, compare and delete a few keys, and note each call and what came of it.

use quorate_node::{Answer, Consistency, Question};
use quorate_state::{KeyOperation, KeyValue, KeyVerb, Operation, Response};

use super::router::Write;
use super::{Accounts, Router};

/// The keys that clients compete for: few, so that calls overlap.
const KEYS: u64 = 4;

/// A call and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who called.
    pub client: u64,
    /// The key.
    pub key: String,
    /// What was asked.
    pub kind: CallKind,
    /// The moment of the call.
    pub called: u64,
    /// The moment of the answer, and the answer.
    pub result: Option<(u64, CallResult)>,
}

/// What was asked. Values are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Read.
    Get,
    /// Write.
    Put(u64),
    /// Write if last changed at this index.
    Cas(u64, u64),
    /// Delete.
    Delete,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// The value and when it was last changed, or that there is none.
    Read(Option<(u64, u64)>),
    /// Whether the write took place.
    Written(bool),
    /// No server took the call: it is as if it had not been made.
    Refused,
}

/// Uses registers until asked to stop.
pub async fn use_registers(client: u64, mut router: Router, accounts: Accounts) {
    let mut last_index = 0;
    for number in 1u64.. {
        if accounts.stopped() {
            return;
        }
        let key = format!("register/{}", router.random().u64(..KEYS));
        let value = client << 32 | number;
        let kind = match router.random().u8(..10) {
            0..4 => CallKind::Get,
            4..7 => CallKind::Put(value),
            7..9 => CallKind::Cas(value, last_index),
            _ => CallKind::Delete,
        };
        let call = call(client, &key, kind, &mut router, &accounts).await;
        if let Some((_, CallResult::Read(Some((_, index))))) = call {
            last_index = index;
        }
        router.rest(25).await;
    }
}

/// Reads all registers, until each was read.
pub async fn read_at_the_end(client: u64, mut router: Router, accounts: Accounts) {
    for key in (0..KEYS).map(|number| format!("register/{number}")) {
        while call(client, &key, CallKind::Get, &mut router, &accounts).await.is_none() {
            router.rest(100).await;
        }
    }
}

async fn call(
    client: u64,
    key: &str,
    kind: CallKind,
    router: &mut Router,
    accounts: &Accounts,
) -> Option<(u64, CallResult)> {
    let called = accounts.moment();
    let mut call = Call { client, key: key.to_owned(), kind, called, result: None };
    // The place is taken before the answer: a call that never returns is on record too.
    let place = {
        let mut inner = accounts.lock();
        inner.calls.push(call.clone());
        inner.calls.len() - 1
    };
    let value = |value: u64| KeyValue { value: value.to_be_bytes().into(), flags: 0 };
    let verb = match &call.kind {
        CallKind::Get => None,
        CallKind::Put(number) => Some(KeyVerb::Set(value(*number))),
        CallKind::Cas(number, index) => Some(KeyVerb::Cas(value(*number), *index)),
        CallKind::Delete => Some(KeyVerb::Delete),
    };
    let result = match verb {
        None => read(key, router).await.map(CallResult::Read),
        Some(verb) => match router.write(Operation::Key(KeyOperation { key: key.into(), verb })).await {
            Write::Answered(Response::Flag(done)) => Some(CallResult::Written(done)),
            Write::Refused => Some(CallResult::Refused),
            _ => None,
        },
    };
    call.result = result.map(|result| (accounts.moment(), result));
    accounts.lock().calls[place] = call.clone();
    call.result
}

async fn read(key: &str, router: &mut Router) -> Option<Option<(u64, u64)>> {
    let consistency = if router.random().bool() { Consistency::Default } else { Consistency::Consistent };
    let answered = router.ask(Question::Key(key.into()), consistency).await?;
    let Answer::Key(entry) = &answered.answer.answer else { return None };
    Some(
        entry
            .as_ref()
            .and_then(|entry| Some((u64::from_be_bytes(entry.value[..].try_into().ok()?), entry.stamp.modified))),
    )
}
