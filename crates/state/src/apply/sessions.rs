//! Creating and ending sessions.

use std::sync::Arc;

use crate::effects::Effects;
use crate::{CheckStatus, Key, Refusal, Response, Session, SessionBehavior, SessionId, Stamp, State, Topic};

/// The longest lock delay, whatever a session asks for: one minute, as in Consul.
const LOCK_DELAY_NS_MAX: i64 = 60_000_000_000;

const NS_PER_MS: u64 = 1_000_000;

impl State {
    /// Creates a session, if its node and all its checks are there and none of these is critical.
    pub(super) fn create_session(&mut self, mut session: Session, effects: &mut Effects) -> Response {
        let id = session.id;
        if let Some(old) = self.sessions.get(id) {
            // A proposal may come twice if its sender could not see that the first one took place.
            session.stamp = old.stamp;
            return if **old == session { Response::Session(id) } else { refused(format!("Session '{id}' exists")) };
        }
        if let Err(reason) = self.can_live(&session) {
            return refused(reason);
        }
        session.stamp = Stamp { created: effects.index, modified: effects.index };
        touch(&session, effects);
        self.sessions.put(Arc::new(session));
        Response::Session(id)
    }

    fn can_live(&self, session: &Session) -> Result<(), String> {
        if self.catalog.node(&session.node).is_none() {
            return Err("Missing node registration".to_owned());
        }
        for id in session.all_checks() {
            if id.is_empty() {
                return Err("failed check lookup: index error: object is missing a value for this index".to_owned());
            }
            match self.catalog.check(&session.node, id) {
                None => return Err(format!("Missing check '{id}' registration")),
                Some(check) if check.status == CheckStatus::Critical => {
                    return Err(format!("Check '{id}' is in {} state", check.status.as_str()));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Ends a session if there is such a one: its keys are released or deleted, and can't be acquired for its delay.
    pub(super) fn end_session(&mut self, id: SessionId, effects: &mut Effects) {
        let Some(session) = self.sessions.remove(id) else { return };
        touch(&session, effects);
        let delay_ms = session.lock_delay_ns.clamp(0, LOCK_DELAY_NS_MAX).unsigned_abs().div_ceil(NS_PER_MS);
        let keys: Vec<Key> = self.keys.held_by(id).cloned().collect();
        for key in keys {
            match session.behavior {
                SessionBehavior::Release => self.release(&key, effects),
                SessionBehavior::Delete => self.delete(&key, effects),
            }
            if delay_ms > 0 {
                self.keys.delay(key, self.header.clock_ms.saturating_add(delay_ms));
            }
        }
    }

    /// Ends the sessions that live by a check.
    pub(super) fn end_sessions_living_by(&mut self, node: &str, check: &str, effects: &mut Effects) {
        let ids: Vec<SessionId> = self.sessions.living_by(node, check).map(|session| session.id).collect();
        for id in ids {
            self.end_session(id, effects);
        }
    }

    /// Ends the sessions of a node.
    pub(super) fn end_sessions_on(&mut self, node: &str, effects: &mut Effects) {
        let ids: Vec<SessionId> = self.sessions.on(node).map(|session| session.id).collect();
        for id in ids {
            self.end_session(id, effects);
        }
    }
}

fn touch(session: &Session, effects: &mut Effects) {
    effects.touch(Topic::Sessions);
    effects.touch(Topic::node_sessions(&session.node));
    effects.touch(Topic::Session(session.id));
}

fn refused(reason: String) -> Response {
    Response::Refused(Refusal::Invalid(reason))
}
