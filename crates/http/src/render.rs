//! From a node's answer to what a route shows of it.

use bytes::Bytes;
use hyper::StatusCode;
use quorate_api as api;
use quorate_node::{Answer, NodeServices};
use quorate_state::ValueShown;

use crate::encode;
use crate::views;

/// What the body of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    /// JSON.
    Json,
    /// The bytes of a value, which no browser may take for a page.
    Raw,
    /// A sentence.
    Text,
    /// There is no body.
    None,
}

/// An encoded answer without its index.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) status: StatusCode,
    pub(crate) content: Content,
    pub(crate) body: Bytes,
}

impl Encoded {
    /// An answer of JSON.
    pub(crate) fn json(body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, content: Content::Json, body: body.into() }
    }

    /// There is no such thing.
    pub(crate) fn not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, content: Content::None, body: Bytes::new() }
    }
}

/// How a route shows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// A key, as a list of one.
    Key,
    /// The value of a key alone.
    RawKey,
    /// Keys.
    Keys,
    /// Names of keys.
    Names,
    /// The same of all keys: the root is there even if nothing is under it.
    RootNames,
    /// Nodes.
    Nodes,
    /// The names of services with their tags.
    Services,
    /// Instances, each with its node in one record.
    Instances,
    /// The services of a node by their ids.
    NodeServices,
    /// The services of a node as a list.
    NodeServiceList,
    /// Checks.
    Checks,
    /// Instances with their checks.
    Health,
    /// The same for a client whose `?passing` is no truth value. Consul finds that out after the query, so the answer has
    /// the headers of one.
    HealthUnclear,
    /// Sessions.
    Sessions,
}

/// What goes with the answers of a form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// Whether the effective consistency is in a header.
    pub(crate) shows_consistency: bool,
    /// Whether an error carries the headers of an answer, too.
    pub(crate) shows_on_error: bool,
    /// Whether `?cached` is answered with where the answer came from.
    pub(crate) shows_cache: bool,
}

impl Form {
    pub(crate) fn manners(self) -> Manners {
        let (shows_consistency, shows_on_error, shows_cache) = match self {
            Self::Key | Self::RawKey | Self::Keys | Self::Names | Self::RootNames => (false, false, false),
            Self::Services | Self::Instances => (true, true, true),
            Self::Nodes | Self::NodeServices | Self::NodeServiceList | Self::Checks => (true, true, false),
            Self::Health | Self::HealthUnclear => (true, false, true),
            Self::Sessions => (false, true, false),
        };
        Manners { shows_consistency, shows_on_error, shows_cache }
    }

    /// The answer as this route shows it. One of a different kind than the route asks for does not occur.
    pub(crate) fn render(self, answer: &Answer, key: &[u8], datacenter: &str, pretty: bool) -> Encoded {
        match (self, answer) {
            (Self::HealthUnclear, _) => Encoded {
                status: StatusCode::BAD_REQUEST,
                content: Content::Text,
                body: Bytes::from_static(b"Invalid value for ?passing"),
            },
            (_, Answer::Key(None)) => Encoded::not_found(),
            (Self::RawKey, Answer::Key(Some(entry))) => {
                Encoded { status: StatusCode::OK, content: Content::Raw, body: Bytes::copy_from_slice(&entry.value) }
            }
            (_, Answer::Key(Some(entry))) => {
                Encoded::json(encode::json(&[views::kv_pair(key, entry, ValueShown::Yes)], pretty))
            }
            (_, Answer::Keys(keys)) if keys.is_empty() => Encoded::not_found(),
            (_, Answer::Keys(keys)) => {
                let pairs = keys.iter().map(|(key, entry)| views::kv_pair(key.as_bytes(), entry, ValueShown::Yes));
                Encoded::json(encode::list(pairs, pretty))
            }
            (Self::Names, Answer::Names(names)) if names.is_empty() => Encoded::not_found(),
            (_, Answer::Names(names)) => {
                Encoded::json(encode::list(names.iter().map(|name| encode::text_of(name.as_bytes())), pretty))
            }
            (_, Answer::Nodes(nodes)) => {
                Encoded::json(encode::list(nodes.iter().map(|node| views::node(node, datacenter)), pretty))
            }
            (_, Answer::Services(services)) => Encoded::json(encode::json(services, pretty)),
            (_, Answer::Instances(instances)) => {
                let views = instances.iter().map(|(node, service)| views::catalog_service(node, service, datacenter));
                Encoded::json(encode::list(views, pretty))
            }
            (Self::NodeServiceList, Answer::NodeServices(found)) => {
                Encoded::json(encode::json(&node_service_list(found.as_ref(), datacenter), pretty))
            }
            (_, Answer::NodeServices(found)) => {
                let services = found.as_ref().map(|found| node_services(found, datacenter));
                Encoded::json(encode::json(&services, pretty))
            }
            (_, Answer::Checks(checks)) => {
                Encoded::json(encode::list(checks.iter().map(|check| views::check(check)), pretty))
            }
            (_, Answer::Health(instances)) => {
                let entries = instances.iter().map(|instance| api::HealthEntry {
                    node: views::node(&instance.node, datacenter),
                    service: views::service(&instance.service),
                    checks: instance.checks.iter().map(|check| views::check(check)).collect(),
                });
                Encoded::json(encode::list(entries, pretty))
            }
            (_, Answer::Sessions(sessions)) => {
                Encoded::json(encode::list(sessions.iter().map(|session| views::session(session)), pretty))
            }
            (_, Answer::NodeEntries(_)) => Encoded::not_found(),
        }
    }
}

fn node_services<'a>(found: &'a NodeServices, datacenter: &'a str) -> api::NodeServices<'a> {
    let services = found.services.iter().map(|service| views::service(service));
    api::NodeServices {
        node: views::node(&found.node, datacenter),
        services: services.map(|service| (service.id.clone(), service)).collect(),
    }
}

/// As [`node_services`], but a list. A node without services has `null`, one with services that do not pass has `[]`.
fn node_service_list<'a>(found: Option<&'a NodeServices>, datacenter: &'a str) -> api::NodeServiceList<'a> {
    let Some(found) = found else { return api::NodeServiceList::default() };
    let services = found.services.iter().map(|service| views::service(service)).collect();
    api::NodeServiceList {
        node: Some(views::node(&found.node, datacenter)),
        services: found.has_services.then_some(services),
    }
}
