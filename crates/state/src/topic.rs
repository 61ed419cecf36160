//! What a question depends on, and what a command touched.
//!
//! A parked question waits for its topics; a command reports the topics that it touched. A topic may be touched without
//! the answer being another one (a filter may hide the change): whoever waits evaluates again and compares.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::tables::{Name, fold};
use crate::{CheckStatus, Key, SessionId};

/// Something that can change. Names of nodes and services are in lower case here, since they match without regard to
/// case; use the constructors.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// One key.
    Key(Key),
    /// All keys that start so. Only waited for; commands report [`Topic::Key`].
    KeysUnder(Key),
    /// The list of nodes.
    Nodes,
    /// One node or the services on it.
    Node(Arc<str>),
    /// The checks of one node and of the services on it.
    NodeChecks(Arc<str>),
    /// The names of services and their tags.
    Services,
    /// Any instance of any service, for questions that choose among the instances of all services.
    Instances,
    /// The instances of one service, and the nodes they run on.
    Service(Arc<str>),
    /// The instances of one service, their nodes and all checks that count for them.
    Health(Arc<str>),
    /// The checks in any state.
    Checks,
    /// The checks in one state: those that entered it, left it or changed in it.
    ChecksIn(CheckStatus),
    /// All sessions.
    Sessions,
    /// The sessions of one node.
    NodeSessions(Arc<str>),
    /// One session.
    Session(SessionId),
}

impl Topic {
    /// One node or the services on it.
    pub fn node(name: &str) -> Self {
        Self::Node(fold(name).into())
    }

    /// The checks of one node.
    pub fn node_checks(name: &str) -> Self {
        Self::NodeChecks(fold(name).into())
    }

    /// The instances of one service.
    pub fn service(name: &str) -> Self {
        Self::Service(fold(name).into())
    }

    /// The health of one service.
    pub fn health(name: &str) -> Self {
        Self::Health(fold(name).into())
    }

    /// The sessions of one node.
    pub fn node_sessions(name: &str) -> Self {
        Self::NodeSessions(fold(name).into())
    }
}

/// What of a node changed that counts for every service on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NodeChange {
    /// Its name, address or metadata, which each answer about its services shows.
    Itself,
    /// Its own checks, which each answer about their health shows.
    Checks,
}

/// What a batch of commands touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The topics touched.
    pub topics: BTreeSet<Topic>,
    /// The nodes whose services are in `topics` all of them already, and why.
    pub(crate) reported: BTreeSet<(NodeChange, Name)>,
    /// The whole state was replaced: every question is to be answered at once.
    pub everything: bool,
}

impl Changes {
    /// The whole state was replaced.
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// These topics were touched.
    pub fn of(topics: impl IntoIterator<Item = Topic>) -> Self {
        Self { topics: topics.into_iter().collect(), ..Self::default() }
    }

    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty() && !self.everything
    }

    /// Whether those that wait for a topic are to look again.
    pub fn touches(&self, topic: &Topic) -> bool {
        if self.everything {
            return true;
        }
        match topic {
            Topic::KeysUnder(prefix) => {
                let first = self.topics.range(Topic::Key(prefix.clone())..).next();
                matches!(first, Some(Topic::Key(key)) if key.as_bytes().starts_with(prefix.as_bytes()))
            }
            other => self.topics.contains(other),
        }
    }
}
