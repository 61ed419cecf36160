//! What is kept of each service, check and TTL state, as JSON in a file of its own:
//!
//! ```text
//! {"version":1,"kind":"service","definition":{"Name":"web",...}}
//! {"version":1,"kind":"check","is_of_service":false,"definition":{"Name":"disk",...}}
//! {"version":1,"kind":"maintenance","service_id":"web","notes":"why"}
//! {"version":1,"kind":"state","id":"disk","status":"passing","output":"fine","expires_ms":1795420220999}
//! ```
//!
//! Definitions are as requests give them and are read the same way, so a newer agent checks them by its own rules.

use quorate_api as api;
use quorate_api::go_json;
use quorate_state::CheckStatus;
use serde::{Deserialize, Serialize};

/// The version of the form. A file of another one is left alone.
const VERSION: u32 = 1;

/// Something that is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A service.
    Service(Box<api::ServiceDefinition>),
    /// A check.
    Check {
        /// The check.
        definition: Box<api::AgentCheckDefinition>,
        /// Whether it came with the definition of its service.
        is_of_service: bool,
    },
    /// Maintenance of a service, or of the node for the empty id, with its reason.
    Maintenance {
        /// The service.
        service_id: String,
        /// Why.
        notes: String,
    },
    /// What a TTL check was told.
    State {
        /// The check.
        id: String,
        /// Its status.
        status: CheckStatus,
        /// What it said.
        output: String,
        /// Until when that holds, in milliseconds since the Unix epoch.
        expires_ms: u64,
    },
}

/// Why a file can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Spoiled {
    /// It is no JSON, or not of this form.
    #[error("it is not of the form that agents write: {0}")]
    Form(String),
    /// It was written by another version.
    #[error("it has the version {0}, and this agent reads version {VERSION}")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Content {
    Service { definition: Box<serde_json::Value> },
    Check { definition: Box<serde_json::Value>, is_of_service: bool },
    Maintenance { service_id: String, notes: String },
    State { id: String, status: String, output: String, expires_ms: u64 },
}

impl Record {
    /// The content of a file.
    pub fn encode(&self) -> Vec<u8> {
        // What is written here always is JSON.
        let value = |definition: Result<serde_json::Value, serde_json::Error>| Box::new(definition.unwrap_or_default());
        let content = match self {
            Self::Service(definition) => Content::Service { definition: value(serde_json::to_value(definition)) },
            Self::Check { definition, is_of_service } => {
                Content::Check { definition: value(serde_json::to_value(definition)), is_of_service: *is_of_service }
            }
            Self::Maintenance { service_id, notes } => {
                Content::Maintenance { service_id: service_id.clone(), notes: notes.clone() }
            }
            Self::State { id, status, output, expires_ms } => Content::State {
                id: id.clone(),
                status: status.as_str().to_owned(),
                output: output.clone(),
                expires_ms: *expires_ms,
            },
        };
        serde_json::to_vec(&File { version: VERSION, content }).unwrap_or_default()
    }

    /// Reads the content of a file.
    pub fn decode(bytes: &[u8]) -> Result<Self, Spoiled> {
        let form = |error: &dyn std::fmt::Display| Spoiled::Form(error.to_string());
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes).map_err(|error| form(&error))?;
        if version != VERSION {
            return Err(Spoiled::Version(version));
        }
        let file: File = serde_json::from_slice(bytes).map_err(|error| form(&error))?;
        let text = |value: &serde_json::Value| value.to_string().into_bytes();
        Ok(match file.content {
            Content::Service { definition } => {
                Self::Service(Box::new(go_json::from_slice(&text(&definition)).map_err(|error| form(&error))?))
            }
            Content::Check { definition, is_of_service } => {
                let definition = go_json::from_slice(&text(&definition)).map_err(|error| form(&error))?;
                Self::Check { definition: Box::new(definition), is_of_service }
            }
            Content::Maintenance { service_id, notes } => Self::Maintenance { service_id, notes },
            Content::State { id, status, output, expires_ms } => {
                let status = CheckStatus::from_word(&status).ok_or_else(|| form(&"unknown status"))?;
                Self::State { id, status, output, expires_ms }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let service = go_json::from_slice(br#"{"Name":"web","Check":{"TTL":"5s"},"Tags":["a"]}"#).unwrap();
        let check = go_json::from_slice(br#"{"Name":"c","Args":["x"],"Interval":"5s"}"#).unwrap();
        for record in [
            Record::Service(Box::new(service)),
            Record::Check { definition: Box::new(check), is_of_service: true },
            Record::Maintenance { service_id: "web".into(), notes: "why".into() },
            Record::State { id: "c".into(), status: CheckStatus::Warning, output: "\u{1}".into(), expires_ms: 5 },
        ] {
            assert_eq!(Record::decode(&record.encode()), Ok(record));
        }
    }

    #[test]
    fn spoiled_files_say_why() {
        assert_eq!(Record::decode(br#"{"version":2,"kind":"x"}"#), Err(Spoiled::Version(2)));
        for bytes in
            [&b""[..], b"{}", b"null", br#"{"version":1,"kind":"check","is_of_service":true,"definition":{"Bogus":1}}"#]
        {
            assert!(matches!(Record::decode(bytes), Err(Spoiled::Form(_))), "{bytes:?}");
        }
    }
}
