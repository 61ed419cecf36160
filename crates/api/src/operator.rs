//! The consensus group as an operator sees it: `/v1/operator/raft/configuration`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The group's members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RaftConfiguration<'a> {
    /// Its servers.
    pub servers: Vec<RaftServer<'a>>,
    /// The log index of this configuration.
    pub index: u64,
}

/// A member of the group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RaftServer<'a> {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: Cow<'a, str>,
    /// Its node's name, or `(unknown)`.
    pub node: Cow<'a, str>,
    /// Where the others reach it.
    pub address: Cow<'a, str>,
    /// Whether it leads.
    pub leader: bool,
    /// The version of the protocol, as text.
    pub protocol_version: Cow<'a, str>,
    /// Whether it votes.
    pub voter: bool,
}
