//! Healthy instances: `/v1/health`.

use serde::{Deserialize, Serialize};

use crate::catalog::{Node, NodeService};
use crate::check::HealthCheck;

/// One instance with its node and the checks of both: an element of `GET /v1/health/service/NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HealthEntry<'a> {
    /// The node.
    pub node: Node<'a>,
    /// The instance.
    pub service: NodeService<'a>,
    /// The node's checks and the instance's.
    pub checks: Vec<HealthCheck<'a>>,
}
