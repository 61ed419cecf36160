//! The log, as openraft asks for it.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};

use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use quorate_base::Host;
use tokio::sync::oneshot;

use crate::log::{Completion, Log};
use crate::protocol::{Entry, LogId};
use crate::raft::convert;
use crate::raft::state_machine::blocking;
use crate::raft::type_config::{RaftLogId, RaftVote, TypeConfig};

/// How much is read from the log at a time to apply it.
const APPLY_READ_BYTES: usize = 1 << 20;

/// The log, for openraft.
#[derive(Clone)]
pub(crate) struct LogStorage {
    host: Host,
    log: Log,
    /// See `Config::replication_bytes_max`.
    replication_bytes_max: usize,
    /// What is said to be committed, if the log's own word does not count.
    committed: Option<Option<LogId>>,
}

impl LogStorage {
    pub(crate) fn new(host: Host, log: Log, replication_bytes_max: usize) -> Self {
        Self { host, log, replication_bytes_max, committed: None }
    }

    /// The same, but claims no more than this to be committed: the rest cannot be applied.
    pub(crate) fn committed_up_to(self, id: Option<LogId>) -> Self {
        Self { committed: Some(id), ..self }
    }

    /// Reads entries: from memory at once, as nearly always; older ones away from the runtime's thread.
    async fn read(&self, from: u64, to: u64, bytes_max: usize) -> io::Result<Vec<Entry>> {
        if let Some(entries) = self.log.read_recent(from, to, bytes_max) {
            return Ok(entries);
        }
        let log = self.log.clone();
        blocking(&self.host, move || log.read(from, to, bytes_max)).await
    }
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(index) => *index,
        Bound::Excluded(index) => index + 1,
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(index) => index.saturating_add(1),
        Bound::Excluded(index) => *index,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

/// A completion that can be waited for.
fn awaited() -> (Completion, oneshot::Receiver<io::Result<()>>) {
    let (sender, receiver) = oneshot::channel();
    let done = move |result| {
        // Whoever waited may be gone with its host.
        let _ = sender.send(result);
    };
    (Box::new(done), receiver)
}

async fn wait(receiver: oneshot::Receiver<io::Result<()>>) -> io::Result<()> {
    receiver.await.unwrap_or_else(|_| Err(io::Error::other("the log was closed")))
}

impl<R: Send + Sync + 'static> RaftLogReader<TypeConfig<R>> for LogStorage {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let (from, to) = bounds(&range);
        self.read(from, to, usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, self.replication_bytes_max).await
    }

    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (from, to) = bounds(&range);
        // A stretch at a time, however long the range.
        let stretches = stream::try_unfold((self.clone(), from), move |(storage, next)| async move {
            let entries = if next < to { storage.read(next, to, APPLY_READ_BYTES).await? } else { Vec::new() };
            let next = entries.last().map(|last| last.id.index + 1);
            Ok::<_, io::Error>(next.map(|next| (stream::iter(entries).map(Ok::<_, io::Error>), (storage, next))))
        });
        Box::pin(stretches.try_flatten())
    }

    async fn read_vote(&mut self) -> io::Result<Option<RaftVote>> {
        Ok(self.log.summary().vote.map(convert::raft_vote))
    }
}

impl<R: Send + Sync + 'static> RaftLogStorage<TypeConfig<R>> for LogStorage {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig<R>>> {
        let summary = self.log.summary();
        Ok(LogState {
            last_purged_log_id: summary.purged.map(convert::raft_log_id),
            last_log_id: summary.last.map(convert::raft_log_id),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &RaftVote) -> io::Result<()> {
        let (done, receiver) = awaited();
        self.log.save_vote(convert::vote(vote), done);
        wait(receiver).await
    }

    async fn save_committed(&mut self, committed: Option<RaftLogId>) -> io::Result<()> {
        self.log.save_committed(committed.as_ref().map(convert::log_id));
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<RaftLogId>> {
        Ok(self.committed.unwrap_or_else(|| self.log.summary().committed).map(convert::raft_log_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig<R>>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter().collect();
        self.log.append(entries, Box::new(move |result| callback.io_completed(result)))
    }

    /// Durable when it returns: an installed snapshot must not meet entries that contradict it at the next start.
    async fn truncate_after(&mut self, last_log_id: Option<RaftLogId>) -> io::Result<()> {
        let (done, receiver) = awaited();
        self.log.truncate_after(last_log_id.as_ref().map(convert::log_id), done);
        wait(receiver).await
    }

    async fn purge(&mut self, log_id: RaftLogId) -> io::Result<()> {
        self.log.purge(convert::log_id(&log_id));
        Ok(())
    }
}
