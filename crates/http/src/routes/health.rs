//! Checks and healthy instances: `/v1/health/`.

use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use quorate_api as api;
use quorate_filter as filter;
use quorate_node::selection::{Selected, checks_of};
use quorate_state::{Check, CheckStatus, Node, Service, State, Topic};

use super::filtering::{Filtering, NodeMeta, Tags};
use super::{Action, views};
use crate::answers::{Content, Encoded};
use crate::encode;
use crate::questions::{Ask, LARGE_ENTRIES, Manner, Question};
use crate::reply::Refused;
use crate::request::{self, Call};
use crate::settings::Settings;

pub(super) const NODE: Action = Action::Ask(ask_node);
pub(super) const CHECKS: Action = Action::Ask(ask_checks);
pub(super) const STATE: Action = Action::Ask(ask_state);
pub(super) const SERVICE: Action = Action::Ask(ask_service);

/// A question about health.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HealthQuestion {
    /// The checks of a node and of the services on it.
    Node { node: Box<str>, filter: Filtering },
    /// The checks of a service's instances.
    Checks { service: Box<str>, meta: NodeMeta, filter: Filtering },
    /// The checks in a state.
    State { state: Wanted, meta: NodeMeta, filter: Filtering },
    /// The instances of a service with the checks that count for them.
    Service(Box<Instances>),
}

/// Which instances of a service are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Instances {
    service: Box<str>,
    tags: Tags,
    passing: Passing,
    /// Whether those that were imported from a peered cluster are meant. There is no such cluster.
    imported: bool,
    meta: NodeMeta,
    filter: Filtering,
}

/// Which checks are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    /// All.
    Any,
    /// Those in a state.
    In(CheckStatus),
    /// Those in a state that there is not: none.
    Unknown,
}

/// Whether only instances without a failing check are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Passing {
    /// All are.
    All,
    /// Only those that pass.
    Only,
    /// What was asked for is no truth value. Consul finds out behind the query, so it tells what it found beside it.
    Unclear,
}

impl HealthQuestion {
    pub(crate) fn manner(&self) -> Manner {
        let is_service = matches!(self, Self::Service(_));
        Manner {
            tells_consistency: true,
            tells_on_error: !is_service,
            tells_cache: is_service,
            is_kept: is_service || matches!(self, Self::Checks { .. }),
        }
    }

    pub(crate) fn topics(&self, state: &State) -> Vec<Topic> {
        match self {
            Self::Node { node, .. } if state.node(node).is_some() => vec![Topic::node_checks(node)],
            // A node of this name may come, or one of this id.
            Self::Node { node, .. } => {
                vec![Topic::node_checks(views::node_named(state, node)), Topic::node_checks(node), Topic::Nodes]
            }
            Self::Checks { service, .. } => vec![Topic::health(service)],
            Self::Service(instances) => vec![Topic::health(&instances.service)],
            Self::State { state, meta, .. } => {
                let checks = match state {
                    Wanted::Any | Wanted::Unknown => Topic::Checks,
                    Wanted::In(status) => Topic::ChecksIn(*status),
                };
                if meta.is_empty() { vec![checks] } else { vec![checks, Topic::Nodes] }
            }
        }
    }

    pub(crate) fn is_large(&self, state: &State) -> bool {
        if self.filter().is_long() {
            return true;
        }
        match self {
            Self::Node { node, .. } => state.checks_on(views::node_named(state, node)).nth(LARGE_ENTRIES).is_some(),
            Self::Checks { service, .. } => state.checks_of_service(service).nth(LARGE_ENTRIES).is_some(),
            Self::State { state: Wanted::Any, .. } => state.checks().nth(LARGE_ENTRIES).is_some(),
            Self::State { state: Wanted::In(status), .. } => state.checks_in(*status).nth(LARGE_ENTRIES).is_some(),
            Self::State { .. } => false,
            // An entry is an instance, its node and some checks.
            Self::Service(instances) => state.instances(&instances.service).nth(LARGE_ENTRIES / 4).is_some(),
        }
    }

