//! The catalog as an agent sees it: what it has of the own node, a write, and word of changes.
//!
//! On a server it is the node's own state and proposals ([`NodeCatalog`]); an agent that is no server will speak to
//! servers through the same trait.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use quorate_node::{
    Answer, Ask, Body, Consistency, Handle, NodeEntries, Proposal, ProposeError, Question, Refusal, Reply, Request,
    Wait,
};
use quorate_state::{CheckStatus, Index, Operation, Response};

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

/// How long to wait before asking for word of changes again when it can't be had.
const WATCH_RETRY: Duration = Duration::from_secs(10);
/// How long one wait for a change lasts at most; then the next begins.
const WATCH_WAIT: Duration = Duration::from_secs(600);

impl NodeCatalog {
    /// All that the catalog has of a node, with its index; if an index was seen, once there is something newer.
    async fn entries(
        &self,
        node: &str,
        consistency: Consistency,
        seen: Option<Index>,
    ) -> Result<(Index, NodeEntries), String> {
        let wait = seen.map(|seen| Wait { seen, at_most: WATCH_WAIT });
        let ask = Ask { question: Question::NodeEntries(node.into()), consistency, wait };
        match self.0.serve(Request::local(Body::Ask(ask))).await.reply().await {
            Ok(Reply::Answered(answered)) => match &answered.answer.answer {
                Answer::NodeEntries(entries) => Ok((answered.answer.index, entries.clone())),
                other => Err(format!("the node answered {other:?}")),
            },
            Ok(other) => Err(format!("the node answered {other:?}")),
            Err(refusal) => Err(refusal.to_string()),
        }
    }
}

impl Catalog for NodeCatalog {
    fn view(&self, node: &str) -> BoxFuture<Result<NodeView, String>> {
        let (catalog, node) = (self.clone(), node.to_owned());
        Box::pin(async move {
            let (_, entries) = catalog.entries(&node, Consistency::Default, None).await?;
            Ok(NodeView { services: entries.services, checks: entries.checks })
        })
    }

    fn tell(&self, step: &Step) -> BoxFuture<Told> {
        let handle = self.0.clone();
        let operation = match step {
            Step::Register(registration) => Operation::Register(registration.clone()),
            Step::Deregister(what) => Operation::Deregister(what.clone()),
        };
        let body = Body::Propose(Proposal { operation, term: None });
        Box::pin(async move {
            match handle.serve(Request::local(body)).await.reply().await {
                Ok(Reply::Written(Response::Refused(refusal))) => Told::Refused(refusal.to_string()),
                Ok(_) => Told::Taken,
                // It would be as large again.
                Err(error @ Refusal::NotWritten(ProposeError::TooLarge { .. })) => Told::Refused(error.to_string()),
                Err(error) => Told::Failed(error.to_string()),
            }
        })
    }

    fn changed(&self, node: &str) -> BoxFuture<()> {
        let (catalog, node) = (self.clone(), node.to_owned());
        Box::pin(async move {
            // What this server has is enough to know of a change, whether it leads or not.
            let news = async {
                let (index, _) = catalog.entries(&node, Consistency::STALE, None).await?;
                catalog.entries(&node, Consistency::STALE, Some(index)).await
            };
            if news.await.is_err() {
                tokio::time::sleep(WATCH_RETRY).await;
            }
        })
    }

    fn health(&self, alias: &Alias) -> BoxFuture<Result<AliasView, String>> {
        let (catalog, alias) = (self.clone(), alias.clone());
        Box::pin(async move {
            let (_, entries) = catalog.entries(&alias.node, Consistency::Default, None).await?;
            let of_service = entries.checks.iter().filter(|check| {
                check.service_id.is_empty() || !alias.service_id.is_empty() && check.service_id == alias.service_id
            });
            Ok(AliasView {
                exists: match &*alias.service_id {
                    "" => entries.node.is_some(),
                    id => entries.services.iter().any(|service| service.id.eq_ignore_ascii_case(id)),
                },
                checks: of_service.map(|check| (check.name.clone(), check.status, check.output.clone())).collect(),
            })
        })
    }
}
