//! Finds the key of a service or check that the agent's words are about: the agent knows no files and no lines.

use std::path::Path;

use quorate_agent::AgentError;
use quorate_hcl::{Kind as Tree, Member, Object, Value};
use serde_json::json;

use super::{ConfigError, Definition, DefinitionKind, service_of, shape};

/// The beginnings of what the agent says of a definition, and the key that each is about.
const ABOUT: &[(&str, &str)] = &[
    ("Bad check status", "status"),
    ("FailuresBeforeWarning", "failures_before_warning"),
    ("Interval and TTL", "ttl"),
    ("Interval cannot", "interval"),
    ("Interval must", "interval"),
    ("Invalid Service Meta", "meta"),
    ("Invalid Weights: Passing", "weights.passing"),
    ("Invalid Weights: Warning", "weights.warning"),
    ("Invalid Weights", "weights"),
    ("Invalid service address", "address"),
    ("MaxOutputMaxSize", "output_max_size"),
    ("Port or SocketPath", "port"),
    ("Ports.", "ports"),
    ("Proxy.DestinationServiceName", "proxy.destination_service_name"),
    ("Service tagged address", "tagged_addresses"),
    ("Status for checks", "status"),
    ("TTL must", "ttl"),
    ("one of the Ports", "ports"),
    ("only one port", "ports"),
];

/// A block of a file and its place there.
pub(super) struct Block<'a> {
    file: &'a Path,
    path: String,
    line: usize,
    values: &'a Object,
}

impl Block<'_> {
    /// An error at the line of one of its keys, which may be one of a block within, behind a dot. If it has not that key,
    /// the error is at the block that the key belongs into; its own has its name.
    pub(super) fn error(&self, key: &str, problem: impl std::fmt::Display) -> ConfigError {
        let path = &self.path;
        let around = key.rsplit_once('.').map_or("", |(around, _)| around);
        for key in [key, around] {
            if let Some(line) = line(self.values, key) {
                let path = format!("{path}.{key}");
                return shape::error_at(self.file, line, format_args!("{path:?}: {problem}"));
            }
        }
        let name = ["id", "name"].into_iter().find_map(|key| text(self.values, key)).filter(|name| !name.is_empty());
        let name = name.map(|name| format!(" of {name:?}")).unwrap_or_default();
        shape::error_at(self.file, self.line, format_args!("{path:?}{name}: {problem}"))
    }

    /// An error in the agent's words, at the key that they are about.
    fn blame(&self, problem: &str) -> ConfigError {
        let problem = problem.strip_prefix("Invalid check: ").unwrap_or(problem);
        // A list of problems: one line has the first.
        let problem = problem.split_once("\n\t* ").map_or(problem, |(_, first)| first);
        let problem = problem.lines().next().unwrap_or_default();
        let about = ABOUT.iter().find(|(beginning, _)| problem.starts_with(beginning));
        self.error(about.map_or("", |(_, key)| key), problem)
    }
}

impl Definition {
    pub(super) fn block(&self) -> Block<'_> {
        Block { file: &self.file, path: self.path.clone(), line: self.line, values: &self.values }
    }

    /// An error about it in the words of the agent that could not convert it.
    pub(in crate::config) fn blame(&self, problem: &str) -> ConfigError {
        // A check that can't be converted with its service alone is the culprit.
        let culprit = self.checks().find(|check| {
            let check = shape::json(&Value { line: check.line, kind: Tree::Object(check.values.clone()) });
            service_of(&json!({"name": "any", "checks": [check]})).is_err()
        });
        culprit.unwrap_or_else(|| self.block()).blame(problem)
    }

    /// An error about it in the words of the agent that would not take it.
    pub(in crate::config) fn refused(&self, error: &AgentError) -> ConfigError {
        let whole = self.block();
        match error {
            AgentError::Scripts | AgentError::RemoteScripts => {
                let script = self.checks().find(|check| asks(check.values, "args"));
                script.unwrap_or(whole).error("args", error)
            }
            AgentError::NoService(_) => whole.error("service_id", error),
            AgentError::Protected(id) => {
                let named =
                    |block: &Block<'_>| ["id", "name"].into_iter().find(|key| text(block.values, key) == Some(id));
                let culprit = std::iter::once(whole).chain(self.checks()).find_map(|block| {
                    let key = named(&block)?;
                    Some(block.error(key, error))
                });
                culprit.unwrap_or_else(|| self.error("", error))
            }
            _ => whole.error("", error),
        }
    }

    /// The checks of a service.
    fn checks(&self) -> impl Iterator<Item = Block<'_>> {
        let members = self.values.members.iter().filter(|_| self.kind == DefinitionKind::Service);
        members.flat_map(move |Member { key, value, .. }| {
            let list: Vec<(String, &Value)> = match (key.as_str(), &value.kind) {
                ("check", Tree::Object(_)) => vec![(format!("{}.check", self.path), value)],
                ("checks", Tree::List(list)) => {
                    let path = |position| format!("{}.checks[{position}]", self.path);
                    list.iter().enumerate().map(|(position, check)| (path(position), check)).collect()
                }
                _ => Vec::new(),
            };
            list.into_iter().filter_map(move |(path, value)| match &value.kind {
                Tree::Object(values) => Some(Block { file: &self.file, path, line: value.line, values }),
                _ => None,
            })
        })
    }
}

/// The member at a path of keys with dots between them; `null` is none.
fn member<'a>(values: &'a Object, path: &str) -> Option<&'a Member> {
    let (key, rest) = path.split_once('.').map_or((path, None), |(key, rest)| (key, Some(rest)));
    let found = values.get(key).filter(|member| !matches!(member.value.kind, Tree::Null))?;
    match (rest, &found.value.kind) {
        (None, _) => Some(found),
        (Some(rest), Tree::Object(within)) => member(within, rest),
        _ => None,
    }
}

/// The line of a key.
pub(super) fn line(values: &Object, path: &str) -> Option<usize> {
    member(values, path).map(|member| member.line)
}

/// The text of a key, if it has one.
pub(super) fn text<'a>(values: &'a Object, key: &str) -> Option<&'a str> {
    match &member(values, key)?.value.kind {
        Tree::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether a key has a value that is not empty.
pub(super) fn asks(values: &Object, key: &str) -> bool {
    match member(values, key).map(|member| &member.value.kind) {
        None | Some(Tree::Null | Tree::Integer(0)) => false,
        Some(Tree::Text(text)) => !text.is_empty(),
        Some(Tree::List(list)) => !list.is_empty(),
        Some(_) => true,
    }
}
