//! The session timers as the leader shares them between the apply task, renewals and its own duties.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use quorate_state::{Changes, Session, SessionId, State, Topic};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::session_timers::SessionTimers;

/// How many sessions are ended together at most.
const ENDED_TOGETHER_MAX: usize = 64;

/// The deadlines, while this server leads.
#[derive(Default)]
pub(crate) struct SessionClock {
    /// `None` while another leads.
    timers: Mutex<Option<SessionTimers>>,
    /// The first deadline may be another one.
    changed: Notify,
}

impl SessionClock {
    fn lock(&self) -> MutexGuard<'_, Option<SessionTimers>> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This server leads now: every session gets its full time. The state is loaded under the lock, so a batch that is
    /// applied meanwhile is either in it or comes by [`Self::follow`].
    pub(crate) fn start(&self, published: &ArcSwap<State>) {
        let mut timers = self.lock();
        let timers = timers.insert(SessionTimers::default());
        let now = Instant::now();
        published.load().sessions().for_each(|session| timers.renew(now, session));
        self.changed.notify_one();
    }

    /// Another leads.
    pub(crate) fn stop(&self) {
        *self.lock() = None;
    }

    /// A batch was published.
    pub(crate) fn follow(&self, state: &State, changes: &Changes) {
        let mut timers = self.lock();
        let Some(timers) = timers.as_mut() else { return };
        let now = Instant::now();
        if changes.everything {
            timers.clear();
            state.sessions().for_each(|session| timers.renew(now, session));
            self.changed.notify_one();
        }
        for topic in &changes.topics {
            let Topic::Session(id) = topic else { continue };
            match state.session(*id) {
                Some(session) => timers.notice(now, session),
                None => timers.forget(*id),
            }
            self.changed.notify_one();
        }
    }

    /// A client renewed a session.
    pub(crate) fn renew(&self, session: &Session) {
        if let Some(timers) = self.lock().as_mut() {
            timers.renew(Instant::now(), session);
        }
    }

    /// Ending a session failed: it is due again after `delay`.
    pub(crate) fn retry(&self, id: SessionId, delay: Duration) {
        if let Some(timers) = self.lock().as_mut() {
            timers.retry(Instant::now() + delay, id);
        }
        self.changed.notify_one();
    }

    /// How many sessions have a deadline here.
    pub(crate) fn count(&self) -> usize {
        self.lock().as_ref().map_or(0, SessionTimers::count)
    }

    /// Waits until sessions are due and takes some of them. Safe to drop: nothing is taken before it returns.
    pub(crate) async fn due(&self) -> Vec<SessionId> {
        loop {
            let next = self.lock().as_ref().and_then(SessionTimers::next_deadline);
            let sleep = async {
                match next {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {
                    let due = self.take_due(Instant::now());
                    if !due.is_empty() {
                        return due;
                    }
                }
                () = self.changed.notified() => {}
            }
        }
    }

    fn take_due(&self, now: Instant) -> Vec<SessionId> {
        let mut timers = self.lock();
        let Some(timers) = timers.as_mut() else { return Vec::new() };
        std::iter::from_fn(|| timers.take_due(now)).take(ENDED_TOGETHER_MAX).collect()
    }
}
