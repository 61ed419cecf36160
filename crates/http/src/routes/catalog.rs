//! Nodes and services: `/v1/catalog/`.

use std::collections::{BTreeMap, BTreeSet};

use hyper::header::{AGE, HeaderValue};
use quorate_api as api;
use quorate_filter as filter;
use quorate_node::selection::Selected;
use quorate_state::{Operation, State, Topic};

use super::filtering::{Filtering, NodeMeta, Sieve, Tags};
use super::{Action, Doing, Outcome, registration, views};
use crate::answers::Encoded;
use crate::encode;
use crate::measure::{Timer, Timers};
use crate::questions::{Ask, LARGE_ENTRIES, Manner, Question};
use crate::reply::{self, Refused};
use crate::request::{Call, Options};
use crate::settings::Settings;

pub(super) const REGISTER: Action = Action::Do(|call| Box::pin(register(call)) as Doing);
pub(super) const DEREGISTER: Action = Action::Do(|call| Box::pin(deregister(call)) as Doing);
pub(super) const DATACENTERS: Action = Action::Do(|call| Box::pin(datacenters(call)) as Doing);
pub(super) const NODES: Action = Action::Ask(ask_nodes);
pub(super) const SERVICES: Action = Action::Ask(ask_services);
pub(super) const SERVICE: Action = Action::Ask(ask_service);
pub(super) const NODE: Action = Action::Ask(ask_node);
pub(super) const NODE_SERVICES: Action = Action::Ask(ask_node_services);

/// A question about the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CatalogQuestion {
    /// All nodes.
    Nodes { meta: NodeMeta, filter: Filtering },
    /// The names of all services with their tags.
    Services { meta: NodeMeta, filter: Filtering },
    /// The instances of a service.
    Instances { name: Box<str>, tags: Tags, meta: NodeMeta, filter: Filtering },
    /// The services of a node, by id.
    NodeServices { node: Box<str>, filter: Filtering },
    /// The services of a node, as a list.
    NodeServiceList { node: Box<str>, filter: Filtering },
}

impl CatalogQuestion {
    pub(crate) fn manner(&self) -> Manner {
        let (tells_cache, is_kept) = match self {
            Self::Services { .. } | Self::Instances { .. } => (true, true),
            Self::Nodes { .. } => (false, true),
            Self::NodeServices { .. } | Self::NodeServiceList { .. } => (false, false),
        };
        Manner { tells_consistency: true, tells_on_error: true, tells_cache, is_kept }
    }

    pub(crate) fn topics(&self, state: &State) -> Vec<Topic> {
        match self {
            Self::Nodes { .. } => vec![Topic::Nodes],
            Self::Services { meta, filter } if meta.is_empty() && filter.is_empty() => vec![Topic::Services],
            Self::Services { .. } => vec![Topic::Instances, Topic::Nodes],
            Self::Instances { name, .. } => vec![Topic::service(name)],
            Self::NodeServices { node, .. } | Self::NodeServiceList { node, .. } => {
                match state.node_by_name_or_id_prefix(node) {
                    Some(found) if state.node(node).is_some() => vec![Topic::node(&found.name)],
                    // Found by its id: another node may come that fits as well.
                    Some(found) => vec![Topic::node(&found.name), Topic::node(node), Topic::Nodes],
                    None => vec![Topic::node(node), Topic::Nodes],
                }
            }
        }
    }

    pub(crate) fn is_large(&self, state: &State) -> bool {
        if self.filter().is_long() {
            return true;
        }
        match self {
            Self::Nodes { .. } => state.nodes().nth(LARGE_ENTRIES).is_some(),
            Self::Services { meta, filter } if meta.is_empty() && filter.is_empty() => {
                // Names and tags alone are short.
                state.service_tags().nth(LARGE_ENTRIES * 4).is_some()
            }
            Self::Services { .. } => state.services().nth(LARGE_ENTRIES).is_some(),
            Self::Instances { name, .. } => state.instances(name).nth(LARGE_ENTRIES).is_some(),
            Self::NodeServices { node, .. } | Self::NodeServiceList { node, .. } => {
                state.services_on(node).nth(LARGE_ENTRIES).is_some()
            }
        }
    }

    pub(crate) fn evaluate(&self, state: &State, settings: &Settings, pretty: bool) -> Encoded {
        let datacenter = &*settings.datacenter;
        let mut sieve = self.filter().sieve();
        let json = match self {
            Self::Nodes { meta, .. } => {
                let nodes = state
                    .nodes()
                    .filter(|node| meta.matches(&node.meta) && sieve.passes(Selected::Node { node, datacenter }));
                encode::list(nodes.map(|node| views::node(node, datacenter)), pretty)
            }
            Self::Services { meta, filter } if meta.is_empty() && filter.is_empty() => {
                encode::json(&all_service_tags(state), pretty)
            }
            Self::Services { meta, .. } => encode::json(&service_tags(state, meta, &mut sieve, datacenter), pretty),
            Self::Instances { name, tags, meta, .. } => {
                let instances = state.instances(name).filter(|(node, service)| {
                    tags.matches(&service.tags)
                        && meta.matches(&node.meta)
                        && sieve.passes(Selected::CatalogService { node, service, datacenter })
                });
                let views = instances.map(|(node, service)| views::catalog_service(node, service, datacenter));
                encode::list(views, pretty)
            }
            Self::NodeServices { node, .. } => encode::json(&services_of(state, node, &mut sieve, datacenter), pretty),
            Self::NodeServiceList { node, .. } => {
                encode::json(&service_list_of(state, node, &mut sieve, datacenter), pretty)
            }
        };
        sieve.encoded(json)
    }

