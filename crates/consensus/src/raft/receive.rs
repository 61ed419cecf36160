//! Receiving a snapshot: piece after piece into a file, checked as a whole before anyone relies on it.
//!
//! The receiver tells the sender where to go on, so pieces may be lost, repeated, late or out of order. One snapshot is
//! received at a time; a piece of another one, if it is the first, takes its place.
//!
//! What was begun and does not go on is removed: when a different one begins, when no piece came for [`SILENCE_RPC_TIMEOUTS`],
//! and at the next start.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use quorate_base::File;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::application::Application;
use crate::error::RpcError;
use crate::protocol::{SnapshotChunk, SnapshotIdentity};
use crate::raft::chores::Stop;
use crate::raft::state_machine::Machine;
use crate::snapshot::SnapshotFile;

/// How long a snapshot is waited for between two of its pieces, in `Config::rpc_timeout_ms`: its leader repeats a lost one
/// after about one of them. A leader that comes back later begins anew.
const SILENCE_RPC_TIMEOUTS: u32 = 4;

/// What a piece led to.
pub(crate) enum Received {
    /// More is wanted, from this offset on.
    Continue(u64),
    /// The file is whole and durable, to be installed.
    Whole(SnapshotFile),
    /// This snapshot was installed before.
    Installed,
}

/// The snapshot being received, if any.
pub(crate) struct Reception<A: Application> {
    current: Option<Partial<A>>,
    /// The last one that was installed.
    installed: Option<SnapshotIdentity>,
    /// Tells that one begins.
    begun: Arc<Notify>,
}

struct Partial<A: Application> {
    identity: SnapshotIdentity,
    file: PartFile<A>,
    /// How many bytes are there, from the front.
    length: u64,
    /// When the last piece came.
    heard: Instant,
}

/// An unfinished file. Dropped, it is removed.
struct PartFile<A: Application> {
    machine: Arc<Machine<A>>,
    file: Arc<dyn File>,
    /// None once it is someone else's.
    path: Option<PathBuf>,
}

impl<A: Application> PartFile<A> {
    /// Someone else removes it if it is not wanted.
    fn hand_over(mut self) {
        self.path = None;
    }
}

impl<A: Application> Drop for PartFile<A> {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.machine.discard(path);
        }
    }
}

/// Removes what was begun to be received and does not go on.
pub(crate) async fn forget_silent<A: Application>(
    reception: Arc<tokio::sync::Mutex<Reception<A>>>,
    rpc_timeout: Duration,
    mut stop: Stop,
) {
    let begun = reception.lock().await.begun.clone();
    let silence_max = rpc_timeout * SILENCE_RPC_TIMEOUTS;
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = begun.notified() => {}
        }
        loop {
            let mut receiving = reception.lock().await;
            let Some(current) = &receiving.current else { break };
            let silent = current.heard.elapsed();
            if silent >= silence_max {
                tracing::info!(
                    last = %current.identity.last,
                    "a snapshot whose pieces stopped coming is removed; its leader may begin again"
                );
                receiving.current = None;
                break;
            }
            drop(receiving);
            tokio::select! {
                _ = stop.changed() => return,
                () = tokio::time::sleep(silence_max - silent) => {}
            }
        }
    }
}

impl<A: Application> Default for Reception<A> {
    fn default() -> Self {
        Self { current: None, installed: None, begun: Arc::default() }
    }
}

impl<A: Application> Reception<A> {
    /// Takes a piece.
    pub(crate) async fn take(&mut self, machine: &Arc<Machine<A>>, chunk: SnapshotChunk) -> Result<Received, RpcError> {
        let SnapshotChunk { snapshot: identity, offset, bytes, .. } = chunk;
        if self.installed == Some(identity) {
            return Ok(Received::Installed);
        }
        if self.current.as_ref().is_none_or(|current| current.identity != identity) {
            if offset != 0 {
                return Ok(Received::Continue(0));
            }
            self.begin(machine, identity).await?;
        }
        let Some(partial) = &mut self.current else { return Ok(Received::Continue(0)) };
        partial.heard = Instant::now();
        let end = offset.saturating_add(bytes.len() as u64);
        if end > identity.length {
            return Err(RpcError::Malformed("a piece of a snapshot reaches behind its end"));
        }
        if offset == partial.length && !bytes.is_empty() {
            let file = partial.file.file.clone();
            if let Err(error) = machine.blocking(move || file.write_at(&bytes, offset)).await {
                self.current = None;
                return Err(disk_error(error));
            }
            partial.length = end;
        }
        if partial.length < identity.length {
            return Ok(Received::Continue(partial.length));
        }
        self.finish(machine).await
    }

    /// Remembers that the whole snapshot was installed.
    pub(crate) fn installed(&mut self, identity: SnapshotIdentity) {
        self.installed = Some(identity);
    }

    async fn begin(&mut self, machine: &Arc<Machine<A>>, identity: SnapshotIdentity) -> Result<(), RpcError> {
        self.current = None;
        let there = machine.clone();
        // Its own remover from the first moment on: the task that waits for it here may be gone by then.
        let begun = machine.blocking(move || {
            let (file, path) = there.store().begin_receiving(identity.length)?;
            Ok(PartFile { machine: there, file, path: Some(path) })
        });
        let file = begun.await.map_err(disk_error)?;
        self.current = Some(Partial { identity, file, length: 0, heard: Instant::now() });
        self.begun.notify_one();
        Ok(())
    }

    async fn finish(&mut self, machine: &Arc<Machine<A>>) -> Result<Received, RpcError> {
        let Some(Partial { identity, file: part, .. }) = self.current.take() else {
            return Ok(Received::Continue(0));
        };
        let (there, file) = (machine.clone(), part.file.clone());
        let path = part.path.clone().unwrap_or_default();
        let checked = machine.blocking(move || there.store().check_received(file, path).map_err(io::Error::other));
        match checked.await {
            Ok(file) if file.identity == identity => {
                part.hand_over();
                Ok(Received::Whole(file))
            }
            Ok(_) => Err(RpcError::Malformed("a snapshot that is another than announced")),
            Err(error) => {
                tracing::warn!("a received snapshot is not whole: {error}");
                Err(disk_error(error))
            }
        }
    }
}

fn disk_error(error: io::Error) -> RpcError {
    if quorate_base::disk::is_shortage(&error) {
        RpcError::DiskFull
    } else {
        RpcError::Storage { reason: error.to_string() }
    }
}
