//! The application, as openraft asks for it: applies entries, takes snapshots and installs them.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{OptionalSend, RaftSnapshotBuilder};
use quorate_base::Host;
use quorate_base::disk::is_shortage;
use tokio::sync::{Notify, OwnedRwLockWriteGuard, RwLock, oneshot};
use tokio::time::Instant;

use crate::application::{APPLY_BATCH_MAX, Application, RestoreError, SnapshotRecords, UnreadableCommand};
use crate::log::Log;
use crate::metrics::{Measured, Metrics};
use crate::protocol::{Entry, LogId, Membership, Payload};
use crate::raft::convert;
use crate::raft::type_config::{RaftLogId, RaftSnapshot, RaftSnapshotMeta, StoredMembership, TypeConfig};
use crate::snapshot::format::SnapshotMeta;
use crate::snapshot::{SnapshotFile, SnapshotReader, SnapshotStore};

/// How long a snapshot that found the disk full, or too many files open, waits before it tries again.
const SHORTAGE_RETRY: Duration = Duration::from_secs(5);

/// The application with all that belongs to it.
pub(crate) struct Machine<A: Application> {
    host: Host,
    log: Log,
    store: SnapshotStore,
    /// See `Config::snapshot_after_log_bytes`.
    snapshot_after_log_bytes: u64,
    /// Held for as long as a batch is applied or a snapshot is restored, which may be long, and then on a thread of its
    /// own. The runtime's thread takes it only between batches.
    application: Mutex<A>,
    /// What the application's state covers. Written with `application` held, and itself only ever held for a moment.
    covers: Mutex<Covers>,
    /// Why nothing more is applied.
    failure: OnceLock<String>,
    /// Whether a snapshot is being taken.
    building: AtomicBool,
    /// Wakes whoever has snapshots taken: the log has grown enough.
    pub(crate) snapshot_due: Notify,
    /// Tells that a snapshot was taken.
    pub(crate) snapshot_taken: Notify,
    /// Wakes whoever shortens the log: there is a new snapshot, or the disk is full.
    pub(crate) shorten_due: Notify,
    /// Held by work on the disk beside the log's writing; [`Self::rest`] waits for it.
    at_work: Arc<RwLock<()>>,
    metrics: Metrics,
}

/// What a state covers.
#[derive(Clone, Default)]
struct Covers {
    last: Option<LogId>,
    membership_at: Option<LogId>,
    membership: Membership,
}

impl Covers {
    fn snapshot(meta: &SnapshotMeta) -> Self {
        Self { last: Some(meta.last), membership_at: meta.membership_at, membership: meta.membership.clone() }
    }
}

/// Entries to be applied together, and then their answers. Used again for its memory.
pub(crate) struct Batch<A: Application> {
    entries: usize,
    commands: Vec<(u64, A::Command)>,
    last: Option<LogId>,
    /// The newest membership among them, with its place.
    membership: Option<(LogId, Membership)>,
    /// `Sync` is asked for, though only one task has this; answers are `Sync`, so a plain vector is.
    answers: Vec<A::Response>,
}

impl<A: Application> Default for Batch<A> {
    fn default() -> Self {
        Self { entries: 0, commands: Vec::new(), last: None, membership: None, answers: Vec::new() }
    }
}

impl<A: Application> Batch<A> {
    /// Adds the entry that follows. Gives whether it is a command, which gets an answer. One that cannot be read is not in
    /// the batch, and nothing after it may be.
    fn push(&mut self, entry: Entry) -> Result<bool, Unreadable> {
        let Entry { id, payload } = entry;
        let is_command = match payload {
            Payload::Blank => false,
            Payload::Command(command) => {
                let made_here = command.take().map_or_else(|| A::decode(command.bytes().clone()), Ok);
                let command = made_here.map_err(|error| Unreadable { index: id.index, error })?;
                self.commands.push((id.index, command));
                true
            }
            Payload::Membership(changed) => {
                self.membership = Some((id, changed));
                false
            }
        };
        self.last = Some(id);
        self.entries += 1;
        Ok(is_command)
    }

    fn is_full(&self) -> bool {
        self.entries >= APPLY_BATCH_MAX
    }
}

/// A command that this program cannot read, with its place in the log.
#[derive(Debug, thiserror::Error)]
#[error("entry {index} of the log holds {error}")]
struct Unreadable {
    index: u64,
    error: UnreadableCommand,
}

/// The snapshots of a directory and the state that the newest of them makes.
pub(crate) struct Restored<A> {
    store: SnapshotStore,
    application: A,
    covers: Covers,
}

