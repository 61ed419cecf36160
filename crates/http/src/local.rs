//! What the routes of the agent need beside the node: the agent itself, and what only the program around it can do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use quorate_agent::Agent;
use tokio::sync::mpsc;
use tracing::Level;

/// The agent that a server speaks for, with its hooks.
#[derive(Clone)]
pub struct Local {
    /// The agent.
    pub agent: Agent,
    /// What the program around it can do.
    pub hooks: Hooks,
}

/// What the program can do when it is asked to. Without a hook the route answers that this can't be done.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Reads the configuration again; the error is for the client.
    pub reload: Option<Arc<dyn Fn() -> Reloading + Send + Sync>>,
    /// Stops the program in order. It returns at once; the answer to the request still goes out.
    pub leave: Option<Arc<dyn Fn() + Send + Sync>>,
    /// What is logged.
    pub logs: Option<Arc<dyn LogSource>>,
}

/// A reading of the configuration that is under way.
pub type Reloading = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Where log lines come from.
pub trait LogSource: Send + Sync {
    /// The lines from now on, each with its line end, down to a level; as JSON or as text. Lines are dropped for a reader
    /// that is too slow, and a line says so. It ends when the receiver is dropped.
    fn follow(&self, level: Level, as_json: bool) -> mpsc::Receiver<Bytes>;
}
