//! The sessions, by their node and by the checks they live by.

use std::sync::Arc;

use uuid::Uuid;

use crate::tables::{Name, Set, Table, fold};
use crate::{Session, SessionId};

/// The session family. `by_node` and `by_check` are `all` seen from the other side, with folded names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sessions {
    all: Table<SessionId, Arc<Session>>,
    by_node: Set<(Name, Uuid)>,
    /// By node and check.
    by_check: Set<(Name, Name, Uuid)>,
}

impl Sessions {
    /// The session of that id.
    pub(crate) fn get(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.all.get(&id)
    }

    /// All, in the order of their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Session>> + use<'_> {
        self.all.values()
    }

    /// Those of a node, in the order of their ids.
    pub(crate) fn on(&self, node: &str) -> impl Iterator<Item = &Arc<Session>> + use<'_> {
        let node: Name = fold(node).into();
        self.by_node
            .starting_at(&(node.clone(), Uuid::nil()))
            .take_while(move |((name, _), ())| *name == node)
            .filter_map(|((_, id), ())| self.by_uuid(*id))
    }

    /// Those that live by a check, in the order of their ids.
    pub(crate) fn living_by(&self, node: &str, check: &str) -> impl Iterator<Item = &Arc<Session>> + use<'_> {
        let (node, check): (Name, Name) = (fold(node).into(), fold(check).into());
        self.by_check
            .starting_at(&(node.clone(), check.clone(), Uuid::nil()))
            .take_while(move |((on, by, _), ())| *on == node && *by == check)
            .filter_map(|((_, _, id), ())| self.by_uuid(*id))
    }

    /// Adds a session that is not there.
    pub(crate) fn put(&mut self, session: Arc<Session>) {
        let id = session.id;
        let node: Name = fold(&session.node).into();
        for check in session.all_checks() {
            self.by_check.insert((node.clone(), fold(check).into(), id.get()), ());
        }
        self.by_node.insert((node, id.get()), ());
        self.all.insert(id, session);
    }

    /// Removes a session.
    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Arc<Session>> {
        let session = self.all.remove(&id)?;
        let node: Name = fold(&session.node).into();
        for check in session.all_checks() {
            self.by_check.remove(&(node.clone(), Name::from(fold(check)), id.get()));
        }
        self.by_node.remove(&(node, id.get()));
        Some(session)
    }

    fn by_uuid(&self, id: Uuid) -> Option<&Arc<Session>> {
        SessionId::new(id).and_then(|id| self.all.get(&id))
    }
}
