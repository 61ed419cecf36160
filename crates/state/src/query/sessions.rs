//! Questions about sessions.

use std::sync::Arc;

use crate::{Session, SessionId, State};

impl State {
    /// The session of that id.
    pub fn session(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.sessions.get(id)
    }

    /// All sessions, in the order of their ids.
    pub fn sessions(&self) -> impl Iterator<Item = &Arc<Session>> + use<'_> {
        self.sessions.iter()
    }

    /// The sessions of a node, in the order of their ids.
    pub fn sessions_on(&self, node: &str) -> impl Iterator<Item = &Arc<Session>> + use<'_> {
        self.sessions.on(node)
    }
}
