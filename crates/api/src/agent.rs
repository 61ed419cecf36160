//! The agent about itself: `/v1/agent/self`, `/v1/agent/members`, `/v1/agent/version`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `GET /v1/agent/self`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AgentSelf<'a> {
    /// What clients may rely on.
    pub config: AgentConfig<'a>,
    /// The whole configuration, for people; its keys may change.
    pub debug_config: BTreeMap<Cow<'a, str>, serde_json::Value>,
    /// The agent's network coordinate.
    #[serde(rename = "Coord")]
    pub coordinate: Option<Coordinate>,
    /// The agent as a member.
    pub member: Member<'a>,
    /// Counters for people, by part and name.
    pub stats: BTreeMap<Cow<'a, str>, BTreeMap<Cow<'a, str>, Cow<'a, str>>>,
    /// The node's meta data.
    pub meta: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// The part of the configuration that clients may rely on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AgentConfig<'a> {
    /// The datacenter.
    pub datacenter: Cow<'a, str>,
    /// The datacenter that decides for all.
    pub primary_datacenter: Cow<'a, str>,
    /// The node's name.
    pub node_name: Cow<'a, str>,
    /// The node's id.
    #[serde(rename = "NodeID")]
    pub node_id: Cow<'a, str>,
    /// The revision of the source; may be empty.
    pub revision: Cow<'a, str>,
    /// Whether this is a server.
    pub server: bool,
    /// The version of the Consul API served.
    pub version: Cow<'a, str>,
    /// When the binary was built, RFC 3339.
    pub build_date: Cow<'a, str>,
    /// Quorate's own version.
    #[serde(skip_serializing_if = "crate::wire::is_empty")]
    pub quorate_version: Cow<'a, str>,
    /// The shortest time-to-live of a session in nanoseconds, where the agent tells it; Patroni reads it.
    #[serde(rename = "SessionTTLMin", skip_serializing_if = "Option::is_none")]
    pub session_ttl_min: Option<i64>,
}

/// A place in the space of round-trip times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Coordinate {
    /// The position, in seconds.
    #[serde(rename = "Vec")]
    pub position: Vec<f64>,
    /// How sure the node is of it; 1.5 is not at all.
    pub error: f64,
    /// A correction found over time.
    pub adjustment: f64,
    /// The distance that every path from this node has in common.
    pub height: f64,
}

impl Default for Coordinate {
    /// Where every node starts.
    fn default() -> Self {
        Self { position: vec![0.0; 8], error: 1.5, adjustment: 0.0, height: 1e-5 }
    }
}

/// A member of the gossip pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Member<'a> {
    /// Its node's name.
    pub name: Cow<'a, str>,
    /// Its address.
    pub addr: Cow<'a, str>,
    /// Its port for gossip.
    pub port: u16,
    /// What it tells the others about itself.
    pub tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// 1 alive, 2 leaving, 3 left, 4 failed.
    pub status: u8,
    /// The oldest memberlist protocol it understands.
    pub protocol_min: u8,
    /// The newest.
    pub protocol_max: u8,
    /// The one it speaks.
    pub protocol_cur: u8,
    /// The oldest serf protocol it understands.
    pub delegate_min: u8,
    /// The newest.
    pub delegate_max: u8,
    /// The one it speaks.
    pub delegate_cur: u8,
}

/// `GET /v1/agent/version`, which newer Consuls have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AgentVersion<'a> {
    /// The commit.
    #[serde(rename = "SHA")]
    pub sha: Cow<'a, str>,
    /// When the binary was built.
    pub build_date: Cow<'a, str>,
    /// The version of the Consul API served.
    pub human_version: Cow<'a, str>,
    /// Whether it is a FIPS build; always empty here.
    #[serde(rename = "FIPS")]
    pub fips: Cow<'a, str>,
    /// Quorate's own version.
    pub quorate_version: Cow<'a, str>,
}
