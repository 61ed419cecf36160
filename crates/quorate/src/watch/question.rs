//! What a watch asks, and the form of its answers.

use quorate_api::KvPair;
use quorate_api::client::{Client, Query};
use serde::Serialize;

use super::json_text::compact;

/// The words that say what is watched. Those that were not given are empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject {
    pub(crate) kind: String,
    pub(crate) filter: String,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) node_meta: Vec<(String, String)>,
    pub(crate) passingonly: Option<bool>,
    pub(crate) prefix: String,
    pub(crate) service: String,
    pub(crate) service_id: String,
    pub(crate) state: String,
    pub(crate) tags: Vec<String>,
}

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    kind: Kind,
    path: String,
    parameters: Vec<(&'static str, String)>,
}

/// An answer to a question.
pub(super) struct Answered {
    /// The index to wait beyond; 0 if there is none.
    pub(super) index: u64,
    /// The hash to wait for another one of; empty if there is none.
    pub(super) hash: String,
    /// The answer in the form in which handlers get it.
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Key,
    KeyPrefix,
    Event,
    /// What the server says is the answer.
    Plain,
}

impl Question {
    /// A question from its words; an error says which of them are wrong.
    pub(crate) fn new(subject: &Subject) -> Result<Self, String> {
        let given = |name: &'static str, value: &str| (!value.is_empty()).then(|| (name, value.to_owned()));
        let required = |value: &str, what: &str| match value {
            "" => Err(format!("Must specify a single {what} to watch")),
            value => Ok(value.to_owned()),
        };
        let mut parameters = Vec::new();
        // What each type takes beside its subject; anything else that was given is a mistake.
        let (kind, path, taken): (_, _, &[&str]) = match subject.kind.as_str() {
            "" => return Err("Watch type must be specified".to_owned()),
            "key" => (Kind::Key, format!("/v1/kv/{}", required(&subject.key, "key")?), &["key"]),
            "keyprefix" => {
                parameters.push(("recurse", String::new()));
                (Kind::KeyPrefix, format!("/v1/kv/{}", required(&subject.prefix, "prefix")?), &["prefix"])
            }
            "services" => (Kind::Plain, "/v1/catalog/services".to_owned(), &["filter", "node_meta"]),
            "nodes" => (Kind::Plain, "/v1/catalog/nodes".to_owned(), &["filter", "node_meta"]),
            "service" => {
                parameters.extend(subject.tags.iter().map(|tag| ("tag", tag.clone())));
                parameters.extend(subject.passingonly.unwrap_or(false).then(|| ("passing", String::new())));
                let path = format!("/v1/health/service/{}", required(&subject.service, "service")?);
                (Kind::Plain, path, &["service", "tag", "passingonly", "filter"])
            }
            "checks" => {
                let path = match (subject.service.as_str(), subject.state.as_str()) {
                    ("", "") => "/v1/health/state/any".to_owned(),
                    ("", state) => format!("/v1/health/state/{state}"),
                    (service, "") => format!("/v1/health/checks/{service}"),
                    _ => return Err("Cannot specify service and state".to_owned()),
                };
                (Kind::Plain, path, &["service", "state", "filter"])
            }
            // It waits by a hash, since what an agent says of itself has no index.
            "agent_service" => {
                let path = format!("/v1/agent/service/{}", required(&subject.service_id, "service_id")?);
                (Kind::Plain, path, &["service_id"])
            }
            "event" => {
                parameters.extend(given("name", &subject.name));
                (Kind::Event, "/v1/event/list".to_owned(), &["name"])
            }
            other => return Err(format!("Unsupported watch type: {other}")),
        };
        refuse_others(subject, taken)?;
        parameters.extend(given("filter", &subject.filter));
        let meta = subject.node_meta.iter().map(|(key, value)| ("node-meta", format!("{key}:{value}")));
        parameters.extend(meta);
        Ok(Self { kind, path, parameters })
    }