impl<A: Application> Restored<A> {
    /// Gives the application the newest snapshot, if there is one, to start from, and checks all of it. Changes nothing on
    /// the disk. Blocking.
    pub(crate) fn from_snapshot(
        store: SnapshotStore,
        newest: Option<SnapshotReader>,
        mut application: A,
    ) -> Result<Self, RestoreError> {
        let mut covers = Covers::default();
        if let Some(mut reader) = newest {
            let meta = restore(&mut application, &mut reader)?;
            store.set_current(reader)?;
            covers = Covers::snapshot(&meta);
        }
        Ok(Self { store, application, covers })
    }

    /// The last entry that the snapshot covers.
    pub(crate) fn covered(&self) -> Option<LogId> {
        self.covers.last
    }
}

impl<A: Application> Machine<A> {
    /// Takes over what was restored.
    pub(crate) fn start(
        host: Host,
        log: Log,
        restored: Restored<A>,
        snapshot_after_log_bytes: u64,
        metrics: Metrics,
    ) -> Self {
        let Restored { store, application, covers } = restored;
        let building = AtomicBool::new(false);
        let (snapshot_due, snapshot_taken, shorten_due) = (Notify::new(), Notify::new(), Notify::new());
        let snapshot_bytes = store.current().map_or(0, |snapshot| snapshot.identity.length);
        metrics.snapshot_bytes.set(snapshot_bytes as f64);
        log.set_snapshot_bytes(snapshot_bytes);
        Self {
            host,
            log,
            store,
            snapshot_after_log_bytes,
            application: Mutex::new(application),
            covers: Mutex::new(covers),
            failure: OnceLock::new(),
            building,
            snapshot_due,
            snapshot_taken,
            shorten_due,
            at_work: Arc::default(),
            metrics,
        }
    }

