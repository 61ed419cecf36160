//! What the watches of configuration files mean.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_agent::{Http, Tls};
use quorate_base::duration::GoDuration;
use serde::Deserialize;
use serde_json::Value;

use super::definition::{Definition, DefinitionKind};
use super::{ConfigError, Warning};
use crate::child::Script;
use crate::version;
use crate::watch::{Question, Subject};

/// The most watches that files may define: each holds a connection to the agent itself for as long as it waits.
const WATCHES_MAX: usize = 1024;

/// How long an HTTP handler may take if the file does not say; Consul's default.
const TIMEOUT_DEFAULT: GoDuration = GoDuration(10 * GoDuration::SECOND.0);

/// The longest that an HTTP handler may be given: a day.
const TIMEOUT_MAX: GoDuration = GoDuration(24 * 3_600 * GoDuration::SECOND.0);

/// A watch that the agent runs. Two that are equal ask the same and do the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watch {
    /// What is asked.
    pub(crate) question: Question,
    /// Whether any server may answer.
    pub(crate) is_stale: bool,
    /// The datacenter to ask; empty for the agent's.
    pub(crate) datacenter: String,
    /// The token to ask with; empty for none.
    pub(crate) token: String,
    /// What is done with each other content.
    pub(crate) handler: Handler,
    /// What messages call it.
    pub(crate) name: String,
}

/// What is done with content.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Handler {
    /// A command gets it as its standard input.
    Script(Script),
    /// A URL is sent it. The request lacks the body and the index.
    Http { request: Http, timeout: Duration },
}

/// A watch as it is written, by the keys of [`blocks`](super::blocks).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Written {
    args: Option<Vec<String>>,
    datacenter: Option<String>,
    filter: Option<String>,
    handler: Option<String>,
    handler_type: Option<String>,
    http_handler_config: Option<WrittenHttp>,
    key: Option<String>,
    name: Option<String>,
    node: Option<String>,
    node_meta: Option<BTreeMap<String, String>>,
    passingonly: Option<bool>,
    prefix: Option<String>,
    service: Option<String>,
    service_id: Option<String>,
    stale: Option<bool>,
    state: Option<String>,
    tag: Option<Value>,
    token: Option<String>,
    r#type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WrittenHttp {
    header: Option<BTreeMap<String, Vec<String>>>,
    method: Option<String>,
    path: Option<String>,
    timeout: Option<String>,
    tls_skip_verify: Option<bool>,
}

/// The watches among definitions.
pub(super) fn of(definitions: &[Definition]) -> Result<Vec<Watch>, ConfigError> {
    let written = definitions.iter().filter(|one| one.kind == DefinitionKind::Watch);
    let watches: Vec<Watch> = written.map(watch).collect::<Result<_, _>>()?;
    match watches.len() {
        count if count > WATCHES_MAX => {
            Err(ConfigError(format!("there are {count} watches, and an agent runs at most {WATCHES_MAX}")))
        }
        _ => Ok(watches),
    }
}

/// What the operator should know of watches, one line each.
pub(super) fn warnings(definitions: &[Definition]) -> Vec<Warning> {
    let watches = definitions.iter().filter(|one| one.kind == DefinitionKind::Watch);
    let warning = |watch: &Definition| {
        let is_old = watch.text("handler").is_some_and(|handler| !handler.is_empty());
        is_old.then(|| watch.warning("handler", "it is deprecated; use \"args\""))
    };
    watches.filter_map(warning).collect()
}

fn watch(definition: &Definition) -> Result<Watch, ConfigError> {
    let written: Written = serde_json::from_value(definition.json()).map_err(|error| definition.error("", error))?;
    let kind = written.r#type.clone().unwrap_or_default();
    if kind.starts_with("connect_") {
        return Err(definition.error("type", format_args!("Watch type {kind} is not allowed in agent config")));
    }
    if written.node.as_ref().is_some_and(|text| !text.is_empty()) {
        return Err(definition.error("node", "Invalid parameters: [node]"));
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let subject = Subject {
        filter: text(&written.filter),
        key: text(&written.key),
        name: text(&written.name),
        node_meta: written.node_meta.clone().unwrap_or_default().into_iter().collect(),
        passingonly: written.passingonly,
        prefix: text(&written.prefix),
        service: text(&written.service),
        service_id: text(&written.service_id),
        state: text(&written.state),
        tags: tags(&written).map_err(|problem| definition.error("tag", problem))?,
        kind,
    };
    let question = Question::new(&subject).map_err(|problem| {
        let problem = problem.to_string();
        // What a type does not take is named between brackets.
        let named = problem.split_once('[').and_then(|(_, rest)| rest.split([' ', ',', ']']).next());
        definition.error(named.unwrap_or("type"), &problem)
    })?;
    let handler = if written.handler_type.as_deref() == Some("http") {
        http(written.http_handler_config.unwrap_or_default())
            .map_err(|(key, problem)| definition.error(&format!("http_handler_config.{key}"), problem))?
    } else {
        Handler::Script(script(&written).map_err(|problem| definition.error("args", problem))?)
    };
    let name = match &handler {
        Handler::Script(script) => script.name(),
        Handler::Http { request, .. } => request.url.clone(),
    };
    Ok(Watch {
        question,
        is_stale: written.stale.unwrap_or(false),
        datacenter: text(&written.datacenter),
        token: text(&written.token),
        handler,
        name,
    })
}

/// One tag, or a list of them.
fn tags(written: &Written) -> Result<Vec<String>, &'static str> {
    let problem = "it must be a text or a list of texts";
    match &written.tag {
        None => Ok(Vec::new()),
        Some(Value::String(tag)) => Ok(vec![tag.clone()]),
        Some(tags) => Vec::<String>::deserialize(tags).map_err(|_| problem),
    }
}

fn script(written: &Written) -> Result<Script, &'static str> {
    match (&written.handler, &written.args) {
        (Some(line), _) if !line.is_empty() => Ok(Script::new(vec![line.into()], true)),
        (_, Some(words)) if words.first().is_some_and(|program| !program.is_empty()) => {
            Ok(Script::new(words.iter().map(Into::into).collect(), false))
        }
        _ => Err("its handler names no program"),
    }
}

/// An error has the key that it is about.
fn http(written: WrittenHttp) -> Result<Handler, (&'static str, String)> {
    let url = written.path.filter(|path| path.starts_with("http://") || path.starts_with("https://"));
    let url = url.ok_or_else(|| ("path", "\"path\" must be a URL: http://... or https://...".to_owned()))?;
    let timeout = match written.timeout.filter(|text| !text.is_empty()) {
        None => TIMEOUT_DEFAULT,
        Some(text) => GoDuration::parse(&text).map_err(|error| ("timeout", error.to_string()))?,
    };
    if timeout <= GoDuration(0) || timeout > TIMEOUT_MAX {
        return Err(("timeout", format!("{timeout} is not above 0s and at most {TIMEOUT_MAX}")));
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, values) in written.header.unwrap_or_default() {
        headers.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    let agent = format!("Quorate/{}", version::QUORATE);
    for (name, value) in [("Content-Type", "application/json"), ("User-Agent", &agent)] {
        if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    let request = Http {
        url,
        method: written.method.filter(|method| !method.is_empty()).unwrap_or_else(|| "POST".to_owned()),
        headers,
        follow_redirects: true,
        tls: Tls { skip_verify: written.tls_skip_verify.unwrap_or(false), ..Tls::default() },
        ..Http::default()
    };
    Ok(Handler::Http { request, timeout: timeout.to_std() })
}
