//! What configuration files define beside settings: services, checks and watches.
//!
//! They are checked against their shape ([`blocks`](super::blocks)) and kept as values with their lines. What they mean
//! is the agent's affair: [`of_this_host`] converts services and checks to its types, [`watches`](super::watches) does
//! watches; both tell a mistake by file and line.

use std::path::PathBuf;
use std::rc::Rc;

use quorate_agent::{CheckDefinition, ServiceDefinition};
use quorate_api::definition;
use quorate_hcl::{Kind, Object, Value};

use super::ConfigError;

/// What is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefinitionKind {
    Service,
    /// One beside services, of the node or of a service by its id.
    Check,
    Watch,
}

impl DefinitionKind {
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
    pub(crate) file: Rc<PathBuf>,
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

/// The services and checks of this host.
pub(crate) type OfThisHost = (Vec<ServiceDefinition>, Vec<CheckDefinition>);

/// What the agent is to run of these, in its own types.
pub(super) fn of_this_host(definitions: &[Definition]) -> Result<OfThisHost, ConfigError> {
    let (mut services, mut checks) = (Vec::new(), Vec::new());
    for definition in definitions {
        let json = definition.json();
        let wrong = |problem: &dyn std::fmt::Display| definition.error("", problem);
        match definition.kind {
            DefinitionKind::Service => {
                let service = definition::service_from_file(&json).map_err(|error| wrong(&error))?;
                services.push(service.try_into().map_err(|error| wrong(&error))?);
            }
            DefinitionKind::Check => {
                let check = definition::check_from_file(&json).map_err(|error| wrong(&error))?;
                checks.push(check.try_into().map_err(|error| wrong(&error))?);
            }
            DefinitionKind::Watch => {}
        }
    }
    Ok((services, checks))
}

impl Definition {
    pub(super) fn json(&self) -> serde_json::Value {
        super::values::json(&Value { line: self.line, kind: Kind::Object(self.values.clone()) })
    }

    /// The text of a key, if it has one.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key).map(|member| &member.value) {
            Some(Value { kind: Kind::Text(text), .. }) => Some(text),
            _ => None,
        }
    }

    /// An error at the line of one of its keys; at its own line if it has not that key.
    pub(crate) fn error(&self, key: &str, problem: impl std::fmt::Display) -> ConfigError {
        let line = self.values.get(key).map_or(self.line, |member| member.line);
        ConfigError(format!("{}:{line}: {}: {problem}", self.file.display(), self.kind.name()))
    }

    /// What has to hold for any agent.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let has = |key| self.text(key).is_some_and(|text| !text.is_empty());
        match self.kind {
            DefinitionKind::Service if !has("name") => Err(self.error("name", "it has no \"name\"")),
            DefinitionKind::Check if !has("name") => Err(self.error("name", "it has no \"name\"")),
            DefinitionKind::Watch if !has("type") => Err(self.error("type", "it has no \"type\"")),
            DefinitionKind::Watch => self.check_handler(),
            _ => Ok(()),
        }
    }

    /// A watch in a file has a handler, and one only.
    fn check_handler(&self) -> Result<(), ConfigError> {
        let is_script = match self.text("handler_type").unwrap_or("script") {
            "script" | "" => true,
            "http" => false,
            other => return Err(self.error("handler_type", format_args!("{other:?}: it must be script or http"))),
        };
        let script = self.values.get("args").is_some();
        let shell = self.values.get("handler").is_some();
        match (is_script, script, shell) {
            (true, true, true) => Err(self.error("args", "it has \"args\" and \"handler\", which say the same")),
            (true, false, false) => {
                Err(self.error("type", "it has no handler: \"args\", or \"handler_type\" = \"http\""))
            }
            (false, ..) if self.values.get("http_handler_config").is_none() => {
                Err(self.error("handler_type", "it has no \"http_handler_config\""))
            }
            _ => Ok(()),
        }
    }
}
