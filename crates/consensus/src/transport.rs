//! The seam between servers: how a request reaches another one.

use std::future::Future;
use std::pin::Pin;

use crate::error::TransportError;
use crate::protocol::{Member, NodeId, Rpc, RpcReply};

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries requests to other servers. A message may be lost, late, repeated or overtaken; an answer must belong to its
/// own request. This crate bounds each call by `Config::rpc_timeout_ms` and drops the future then.
pub trait Transport: Send + Sync + 'static {
    /// Sends `rpc` to `to`, who should hand it to `Consensus::handle`, and gives its answer.
    fn call(&self, to: NodeId, member: &Member, rpc: Rpc) -> BoxFuture<'static, Result<RpcReply, TransportError>>;
}