    /// Runs blocking work on the disk away from the runtime and gives its result; refuses it at rest.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let at_work = self.at_work.clone().try_read_owned();
        let at_work = at_work.map_err(|_| io::Error::other("the server was shut down"))?;
        let work = move || {
            let result = work();
            drop(at_work);
            result
        };
        blocking(&self.host, work).await
    }

    /// Removes a snapshot file that is not needed, away from the runtime. At rest it stays: the next start removes it.
    pub(crate) fn discard(self: &Arc<Self>, path: PathBuf) {
        let Ok(at_work) = self.at_work.clone().try_read_owned() else { return };
        let machine = self.clone();
        self.host.tasks.spawn_blocking(Box::new(move || {
            machine.store.discard(&path);
            drop(at_work);
        }));
    }

    /// Waits until no such work is under way; while the value is held none begins.
    pub(crate) async fn rest(&self) -> OwnedRwLockWriteGuard<()> {
        self.at_work.clone().write_owned().await
    }

    fn application(&self) -> MutexGuard<'_, A> {
        // The application is total: a panic in it ends the server, and its state is not looked at again.
        self.application.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn covers(&self) -> MutexGuard<'_, Covers> {
        // Nothing that is done with it panics.
        self.covers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshots.
    pub(crate) fn store(&self) -> &SnapshotStore {
        &self.store
    }

    /// The last entry in the state.
    pub(crate) fn last_applied(&self) -> Option<LogId> {
        self.covers().last
    }

    /// Why nothing more is applied, if so: the log holds what this program cannot read. Then the server takes no part.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Stops applying, for good.
    fn stop(&self, unreadable: &Unreadable) -> io::Error {
        let reason = self.failure.get_or_init(|| {
            tracing::error!("{unreadable}; this server stops here and takes no part until then");
            unreadable.to_string()
        });
        io::Error::other(reason.clone())
    }

    /// Applies entries that were committed before the start. Those from the first on that cannot be read stay unapplied:
    /// see [`Self::failure`].
    pub(crate) async fn replay(self: &Arc<Self>, entries: Vec<Entry>) -> io::Result<()> {
        let mut batch = Batch::default();
        for entry in entries {
            if let Err(unreadable) = batch.push(entry) {
                self.apply(batch).await?;
                self.stop(&unreadable);
                return Ok(());
            }
            if batch.is_full() {
                batch = self.apply(batch).await?;
                batch.answers.clear();
                tokio::task::yield_now().await;
            }
        }
        self.apply(batch).await.map(drop)
    }

    /// Applies a batch, which comes back with its answers and otherwise empty. A long one is applied on a thread of its own,
    /// so that heartbeats, votes and reads go on meanwhile.
    async fn apply(self: &Arc<Self>, mut batch: Batch<A>) -> io::Result<Batch<A>> {
        if !batch.commands.is_empty() && self.application().is_long(&batch.commands) {
            let machine = self.clone();
            return blocking(&self.host, move || machine.apply_here(&mut batch).map(|()| batch)).await;
        }
        self.apply_here(&mut batch)?;
        Ok(batch)
    }

    fn apply_here(&self, batch: &mut Batch<A>) -> io::Result<()> {
        let started = Instant::now();
        let mut application = self.application();
        let expected = batch.commands.len();
        if expected > 0 {
            application.apply(batch.commands.drain(..), &mut batch.answers);
        }
        if batch.answers.len() != expected {
            let what = format!("the application gave {} answers to {expected} commands", batch.answers.len());
            return Err(io::Error::other(what));
        }
        let mut covers = self.covers();
        covers.last = batch.last.or(covers.last);
        if let Some((at, membership)) = batch.membership.take() {
            covers.membership_at = Some(at);
            covers.membership = membership;
        }
        drop(covers);
        self.metrics.applied(std::mem::take(&mut batch.entries), started.elapsed());
        Ok(())
    }

    /// Asks for a snapshot if the log has grown enough since the last.
    fn check_snapshot_due(&self) {
        if self.building.load(Ordering::Relaxed) {
            return;
        }
        let covered = self.store.current().map(|snapshot| snapshot.meta.last.index);
        if self.log.bytes_after(covered) >= self.snapshot_after_log_bytes {
            self.snapshot_due.notify_one();
        }
    }

    /// Writes a snapshot of what is applied. Blocking.
    fn write_snapshot(&self) -> io::Result<SnapshotFile> {
        let (meta, source) = {
            // Held, so that the copy covers just this.
            let application = self.application();
            let Covers { last, membership_at, membership } = self.covers().clone();
            let last = last.ok_or_else(|| io::Error::other("there is nothing to take a snapshot of"))?;
            let meta = SnapshotMeta { last, membership_at, membership };
            let started = Instant::now();
            let source = application.snapshot();
            self.metrics.fsm_snapshot.record_duration(started.elapsed());
            (meta, source)
        };
        let since = Instant::now();
        let source = Measured { source, since, create: self.metrics.snapshot_create.clone() };
        let file = self.store.write(meta, Box::new(source))?;
        self.metrics.snapshot_persist.record_duration(since.elapsed());
        self.metrics.snapshot_bytes.set(file.identity.length as f64);
        self.log.set_snapshot_bytes(file.identity.length);
        Ok(file)
    }

    /// Replaces the state by a snapshot's. Blocking.
    fn install(&self, snapshot: SnapshotFile) -> io::Result<()> {
        let snapshot = self.store.install(snapshot)?;
        let started = Instant::now();
        let mut reader = SnapshotReader::open(snapshot.file.clone(), &snapshot.path).map_err(io::Error::other)?;
        let mut application = self.application();
        let meta = restore(&mut *application, &mut reader).map_err(io::Error::other)?;
        *self.covers() = Covers::snapshot(&meta);
        drop(application);
        self.metrics.restored(started.elapsed());
        self.metrics.snapshot_bytes.set(snapshot.identity.length as f64);
        self.log.set_snapshot_bytes(snapshot.identity.length);
        Ok(())
    }
}

/// Builds the application's state from a snapshot and reads on to its end, so that all of it was checked.
fn restore<A: Application>(
    application: &mut A,
    reader: &mut SnapshotReader,
) -> Result<Arc<SnapshotMeta>, RestoreError> {
    let meta = reader.meta();
    application.restore(meta.last.index, reader)?;
    while reader.next()?.is_some() {}
    Ok(meta)
}

/// Runs blocking work away from the runtime and gives its result.
pub(crate) async fn blocking<T: Send + 'static>(
    host: &Host,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = oneshot::channel();
    host.tasks.spawn_blocking(Box::new(move || {
        // Whoever waited may be gone with its host.
        let _ = sender.send(work());
    }));
    receiver.await.unwrap_or_else(|_| Err(io::Error::other("the work ended without a result")))
}

/// Who waits for an entry's answer.
type Responder<A> = ApplyResponder<TypeConfig<<A as Application>::Response>>;

/// The application, for openraft.
pub(crate) struct StateMachine<A: Application> {
    machine: Arc<Machine<A>>,
    /// A batch being gathered.
    batch: Batch<A>,
    /// Who waits for each of its entries, and whether that is a command.
    responders: Vec<(Option<Responder<A>>, bool)>,
}

