//! Receiving a snapshot: piece after piece into a file, checked as a whole before anyone relies on it.
//!
//! The receiver tells the sender where to go on, so pieces may be lost, repeated, late or out of order. One snapshot is
//! received at a time; a piece of another one, if it is the first, takes its place.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use quorate_base::File;

use crate::application::Application;
use crate::error::RpcError;
use crate::protocol::{SnapshotChunk, SnapshotIdentity};
use crate::raft::state_machine::Machine;
use crate::snapshot::SnapshotFile;

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
#[derive(Default)]
pub(crate) struct Reception {
    current: Option<Partial>,
    /// The last one that was installed.
    installed: Option<SnapshotIdentity>,
}

struct Partial {
    identity: SnapshotIdentity,
    file: Arc<dyn File>,
    path: PathBuf,
    /// How many bytes are there, from the front.
    length: u64,
}

impl Reception {
    /// Takes a piece.
    pub(crate) async fn take<A: Application>(
        &mut self,
        machine: &Arc<Machine<A>>,
        chunk: SnapshotChunk,
    ) -> Result<Received, RpcError> {
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
        let end = offset.saturating_add(bytes.len() as u64);
        if end > identity.length {
            return Err(RpcError::Malformed("a piece of a snapshot reaches behind its end"));
        }
        if offset == partial.length && !bytes.is_empty() {
            if let Err(error) = partial.file.write_at(&bytes, offset) {
                return Err(self.give_up(machine, error));
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

    async fn begin<A: Application>(
        &mut self,
        machine: &Arc<Machine<A>>,
        identity: SnapshotIdentity,
    ) -> Result<(), RpcError> {
        if let Some(old) = self.current.take() {
            machine.store().discard(&old.path);
        }
        let there = machine.clone();
        let begun = machine.blocking(move || there.store().begin_receiving(identity.length)).await;
        let (file, path) = begun.map_err(disk_error)?;
        self.current = Some(Partial { identity, file, path, length: 0 });
        Ok(())
    }

    async fn finish<A: Application>(&mut self, machine: &Arc<Machine<A>>) -> Result<Received, RpcError> {
        let Some(partial) = self.current.take() else { return Ok(Received::Continue(0)) };
        let there = machine.clone();
        let path = partial.path.clone();
        let checked = machine
            .blocking(move || there.store().check_received(partial.file, partial.path).map_err(io::Error::other));
        match checked.await {
            Ok(file) if file.identity == partial.identity => Ok(Received::Whole(file)),
            Ok(_) => {
                machine.store().discard(&path);
                Err(RpcError::Malformed("a snapshot that is another than announced"))
            }
            Err(error) => {
                tracing::warn!("a received snapshot is not whole: {error}");
                machine.store().discard(&path);
                Err(disk_error(error))
            }
        }
    }

    fn give_up<A: Application>(&mut self, machine: &Machine<A>, error: io::Error) -> RpcError {
        if let Some(partial) = self.current.take() {
            machine.store().discard(&partial.path);
        }
        disk_error(error)
    }
}

fn disk_error(error: io::Error) -> RpcError {
    if quorate_base::disk::is_shortage(&error) {
        RpcError::DiskFull
    } else {
        RpcError::Storage { reason: error.to_string() }
    }
}
