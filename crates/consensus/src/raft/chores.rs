//! What goes on beside the requests: files prepared and removed, snapshots asked for, the status told.
//!
//! Each is a task of the host, which ends when the last handle is gone or the server is shut down.

use std::sync::Arc;
use std::time::Duration;

use openraft::ServerState;
use openraft::async_runtime::WatchReceiver as _;
use openraft::rt::Instant as _;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::application::Application;
use crate::log::WeakLog;
use crate::metrics::RoleCounter;
use crate::raft::convert;
use crate::raft::state_machine::{Machine, StateMachine};
use crate::raft::type_config::TypeConfig;
use crate::status::{Progress, Role, Status};

/// How often a full disk is asked again for room.
const DISK_FULL_RETRY: Duration = Duration::from_secs(1);

/// openraft's handle, for an application.
pub(crate) type Raft<A> = openraft::Raft<TypeConfig<<A as Application>::Response>, StateMachine<A>>;

/// Ends the chores when it changes or its sender is gone.
pub(crate) type Stop = watch::Receiver<bool>;

/// Prepares and removes log files when the log asks for it, and asks a full disk again.
pub(crate) async fn keep_log<A: Application>(
    raft: Raft<A>,
    machine: Arc<Machine<A>>,
    log: WeakLog,
    poke: Arc<Notify>,
    mut stop: Stop,
) {
    let Some(wanted) = log.upgrade().map(|log| log.space().wanted()) else { return };
    loop {
        let waits = log.upgrade().is_some_and(|log| log.waits_for_disk());
        let retry = tokio::select! {
            _ = stop.changed() => return,
            () = wanted.notified() => false,
            () = tokio::time::sleep(DISK_FULL_RETRY), if waits => true,
        };
        let Some(log) = log.upgrade() else { return };
        // An error is the log's own: it has failed then, or tries again.
        let look = machine.blocking(move || {
            log.do_chores(retry);
            Ok((log.waits_for_disk(), log.failure().is_some()))
        });
        let (full, failed) = look.await.unwrap_or_default();
        if full {
            machine.shorten_due.notify_one();
        }
        if failed {
            // openraft would find out at its next write, and lead or follow until then.
            let _ = raft.shutdown().await;
        }
        poke.notify_one();
    }
}

/// How much log stays before a snapshot's end: see `Config`.
pub(crate) struct Kept {
    /// `Config::log_kept_entries`.
    pub(crate) entries_max: u64,
    /// `Config::log_kept_bytes`.
    pub(crate) bytes_max: u64,
}

/// How long to wait for openraft to take note of a snapshot that was taken.
const SNAPSHOT_NOTED: Duration = Duration::from_secs(1);

/// Drops entries that a snapshot covers: all but those kept for followers that are a little behind, and all of them if
/// there is no follower or the disk is full. On a full disk also has a snapshot taken if that lets a log file go.
pub(crate) async fn shorten_log<A: Application>(
    raft: Raft<A>,
    machine: Arc<Machine<A>>,
    log: WeakLog,
    kept: Kept,
    mut stop: Stop,
) {
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = machine.shorten_due.notified() => {}
        }
        let covered = machine.store().current().map(|snapshot| snapshot.meta.last.index);
        await_snapshot_noted(&raft, covered).await;
        let Some(log) = log.upgrade() else { return };
        let full = log.waits_for_disk();
        if let Some(covered) = covered {
            let first = if full || is_alone(&raft) {
                covered + 1
            } else {
                log.first_within(covered, kept.bytes_max).max(covered.saturating_sub(kept.entries_max) + 1)
            };
            // openraft keeps what it is sending to a follower until that is over.
            if first > 0 && raft.trigger().purge_log(first - 1).await.is_err() {
                return;
            }
        }
        if full && let Some(applied) = machine.last_applied() {
            let look = move || {
                if log.is_stuck() && log.summary().purged >= log.summary().last {
                    log.vacate();
                }
                Ok(log.has_file_within(covered, applied.index) || log.is_stuck() && Some(applied.index) > covered)
            };
            let helps = machine.blocking(look).await;
            if helps.is_ok_and(|helps| helps) {
                machine.snapshot_due.notify_one();
            }
        }
    }
}

