//! A service, check or watch as a file defines it: its values with their lines, and errors at them.
//!
//! Its shape was checked ([`blocks`](super::blocks)). What it means is for [`definitions`](super::definitions) and
//! [`watches`](super::watches).

mod culprit;

use std::path::PathBuf;
use std::slice;
use std::sync::Arc;

use quorate_agent::ServiceDefinition;
use quorate_api::definition;
use quorate_hcl::{Kind as Tree, Object, Value};

use super::{ConfigError, Origin, Warning, shape};

/// What is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefinitionKind {
    Service,
    /// One beside services, of the node or of a service by its id.
    Check,
    Watch,
}

impl DefinitionKind {
    /// What the values of a key define, if they are definitions.
    pub(super) fn of_key(key: &str) -> Option<Self> {
        match key {
            "service" | "services" => Some(Self::Service),
            "check" | "checks" => Some(Self::Check),
            "watches" => Some(Self::Watch),
            _ => None,
        }
    }

    /// What a message calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Check => "check",
            Self::Watch => "watch",
        }
    }
}

/// A service, check or watch as a file defines it.
#[derive(Clone, PartialEq)]
pub(crate) struct Definition {
    pub(crate) kind: DefinitionKind,
    /// The file.
    pub(crate) file: Arc<PathBuf>,
    /// Where it stands there: `service`, or `services[2]`.
    pub(crate) path: String,
    /// Its line there, counted from 1.
    pub(crate) line: usize,
    /// Its values by the keys of [`blocks`](super::blocks), each of the shape that stands there, or `null`.
    pub(crate) values: Object,
}

impl std::fmt::Debug for Definition {
    /// On one line, as JSON behind its place.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, json) = (self.kind.name(), self.json());
        write!(f, "{kind} of {}:{}: {json}", self.file.display(), self.line)
    }
}

impl Definition {
    pub(super) fn json(&self) -> serde_json::Value {
        let mut json = shape::json(&Value { line: self.line, kind: Tree::Object(self.values.clone()) });
        // By whose token a service's check reports is known in files alone, and means nothing while there are no ACLs.
        for key in ["check", "checks"] {
            let checks = match json.get_mut(key) {
                Some(serde_json::Value::Array(checks)) => checks.as_mut_slice(),
                Some(check) => slice::from_mut(check),
                None => continue,
            };
            for check in checks.iter_mut().filter_map(serde_json::Value::as_object_mut) {
                check.remove("token");
            }
        }
        json
    }

    /// The text of a key, if it has one.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        culprit::text(&self.values, key)
    }

    /// An error at the line of one of its keys; at its own line if it has not that key.
    pub(crate) fn error(&self, key: &str, problem: impl std::fmt::Display) -> ConfigError {
        self.block().error(key, problem)
    }

    /// A warning about one of its keys.
    pub(super) fn warning(&self, key: &str, problem: impl std::fmt::Display) -> Warning {
        let line = culprit::line(&self.values, key).unwrap_or(self.line);
        Warning { origin: Some(Origin::File(self.file.clone(), line, "")), text: self.error(key, problem).0 }
    }

    /// The line of a key, which may be one of a block within, after a dot.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        culprit::line(&self.values, key)
    }

    /// Whether a key has a value that is not empty.
    pub(super) fn asks(&self, key: &str) -> bool {
        culprit::asks(&self.values, key)
    }
}

/// A service in the agent's types, or what is wrong with it in the agent's words.
pub(super) fn service_of(json: &serde_json::Value) -> Result<ServiceDefinition, String> {
    let service = definition::service_from_file(json).map_err(|error| error.to_string())?;
    service.try_into().map_err(|error: quorate_agent::DefinitionError| error.0)
}
