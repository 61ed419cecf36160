//! Clients that write each key once and remember what was acknowledged.

use quorate_state::{KeyOperation, KeyValue, KeyVerb, Operation, Response};

use super::router::Write;
use super::{Accounts, Router};

/// Values of this length fill log segments within a run.
const VALUE_BYTES: usize = 600;

/// Writes until asked to stop.
pub async fn write_journal(client: u64, mut router: Router, accounts: Accounts) {
    for number in 0u64.. {
        if accounts.stopped() {
            return;
        }
        let key = format!("journal/{client}/{number}");
        let value = format!("{key}{}", "x".repeat(router.random().usize(..VALUE_BYTES)));
        let verb = KeyVerb::Set(KeyValue { value: value.as_bytes().into(), flags: number });
        let operation = Operation::Key(KeyOperation { key: key.as_str().into(), verb });
        if router.write(operation).await == Write::Answered(Response::Flag(true)) {
            accounts.lock().journal.insert(key, value);
        }
        router.rest(80).await;
    }
}
