//! What only a leader does: end sessions whose time is over, forget old tombstones, and keep its own entry in the catalog.
//!
//! The duties start once the leader's state holds all that was committed before it, and stop when it leads no more. Each
//! is a proposal like any other, so two leaders that overlap for a moment do no harm.

mod tombstones;

use std::time::Duration;

use quorate_consensus::{ReadError, Role};
use quorate_state::{Check, Node, Operation, Registration, Service, SessionId, Stamp, State, Topic};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{info, warn};

use tombstones::TombstoneTimer;

use crate::handle::Handle;
use crate::watch::Watch;

/// How often the leader looks whether the catalog still has its own entry even if nothing changed there, as often as Consul's
/// does.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(60);
/// How long to gather changes of its own node before looking: a look costs little, but checks may change all the time.
const REPAIR_DELAY: Duration = Duration::from_millis(200);
/// How often tombstones are looked at: how much longer than their time they may live.
const TOMBSTONE_GRANULARITY: Duration = Duration::from_secs(30);
/// How long after a failed proposal a duty tries again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Follows this server's role and does the duties while it leads. Ends with its server.
pub(crate) async fn run(handle: Handle) {
    let mut status = handle.consensus().status();
    loop {
        let role = match status.wait_for(|status| matches!(status.role, Role::Leader | Role::Stopped)).await {
            Ok(status) => status.role,
            Err(_) => return,
        };
        if role == Role::Stopped {
            return;
        }
        let left = async { status.wait_for(|status| status.role != Role::Leader).await.is_err() };
        let is_over = tokio::select! {
            is_over = left => is_over,
            () = lead(&handle) => true,
        };
        handle.shared().sessions.stop();
        // Those who asked the leader wait at the wrong server now.
        handle.parked().nudge_all();
        info!("leader duties ended");
        if is_over {
            return;
        }
    }
}

/// The duties, until dropped, or until the server has stopped.
async fn lead(handle: &Handle) {
    while let Err(error) = handle.consensus().read_index().await {
        if matches!(error, ReadError::Stopped { .. }) {
            return;
        }
        warn!(%error, "the new leader's state is not confirmed yet");
        tokio::time::sleep(RETRY_DELAY).await;
    }
    let sessions = &handle.shared().sessions;
    sessions.start(&handle.shared().published);
    info!("leader duties begin");
    let mut tombstones = TombstoneTimer::new(handle.tombstone_ttl());
    let mut registrations = handle.registrations();
    let mut own_entries = watch_own_entries(handle);
    // Whether the next look is for such a change: more of them do not put it off.
    let mut is_touched = false;
    let mut reconcile = interval(RECONCILE_INTERVAL);
    let mut reap = interval(TOMBSTONE_GRANULARITY);
    loop {
        tokio::select! {
            due = sessions.due() => end_sessions(handle, due).await,
            () = touched(&mut own_entries), if !is_touched => {
                is_touched = true;
                reconcile.reset_after(REPAIR_DELAY);
            }
            _ = reconcile.tick() => {
                is_touched = false;
                register_self(handle).await;
            }
            // It lives as long as the handle, so this is never an error.
            Ok(()) = registrations.changed() => register_self(handle).await,
            now = reap.tick() => reap_tombstones(handle, &mut tombstones, now).await,
        }
    }
}

/// A watch of what [`register_self`] looks at. Without one, when too much is watched, the rounds alone see to it.
fn watch_own_entries(handle: &Handle) -> Option<Watch> {
    let name = &handle.registration().node.name;
    handle.watch(&[Topic::node(name), Topic::node_checks(name)]).ok()
}

async fn touched(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => drop(watch.changed().await),
        None => std::future::pending().await,
    }
}

fn interval(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Ends sessions together, so that they share log syncs.
async fn end_sessions(handle: &Handle, due: Vec<SessionId>) {
    let ended = due.into_iter().map(|id| async move {
        match handle.propose(Operation::SessionDestroy(id)).await {
            Ok(_) => info!(session = %id, "session ended: its TTL passed without a renewal"),
            Err(error) => {
                warn!(session = %id, %error, "a session whose TTL passed could not be ended yet");
                handle.shared().sessions.retry(id, RETRY_DELAY);
            }
        }
    });
    futures_util::future::join_all(ended).await;
}

async fn reap_tombstones(handle: &Handle, tombstones: &mut TombstoneTimer, now: Instant) {
    let Some(index) = tombstones.due(now, handle.published().index()) else {
        return;
    };
    if let Err(error) = handle.propose(Operation::Reap(index)).await {
        warn!(%error, index, "old tombstones could not be forgotten; the next round tries again");
    }
}

async fn register_self(handle: &Handle) {
    let wanted = handle.registration();
    if is_registered(&handle.snapshot(), &wanted) {
        return;
    }
    match handle.propose(Operation::Register(Box::new((*wanted).clone()))).await {
        Ok(quorate_state::Response::Refused(refusal)) => warn!(%refusal, "this server's own registration was refused"),
        Ok(_) => info!(node = wanted.node.name, "registered this server"),
        Err(error) => warn!(%error, "this server could not register itself; it tries again in a minute"),
    }
}

/// Whether the catalog has everything of a registration as it would be after it.
fn is_registered(state: &State, wanted: &Registration) -> bool {
    let name = &wanted.node.name;
    let node = state.node(name).is_some_and(|node| Node { stamp: Stamp::default(), ..(**node).clone() } == wanted.node);
    let service = wanted.service.as_ref().is_none_or(|wanted| {
        state
            .service_on(name, &wanted.id)
            .is_some_and(|service| Service { stamp: Stamp::default(), ..(**service).clone() } == *wanted)
    });
    let same_check = |wanted: &Check, present: &Check| present.name == wanted.name && present.status == wanted.status;
    let checks = wanted
        .checks
        .iter()
        .all(|check| state.check(name, &check.id).is_some_and(|present| same_check(check, present)));
    node && service && checks
}
