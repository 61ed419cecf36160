//! Answering a question on a state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memchr::memmem;
use quorate_filter::{self as schema, FilterError, OverBudget, Schema};
use quorate_state::{Check, CheckStatus, Key, Node, Service, State};

use super::select::{Compiled, NodeMeta, Run, Tags};
use super::{Answer, HealthQuestion, Indexed, Instance, NodeEntries, NodeServices, Question, Wanted, node_named};
use crate::selection;

/// An answer made of more entries than this is made away from the thread that everything else needs: it takes about a
/// millisecond.
const LONG_ENTRIES: usize = 4_096;
/// So is one whose filter runs over more entries than this.
const LONG_FILTERED_ENTRIES: usize = 256;

/// A question ready to be answered, again and again: its filter is compiled.
#[derive(Debug)]
pub(crate) struct Evaluator {
    pub(crate) question: Question,
    filter: Compiled,
}

impl Question {
    /// What a filter of this question runs over, if it can have one.
    fn filter(&self) -> Option<(&super::FilterText, &'static Schema)> {
        match self {
            Self::Nodes { filter, .. } => Some((filter, &schema::CATALOG_NODES)),
            Self::Services { filter, .. } | Self::Instances { filter, .. } => Some((filter, &schema::CATALOG_SERVICE)),
            Self::NodeServices { filter, .. } => Some((filter, &schema::CATALOG_NODE)),
            Self::NodeChecks { filter, .. } | Self::ServiceChecks { filter, .. } | Self::ChecksIn { filter, .. } => {
                Some((filter, &schema::HEALTH_CHECKS))
            }
            Self::Health(question) => Some((&question.filter, &schema::HEALTH_SERVICE)),
            Self::Key(_)
            | Self::Keys(_)
            | Self::KeyNames { .. }
            | Self::NodeEntries(_)
            | Self::Session(_)
            | Self::NodeSessions(_)
            | Self::Sessions => None,
        }
    }

    /// Whether its filter may have patterns, which take long to compile.
    pub(crate) fn has_patterns(&self) -> bool {
        self.filter().is_some_and(|(text, _)| text.may_have_patterns())
    }

    /// Whether the state has more than `limit` entries for the answer to be made of; looks at no more than that.
    pub(crate) fn has_more_than(&self, limit: usize, state: &State) -> bool {
        match self {
            Self::Key(_) | Self::Session(_) => false,
            Self::Keys(prefix) | Self::KeyNames { prefix, .. } => {
                state.keys_under(prefix.as_bytes()).nth(limit).is_some()
                    || state.deletions_under(prefix.as_bytes()).nth(limit).is_some()
            }
            Self::Nodes { .. } => state.nodes().nth(limit).is_some(),
            Self::Services { meta, filter } if meta.is_empty() && filter.is_empty() => {
                state.service_tags().nth(limit).is_some()
            }
            Self::Services { .. } => state.services().nth(limit).is_some(),
            Self::Instances { service, .. } => state.instances(service).nth(limit).is_some(),
            // An entry is an instance, its node and some checks.
            Self::Health(question) => state.instances(&question.service).nth(limit / 4).is_some(),
            Self::NodeServices { node, .. } => state
                .node_by_name_or_id_prefix(node)
                .is_some_and(|node| state.services_on(&node.name).nth(limit).is_some()),
            Self::NodeChecks { node, .. } => state.checks_on(node_named(state, node)).nth(limit).is_some(),
            Self::NodeEntries(node) => {
                state.services_on(node).nth(limit).is_some() || state.checks_on(node).nth(limit).is_some()
            }
            Self::ServiceChecks { service, .. } => state.checks_of_service(service).nth(limit).is_some(),
            Self::ChecksIn { status: Wanted::Any, .. } => state.checks().nth(limit).is_some(),
            Self::ChecksIn { status: Wanted::In(status), .. } => state.checks_in(*status).nth(limit).is_some(),
            Self::ChecksIn { status: Wanted::Unknown, .. } => false,
            Self::NodeSessions(node) => state.sessions_on(node_named(state, node)).nth(limit).is_some(),
            Self::Sessions => state.sessions().nth(limit).is_some(),
        }
    }
}

impl Evaluator {
    /// Compiles a question's filter.
    pub(crate) fn new(question: Question) -> Result<Self, FilterError> {
        let filter = match question.filter() {
            Some((filter, fields)) => filter.compile(fields)?,
            None => Compiled::default(),
        };
        Ok(Self { question, filter })
    }

