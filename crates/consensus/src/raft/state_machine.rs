//! The application, as openraft asks for it: applies entries, takes snapshots and installs them.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{OptionalSend, RaftSnapshotBuilder};
use quorate_base::Host;
use quorate_base::disk::is_shortage;
use tokio::sync::{Notify, OwnedRwLockWriteGuard, RwLock, oneshot};
use tokio::time::Instant;

use crate::application::{APPLY_BATCH_MAX, Application, RestoreError, SnapshotRecords};
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
    applied: Mutex<Applied<A>>,
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

/// The state and what it covers.
struct Applied<A> {
    application: A,
    last: Option<LogId>,
    membership_at: Option<LogId>,
    membership: Membership,
}

/// The snapshots of a directory and the state that the newest of them makes.
pub(crate) struct Restored<A> {
    store: SnapshotStore,
    applied: Applied<A>,
}

impl<A: Application> Restored<A> {
    /// Gives the application the newest snapshot, if there is one, to start from, and checks all of it. Changes nothing on
    /// the disk. Blocking.
    pub(crate) fn from_snapshot(
        store: SnapshotStore,
        newest: Option<SnapshotReader>,
        mut application: A,
    ) -> Result<Self, RestoreError> {
        let (mut last, mut membership_at, mut membership) = (None, None, Membership::default());
        if let Some(mut reader) = newest {
            let meta = restore(&mut application, &mut reader)?;
            store.set_current(reader)?;
            (last, membership_at, membership) = (Some(meta.last), meta.membership_at, meta.membership.clone());
        }
        Ok(Self { store, applied: Applied { application, last, membership_at, membership } })
    }

    /// The last entry that the snapshot covers.
    pub(crate) fn covered(&self) -> Option<LogId> {
        self.applied.last
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
        let Restored { store, applied } = restored;
        let applied = Mutex::new(applied);
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
            applied,
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

    /// Waits until no such work is under way; while the value is held none begins.
    pub(crate) async fn rest(&self) -> OwnedRwLockWriteGuard<()> {
        self.at_work.clone().write_owned().await
    }

    fn applied(&self) -> MutexGuard<'_, Applied<A>> {
        // The application is total: a panic in it ends the server, and its state is not looked at again.
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshots.
    pub(crate) fn store(&self) -> &SnapshotStore {
        &self.store
    }

    /// The last entry in the state.
    pub(crate) fn last_applied(&self) -> Option<LogId> {
        self.applied().last
    }

    /// Applies entries that follow the last; the answers to commands go to `answers`.
    pub(crate) fn apply(&self, entries: &mut Vec<Entry>, answers: &mut Vec<A::Response>) -> io::Result<()> {
        let (started, count) = (Instant::now(), entries.len());
        let mut applied = self.applied();
        let Applied { application, last, membership_at, membership } = &mut *applied;
        let expected = entries.iter().filter(|entry| matches!(entry.payload, Payload::Command(_))).count();
        let mut feed = entries.drain(..).filter_map(|entry| {
            *last = Some(entry.id);
            match entry.payload {
                Payload::Blank => None,
                Payload::Command(command) => Some((entry.id.index, command)),
                Payload::Membership(changed) => {
                    *membership_at = Some(entry.id);
                    *membership = changed;
                    None
                }
            }
        });
        if expected > 0 {
            application.apply(&mut feed, answers);
        }
        // What the application left, it will never see: that is an error below; memberships are still to be noted.
        feed.by_ref().for_each(drop::<(u64, Bytes)>);
        drop(feed);
        if answers.len() != expected {
            let what = format!("the application gave {} answers to {expected} commands", answers.len());
            return Err(io::Error::other(what));
        }
        self.metrics.applied(count, started.elapsed());
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
            let applied = self.applied();
            let last = applied.last.ok_or_else(|| io::Error::other("there is nothing to take a snapshot of"))?;
            let Applied { membership_at, ref membership, .. } = *applied;
            let meta = SnapshotMeta { last, membership_at, membership: membership.clone() };
            let started = Instant::now();
            let source = applied.application.snapshot();
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
        let mut applied = self.applied();
        let meta = restore(&mut applied.application, &mut reader).map_err(io::Error::other)?;
        applied.last = Some(meta.last);
        applied.membership_at = meta.membership_at;
        applied.membership = meta.membership.clone();
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
async fn blocking<T: Send + 'static>(
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
    /// A batch being gathered, kept for its memory.
    entries: Vec<Entry>,
    responders: Vec<(Option<Responder<A>>, bool)>,
    /// `Sync` is asked for, though only one task has this; answers are `Sync`, so a plain vector is.
    answers: Vec<A::Response>,
}

impl<A: Application> StateMachine<A> {
    pub(crate) fn new(machine: Arc<Machine<A>>) -> Self {
        Self { machine, entries: Vec::new(), responders: Vec::new(), answers: Vec::new() }
    }

    /// Applies what was gathered, and only then answers: whoever is answered finds the new state visible.
    fn apply_gathered(&mut self) -> io::Result<()> {
        self.machine.apply(&mut self.entries, &mut self.answers)?;
        let mut answers = self.answers.drain(..);
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
        let applied = self.machine.applied();
        let membership = convert::stored_membership(applied.membership_at, &applied.membership);
        Ok((applied.last.map(convert::raft_log_id), membership))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig<A::Response>>>> + Unpin + OptionalSend,
    {
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            let entry = convert::entry(entry);
            self.responders.push((responder, matches!(entry.payload, Payload::Command(_))));
            self.entries.push(entry);
            if self.entries.len() == APPLY_BATCH_MAX {
                self.apply_gathered()?;
                tokio::task::yield_now().await;
            }
        }
        if self.entries.is_empty() { Ok(()) } else { self.apply_gathered() }
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
