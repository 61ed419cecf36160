//! Updates of TTL checks that say what they said before, as most do: what an application sends to say that it lives.

use anyhow::Result;
use serde_json::json;

use super::super::Bench;
use super::super::keys::{Random, Share};
use super::super::load::{Workload, compare};
use super::population::{Population, check_id, is_there};
use super::steady::log_index;
use crate::client::{Answer, Draft, Method};
use crate::report::{Figure, number};

/// Clients that update at once.
const CLIENTS: u32 = 8;

/// Measures updates among `count` TTL checks.
pub(super) async fn measure(bench: &mut Bench, count: u32) -> Result<()> {
    // Long enough to expire never in a run.
    let population = Population::new(count, |_| json!({ "TTL": "1h", "Status": "passing" }))?;
    let mut before = Vec::new();
    for subject in &mut bench.subjects {
        subject.renew().await?;
        population.register(subject).await?;
        population.await_catalog(subject, is_there).await?;
        subject.quiet().await?;
        before.push(log_index(subject).await?);
    }
    let shown = number(count.into());
    let name = format!("{shown} TTL checks, updates without news, {CLIENTS} clients");
    compare(bench, &name, CLIENTS, |_, client| Update::new(Share { client, clients: CLIENTS }, count)).await?;
    let mut entries = Vec::new();
    for (subject, before) in bench.subjects.iter().zip(before) {
        // The first update of each check gives it its output, which may be told.
        entries.push((log_index(subject).await? - before - 1) as f64);
    }
    let figures = vec![Figure::new("log entries", "", &entries).headline()];
    bench.report.section(format!("{shown} TTL checks, after the updates"), figures)
}

/// One client's updates.
struct Update {
    share: Share,
    count: u32,
    random: Random,
}

impl Update {
    fn new(share: Share, count: u32) -> Self {
        Self { share, count, random: Random::of_client(share.client) }
    }
}

impl Workload for Update {
    fn prepare(&mut self, draft: &mut Draft) -> bool {
        let number = self.share.key(self.random.below(self.share.count(self.count)));
        draft.start(Method::Put).path(format_args!("/v1/agent/check/update/{}", check_id(number)));
        draft.body.extend_from_slice(br#"{"Status":"passing","Output":"alive"}"#);
        true
    }

    fn verify(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect_ok()
    }
}
