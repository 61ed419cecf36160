//! Ending sessions whose time is over.

use quorate_consensus::BoxFuture;
use quorate_state::{Operation, SessionId};
use tracing::{info, warn};

use super::{Duty, Leader, RETRY_DELAY};

/// Ends sessions whose TTL passed without a renewal.
pub(super) struct EndSessions;

impl Duty for EndSessions {
    fn run(&self, leader: Leader) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let due = leader.node().shared().sessions.due().await;
                end(&leader, due).await;
            }
        })
    }
}

/// Ends sessions together, so that they share log syncs.
async fn end(leader: &Leader, due: Vec<SessionId>) {
    let ended = due.into_iter().map(|id| async move {
        match leader.propose(&Operation::SessionDestroy(id)).await {
            Ok(_) => info!(session = %id, "session ended: its TTL passed without a renewal"),
            Err(error) => {
                warn!(session = %id, %error, "a session whose TTL passed could not be ended yet");
                leader.node().shared().sessions.retry(id, RETRY_DELAY);
            }
        }
    });
    futures_util::future::join_all(ended).await;
}
