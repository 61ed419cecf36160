//! Clients that take a lock, hold it for a while and give it back, or lose their session on purpose.

use quorate_state::{
    KeyOperation, KeyValue, KeyVerb, Operation, Response, Session, SessionBehavior, SessionId, SessionReference, Stamp,
};

use super::router::Write;
use super::{Accounts, Hold, Router};
use crate::cluster::HOME;

/// The locks that clients compete for.
const LOCKS: u64 = 2;

/// Takes locks until asked to stop.
pub async fn take_locks(client: u64, mut router: Router, accounts: Accounts) {
    while !accounts.stopped() {
        let lock_delay_ns = router.random().i64(0..2) * 100_000_000;
        if let Some(session) = create_session(client, lock_delay_ns, &mut router).await {
            use_session(client, session, &mut router, &accounts).await;
            destroy(session, &mut router, &accounts).await;
        }
        router.rest(50).await;
    }
}

/// Creates a session that ends only when its client ends it.
pub(super) async fn create_session(client: u64, lock_delay_ns: i64, router: &mut Router) -> Option<SessionId> {
    let id = SessionId::new(uuid::Uuid::from_u64_pair(router.random().u64(..), client + 1))?;
    let session = Session {
        id,
        name: format!("client-{client}"),
        node: HOME.into(),
        lock_delay_ns,
        behavior: *router.random().choice(&[SessionBehavior::Release, SessionBehavior::Delete])?,
        ttl: String::new(),
        ttl_ms: 0,
        node_checks: Some(vec!["serfHealth".into()]),
        checks: Vec::new(),
        service_checks: None,
        stamp: Stamp::default(),
    };
    let answer = router.write(Operation::SessionCreate(session)).await;
    (answer == Write::Answered(Response::Session(id))).then_some(id)
}

async fn use_session(client: u64, session: SessionId, router: &mut Router, accounts: &Accounts) {
    for _ in 0..router.random().u8(1..6) {
        let key = format!("lock/{}", router.random().u64(..LOCKS));
        let value = KeyValue { value: client.to_string().as_bytes().into(), flags: 0 };
        let reference = SessionReference(session.to_string());
        let verb = |verb| Operation::Key(KeyOperation { key: key.as_str().into(), verb });
        match router.write(verb(KeyVerb::Lock(value.clone(), reference.clone()))).await {
            Write::Answered(Response::Flag(true)) => {}
            Write::Unknown => return,
            _ => {
                router.rest(30).await;
                continue;
            }
        }
        let place = begin_hold(&key, client, accounts);
        router.rest(60).await;
        end_hold(place, accounts);
        // Now and then the session's end gives it back instead.
        if router.random().bool() || router.write(verb(KeyVerb::Unlock(value, reference))).await == Write::Unknown {
            return;
        }
    }
}

fn begin_hold(key: &str, client: u64, accounts: &Accounts) -> usize {
    let from = accounts.moment();
    let mut inner = accounts.lock();
    inner.holds.push(Hold { key: key.to_owned(), client, from, until: None });
    inner.holds.len() - 1
}

fn end_hold(place: usize, accounts: &Accounts) {
    let now = accounts.moment();
    accounts.lock().holds[place].until = Some(now);
}

/// Ends a session, trying again until it is sure or the run ends.
async fn destroy(session: SessionId, router: &mut Router, accounts: &Accounts) {
    while !accounts.stopped() {
        if let Write::Answered(_) = router.write(Operation::SessionDestroy(session)).await {
            return;
        }
        router.rest(100).await;
    }
}
