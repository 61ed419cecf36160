//! Fills a server with keys, by transactions.

use anyhow::Result;

use super::keys::{KeySpace, Share};
use super::load::{Workload, run_to_end};
use super::subject::Subject;
use super::txn::write_set_operations;
use crate::client::{Answer, Draft};

/// Clients that fill: enough to keep a server busy, few enough that each transaction is answered soon.
const FILL_CLIENTS: u32 = 8;
/// Operations in a transaction that fills.
const FILL_OPERATIONS: u32 = 64;

/// Writes the value that each of the server's keys should have.
pub(crate) async fn fill(subject: &Subject) -> Result<()> {
    fill_keys(subject, &subject.keys).await
}

/// Writes the value that each of these keys should have.
pub(crate) async fn fill_keys(subject: &Subject, keys: &KeySpace) -> Result<()> {
    let workload = |client| Fill { keys: keys.clone(), share: Share { client, clients: FILL_CLIENTS }, position: 0 };
    run_to_end(subject, FILL_CLIENTS, workload).await
}

/// Writes a client's share of the keys, 64 in a transaction.
struct Fill {
    keys: KeySpace,
    share: Share,
    position: u32,
}

impl Workload for Fill {
    fn prepare(&mut self, draft: &mut Draft) -> bool {
        let end = self.share.count(self.keys.count()).min(self.position + FILL_OPERATIONS);
        if self.position == end {
            return false;
        }
        let share = self.share;
        let numbers = (self.position..end).map(|position| share.key(position));
        write_set_operations(draft, &self.keys, numbers, |keys, number, value| keys.write_value(number, value));
        self.position = end;
        true
    }

    fn verify(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect_ok()
    }
}
