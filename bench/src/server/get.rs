//! `GET /v1/kv/KEY` of a random key from 64 clients: as it is asked by default, and with `?stale`.

use anyhow::Result;

use super::Bench;
use super::keys::{KeySpace, Random};
use super::load::{Workload, compare};
use super::put::MANY_CLIENTS;
use crate::client::{Answer, Draft, Method};

/// Measures reads.
pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    for (name, query) in [("GET, 64 clients", ""), ("GET ?stale, 64 clients", "?stale")] {
        compare(bench, name, MANY_CLIENTS, |subject, client| Get {
            keys: subject.keys.clone(),
            random: Random::of_client(client),
            query,
            number: 0,
        })
        .await?;
    }
    Ok(())
}

/// One client's reads.
struct Get {
    keys: KeySpace,
    random: Random,
    query: &'static str,
    /// The key asked for last.
    number: u32,
}

impl Workload for Get {
    fn prepare(&mut self, draft: &mut Draft) -> bool {
        self.number = self.random.below(self.keys.count());
        draft.start(Method::Get).path(format_args!("/v1/kv/{}{}", self.keys.key(self.number), self.query));
        true
    }

    fn verify(&mut self, answer: &Answer<'_>) -> Result<()> {
        self.keys.expect_current(self.number, answer)
    }
}
