//! The sessions, by their node and by the checks they live by.

use std::sync::Arc;

use crate::tables::{Lookup, Name, Names, Set, Table, fold};
use crate::{Session, SessionId};

/// The session family. `by_node` and `by_check` are `all` seen from the other side, with folded names; neither has an
/// empty set. They are tables of sets, and not sets of pairs, so that a name is there once and not once for each session.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sessions {
    all: Table<SessionId, Arc<Session>>,
    by_node: Table<Name, Set<SessionId>>,
    /// By node and check.
    by_check: Table<Names<2>, Set<SessionId>>,
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
        self.each_of(self.by_node.get(&*fold(node)))
    }

    /// Those that live by a check, in the order of their ids.
    pub(crate) fn living_by(&self, node: &str, check: &str) -> impl Iterator<Item = &Arc<Session>> + use<'_> {
        self.each_of(self.by_check.get(&Lookup([&fold(node), &fold(check)])))
    }

    fn each_of<'a>(&'a self, ids: Option<&'a Set<SessionId>>) -> impl Iterator<Item = &'a Arc<Session>> + use<'a> {
        ids.into_iter().flat_map(Set::keys).filter_map(|id| self.all.get(id))
    }

    /// Adds a session that is not there.
    pub(crate) fn put(&mut self, session: Arc<Session>) {
        let id = session.id;
        let node = fold(&session.node);
        for check in session.all_checks() {
            let check = fold(check);
            let ids = self.by_check.get_or_default(&Lookup([&node, &check]), || Names::new([&node, &check]));
            ids.insert(id, ());
        }
        self.by_node.get_or_default(&*node, || (&*node).into()).insert(id, ());
        self.all.insert(id, session);
    }

    /// Removes a session.
    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Arc<Session>> {
        let session = self.all.remove(&id)?;
        let node = fold(&session.node);
        for check in session.all_checks() {
            self.by_check.remove_from(&Lookup([&node, &fold(check)]), &id);
        }
        self.by_node.remove_from(&*node, &id);
        Some(session)
    }
}
