//! When sessions with a time-to-live end: a table of deadlines, fed with sessions and renewals.
//!
//! A session ends when it has not been renewed for twice its TTL. Clients count on the factor (Patroni asks for half of
//! what it wants), and it leaves a client one whole TTL to notice. Deadlines live with the leader alone: renewals cost
//! no log entry, and a new leader, which can't know of them, gives each session its full time again.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use quorate_state::{Session, SessionId};
use tokio::time::Instant;

/// How many TTLs a session lives past its last renewal.
const LIFETIME_IN_TTLS: u32 = 2;

/// The deadlines of all sessions that have a time-to-live.
#[derive(Default)]
pub(crate) struct SessionTimers {
    by_deadline: BTreeSet<(Instant, SessionId)>,
    by_session: HashMap<SessionId, Instant>,
}

impl SessionTimers {
    /// The session exists or was renewed: its time starts anew. One without TTL gets no deadline.
    pub(crate) fn renew(&mut self, now: Instant, session: &Session) {
        if session.ttl_ms == 0 {
            return;
        }
        self.forget(session.id);
        let deadline = now + Duration::from_millis(session.ttl_ms) * LIFETIME_IN_TTLS;
        self.by_deadline.insert((deadline, session.id));
        self.by_session.insert(session.id, deadline);
    }

    /// The session came up in a batch: it gets a deadline unless it has one.
    pub(crate) fn notice(&mut self, now: Instant, session: &Session) {
        if !self.by_session.contains_key(&session.id) {
            self.renew(now, session);
        }
    }

    /// The session could not be ended: it is due again at `deadline`.
    pub(crate) fn retry(&mut self, deadline: Instant, id: SessionId) {
        self.forget(id);
        self.by_deadline.insert((deadline, id));
        self.by_session.insert(id, deadline);
    }

    /// The session is gone.
    pub(crate) fn forget(&mut self, id: SessionId) {
        if let Some(deadline) = self.by_session.remove(&id) {
            self.by_deadline.remove(&(deadline, id));
        }
    }

    /// All sessions are forgotten.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// When the next session is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// Takes a session whose time is over. It has no deadline any more: if it can't be ended, say so by [`Self::retry`].
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<SessionId> {
        let (deadline, id) = *self.by_deadline.first()?;
        if deadline > now {
            return None;
        }
        self.forget(id);
        Some(id)
    }

    /// How many sessions have a deadline.
    pub(crate) fn count(&self) -> usize {
        self.by_session.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_state::{SessionBehavior, Stamp};

    fn session(number: u128, ttl_ms: u64) -> Session {
        Session {
            id: SessionId::new(uuid::Uuid::from_u128(number)).unwrap(),
            name: String::new(),
            node: String::new(),
            lock_delay_ns: 0,
            behavior: SessionBehavior::Release,
            ttl: String::new(),
            ttl_ms,
            node_checks: None,
            checks: Vec::new(),
            service_checks: None,
            stamp: Stamp::default(),
        }
    }

    #[test]
    fn a_session_is_due_at_twice_its_ttl_after_the_last_renewal() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = SessionTimers::default();
        let session = session(1, 1_000);
        timers.notice(start, &session);
        timers.notice(at(500), &session);
        assert_eq!(timers.next_deadline(), Some(at(2_000)));
        timers.renew(at(1_500), &session);
        assert_eq!(timers.take_due(at(3_499)), None);
        assert_eq!(timers.take_due(at(3_500)), Some(session.id));
        assert_eq!((timers.take_due(at(9_999)), timers.count()), (None, 0));
    }

    #[test]
    fn sessions_without_ttl_have_no_deadline_and_forgotten_ones_neither() {
        let start = Instant::now();
        let mut timers = SessionTimers::default();
        timers.notice(start, &session(1, 0));
        timers.notice(start, &session(2, 1));
        timers.forget(session(2, 1).id);
        assert_eq!(timers.next_deadline(), None);
    }
}
