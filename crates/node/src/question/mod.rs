//! Questions about the state, and their answers.
//!
//! A question is a value: it can be compared, so that those who ask the same share one evaluation; it can be sent, so that
//! a different server answers it; and it knows which *topics* its answer depends on, so that a wait for a change sleeps
//! until one of them is touched. An answer holds the state's own entries, which are shared and never change; how a client
//! sees them is decided above.
//!
//! An answer's index is the last change of anything that the question depends on.

mod evaluate;
mod select;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use quorate_state::{Check, CheckStatus, Index, Key, KeyEntry, Node, Service, Session, SessionId, State, Topic};

pub(crate) use evaluate::Evaluator;
pub use select::{FilterText, NodeMeta, TAGS_MAX, Tags};

/// A question about the state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// One key. Answered by [`Answer::Key`].
    Key(Key),
    /// All keys that start so. Answered by [`Answer::Keys`].
    Keys(Key),
    /// The names of keys that start so, each up to the first separator after the prefix. Answered by [`Answer::Names`].
    KeyNames {
        /// How they start.
        prefix: Key,
        /// The separator; empty for whole names.
        separator: Box<[u8]>,
    },
    /// The nodes. Answered by [`Answer::Nodes`].
    Nodes {
        /// What their metadata must have.
        meta: NodeMeta,
        /// Which are left out.
        filter: FilterText,
    },
    /// The names of all services with the tags of their instances. Answered by [`Answer::Services`].
    Services {
        /// What the metadata of their nodes must have.
        meta: NodeMeta,
        /// Which instances are left out.
        filter: FilterText,
    },
    /// The instances of a service. Answered by [`Answer::Instances`].
    Instances {
        /// The service.
        service: Box<str>,
        /// The tags that they must have.
        tags: Tags,
        /// What the metadata of their nodes must have.
        meta: NodeMeta,
        /// Which are left out.
        filter: FilterText,
    },
    /// A node, by its name or the beginning of its id, with its services. Answered by [`Answer::NodeServices`].
    NodeServices {
        /// The node.
        node: Box<str>,
        /// Which services are left out.
        filter: FilterText,
    },
    /// The checks of a node, by its name or id, and of its services. Answered by [`Answer::Checks`].
    NodeChecks {
        /// The node.
        node: Box<str>,
        /// Which are left out.
        filter: FilterText,
    },
    /// The checks of the instances of a service. Answered by [`Answer::Checks`].
    ServiceChecks {
        /// The service.
        service: Box<str>,
        /// What the metadata of their nodes must have.
        meta: NodeMeta,
        /// Which are left out.
        filter: FilterText,
    },
    /// The checks in a state. Answered by [`Answer::Checks`].
    ChecksIn {
        /// The state.
        status: Wanted,
        /// What the metadata of their nodes must have.
        meta: NodeMeta,
        /// Which are left out.
        filter: FilterText,
    },
    /// The instances of a service with the checks that count for them. Answered by [`Answer::Health`].
    Health(Box<HealthQuestion>),
    /// All that there is of a node, by its name. Answered by [`Answer::NodeEntries`].
    NodeEntries(Box<str>),
    /// One session; none if what the asker named can't be one. Answered by [`Answer::Sessions`].
    Session(Option<SessionId>),
    /// The sessions of a node, by its name or id. Answered by [`Answer::Sessions`].
    NodeSessions(Box<str>),
    /// All sessions. Answered by [`Answer::Sessions`].
    Sessions,
}

/// A question for the instances of a service with their checks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HealthQuestion {
    /// The service.
    pub service: Box<str>,
    /// The tags that they must have.
    pub tags: Tags,
    /// Whether only instances without a failing check are wanted.
    pub only_passing: bool,
    /// Whether those imported from a peered cluster are meant. There is no such cluster, so there are none.
    pub is_imported: bool,
    /// What the metadata of their nodes must have.
    pub meta: NodeMeta,
    /// Which are left out.
    pub filter: FilterText,
}

/// Which checks are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// All.
    Any,
    /// Those in a state.
    In(CheckStatus),
    /// Those in a state that does not exist: none.
    Unknown,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A key's entry, if there is one.
    Key(Option<Arc<KeyEntry>>),
    /// Keys with their entries, in order.
    Keys(Vec<(Key, Arc<KeyEntry>)>),
    /// Names of keys, in order, each once.
    Names(Vec<Key>),
    /// Nodes, by name.
    Nodes(Vec<Arc<Node>>),
    /// The tags of each service.
    Services(BTreeMap<Box<str>, BTreeSet<Box<str>>>),
    /// Instances, by node and id.
    Instances(Vec<(Arc<Node>, Arc<Service>)>),
    /// A node with those of its services that pass; `None` if there is no such node.
    NodeServices(Option<NodeServices>),
    /// Checks, by node and id.
    Checks(Vec<Arc<Check>>),
    /// Instances with the checks that count for them.
    Health(Vec<Instance>),
    /// All that there is of a node.
    NodeEntries(NodeEntries),
    /// Sessions, by id.
    Sessions(Vec<Arc<Session>>),
}

/// A node with services.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeServices {
    /// The node.
    pub node: Arc<Node>,
    /// Whether it has any service, also if none passes the filter.
    pub has_services: bool,
    /// Its services, by id.
    pub services: Vec<Arc<Service>>,
}

