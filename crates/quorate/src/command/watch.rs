//! `watch`: asks again and again, and runs a command with each other answer; without a command, prints the first one.

use std::process::Stdio;
use std::time::Duration;

use quorate_api::KvPair;
use quorate_api::client::{Client, Error, Query, RawAnswer};
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;

use super::child::{Script, failure, told_to_end};
use super::connect::{client, query};
use super::json_text::{compact, indented};
use super::output::{Failure, print};
use crate::flags::WatchFlags;

/// How long after a first failure to ask again; after the next ones, longer, up to the maximum. As with Consul.
const RETRY: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(180);

/// Watches until it is told to end, or the command fails.
pub(super) async fn watch(mut flags: WatchFlags) -> Result<(), Failure> {
    let words = std::mem::take(&mut flags.arguments);
    let question = Question::new(&flags)?;
    let client = client(&flags.http, None)?;
    client.agent_self().await.map_err(Failure::of("Error querying Consul agent"))?;
    let script = (!words.is_empty()).then(|| Script::new(words, flags.shell.unwrap_or(true)));
    tokio::select! {
        outcome = run(&client, &question, &flags, script.as_ref()) => outcome,
        () = told_to_end() => Ok(()),
    }
}

async fn run(client: &Client, question: &Question, flags: &WatchFlags, script: Option<&Script>) -> Result<(), Failure> {
    let mut index = 0;
    let mut failures = 0;
    let mut seen: Option<String> = None;
    let mut last_event = None;
    loop {
        let query = Query { index, ..query(&flags.http) };
        let answer = match question.ask(client, &query).await {
            Ok(answer) => answer,
            Err(error) => {
                failures += 1;
                index = 0;
                let wait = (RETRY * failures * failures).min(RETRY_MAX);
                eprintln!("Error asking again in {wait:?}: {error}");
                tokio::time::sleep(wait).await;
                continue;
            }
        };
        failures = 0;
        // An index that went back is that of another state.
        index = if answer.index < index { 0 } else { answer.index };
        let text = question.text(&answer).map_err(Failure::of("Error decoding the answer"))?;
        let Some(script) = script else { return print(indented(&text)) };
        if seen.as_ref() == Some(&text) {
            continue;
        }
        let news = question.news(&text, &mut last_event);
        seen = Some(text);
        handle(script, answer.index, news).await?;
    }
}

/// Runs the command with an answer as its standard input.
async fn handle(script: &Script, index: u64, mut json: String) -> Result<(), Failure> {
    json.push('\n');
    let failed = "Error executing handler";
    let started = script.start(("CONSUL_INDEX", index.to_string()), Stdio::piped());
    let mut child = started.map_err(Failure::of(failed))?;
    let stdin = child.0.stdin.take();
    let write = async {
        if let Some(mut stdin) = stdin {
            // A command need not read all of it.
            let _ = stdin.write_all(json.as_bytes()).await;
        }
    };
    let (ended, ()) = tokio::join!(child.wait(), write);
    match ended.map_err(Failure::of(failed))? {
        status if status.success() => Ok(()),
        status => Err(Failure::new(format!("{failed}: {}", failure(status).unwrap_or_default()))),
    }
}

/// What is watched.
struct Question {
    kind: Kind,
    path: String,
    parameters: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Key,
    KeyPrefix,
    Event,
    /// What the server says is the answer.
    Plain,
}