/// Waits until openraft knows of the snapshot up to `covered`: before that it does not purge by it.
async fn await_snapshot_noted<A: Application>(raft: &Raft<A>, covered: Option<u64>) {
    let mut data = raft.data_metrics();
    let noted = async {
        while data.borrow_watched().snapshot.as_ref().map(|id| id.index) < covered {
            if data.changed().await.is_err() {
                return;
            }
        }
    };
    // If it takes longer, the next snapshot or the next look at the full disk sees to it.
    let _ = tokio::time::timeout(SNAPSHOT_NOTED, noted).await;
}

/// Whether this server has no follower.
fn is_alone<A: Application>(raft: &Raft<A>) -> bool {
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    metrics.membership_config.membership().nodes().count() <= 1
}

/// Has snapshots taken when the log has grown enough.
pub(crate) async fn take_snapshots<A: Application>(raft: Raft<A>, machine: Arc<Machine<A>>, mut stop: Stop) {
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = machine.snapshot_due.notified() => {}
        }
        if raft.trigger().snapshot().await.is_err() {
            return;
        }
    }
}

/// What a status has from elsewhere than openraft.
#[derive(Default)]
pub(crate) struct View {
    /// When a follower last heard from its leader.
    pub(crate) contact: Option<Instant>,
    /// Why the log or the application stopped, if one did.
    pub(crate) failure: Option<String>,
    /// Whether it was the application, at what it cannot read.
    pub(crate) unreadable: bool,
    /// Whether the disk has no room.
    pub(crate) disk_full: bool,
}

/// Tells the status: what matters at once, positions after at most `interval`.
pub(crate) async fn tell_status<A: Application>(
    raft: Raft<A>,
    view: impl Fn() -> View + Send,
    (told, mut roles): (watch::Sender<Status>, RoleCounter),
    poke: Arc<Notify>,
    interval: Duration,
    mut stop: Stop,
) {
    let mut server = raft.server_metrics();
    let mut data = raft.data_metrics();
    let mut ended = false;
    loop {
        let mut status = status(&raft, view());
        if ended && status.role != Role::Stopped {
            status.role = Role::Stopped;
            status.fatal = Some("the consensus task ended without saying why".to_owned());
        }
        roles.see(&status);
        let over = status.role == Role::Stopped;
        told.send_if_modified(|before| std::mem::replace(before, status.clone()) != status);
        if over {
            return;
        }
        let changed = async {
            // Positions change with each batch; a little later is soon enough for them.
            if data.changed().await.is_ok() {
                tokio::time::sleep(interval).await;
            }
        };
        tokio::select! {
            _ = stop.changed() => return,
            changed = server.changed() => ended = changed.is_err(),
            () = poke.notified() => {}
            () = changed => {}
        }
    }
}

/// What the status is now.
pub(crate) fn status<A: Application>(raft: &Raft<A>, view: View) -> Status {
    let View { contact, failure, unreadable, disk_full } = view;
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    let fatal = match &metrics.running_state {
        Ok(()) => None,
        // In order, unless there is a reason.
        Err(openraft::errors::Fatal::Stopped) => failure,
        Err(fatal) => Some(failure.unwrap_or_else(|| fatal.to_string())),
    };
    let acked = metrics.last_quorum_acked.map(|acked| Instant::now() - acked.elapsed());
    let role = role(metrics.state);
    Status {
        id: metrics.id.0,
        role,
        term: metrics.current_term,
        leader: metrics.current_leader.map(|id| id.0),
        members: Arc::new(convert::membership(metrics.membership_config.membership())),
        progress: progress(raft),
        last_contact: if role == Role::Leader { acked } else { contact },
        fatal,
        unreadable,
        disk_full,
    }
}

/// The positions in the log now.
pub(crate) fn progress<A: Application>(raft: &Raft<A>) -> Progress {
    let data = raft.data_metrics();
    let data = data.borrow_watched();
    Progress {
        last_log: data.last_log.as_ref().map(convert::log_id),
        committed: data.local_committed.as_ref().map(convert::log_id),
        applied: data.last_applied.as_ref().map(convert::log_id),
        snapshot: data.snapshot.as_ref().map(convert::log_id),
        purged: data.purged.as_ref().map(convert::log_id),
    }
}

fn role(state: ServerState) -> Role {
    match state {
        ServerState::Learner => Role::Learner,
        ServerState::Follower => Role::Follower,
        ServerState::Candidate => Role::Candidate,
        ServerState::Leader => Role::Leader,
        ServerState::Shutdown => Role::Stopped,
    }
}
