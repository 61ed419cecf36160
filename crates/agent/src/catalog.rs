//! The catalog as an agent sees it: what it has of the own node, a write, and word of changes.
//!
//! On a server it is the node's own state and proposals ([`NodeCatalog`]); an agent that is no server will speak to
//! servers through the same trait.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use quorate_node::{Consistency, Handle, ProposeError};
use quorate_state::{CheckStatus, Operation, Response, Topic};

use crate::definition::Alias;
use crate::machine::{NodeView, Step, Told};

/// A future in a box.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a catalog knows of whom an alias stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AliasView {
    /// Whether the service is there; `true` if none is named.
    pub exists: bool,
    /// The checks that count: names, statuses and outputs.
    pub checks: Vec<(String, CheckStatus, String)>,
}

/// A catalog. Errors are texts for the log: whatever they say, it is tried again.
pub trait Catalog: Send + Sync + 'static {
    /// What it has of a node.
    fn view(&self, node: &str) -> BoxFuture<Result<NodeView, String>>;
    /// Makes a write, and waits until it is taken.
    fn tell(&self, step: &Step) -> BoxFuture<Told>;
    /// Resolves when what it has of a node may have changed since this was called.
    fn changed(&self, node: &str) -> BoxFuture<()>;
    /// The health of a service of a node, or of the node itself.
    fn health(&self, alias: &Alias) -> BoxFuture<Result<AliasView, String>>;
}

/// The catalog of the server that the agent runs in.
#[derive(Clone)]
pub struct NodeCatalog(pub Handle);

/// How long to wait before asking for word of changes again when there are too many who do.
const WATCH_RETRY: Duration = Duration::from_secs(10);

impl Catalog for NodeCatalog {
    fn view(&self, node: &str) -> BoxFuture<Result<NodeView, String>> {
        let (handle, node) = (self.0.clone(), node.to_owned());
        Box::pin(async move {
            handle.ready(Consistency::Default).await.map_err(|error| error.to_string())?;
            let state = handle.state();
            Ok(NodeView {
                services: state.services_on(&node).cloned().collect(),
                checks: state.checks_on(&node).cloned().collect(),
            })
        })
    }

    fn tell(&self, step: &Step) -> BoxFuture<Told> {
        let handle = self.0.clone();
        let operation = match step {
            Step::Register(registration) => Operation::Register(registration.clone()),
            Step::Deregister(what) => Operation::Deregister(what.clone()),
        };
        Box::pin(async move {
            match handle.propose(operation).await {
                Ok(Response::Refused(refusal)) => Told::Refused(refusal.to_string()),
                Ok(_) => Told::Taken,
                // It would be as large again.
                Err(error @ ProposeError::TooLarge { .. }) => Told::Refused(error.to_string()),
                Err(error) => Told::Failed(error.to_string()),
            }
        })
    }

    fn changed(&self, node: &str) -> BoxFuture<()> {
        let watch = self.0.watch(&[Topic::node(node), Topic::node_checks(node)]);
        Box::pin(async move {
            match watch {
                Ok(mut watch) => drop(watch.changed().await),
                Err(_) => tokio::time::sleep(WATCH_RETRY).await,
            }
        })
    }

    fn health(&self, alias: &Alias) -> BoxFuture<Result<AliasView, String>> {
        let (handle, alias) = (self.0.clone(), alias.clone());
        Box::pin(async move {
            handle.ready(Consistency::Default).await.map_err(|error| error.to_string())?;
            let state = handle.state();
            let of_service = state.checks_on(&alias.node).filter(|check| {
                check.service_id.is_empty() || !alias.service_id.is_empty() && check.service_id == alias.service_id
            });
            Ok(AliasView {
                exists: match &*alias.service_id {
                    "" => state.node(&alias.node).is_some(),
                    id => state.service_on(&alias.node, id).is_some(),
                },
                checks: of_service.map(|check| (check.name.clone(), check.status, check.output.clone())).collect(),
            })
        })
    }
}
