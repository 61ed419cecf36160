//! What can be held: its keys, and how they are read and written.

use quorate_api::KvPair;
use quorate_api::client::{Client, Consistency, Error, Query, Write};
use tokio::sync::Mutex;

/// Something that few can hold at once.
pub(super) struct Holding<'a> {
    pub(super) client: &'a Client,
    /// The key of the lock, or of what the semaphore knows.
    pub(super) key: String,
    pub(super) prefix: String,
    pub(super) session: &'a str,
    /// How many can hold it.
    pub(super) limit: i64,
    /// Taken for as long as a write is on its way, which may make it a holder.
    writing: Mutex<()>,
}

/// Why it can't be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum HoldingError {
    #[error(transparent)]
    Api(#[from] Error),
    #[error("the key {0:?} is there and belongs to no lock of this kind")]
    OtherUse(String),
    #[error("the semaphore at {key:?} has the limit {found}, not {wanted}")]
    OtherLimit { key: String, found: i64, wanted: i64 },
    #[error("the lock is not held any more")]
    NotHeld,
}

impl<'a> Holding<'a> {
    pub(super) fn new(client: &'a Client, prefix: &str, session: &'a str, limit: i64) -> Self {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Self { client, key: format!("{prefix}.lock"), prefix, session, limit, writing: Mutex::default() }
    }

    /// Writes a key. Whoever gives up waits until that is answered, by [`Self::written`].
    pub(super) async fn put(&self, key: &str, value: &[u8], write: &Write) -> Result<bool, Error> {
        let _writing = self.writing.lock().await;
        self.client.kv_put(key, value, write).await
    }

    /// Resolves when no write is on its way.
    pub(super) async fn written(&self) {
        drop(self.writing.lock().await);
    }

    /// The key, once it has changed since `index`.
    pub(super) async fn read(&self, index: u64) -> Result<(u64, Option<KvPair<'static>>), Error> {
        let query = Query { index, consistency: Consistency::Consistent, ..Query::default() };
        let answer = self.client.kv_get(&self.key, &query).await?;
        Ok((answer.index, answer.value))
    }
}
