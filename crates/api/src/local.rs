//! What an agent knows of its own services and checks: answers of `/v1/agent/service...`, `/v1/agent/checks` and
//! `/v1/agent/health/...`, and the body of a TTL check's update.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::catalog::{AddressMap, Locality, TextMap, Weights};
use crate::kept::Kept;
use crate::port::ServicePort;
use crate::proxy::{ConnectProxy, ServiceConnect};
use crate::wire::is_empty;

/// A service of this agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AgentService<'a> {
    /// The kind; left out for a typical service.
    #[serde(skip_serializing_if = "is_empty")]
    pub kind: Cow<'a, str>,
    /// Unique on the agent.
    #[serde(rename = "ID")]
    pub id: Cow<'a, str>,
    /// The service's name.
    pub service: Cow<'a, str>,
    /// The labels; `[]` if there are none.
    pub tags: Cow<'a, [String]>,
    /// The meta data; `{}` if there is none.
    pub meta: Cow<'a, TextMap>,
    /// The port; 0 for none.
    pub port: i64,
    /// Its named ports; left out if it has none.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub ports: Kept<'a, Vec<ServicePort>>,
    /// Its own address, or empty.
    pub address: Cow<'a, str>,
    /// The path of its Unix socket; left out for none.
    #[serde(skip_serializing_if = "is_empty")]
    pub socket_path: Cow<'a, str>,
    /// Addresses by purpose; left out if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tagged_addresses: Option<Cow<'a, AddressMap>>,
    /// The weights.
    pub weights: Weights,
    /// Whether others may change its tags in the catalog.
    pub enable_tag_override: bool,
    /// A hash of all of it, to wait for another one; only for one service.
    #[serde(skip_serializing_if = "is_empty")]
    pub content_hash: Cow<'a, str>,
    /// The proxy part; left out for a typical service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Kept<'a, ConnectProxy>>,
    /// The connect part; left out if it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Kept<'a, ServiceConnect>>,
    /// What it does among agents of artificial intelligence; left out if nobody said.
    #[serde(rename = "AI", skip_serializing_if = "Kept::is_default")]
    pub ai: Kept<'a, Option<Value>>,
    /// The agent's datacenter.
    pub datacenter: Cow<'a, str>,
    /// Where it is; left out if nobody said.
    #[serde(skip_serializing_if = "Kept::is_default")]
    pub locality: Kept<'a, Option<Locality>>,
}

/// A check of this agent, as `/v1/agent/checks` lists it. Its definition is never told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AgentCheck<'a> {
    /// The agent's node.
    pub node: Cow<'a, str>,
    /// Unique on the agent.
    #[serde(rename = "CheckID")]
    pub check_id: Cow<'a, str>,
    /// A name for people.
    pub name: Cow<'a, str>,
    /// `passing`, `warning` or `critical`.
    pub status: Cow<'a, str>,
    /// A description for people.
    pub notes: Cow<'a, str>,
    /// What it last said.
    pub output: Cow<'a, str>,
    /// The service that it checks; empty for the node.
    #[serde(rename = "ServiceID")]
    pub service_id: Cow<'a, str>,
    /// That service's name.
    pub service_name: Cow<'a, str>,
    /// That service's labels.
    pub service_tags: Cow<'a, [String]>,
    /// What kind of check it is.
    #[serde(rename = "Type")]
    pub kind: Cow<'a, str>,
    /// How often it runs.
    pub interval: Cow<'a, str>,
    /// How long a run may take.
    pub timeout: Cow<'a, str>,
    /// A port that exposes it through a proxy.
    pub exposed_port: i64,
    /// Always empty.
    pub definition: BTreeMap<String, serde_json::Value>,
    /// Always 0.
    pub create_index: u64,
    /// Always 0.
    pub modify_index: u64,
}

/// The health of an instance, as `/v1/agent/health/service/` tells it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AgentServiceHealth<'a> {
    /// `passing`, `warning`, `critical` or `maintenance`.
    pub aggregated_status: &'a str,
    /// The instance; `null` if there is none.
    pub service: Option<AgentService<'a>>,
    /// Its checks and its node's; `null` if there is no such instance.
    pub checks: Option<Vec<AgentHealthCheck<'a>>>,
}

/// A check in [`AgentServiceHealth`], which has fewer fields than others.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AgentHealthCheck<'a> {
    /// The agent's node.
    pub node: &'a str,
    /// Unique on the agent.
    #[serde(rename = "CheckID")]
    pub check_id: &'a str,
    /// A name for people.
    pub name: &'a str,
    /// `passing`, `warning` or `critical`.
    pub status: &'a str,
    /// A description for people.
    pub notes: &'a str,
    /// What it last said.
    pub output: &'a str,
    /// The service that it checks; empty for the node.
    #[serde(rename = "ServiceID")]
    pub service_id: &'a str,
    /// That service's name.
    pub service_name: &'a str,
    /// That service's labels; `null` if it has none.
    pub service_tags: Option<&'a [String]>,
    /// Always empty.
    #[serde(rename = "Type")]
    pub kind: &'a str,
    /// Always 0.
    pub exposed_port: i64,
    /// Always that of no check at all.
    pub definition: &'static RawValue,
    /// Always 0.
    pub create_index: u64,
    /// Always 0.
    pub modify_index: u64,
}

/// The definition that [`AgentHealthCheck`] shows.
pub fn no_definition() -> &'static RawValue {
    const TEXT: &str = r#"{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","Body":"","TLSServerName":"","TLSSkipVerify":false,"TCP":"","UDP":"","GRPC":"","GRPCUseTLS":false}"#;
    // The text is JSON, as the test below sees.
    serde_json::from_str(TEXT).unwrap_or(RawValue::NULL)
}

/// The body of `PUT /v1/agent/check/update/ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "agent.checkUpdate", rename_all = "PascalCase", default)]
pub struct CheckUpdate {
    /// `passing`, `warning` or `critical`.
    pub status: String,
    /// What it says.
    pub output: String,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_of_no_check_is_json() {
        assert!(super::no_definition().get().starts_with('{'));
    }
}
