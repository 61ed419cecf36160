//! The wire types of /v1 and a typed async client.
//!
//! One set of types serves both ends. Their texts and lists are [`Cow`](std::borrow::Cow)s, so the server encodes an
//! answer straight from its state without copying it, and the client decodes the same type into owned data
//! (`Node<'static>`). Names, order of fields, and what is `null`, `[]` or left out are those of Consul 1.13.9, where the
//! published documentation is silent as its answers show them.
//!
//! Three kinds of type live here:
//! - **answers** (`KvPair`, `Node`, `HealthEntry`, ...), in the module named after their route;
//! - **request bodies** (`Registration`, `SessionCreate`, `TxnOperation`, ...), decoded with [`go_json::from_slice`],
//!   which reads JSON as Go does and refuses in Go's words;
//! - the [`client`].
//!
//! **Invariant:** nothing here knows the state, the node or HTTP's server side; it converts bytes and types only.

pub mod agent;
pub mod catalog;
pub mod check;
pub mod client;
pub mod definition;
pub mod event;
pub mod go_json;
pub mod health;
pub mod kept;
pub mod kv;
pub mod local;
pub mod operator;
pub mod port;
pub mod proxy;
pub mod session;
pub mod txn;

mod wire;

pub use agent::{AgentConfig, AgentSelf, AgentVersion, Coordinate, Member};
pub use catalog::{
    CatalogService, Deregistration, Locality, Node, NodeService, NodeServiceList, NodeServices, Registration,
    ServiceAddress, Weights,
};
pub use check::{CheckDefinition, HealthCheck};
pub use definition::{AgentCheckDefinition, ServiceCheckDefinition, ServiceDefinition};
pub use event::UserEvent;
pub use health::HealthEntry;
pub use kept::Kept;
pub use kv::{Bytes64, KvPair};
pub use local::{AgentCheck, AgentHealthCheck, AgentService, AgentServiceHealth, CheckUpdate};
pub use operator::{RaftConfiguration, RaftServer};
pub use port::{PortsError, ServicePort};
pub use proxy::{ConnectProxy, ServiceConnect};
pub use session::{ServiceCheck, Session, SessionCreate, SessionCreated};
pub use txn::{
    TxnCheck, TxnError, TxnKv, TxnNode, TxnOperation, TxnOperations, TxnReadResponse, TxnResponse, TxnResult,
};