    fn filter(&self) -> &Filtering {
        let (Self::Nodes { filter, .. }
        | Self::Services { filter, .. }
        | Self::Instances { filter, .. }
        | Self::NodeServices { filter, .. }
        | Self::NodeServiceList { filter, .. }) = self;
        filter
    }
}

/// The tags of each service.
fn all_service_tags(state: &State) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, tag) in state.service_tags() {
        services.entry(name).or_default().extend(tag);
    }
    services
}

/// The tags of each service, over those instances that pass.
fn service_tags<'a>(
    state: &'a State,
    meta: &NodeMeta,
    sieve: &mut Sieve,
    datacenter: &str,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for service in state.services() {
        let passes = state.node(&service.node).is_some_and(|node| {
            meta.matches(&node.meta) && sieve.passes(Selected::CatalogService { node, service, datacenter })
        });
        if passes {
            services.entry(&service.name).or_default().extend(service.tags.iter().map(String::as_str));
        }
    }
    services
}

fn services_of<'a>(
    state: &'a State,
    node: &str,
    sieve: &mut Sieve,
    datacenter: &'a str,
) -> Option<api::NodeServices<'a>> {
    let node = state.node_by_name_or_id_prefix(node)?;
    let passing = state.services_on(&node.name).filter(|service| sieve.passes(Selected::Service(service)));
    let services = passing.map(|service| ((&*service.id).into(), views::service(service)));
    Some(api::NodeServices { node: views::node(node, datacenter), services: services.collect() })
}

/// As [`services_of`], but a list in the state's order. A node without services has `null`, one with services that do not
/// pass has `[]`.
fn service_list_of<'a>(
    state: &'a State,
    node: &str,
    sieve: &mut Sieve,
    datacenter: &'a str,
) -> api::NodeServiceList<'a> {
    let Some(node) = state.node_by_name_or_id_prefix(node) else {
        return api::NodeServiceList::default();
    };
    let mut services = state.services_on(&node.name).peekable();
    let has_services = services.peek().is_some();
    let passing = services.filter(|service| sieve.passes(Selected::Service(service)));
    let services = passing.map(|service| views::service(service)).collect();
    api::NodeServiceList { node: Some(views::node(node, datacenter)), services: has_services.then_some(services) }
}

fn ask(question: CatalogQuestion, options: Options, refused: Option<Refused>) -> Ask {
    Ask { question: Question::Catalog(question), options, refused }
}

fn ask_nodes(call: &Call) -> Result<Ask, Refused> {
    call.refuse_partition()?;
    let options = call.options()?;
    let (filter, refused) = Filtering::of(call, &filter::CATALOG_NODES);
    Ok(ask(CatalogQuestion::Nodes { meta: NodeMeta::of(call)?, filter }, options, refused))
}

fn ask_services(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let (filter, refused) = Filtering::of(call, &filter::CATALOG_SERVICE);
    Ok(ask(CatalogQuestion::Services { meta: NodeMeta::of(call)?, filter }, options, refused))
}

fn ask_service(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let name = call.named("Missing service name")?.into();
    let (filter, refused) = Filtering::of(call, &filter::CATALOG_SERVICE);
    let (tags, meta) = (Tags::of(call)?, NodeMeta::of(call)?);
    Ok(ask(CatalogQuestion::Instances { name, tags, meta, filter }, options, refused))
}

fn ask_node(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let node = call.named("Missing node name")?.into();
    let (filter, refused) = Filtering::of(call, &filter::CATALOG_NODE);
    Ok(ask(CatalogQuestion::NodeServices { node, filter }, options, refused))
}

fn ask_node_services(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let node = call.named("Missing node name")?.into();
    let (filter, refused) = Filtering::of(call, &filter::CATALOG_NODE);
    Ok(ask(CatalogQuestion::NodeServiceList { node, filter }, options, refused))
}

async fn register(mut call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let body: api::Registration = registration::decode(&mut call).await?;
    if !body.peer_name.is_empty() {
        return Err(Refused::internal("cannot register requests with PeerName in them"));
    }
    registration::refuse_other_datacenter(&call, &body.datacenter)?;
    let operation = Operation::Register(Box::new(registration::registration(body)?));
    propose(&call, operation, |timers| &timers.catalog_register).await
}

async fn deregister(mut call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let body: api::Deregistration = registration::decode(&mut call).await?;
    registration::refuse_other_datacenter(&call, &body.datacenter)?;
    let api::Deregistration { node, service_id, check_id, .. } = body;
    let what = quorate_state::Deregistration { node, service_id, check_id };
    propose(&call, Operation::Deregister(what), |timers| &timers.catalog_deregister).await
}

async fn propose(call: &Call, operation: Operation, timer: fn(&Timers) -> &Timer) -> Result<Outcome, Refused> {
    let _timer = timer(&call.server.timers).start();
    super::done(call.server.node.propose(operation).await?)?;
    Ok(Outcome::Ready(call.json(&true)))
}

async fn datacenters(call: Call) -> Result<Outcome, Refused> {
    // The options are only checked: there is one datacenter, and this server knows it.
    let options = call.options_of_freshness()?;
    let mut reply = call.json(&[&*call.server.settings.datacenter]);
    if options.cached {
        reply.headers_mut().insert(reply::X_CACHE, HeaderValue::from_static("HIT"));
        reply.headers_mut().insert(AGE, HeaderValue::from_static("0"));
    }
    Ok(Outcome::Ready(reply))
}
