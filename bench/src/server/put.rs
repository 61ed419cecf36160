//! `PUT /v1/kv/KEY`: a new value for a random key, from one client and from 64.
//!
//! The value differs from the last one in every request: a write that changes nothing is cheaper where a server notices.

use anyhow::Result;

use super::Bench;
use super::keys::{KeySpace, Random, Share};
use super::load::{Workload, compare};
use crate::client::{Answer, Draft, Method};

/// Clients of the loads that ask for throughput.
pub(crate) const MANY_CLIENTS: u32 = 64;

/// Measures writes.
pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    for (name, clients) in [("PUT, 1 client", 1), ("PUT, 64 clients", MANY_CLIENTS)] {
        compare(bench, name, clients, |subject, client| Put::new(&subject.keys, Share { client, clients })).await?;
    }
    Ok(())
}

/// One client's writes.
pub(crate) struct Put {
    keys: KeySpace,
    share: Share,
    random: Random,
}

impl Put {
    /// Writes to the client's share of the keys.
    pub(crate) fn new(keys: &KeySpace, share: Share) -> Self {
        Self { keys: keys.clone(), share, random: Random::of_client(share.client) }
    }
}

impl Workload for Put {
    fn prepare(&mut self, draft: &mut Draft) -> bool {
        let number = self.share.key(self.random.below(self.share.count(self.keys.count())));
        draft_put(draft, &self.keys, number);
        true
    }

    fn verify(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect_true()
    }
}

/// Drafts a write of a key's next value.
pub(crate) fn draft_put(draft: &mut Draft, keys: &KeySpace, number: u32) {
    draft.start(Method::Put).path(format_args!("/v1/kv/{}", keys.key(number)));
    keys.write_next_value(number, &mut draft.body);
}