    /// How many bytes the compiled filter holds.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.filter.weight_bytes()
    }

    /// Whether making the answer takes long; found out without making it.
    pub(crate) fn is_long(&self, state: &State) -> bool {
        let limit = if self.weight_bytes() > 0 { LONG_FILTERED_ENTRIES } else { LONG_ENTRIES };
        self.question.has_more_than(limit, state)
    }

    /// The answer on a state.
    pub(crate) fn evaluate(&self, state: &State, datacenter: &str) -> Result<Indexed, OverBudget> {
        // The index of keys under a prefix takes a look at all of them, so it is found on the way.
        Ok(match &self.question {
            Question::Keys(prefix) => keys(state, prefix),
            Question::KeyNames { prefix, separator } => names(state, prefix, separator),
            other => Indexed { index: other.index(state), answer: self.answer(state, datacenter)? },
        })
    }

    fn answer(&self, state: &State, datacenter: &str) -> Result<Answer, OverBudget> {
        let mut look = Look { state, datacenter, filter: self.filter.run() };
        Ok(match &self.question {
            Question::Key(key) => Answer::Key(state.key(key.as_bytes()).cloned()),
            Question::Keys(prefix) => keys(state, prefix).answer,
            Question::KeyNames { prefix, separator } => names(state, prefix, separator).answer,
            Question::Nodes { meta, .. } => look.nodes(meta)?,
            Question::Services { meta, filter } if meta.is_empty() && filter.is_empty() => {
                Answer::Services(all_service_tags(state))
            }
            Question::Services { meta, .. } => look.services(meta)?,
            Question::Instances { service, tags, meta, .. } => look.instances(service, tags, meta)?,
            Question::NodeServices { node, .. } => look.node_services(node)?,
            Question::NodeChecks { node, .. } => look.checks(state.checks_on(node_named(state, node)))?,
            Question::ServiceChecks { service, meta, .. } => {
                look.checks(state.checks_of_service(service).filter(|check| is_on_matching_node(state, check, meta)))?
            }
            Question::ChecksIn { status, meta, .. } => {
                look.checks(checks_in(state, *status).filter(|check| is_on_matching_node(state, check, meta)))?
            }
            Question::Health(question) => look.health(question)?,
            Question::NodeEntries(node) => Answer::NodeEntries(NodeEntries {
                node: state.node(node).cloned(),
                services: state.services_on(node).cloned().collect(),
                checks: state.checks_on(node).cloned().collect(),
            }),
            Question::Session(id) => {
                Answer::Sessions(id.and_then(|id| state.session(id)).into_iter().cloned().collect())
            }
            Question::NodeSessions(node) => {
                Answer::Sessions(state.sessions_on(node_named(state, node)).cloned().collect())
            }
            Question::Sessions => Answer::Sessions(state.sessions().cloned().collect()),
        })
    }
}

/// One look at a state, with a filter that may leave things out.
struct Look<'a> {
    state: &'a State,
    datacenter: &'a str,
    filter: Run<'a>,
}

impl<'a> Look<'a> {
    fn nodes(&mut self, meta: &NodeMeta) -> Result<Answer, OverBudget> {
        let nodes = self.state.nodes().filter(|node| meta.matches(&node.meta));
        Ok(Answer::Nodes(passing(nodes, |node| self.filter.passes(&selection::node(node, self.datacenter)))?))
    }

    /// The tags of each service, of those instances that pass.
    fn services(&mut self, meta: &NodeMeta) -> Result<Answer, OverBudget> {
        let mut services: BTreeMap<Box<str>, BTreeSet<Box<str>>> = BTreeMap::new();
        for service in self.state.services() {
            let Some(node) = self.state.node(&service.node).filter(|node| meta.matches(&node.meta)) else { continue };
            if self.filter.passes(&selection::instance(node, service, self.datacenter))? {
                let tags = services.entry((*service.name).into()).or_default();
                tags.extend(service.tags.iter().map(|tag| (**tag).into()));
            }
        }
        Ok(Answer::Services(services))
    }

    fn instances(&mut self, service: &str, tags: &Tags, meta: &NodeMeta) -> Result<Answer, OverBudget> {
        let mut instances = Vec::new();
        for (node, service) in self.state.instances(service) {
            if tags.matches(&service.tags)
                && meta.matches(&node.meta)
                && self.filter.passes(&selection::instance(node, service, self.datacenter))?
            {
                instances.push((node.clone(), service.clone()));
            }
        }
        Ok(Answer::Instances(instances))
    }

    fn node_services(&mut self, node: &str) -> Result<Answer, OverBudget> {
        let Some(node) = self.state.node_by_name_or_id_prefix(node) else { return Ok(Answer::NodeServices(None)) };
        let all = || self.state.services_on(&node.name);
        let services = passing(all(), |service| self.filter.passes(&selection::service(service)))?;
        let has_services = all().next().is_some();
        Ok(Answer::NodeServices(Some(NodeServices { node: node.clone(), has_services, services })))
    }

