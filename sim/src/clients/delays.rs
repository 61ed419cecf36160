//! Clients that measure lock delays. Each has a key of its own, so that nothing but the delay can refuse it.
//!
//! A session takes the lock and ends; its successor tries once, at a time drawn to lie before or after the delay's end. It
//! does not try again: what it was answered is what is judged.

use std::time::Duration;

use quorate_state::{KeyOperation, KeyValue, KeyVerb, Operation, Response, SessionId, SessionReference};
use tokio::time::{Instant, sleep};

use super::locks::create_session;
use super::router::Write;
use super::{Accounts, Router};

/// The longest delay that is measured, in milliseconds. Longer ones would mostly see a change of leader.
const DELAY_MS_MAX: u64 = 2_000;

/// One try to take a lock after its holder's session ended.
#[derive(Clone, Copy, Debug)]
pub struct DelayTry {
    /// How long the lock was to be delayed.
    pub delay: Duration,
    /// When the session was asked to end, and when the answer came.
    pub ended: (Instant, Instant),
    /// When the lock was asked for, and when the answer came.
    pub tried: (Instant, Instant),
    /// Whether it was given.
    pub acquired: bool,
}

/// Measures until asked to stop.
pub async fn measure_delays(client: u64, mut router: Router, accounts: Accounts) {
    while !accounts.stopped() {
        measure(client, &mut router, &accounts).await;
        router.rest(100).await;
    }
}

/// One measurement; `None` if something else came between, of which nothing can be judged.
async fn measure(client: u64, router: &mut Router, accounts: &Accounts) -> Option<()> {
    let delay = Duration::from_millis(router.random().u64(1..=DELAY_MS_MAX));
    let delay_ns = i64::try_from(delay.as_nanos()).ok()?;
    let key = format!("delay/{client}/{}", router.random().u32(..));
    let holder = create_session(client, delay_ns, router).await?;
    let successor = create_session(client, 0, router).await?;
    if !lock(&key, holder, router).await? {
        return None;
    }
    let ended = answered(Operation::SessionDestroy(holder), router).await?;
    sleep(delay.mul_f64(router.random().f64() * 2.0)).await;
    let asked = Instant::now();
    let acquired = lock(&key, successor, router).await?;
    accounts.lock().delays.push(DelayTry { delay, ended, tried: (asked, Instant::now()), acquired });
    answered(Operation::SessionDestroy(successor), router).await.map(drop)
}

async fn lock(key: &str, session: SessionId, router: &mut Router) -> Option<bool> {
    let value = KeyValue { value: Box::default(), flags: 0 };
    let verb = KeyVerb::Lock(value, SessionReference(session.to_string()));
    match router.write(Operation::Key(KeyOperation { key: key.into(), verb })).await {
        Write::Answered(Response::Flag(given)) => Some(given),
        _ => None,
    }
}

/// When a write was asked for and when it was answered, if it was.
async fn answered(operation: Operation, router: &mut Router) -> Option<(Instant, Instant)> {
    let asked = Instant::now();
    match router.write(operation).await {
        Write::Answered(_) => Some((asked, Instant::now())),
        _ => None,
    }
}
