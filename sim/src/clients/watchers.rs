//! Clients that watch a prefix and remember what they were told last.

use std::time::Duration;

use quorate_state::{State, Topic};
use tokio::time::{Instant, sleep};

use super::{Accounts, Router, Watched};
use crate::cluster::{Directory, Running};

/// Longer than any run: what a watch missed does not come to light by its end.
const WAIT: Duration = Duration::from_secs(3600);

/// What a watcher sees of a prefix, with its index.
pub fn watched(state: &State, prefix: &str) -> (u64, Watched) {
    let keys = state.keys_under(prefix.as_bytes());
    let keys = keys.map(|(key, entry)| (String::from_utf8_lossy(key.as_bytes()).into_owned(), entry.stamp.modified));
    (state.last_change(&Topic::KeysUnder(prefix.into())), keys.collect())
}

/// Watches until the run ends, at one server until that crashes.
pub async fn watch(client: u64, prefix: String, directory: Directory, mut router: Router, accounts: Accounts) {
    let mut seen = 0;
    loop {
        if let Some(server) = router.random().choice(directory.get()) {
            watch_at(&server, client, &prefix, &mut seen, &directory, &accounts).await;
        }
        router.rest(100).await;
    }
}

async fn watch_at(
    server: &Running,
    client: u64,
    prefix: &str,
    seen: &mut u64,
    directory: &Directory,
    accounts: &Accounts,
) {
    let topics = [Topic::KeysUnder(prefix.into())];
    let ended = async {
        while directory.has(server) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let ask = async {
        while let Ok((index, told)) =
            server.handle.ask_again(&topics, *seen, Instant::now() + WAIT, |state| watched(state, prefix)).await
        {
            *seen = index;
            accounts.lock().told.insert((client, prefix.to_owned()), told);
        }
    };
    tokio::select! {
        () = ended => {}
        () = ask => {}
    }
}