impl<A: Application> StateMachine<A> {
    pub(crate) fn new(machine: Arc<Machine<A>>) -> Self {
        Self { machine, batch: Batch::default(), responders: Vec::new() }
    }

    /// Applies what was gathered, and only then answers: whoever is answered finds the new state visible.
    async fn apply_gathered(&mut self) -> io::Result<()> {
        self.batch = self.machine.apply(std::mem::take(&mut self.batch)).await?;
        let mut answers = self.batch.answers.drain(..);
        for (responder, is_command) in self.responders.drain(..) {
            let answer = if is_command { answers.next() } else { None };
            if let Some(responder) = responder {
                responder.send(answer);
            }
        }
        drop(answers);
        self.machine.check_snapshot_due();
        Ok(())
    }
}

impl<A: Application> RaftStateMachine<TypeConfig<A::Response>> for StateMachine<A> {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = SnapshotBuilder<A>;

    async fn applied_state(&mut self) -> io::Result<(Option<RaftLogId>, StoredMembership)> {
        let covers = self.machine.covers();
        let membership = convert::stored_membership(covers.membership_at, &covers.membership);
        Ok((covers.last.map(convert::raft_log_id), membership))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig<A::Response>>>> + Unpin + OptionalSend,
    {
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            match self.batch.push(entry) {
                Ok(is_command) => self.responders.push((responder, is_command)),
                Err(unreadable) => {
                    self.apply_gathered().await?;
                    return Err(self.machine.stop(&unreadable));
                }
            }
            if self.batch.is_full() {
                self.apply_gathered().await?;
                tokio::task::yield_now().await;
            }
        }
        if self.batch.entries == 0 { Ok(()) } else { self.apply_gathered().await }
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<SnapshotBuilder<A>> {
        if !force && self.machine.last_applied().is_none() {
            return None;
        }
        Some(self.get_snapshot_builder().await)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder<A> {
        self.machine.building.store(true, Ordering::Relaxed);
        SnapshotBuilder { machine: self.machine.clone() }
    }

    async fn install_snapshot(&mut self, meta: &RaftSnapshotMeta, snapshot: SnapshotData) -> io::Result<()> {
        let snapshot = snapshot.ok_or_else(|| io::Error::other("a snapshot without a file"))?;
        if *meta != convert::snapshot_meta(&snapshot.meta) {
            return Err(io::Error::other("a snapshot's file covers something else than announced"));
        }
        let machine = self.machine.clone();
        self.machine.blocking(move || machine.install(snapshot)).await
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<RaftSnapshot<SnapshotData>>> {
        Ok(self.machine.store.current().map(raft_snapshot))
    }
}

/// What openraft hands around as a snapshot: the file. None for that of a state to which nothing was applied, which is
/// never kept and never sent.
pub(crate) type SnapshotData = Option<SnapshotFile>;

/// A snapshot file, for openraft.
pub(crate) fn raft_snapshot(file: SnapshotFile) -> RaftSnapshot<SnapshotData> {
    RaftSnapshot { meta: convert::snapshot_meta(&file.meta), snapshot: Some(file) }
}

/// Takes one snapshot.
pub(crate) struct SnapshotBuilder<A: Application> {
    machine: Arc<Machine<A>>,
}

impl<A: Application> Drop for SnapshotBuilder<A> {
    fn drop(&mut self) {
        self.machine.building.store(false, Ordering::Relaxed);
        self.machine.snapshot_taken.notify_waiters();
        self.machine.shorten_due.notify_one();
    }
}

impl<A: Application> RaftSnapshotBuilder<TypeConfig<A::Response>> for SnapshotBuilder<A> {
    type SnapshotData = SnapshotData;

    /// A full disk, and want of files to open, is waited out: to openraft any error here is the end, and the log does not need the snapshot.
    async fn build_snapshot(&mut self) -> io::Result<RaftSnapshot<SnapshotData>> {
        if self.machine.last_applied().is_none() {
            return Ok(RaftSnapshot { meta: RaftSnapshotMeta::default(), snapshot: None });
        }
        let started = Instant::now();
        loop {
            let machine = self.machine.clone();
            match self.machine.blocking(move || machine.write_snapshot()).await {
                Ok(file) => {
                    self.machine.metrics.snapshot_take.record_duration(started.elapsed());
                    tracing::info!(last = %file.meta.last, bytes = file.identity.length, "took a snapshot");
                    return Ok(raft_snapshot(file));
                }
                Err(error) if is_shortage(&error) => {
                    tracing::warn!("a snapshot could not be written, and the log not be shortened, for now: {error}");
                    tokio::time::sleep(SHORTAGE_RETRY).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
