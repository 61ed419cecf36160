//! A client that begins to restore an archive and goes away before it is whole. Nothing of it may ever show, or stay.

use std::time::Duration;

use quorate_node::{Archive, Body, Caller, Consistency, Reply};
use tokio::time::{sleep, timeout};

use super::{Accounts, Router};

/// How long the client takes at most over one of them.
const PATIENCE: Duration = Duration::from_secs(4);
/// The longest pause between two of them, in milliseconds.
const PAUSE_MS_MAX: u64 = 3_000;

/// Begins restores until asked to stop.
pub async fn interrupt_restores(mut router: Router, accounts: Accounts) {
    while !accounts.stopped() {
        router.rest(PAUSE_MS_MAX).await;
        let _ = timeout(PATIENCE, Box::pin(interrupt_one(&mut router))).await;
    }
}

/// Feeds a part of a server's own archive back to it; `None` if it gives none or takes none.
async fn interrupt_one(router: &mut Router) -> Option<()> {
    let server = router.pick()?;
    let Ok(Reply::Archive(Archive { mut pieces, .. })) = server.serve(Body::Save(Consistency::STALE)).await else {
        return None;
    };
    let mut archive = Vec::new();
    while let Some(piece) = pieces.recv().await {
        archive.extend_from_slice(&piece);
    }
    let part = &archive[..router.random().usize(..archive.len().max(1))];
    let mut restore = server.handle.restore_archive("", Caller::anonymous(), None).ok()?;
    for piece in part.chunks(router.random().usize(1_000..100_000)) {
        restore.feed(piece).await.ok()?;
    }
    sleep(Duration::from_millis(router.random().u64(..1_000))).await;
    Some(())
}
