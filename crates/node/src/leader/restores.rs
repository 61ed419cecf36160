//! Ending restores that nobody goes on with.
//!
//! What a restore has brought so far is a part of the replicated state until it is committed or abandoned. The server that
//! drives it abandons it when it fails; if that server has died, the leader does.

use std::time::Duration;

use quorate_consensus::BoxFuture;
use quorate_state::{Operation, RestoreStep};
use tracing::{info, warn};

use super::{Duty, Leader, interval};

/// How long a restore may take no step: a minute in which its client may send nothing, and then some.
const IDLE_MAX: Duration = Duration::from_secs(90);
/// How often the leader looks.
const GRANULARITY: Duration = Duration::from_secs(5);

/// Abandons restores that bring nothing more.
pub(super) struct EndRestores;

impl Duty for EndRestores {
    fn run(&self, leader: Leader) -> BoxFuture<'_, ()> {
        Box::pin(end_restores(leader))
    }
}

async fn end_restores(leader: Leader) {
    let mut round = interval(GRANULARITY);
    // How far a restore had come when it was first seen there.
    let mut seen = None;
    loop {
        let now = round.tick().await;
        let Some(progress) = leader.node().published().restore_under_way() else {
            seen = None;
            continue;
        };
        let since = match seen {
            Some((before, since)) if before == progress => since,
            _ => {
                seen = Some((progress, now));
                continue;
            }
        };
        if now.saturating_duration_since(since) < IDLE_MAX {
            continue;
        }
        let (id, steps) = progress;
        match leader.propose(&Operation::Restore(RestoreStep::Abandon(id))).await {
            Ok(_) => info!(restore = %id, steps, "a restore that nobody went on with was abandoned"),
            Err(error) => warn!(restore = %id, %error, "a restore that nobody goes on with could not be abandoned yet"),
        }
    }
}
