//! Keeping the leader's own entry in the catalog.

use std::time::Duration;

use quorate_consensus::BoxFuture;
use quorate_state::{Check, Node, Operation, Registration, Service, Stamp, State, Topic};
use tracing::{info, warn};

use super::{Duty, Leader, interval};
use crate::handle::Handle;
use crate::watch::Watch;

/// How often the leader looks whether the catalog still has its own entry even if nothing changed there, as often as Consul's
/// does.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(60);
/// How long to gather changes of its own node before looking: a look costs little, but checks may change all the time.
const REPAIR_DELAY: Duration = Duration::from_millis(200);

/// Registers the leader, and again whenever something of its entry is lost.
pub(super) struct StayRegistered;

impl Duty for StayRegistered {
    fn run(&self, leader: Leader) -> BoxFuture<'_, ()> {
        Box::pin(stay_registered(leader))
    }
}

async fn stay_registered(leader: Leader) {
    let mut registrations = leader.node().registrations();
    let mut own_entries = watch_own_entries(leader.node());
    // Whether the next look is for such a change: more of them do not put it off.
    let mut is_touched = false;
    let mut reconcile = interval(RECONCILE_INTERVAL);
    loop {
        tokio::select! {
            () = touched(&mut own_entries), if !is_touched => {
                is_touched = true;
                reconcile.reset_after(REPAIR_DELAY);
                continue;
            }
            _ = reconcile.tick() => is_touched = false,
            // It lives as long as the handle, so this is never an error.
            Ok(()) = registrations.changed() => {}
        }
        register(&leader).await;
    }
}

/// A watch of what [`register`] looks at. Without one, when too much is watched, the rounds alone see to it.
fn watch_own_entries(node: &Handle) -> Option<Watch> {
    let name = &node.registration().node.name;
    node.watch(&[Topic::node(name), Topic::node_checks(name)]).ok()
}

async fn touched(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => drop(watch.changed().await),
        None => std::future::pending().await,
    }
}

async fn register(leader: &Leader) {
    let wanted = leader.node().registration();
    if is_registered(&leader.node().snapshot(), &wanted) {
        return;
    }
    match leader.propose(&Operation::Register(Box::new((*wanted).clone()))).await {
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