impl Question {
    fn new(flags: &WatchFlags) -> Result<Self, Failure> {
        let given = |name: &'static str, value: &str| (!value.is_empty()).then(|| (name, value.to_owned()));
        let required = |value: &str, what: &str| match value {
            "" => Err(Failure::new(format!("Must specify a single {what} to watch"))),
            value => Ok(value.to_owned()),
        };
        let mut parameters = Vec::new();
        // What each type takes beside its subject; anything else that was given is a mistake.
        let (kind, path, taken): (_, _, &[&str]) = match flags.kind.as_str() {
            "" => return Err(Failure::new("Watch type must be specified")),
            "key" => (Kind::Key, format!("/v1/kv/{}", required(&flags.key, "key")?), &["key"]),
            "keyprefix" => {
                parameters.push(("recurse", String::new()));
                (Kind::KeyPrefix, format!("/v1/kv/{}", required(&flags.prefix, "prefix")?), &["prefix"])
            }
            "services" => (Kind::Plain, "/v1/catalog/services".to_owned(), &[]),
            "nodes" => (Kind::Plain, "/v1/catalog/nodes".to_owned(), &[]),
            "service" => {
                parameters.extend(flags.tag.iter().map(|tag| ("tag", tag.clone())));
                parameters.extend(flags.passingonly.unwrap_or(false).then(|| ("passing", String::new())));
                let path = format!("/v1/health/service/{}", required(&flags.service, "service")?);
                (Kind::Plain, path, &["service", "tag", "passingonly"])
            }
            "checks" => {
                let path = match (flags.service.as_str(), flags.state.as_str()) {
                    ("", "") => "/v1/health/state/any".to_owned(),
                    ("", state) => format!("/v1/health/state/{state}"),
                    (service, "") => format!("/v1/health/checks/{service}"),
                    _ => return Err(Failure::new("Cannot specify service and state")),
                };
                (Kind::Plain, path, &["service", "state"])
            }
            "event" => {
                parameters.extend(given("name", &flags.name));
                (Kind::Event, "/v1/event/list".to_owned(), &["name"])
            }
            known @ ("connect_roots" | "connect_leaf" | "agent_service") => {
                return Err(Failure::new(format!("Type {known} is not supported in the CLI tool")));
            }
            other => return Err(Failure::new(format!("Unsupported watch type: {other}"))),
        };
        refuse_others(flags, taken)?;
        Ok(Self { kind, path, parameters })
    }

    async fn ask(&self, client: &Client, query: &Query) -> Result<RawAnswer, Error> {
        let parameters: Vec<(&str, &str)> =
            self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = client.raw_get(&self.path, &parameters, query).await?;
        let is_absent = answer.status == 404 && matches!(self.kind, Kind::Key | Kind::KeyPrefix);
        let index = answer.index;
        let body = if is_absent { bytes::Bytes::from_static(b"null") } else { answer.success()? };
        Ok(RawAnswer { status: 200, index, body })
    }

    /// The answer in the form in which commands get it, without spaces.
    fn text(&self, answer: &RawAnswer) -> Result<String, serde_json::Error> {
        if answer.body.as_ref() == b"null" || matches!(self.kind, Kind::Plain | Kind::Event) {
            return Ok(compact(&String::from_utf8_lossy(&answer.body)));
        }
        let pairs: Vec<KvPair<'static>> = serde_json::from_slice(&answer.body)?;
        let mut pairs = pairs.iter().map(Pair::from);
        match self.kind {
            Kind::Key => serde_json::to_string(&pairs.next()),
            _ => serde_json::to_string(&pairs.collect::<Vec<_>>()),
        }
    }

    /// Of events, those behind the last one that was handled; of all else, all.
    fn news(&self, text: &str, last_event: &mut Option<String>) -> String {
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

/// Refuses flags that mean nothing for the type.
fn refuse_others(flags: &WatchFlags, taken: &[&str]) -> Result<(), Failure> {
    let given = [
        ("key", !flags.key.is_empty()),
        ("name", !flags.name.is_empty()),
        ("passingonly", flags.passingonly.is_some()),
        ("prefix", !flags.prefix.is_empty()),
        ("service", !flags.service.is_empty()),
        ("state", !flags.state.is_empty()),
        ("tag", !flags.tag.is_empty()),
    ];
    let others: Vec<&str> =
        given.iter().filter(|(name, is_given)| *is_given && !taken.contains(name)).map(|(name, _)| *name).collect();
    if others.is_empty() { Ok(()) } else { Err(Failure::new(format!("Invalid parameters: [{}]", others.join(" ")))) }
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
