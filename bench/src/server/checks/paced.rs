//! Questions at a steady pace beside something else: what a client feels of it.
//!
//! The pace does not slow down with the answers, as that of a closed loop would: whoever waited behind a slow answer is
//! counted with the wait.

use anyhow::Result;
use std::time::Duration;
use tokio::time::Instant;

use super::super::keys::KeySpace;
use super::super::load::millis;
use super::super::put::draft_put;
use super::super::subject::Subject;
use crate::client::{Connection, Draft, Method};
use crate::report::Figure;
use crate::statistics::percentile;

/// The time from one question to the next: 200 in a second cost a server little.
const PACE: Duration = Duration::from_millis(5);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// A key's value.
    Get,
    /// A new value for a key.
    Put,
}

/// Asks until `work` is done; gives how long each answer took, and what came of the work.
pub(super) async fn beside<T>(
    subject: &Subject,
    ask: Ask,
    work: impl Future<Output = Result<T>>,
) -> Result<(Vec<Duration>, T)> {
    let mut connection = Connection::open(subject.address).await?;
    let mut latencies = Vec::new();
    let questions = async {
        let mut draft = Draft::default();
        let mut due = Instant::now();
        loop {
            due += PACE;
            let late = Instant::now() > due;
            tokio::time::sleep_until(due).await;
            // A timer wakes up to a millisecond late, which is not the server's doing.
            let from = if late { due } else { Instant::now() };
            prepare(&mut draft, ask, &subject.keys);
            connection.exchange(&draft).await?.expect_ok()?;
            latencies.push(from.elapsed());
        }
    };
    let done = tokio::select! {
        done = work => done?,
        failed = questions => return failed,
    };
    Ok((latencies, done))
}

/// All questions are about one key: what differs is only what else the server does.
fn prepare(draft: &mut Draft, ask: Ask, keys: &KeySpace) {
    match ask {
        Ask::Get => {
            draft.start(Method::Get).path(format_args!("/v1/kv/{}", keys.key(0)));
        }
        Ask::Put => draft_put(draft, keys, 0),
    }
}

/// The percentiles of each server's latencies.
pub(super) fn figures(latencies: &mut [Vec<Duration>]) -> Vec<Figure> {
    let mut at = |fraction| -> Vec<f64> {
        latencies.iter_mut().map(|latencies| millis(percentile(latencies, fraction))).collect()
    };
    vec![
        Figure::new("latency p50", "ms", &at(0.5)).headline(),
        Figure::new("latency p99", "ms", &at(0.99)).headline(),
        Figure::new("latency, longest", "ms", &at(1.0)).headline(),
    ]
}