    /// Asks once.
    pub(super) async fn ask(&self, client: &Client, query: &Query) -> Result<Answered, String> {
        let parameters: Vec<(&str, &str)> =
            self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = client.raw_get(&self.path, &parameters, query).await.map_err(|error| error.to_string())?;
        let is_absent = answer.status == 404 && matches!(self.kind, Kind::Key | Kind::KeyPrefix);
        let (index, hash) = (answer.index, answer.hash.clone());
        if is_absent {
            return Ok(Answered { index, hash, text: "null".to_owned() });
        }
        let body = answer.success().map_err(|error| error.to_string())?;
        let text = self.text(&body).map_err(|error| format!("the answer can't be decoded: {error}"))?;
        Ok(Answered { index, hash, text })
    }

    /// The answer in the form in which handlers get it, without spaces.
    fn text(&self, body: &[u8]) -> Result<String, serde_json::Error> {
        if body == b"null" || matches!(self.kind, Kind::Plain | Kind::Event) {
            return Ok(compact(&String::from_utf8_lossy(body)));
        }
        let pairs: Vec<KvPair<'static>> = serde_json::from_slice(body)?;
        let mut pairs = pairs.iter().map(Pair::from);
        match self.kind {
            Kind::Key => serde_json::to_string(&pairs.next()),
            _ => serde_json::to_string(&pairs.collect::<Vec<_>>()),
        }
    }

    /// Of events, those behind the last one that was handled; of all else, all.
    pub(super) fn news(&self, text: &str, last_event: &mut Option<String>) -> String {
        if self.kind != Kind::Event {
            return text.to_owned();
        }
        let Ok(events) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(text) else {
            return text.to_owned();
        };
        let id = |event: &serde_json::value::RawValue| {
            let event: serde_json::Value = serde_json::from_str(event.get()).ok()?;
            event.get("ID")?.as_str().map(str::to_owned)
        };
        let known =
            last_event.as_ref().and_then(|last| events.iter().rposition(|event| id(event).as_ref() == Some(last)));
        let fresh = &events[known.map_or(0, |position| position + 1)..];
        *last_event = events.last().and_then(|event| id(event));
        format!("[{}]", fresh.iter().map(|event| event.get()).collect::<Vec<_>>().join(","))
    }
}

/// Refuses words that mean nothing for the type.
fn refuse_others(subject: &Subject, taken: &[&str]) -> Result<(), String> {
    let given = [
        ("filter", !subject.filter.is_empty()),
        ("key", !subject.key.is_empty()),
        ("name", !subject.name.is_empty()),
        ("node_meta", !subject.node_meta.is_empty()),
        ("passingonly", subject.passingonly.is_some()),
        ("prefix", !subject.prefix.is_empty()),
        ("service", !subject.service.is_empty()),
        ("service_id", !subject.service_id.is_empty()),
        ("state", !subject.state.is_empty()),
        ("tag", !subject.tags.is_empty()),
    ];
    let others: Vec<&str> =
        given.iter().filter(|(name, is_given)| *is_given && !taken.contains(name)).map(|(name, _)| *name).collect();
    if others.is_empty() { Ok(()) } else { Err(format!("Invalid parameters: [{}]", others.join(" "))) }
}

/// A key as Consul's own client writes it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Pair<'a> {
    key: &'a str,
    create_index: u64,
    modify_index: u64,
    lock_index: u64,
    flags: u64,
    value: Option<String>,
    session: &'a str,
}

impl<'a> From<&'a KvPair<'_>> for Pair<'a> {
    fn from(pair: &'a KvPair<'_>) -> Self {
        use base64::Engine as _;
        let value = pair.value.as_ref().map(|_| base64::engine::general_purpose::STANDARD.encode(pair.value_bytes()));
        Self {
            key: &pair.key,
            create_index: pair.create_index,
            modify_index: pair.modify_index,
            lock_index: pair.lock_index,
            flags: pair.flags,
            value,
            session: &pair.session,
        }
    }
}
