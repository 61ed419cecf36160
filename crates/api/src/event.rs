//! User events: `/v1/event`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::kv::Bytes64;

/// An event as it is fired and listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UserEvent<'a> {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: Cow<'a, str>,
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it carries; `null` if nothing was sent.
    pub payload: Option<Bytes64<'a>>,
    /// A regular expression: the nodes it is for; empty for all.
    pub node_filter: Cow<'a, str>,
    /// A regular expression: the services it is for; empty for all.
    pub service_filter: Cow<'a, str>,
    /// A regular expression: the tags of those services; empty for all.
    pub tag_filter: Cow<'a, str>,
    /// The version of this form; 1.
    pub version: u64,
    /// The Lamport time at which it was received; 0 in the answer to firing it.
    #[serde(rename = "LTime")]
    pub lamport_time: u64,
}