    fn checks(&mut self, checks: impl Iterator<Item = &'a Arc<Check>>) -> Result<Answer, OverBudget> {
        Ok(Answer::Checks(passing(checks, |check| self.filter.passes(&selection::check(check)))?))
    }

    fn health(&mut self, question: &HealthQuestion) -> Result<Answer, OverBudget> {
        let mut instances = Vec::new();
        for (node, service) in self.state.instances(&question.service).filter(|_| !question.is_imported) {
            let Some(checks) = wanted_checks(question, self.state, node, service) else { continue };
            if self.filter.passes(&selection::health(node, service, &checks, self.datacenter))? {
                instances.push(Instance { node: node.clone(), service: service.clone(), checks });
            }
        }
        Ok(Answer::Health(instances))
    }
}

/// The checks in a state.
fn checks_in(state: &State, wanted: Wanted) -> Box<dyn Iterator<Item = &Arc<Check>> + '_> {
    match wanted {
        Wanted::Any => Box::new(state.checks()),
        Wanted::In(status) => Box::new(state.checks_in(status)),
        Wanted::Unknown => Box::new(std::iter::empty()),
    }
}

/// Those of a list that pass.
fn passing<'a, T: 'a>(
    list: impl Iterator<Item = &'a Arc<T>>,
    mut passes: impl FnMut(&T) -> Result<bool, OverBudget>,
) -> Result<Vec<Arc<T>>, OverBudget> {
    let mut passing = Vec::new();
    for item in list {
        if passes(item)? {
            passing.push(item.clone());
        }
    }
    Ok(passing)
}

fn all_service_tags(state: &State) -> BTreeMap<Box<str>, BTreeSet<Box<str>>> {
    let mut services: BTreeMap<Box<str>, BTreeSet<Box<str>>> = BTreeMap::new();
    // Names come in order, each first without a tag and then with each of its tags.
    let mut current: Option<(&str, BTreeSet<Box<str>>)> = None;
    for (name, tag) in state.service_tags() {
        match &mut current {
            Some((same, tags)) if *same == name => tags.extend(tag.map(Box::from)),
            _ => {
                let next = (name, tag.map(Box::from).into_iter().collect());
                services.extend(current.replace(next).map(|(name, tags)| (name.into(), tags)));
            }
        }
    }
    services.extend(current.map(|(name, tags)| (name.into(), tags)));
    services
}

fn is_on_matching_node(state: &State, check: &Check, meta: &NodeMeta) -> bool {
    meta.is_empty() || state.node(&check.node).is_some_and(|node| meta.matches(&node.meta))
}

/// The checks that count for an instance, if the question wants it: its node's, then its own.
fn wanted_checks(question: &HealthQuestion, state: &State, node: &Node, service: &Service) -> Option<Vec<Arc<Check>>> {
    if !question.tags.matches(&service.tags) || !question.meta.matches(&node.meta) {
        return None;
    }
    let checks = state.checks_of_node(&node.name).chain(state.checks_of_instance(&node.name, &service.id));
    let checks: Vec<Arc<Check>> = checks.cloned().collect();
    let is_wanted = !question.only_passing || checks.iter().all(|check| check.status == CheckStatus::Passing);
    is_wanted.then_some(checks)
}

/// The keys under a prefix with the index of their last change.
fn keys(state: &State, prefix: &Key) -> Indexed {
    let mut index = state.last_deletion_under(prefix.as_bytes());
    let keys: Vec<_> = state
        .keys_under(prefix.as_bytes())
        .map(|(key, entry)| {
            index = index.max(entry.stamp.modified);
            (key.clone(), entry.clone())
        })
        .collect();
    Indexed { index, answer: Answer::Keys(keys) }
}

/// The names of the keys under a prefix, up to the first separator after it, each once; with the index of the keys' last
/// change.
fn names(state: &State, prefix: &Key, separator: &[u8]) -> Indexed {
    let mut index = state.last_deletion_under(prefix.as_bytes());
    let length = prefix.as_bytes().len();
    // In time linear in the name, however long the separator is.
    let finder = memmem::Finder::new(separator);
    let mut names: Vec<Key> = Vec::new();
    for (key, entry) in state.keys_under(prefix.as_bytes()) {
        index = index.max(entry.stamp.modified);
        let name = key.as_bytes();
        let place = match separator {
            [] => None,
            _ => finder.find(&name[length..]),
        };
        match place {
            None => names.push(key.clone()),
            Some(place) => {
                let cut = &name[..length + place + separator.len()];
                if names.last().is_none_or(|last| last.as_bytes() != cut) {
                    names.push(Key::from(cut));
                }
            }
        }
    }
    Indexed { index, answer: Answer::Names(names) }
}
