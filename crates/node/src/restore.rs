//! A restore under way: an archive that arrives in pieces becomes proposals, and takes effect with the last of them.

use std::net::IpAddr;
use std::time::Duration;

use quorate_base::account::Charge;
use quorate_state::{FORMAT_FIRST, Operation, Record, Response, RestoreStep};
use tokio::time::Instant;
use uuid::Uuid;

use crate::archive::{ArchiveItem, ArchiveReader};
use crate::error::{Refusal, RestoreError};
use crate::handle::Handle;
use crate::request::{Body, Caller, Proposal, Reply, Request};

/// How many bytes of records go into one proposal: small enough that other writes fit between, large enough that the log
/// is not made of heads.
const STEP_BYTES: usize = 256 << 10;

/// A restore that goes on takes a step at least this often, if its client sends anything: well before the leader takes it for
/// one that nobody goes on with.
const STEP_INTERVAL_MAX: Duration = Duration::from_secs(20);

/// A restore under way. Nothing of it is visible until [`Restore::finish`]; dropped before that, it is abandoned.
pub struct Restore {
    handle: Handle,
    caller: Caller,
    /// What its client is charged with: there is only one restore in the state at a time, so it counts in that share alone.
    charge: Charge,
    id: Uuid,
    reader: ArchiveReader,
    batch: Vec<Record>,
    batch_bytes: usize,
    steps: u64,
    /// When the last step was taken.
    stepped: Instant,
    /// Whether the state holds something of it.
    is_begun: bool,
}

impl Restore {
    pub(crate) fn new(handle: Handle, caller: Caller, client: Option<IpAddr>) -> Self {
        let id = handle.host().random.uuid();
        Self {
            charge: handle.account().open(client),
            handle,
            caller,
            id,
            reader: ArchiveReader::default(),
            batch: Vec::new(),
            batch_bytes: 0,
            steps: 0,
            stepped: Instant::now(),
            is_begun: false,
        }
    }

    /// Takes the next bytes of the archive.
    pub async fn feed(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        self.charge.add_share(bytes.len()).map_err(Refusal::from)?;
        self.reader.feed(bytes);
        while let Some(item) = self.reader.next_item()? {
            match item {
                ArchiveItem::Header(_) => {
                    self.is_begun = true;
                    self.propose(RestoreStep::Begin(self.id)).await?;
                }
                ArchiveItem::Record(mut record, bytes) => {
                    // Which format is active is up to this cluster; it may be an older one than the archive's.
                    if let Record::Header(header) = &mut record {
                        header.format = FORMAT_FIRST;
                    }
                    self.batch.push(record);
                    self.batch_bytes += bytes;
                    if self.batch_bytes >= STEP_BYTES {
                        self.send_batch().await?;
                    }
                }
            }
        }
        // A slow client's archive must not look like one that nobody goes on with.
        if self.is_begun && self.stepped.elapsed() >= STEP_INTERVAL_MAX {
            self.send_batch().await?;
        }
        Ok(())
    }

    /// The archive is complete: replaces the state by it.
    pub async fn finish(&mut self) -> Result<(), RestoreError> {
        std::mem::take(&mut self.reader).finish()?;
        if !self.batch.is_empty() {
            self.send_batch().await?;
        }
        self.propose(RestoreStep::Commit { id: self.id, steps: self.steps }).await?;
        self.is_begun = false;
        Ok(())
    }

    /// Takes a step with what there is, which may be nothing.
    async fn send_batch(&mut self) -> Result<(), RestoreError> {
        let records = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let number = self.steps;
        self.steps += 1;
        self.stepped = Instant::now();
        self.propose(RestoreStep::Add { id: self.id, number, records }).await
    }

    async fn propose(&self, step: RestoreStep) -> Result<(), RestoreError> {
        propose(&self.handle, self.caller.clone(), step).await
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        if !self.is_begun {
            return;
        }
        let (handle, caller, id) = (self.handle.clone(), self.caller.clone(), self.id);
        self.handle.host().spawn(async move {
            if let Err(error) = propose(&handle, caller, RestoreStep::Abandon(id)).await {
                tracing::warn!(restore = %id, %error, "a failed restore could not be cleared away; the leader will");
            }
        });
    }
}

async fn propose(node: &Handle, caller: Caller, step: RestoreStep) -> Result<(), RestoreError> {
    let body = Body::Propose(Proposal { operation: Operation::Restore(step), term: None });
    let request = Request { caller, ..Request::local(body) };
    match node.serve(request).await.reply().await? {
        Reply::Written(Response::Refused(refusal)) => Err(RestoreError::Refused(refusal.to_string())),
        _ => Ok(()),
    }
}

impl Handle {
    /// Starts to replace the state of a datacenter by an archive, which arrives in pieces: each is a request of its own.
    pub fn restore_archive(
        &self,
        datacenter: &str,
        caller: Caller,
        client: Option<IpAddr>,
    ) -> Result<Restore, Refusal> {
        self.check_datacenter(datacenter)?;
        Ok(Restore::new(self.clone(), caller, client))
    }
}
