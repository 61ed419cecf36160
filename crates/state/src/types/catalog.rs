//! Nodes, their services and the checks of both.

use std::collections::BTreeMap;

use super::Stamp;

/// A host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Node {
    /// Its UUID as registered; empty if the registration gave none.
    pub id: String,
    /// Its name, unique without regard to case.
    pub name: String,
    /// Its address: an IP or a host name.
    pub address: String,
    /// Addresses by purpose: `lan`, `wan`, `lan_ipv4` and so on.
    pub tagged_addresses: BTreeMap<String, String>,
    /// Free key-value pairs.
    pub meta: BTreeMap<String, String>,
    /// Its region and zone as JSON, given back as they came; empty for none.
    pub locality: String,
    /// When it was created and last changed.
    pub stamp: Stamp,
}

/// An instance of a service on a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Service {
    /// The name of the node it runs on.
    pub node: String,
    /// Unique on its node.
    pub id: String,
    /// The name under which it is discovered.
    pub name: String,
    /// Labels, in the order given.
    pub tags: Vec<String>,
    /// Its own address; empty means its node's.
    pub address: String,
    /// Addresses by purpose, each with a port.
    pub tagged_addresses: BTreeMap<String, ServiceAddress>,
    /// Free key-value pairs.
    pub meta: BTreeMap<String, String>,
    /// Its port; 0 for none.
    pub port: i64,
    /// The path of its Unix socket; empty for none.
    pub socket_path: String,
    /// How much traffic it wants beside its peers.
    pub weights: Weights,
    /// Whether others may change its tags in the catalog.
    pub enable_tag_override: bool,
    /// The kind (`connect-proxy` and so on), given back as it came; empty for a typical service.
    pub kind: String,
    /// The proxy part of the registration as JSON, given back as it came; empty for none.
    pub proxy: String,
    /// The connect part of the registration as JSON, given back as it came; empty for none.
    pub connect: String,
    /// Its named ports as JSON, given back as they came; empty for none.
    pub ports: String,
    /// Its region and zone as JSON, given back as they came; empty for none.
    pub locality: String,
    /// Its part for agents of artificial intelligence as JSON, given back as it came; empty for none.
    pub ai: String,
    /// When it was created and last changed.
    pub stamp: Stamp,
}

/// An address with its port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServiceAddress {
    /// An IP or a host name.
    pub address: String,
    /// The port; 0 for none.
    pub port: i64,
}

/// How much traffic an instance wants beside its peers, by its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weights {
    /// While it passes.
    pub passing: i64,
    /// While it warns.
    pub warning: i64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { passing: 1, warning: 1 }
    }
}

/// The state of a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckStatus {
    /// Healthy.
    Passing,
    /// Worth a look, still in service.
    Warning,
    /// Out of service. Also what a check is until it says otherwise.
    #[default]
    Critical,
}

impl CheckStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Passing, Self::Warning, Self::Critical];

    /// The word for it in the API, in DNS metadata and in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The status of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// A check of a node, or of a service on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Check {
    /// The name of its node.
    pub node: String,
    /// Unique on its node.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// Its state.
    pub status: CheckStatus,
    /// A description for people.
    pub notes: String,
    /// What the last run said.
    pub output: String,
    /// The service it checks; empty for the node itself.
    pub service_id: String,
    /// That service's name, filled in by the state.
    pub service_name: String,
    /// That service's tags, filled in by the state.
    pub service_tags: Vec<String>,
    /// What kind of check it is (`http`, `ttl`, ...), for people; may be empty.
    pub kind: String,
    /// How often it runs, as text, for people; may be empty.
    pub interval: String,
    /// How long a run may take, as text, for people; may be empty.
    pub timeout: String,
    /// The port that exposes it through a proxy; 0 for none.
    pub exposed_port: i64,
    /// Its definition as JSON, given back as it came; empty for none.
    pub definition: String,
    /// When it was created and last changed.
    pub stamp: Stamp,
}
