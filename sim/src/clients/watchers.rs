//! Clients that watch a prefix and remember what they were told last.

use std::sync::Arc;
use std::time::Duration;

use quorate_node::{Answer, Answered, Consistency, Question, Wait};
use quorate_state::{Key, KeyEntry, State};
use tokio::time::sleep;

use super::{Accounts, Router, Watched};
use crate::cluster::{Directory, Running};

/// Longer than any run: what a watch missed does not come to light by its end.
const WAIT: Duration = Duration::from_secs(3600);

fn seen<'a>(keys: impl Iterator<Item = (&'a Key, &'a Arc<KeyEntry>)>) -> Watched {
    keys.map(|(key, entry)| (String::from_utf8_lossy(key.as_bytes()).into_owned(), entry.stamp.modified)).collect()
}

/// What is there to be seen of a prefix.
pub fn watched(state: &State, prefix: &str) -> Watched {
    seen(state.keys_under(prefix.as_bytes()))
}

fn answer_of(answered: &Answered) -> Watched {
    match &answered.answer.answer {
        Answer::Keys(keys) => seen(keys.iter().map(|(key, entry)| (key, entry))),
        other => panic!("a question for keys was answered {other:?}"),
    }
}

/// Watches until the run ends, at one server until that crashes.
pub async fn watch(client: u64, prefix: String, directory: Directory, mut router: Router, accounts: Accounts) {
    let mut last = 0;
    loop {
        if let Some(server) = router.random().choice(directory.get()) {
            watch_at(&server, client, &prefix, &mut last, &directory, &accounts).await;
        }
        router.rest(100).await;
    }
}

async fn watch_at(
    server: &Running,
    client: u64,
    prefix: &str,
    last: &mut u64,
    directory: &Directory,
    accounts: &Accounts,
) {
    let ended = async {
        while directory.has(server) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    // Some watch what the server itself has, and some what the leader has, to whom their questions are handed.
    let consistency = if client.is_multiple_of(2) { Consistency::STALE } else { Consistency::Default };
    let ask = async {
        loop {
            let wait = (*last > 0).then_some(Wait { seen: *last, at_most: WAIT });
            let Ok(answered) = server.ask(Question::Keys(prefix.into()), consistency, wait).await else { return };
            *last = answered.answer.index;
            accounts.lock().told.insert((client, prefix.to_owned()), answer_of(&answered));
        }
    };
    tokio::select! {
        () = ended => {}
        () = ask => {}
    }
}