/// An instance of a service with the checks that count for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    /// Its node.
    pub node: Arc<Node>,
    /// The instance.
    pub service: Arc<Service>,
    /// The checks of its node, then its own.
    pub checks: Vec<Arc<Check>>,
}

/// All that there is of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct NodeEntries {
    /// The node, if there is one of that name.
    pub node: Option<Arc<Node>>,
    /// Its services, by id.
    pub services: Vec<Arc<Service>>,
    /// Its checks and those of its services, by id.
    pub checks: Vec<Arc<Check>>,
}

/// An answer with its index.
#[derive(Clone, Debug, PartialEq)]
pub struct Indexed {
    /// The index to wait beyond: the last change of anything that the question depends on; at least 1.
    pub index: Index,
    /// The answer.
    pub answer: Answer,
}

impl Question {
    /// What the answer depends on. Which topics these are may itself depend on the state.
    pub(crate) fn topics(&self, state: &State) -> Vec<Topic> {
        match self {
            Self::Key(key) => vec![Topic::Key(key.clone())],
            Self::Keys(prefix) | Self::KeyNames { prefix, .. } => vec![Topic::KeysUnder(prefix.clone())],
            Self::Nodes { .. } => vec![Topic::Nodes],
            Self::Services { meta, filter } if meta.is_empty() && filter.is_empty() => vec![Topic::Services],
            Self::Services { .. } => vec![Topic::Instances, Topic::Nodes],
            Self::Instances { service, .. } => vec![Topic::service(service)],
            Self::NodeServices { node, .. } => match state.node_by_name_or_id_prefix(node) {
                Some(found) if state.node(node).is_some() => vec![Topic::node(&found.name)],
                // Found by its id: a different node may come that fits as well.
                Some(found) => vec![Topic::node(&found.name), Topic::node(node), Topic::Nodes],
                None => vec![Topic::node(node), Topic::Nodes],
            },
            Self::NodeChecks { node, .. } => topics_of_node(state, node, Topic::node_checks),
            Self::NodeSessions(node) => topics_of_node(state, node, Topic::node_sessions),
            Self::NodeEntries(node) => vec![Topic::node(node), Topic::node_checks(node)],
            Self::ServiceChecks { service, .. } => vec![Topic::health(service)],
            Self::Health(question) => vec![Topic::health(&question.service)],
            Self::ChecksIn { status, meta, .. } => {
                let checks = match status {
                    Wanted::Any | Wanted::Unknown => Topic::Checks,
                    Wanted::In(status) => Topic::ChecksIn(*status),
                };
                if meta.is_empty() { vec![checks] } else { vec![checks, Topic::Nodes] }
            }
            Self::Session(Some(id)) => vec![Topic::Session(*id)],
            Self::Session(None) => Vec::new(),
            Self::Sessions => vec![Topic::Sessions],
        }
    }

    /// The index of the answer on a state.
    pub(crate) fn index(&self, state: &State) -> Index {
        self.topics(state).iter().map(|topic| state.last_change(topic)).max().unwrap_or(1)
    }

    /// Whether answers are kept for the next asker. Those of one key are found faster than a kept one would be, and those
    /// of a node or a session are asked for by one client each.
    pub(crate) fn is_kept(&self) -> bool {
        match self {
            Self::Keys(_)
            | Self::KeyNames { .. }
            | Self::Nodes { .. }
            | Self::Services { .. }
            | Self::Instances { .. }
            | Self::ServiceChecks { .. }
            | Self::ChecksIn { .. }
            | Self::Health(_) => true,
            Self::Key(_)
            | Self::NodeServices { .. }
            | Self::NodeChecks { .. }
            | Self::NodeEntries(_)
            | Self::Session(_)
            | Self::NodeSessions(_)
            | Self::Sessions => false,
        }
    }
}

/// The topics of a list of one node. If there is none of this name, one may come, or one of this id.
fn topics_of_node(state: &State, node: &str, topic: fn(&str) -> Topic) -> Vec<Topic> {
    match state.node(node) {
        Some(_) => vec![topic(node)],
        None => vec![topic(node_named(state, node)), topic(node), Topic::Nodes],
    }
}

/// The name of the node that an asker means, who may have given its id.
fn node_named<'a>(state: &'a State, text: &'a str) -> &'a str {
    match state.node(text) {
        Some(_) => text,
        None => state.node_by_id(text).map_or(text, |node| &node.name),
    }
}

impl Answer {
    /// How many entries it has, as a measure of what it takes to send.
    pub fn entries(&self) -> usize {
        match self {
            Self::Key(entry) => usize::from(entry.is_some()),
            Self::Keys(keys) => keys.len(),
            Self::Names(names) => names.len(),
            Self::Nodes(nodes) => nodes.len(),
            Self::Services(services) => services.values().map(|tags| 1 + tags.len()).sum(),
            Self::Instances(instances) => instances.len(),
            Self::NodeServices(node) => node.as_ref().map_or(0, |node| 1 + node.services.len()),
            Self::Checks(checks) => checks.len(),
            Self::Health(instances) => instances.iter().map(|instance| 2 + instance.checks.len()).sum(),
            Self::NodeEntries(entries) => entries.services.len() + entries.checks.len(),
            Self::Sessions(sessions) => sessions.len(),
        }
    }
}
