//! What only a leader does: a list of [`Duty`]s, the node's own and those that other crates add
//! ([`Handle::start`]).
//!
//! The duties start once the leader's state holds all that was committed before it, and stop when it leads no more. What
//! they propose is committed in the leader's own term or not at all, so nothing of a leader that was deposed, and does not
//! know it yet, takes place while the next one does its duties.

mod formats;
mod registration;
mod restores;
mod sessions;
mod tombstones;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use quorate_consensus::{BoxFuture, ReadError, Role};
use quorate_state::{Operation, Response};
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use crate::error::ProposeError;
use crate::handle::Handle;

/// How long after a failed proposal a duty tries again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Something that only the leader does.
pub trait Duty: Send + Sync + 'static {
    /// Does it for as long as this server leads: the future is dropped when it leads no more. One that ends has nothing
    /// more to do in this term.
    fn run(&self, leader: Leader) -> BoxFuture<'_, ()>;
}

/// A server that leads, for its duties.
#[derive(Clone)]
pub struct Leader {
    node: Handle,
    term: u64,
}

impl Leader {
    /// The node.
    pub fn node(&self) -> &Handle {
        &self.node
    }

    /// The term in which it leads.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Has an operation committed in this term, or not at all.
    pub async fn propose(&self, operation: &Operation) -> Result<Response, ProposeError> {
        self.node.commit(operation, Some(self.term)).await
    }
}

/// The duties of every node.
fn own_duties(node: &Handle) -> Vec<Arc<dyn Duty>> {
    vec![
        Arc::new(sessions::EndSessions),
        Arc::new(tombstones::ForgetTombstones { ttl: node.tombstone_ttl() }),
        Arc::new(registration::StayRegistered),
        Arc::new(restores::EndRestores),
        Arc::new(formats::ActivateFormats),
    ]
}

/// Follows this server's role and does the duties while it leads. Ends with its server.
pub(crate) async fn run(node: Handle, duties: Vec<Arc<dyn Duty>>) {
    let duties = [own_duties(&node), duties].concat();
    let mut status = node.consensus().status();
    loop {
        let (role, term) = match status.wait_for(|status| matches!(status.role, Role::Leader | Role::Stopped)).await {
            Ok(status) => (status.role, status.term),
            Err(_) => return,
        };
        if role == Role::Stopped {
            return;
        }
        let leader = Leader { node: node.clone(), term };
        let left =
            async { status.wait_for(|status| status.role != Role::Leader || status.term != term).await.is_err() };
        let is_over = tokio::select! {
            is_over = left => is_over,
            () = lead(leader, &duties) => true,
        };
        node.shared().sessions.stop();
        // Those who asked the leader wait at the wrong server now.
        node.parked().nudge_all();
        info!(term, "no longer leader");
        if is_over {
            return;
        }
    }
}

/// The duties, until dropped, or until the server has stopped.
async fn lead(leader: Leader, duties: &[Arc<dyn Duty>]) {
    while let Err(error) = leader.node.consensus().read_index().await {
        if matches!(error, ReadError::Stopped { .. }) {
            return;
        }
        warn!(%error, "the new leader's state is not confirmed yet");
        tokio::time::sleep(RETRY_DELAY).await;
    }
    let shared = leader.node.shared();
    shared.sessions.start(&shared.published);
    info!(term = leader.term, "became leader");
    let mut running: FuturesUnordered<_> = duties.iter().map(|duty| duty.run(leader.clone())).collect();
    while running.next().await.is_some() {}
    // All have done what there was to do in this term, which goes on.
    std::future::pending().await
}

fn interval(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