    pub(crate) fn evaluate(&self, state: &State, settings: &Settings, pretty: bool) -> Encoded {
        let on_matching_node = |check: &Check, meta: &NodeMeta| {
            meta.is_empty() || state.node(&check.node).is_some_and(|node| meta.matches(&node.meta))
        };
        let mut sieve = self.filter().sieve();
        let json = match self {
            Self::Node { node, .. } => {
                let checks = state.checks_on(views::node_named(state, node));
                let passing = checks.filter(|check| sieve.passes(Selected::Check(check)));
                encode::list(passing.map(|check| views::check(check)), pretty)
            }
            Self::Checks { service, meta, .. } => {
                let checks = state.checks_of_service(service);
                let passing =
                    checks.filter(|check| on_matching_node(check, meta) && sieve.passes(Selected::Check(check)));
                encode::list(passing.map(|check| views::check(check)), pretty)
            }
            Self::State { state: wanted, meta, .. } => {
                let checks: Box<dyn Iterator<Item = &Arc<Check>>> = match wanted {
                    Wanted::Any => Box::new(state.checks()),
                    Wanted::In(status) => Box::new(state.checks_in(*status)),
                    Wanted::Unknown => Box::new(std::iter::empty()),
                };
                let passing =
                    checks.filter(|check| on_matching_node(check, meta) && sieve.passes(Selected::Check(check)));
                encode::list(passing.map(|check| views::check(check)), pretty)
            }
            Self::Service(instances) => return instances.evaluate(state, settings, pretty),
        };
        sieve.encoded(json)
    }

    fn filter(&self) -> &Filtering {
        match self {
            Self::Node { filter, .. } | Self::Checks { filter, .. } | Self::State { filter, .. } => filter,
            Self::Service(instances) => &instances.filter,
        }
    }
}

impl Instances {
    fn evaluate(&self, state: &State, settings: &Settings, pretty: bool) -> Encoded {
        if self.passing == Passing::Unclear {
            let body = Bytes::from_static(b"Invalid value for ?passing");
            return Encoded { status: StatusCode::BAD_REQUEST, content: Content::Text, body };
        }
        let datacenter = &*settings.datacenter;
        let mut sieve = self.filter.sieve();
        let instances = state.instances(&self.service).filter(|(node, service)| {
            !self.imported
                && self.tags.matches(&service.tags)
                && self.meta.matches(&node.meta)
                && (self.passing == Passing::All || passes(state, node, service))
                && sieve.passes(Selected::Instance { state, node, service, datacenter })
        });
        let entries = instances.map(|(node, service)| api::HealthEntry {
            node: views::node(node, datacenter),
            service: views::service(service),
            checks: checks_of(state, node, service).map(|check| views::check(check)).collect(),
        });
        let json = encode::list(entries, pretty);
        sieve.encoded(json)
    }
}

fn passes(state: &State, node: &Node, service: &Service) -> bool {
    checks_of(state, node, service).all(|check| check.status == CheckStatus::Passing)
}

fn ask_node(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let node = call.named("Missing node name")?.into();
    let (filter, refused) = Filtering::of(call, &filter::HEALTH_CHECKS);
    Ok(Ask { question: Question::Health(HealthQuestion::Node { node, filter }), options, refused })
}

fn ask_checks(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let service = call.named("Missing service name")?.into();
    let (filter, refused) = Filtering::of(call, &filter::HEALTH_CHECKS);
    let question = HealthQuestion::Checks { service, meta: NodeMeta::of(call)?, filter };
    Ok(Ask { question: Question::Health(question), options, refused })
}

fn ask_state(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    // The states are case-blind, the word for all of them is not.
    let state = match &*call.named("Missing check state")? {
        "any" => Wanted::Any,
        word => CheckStatus::from_word(&word.to_lowercase()).map_or(Wanted::Unknown, Wanted::In),
    };
    let (filter, refused) = Filtering::of(call, &filter::HEALTH_CHECKS);
    let question = HealthQuestion::State { state, meta: NodeMeta::of(call)?, filter };
    Ok(Ask { question: Question::Health(question), options, refused })
}

fn ask_service(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let parameters = call.parameters();
    let service = call.named("Missing service name")?.into();
    let passing = match (parameters.has("passing"), &*parameters.first("passing")) {
        (false, _) => Passing::All,
        (true, "") => Passing::Only,
        (true, word) => match request::parse_bool(word) {
            Some(true) => Passing::Only,
            Some(false) => Passing::All,
            None => Passing::Unclear,
        },
    };
    let imported = !parameters.first("peer").is_empty();
    let (filter, refused) = Filtering::of(call, &filter::HEALTH_SERVICE);
    let (tags, meta) = (Tags::of(call)?, NodeMeta::of(call)?);
    let instances = Instances { service, tags, passing, imported, meta, filter };
    Ok(Ask { question: Question::Health(HealthQuestion::Service(Box::new(instances))), options, refused })
}
