//! The seam to other servers for the requests of clients.

use std::time::Duration;

use bytes::Bytes;
use quorate_consensus::{BoxFuture, Member, NodeId, TransportError};

/// Carries requests of clients to other servers.
pub trait Peers: Send + Sync + 'static {
    /// Sends a request in its wire form to `to`, who should hand it to [`Handle::serve_bytes`](crate::Handle::serve_bytes), and gives its answer. The
    /// answer takes at most about `at_most`. An error says nothing of whether the request took effect.
    fn ask(
        &self,
        to: NodeId,
        member: &Member,
        request: Bytes,
        at_most: Duration,
    ) -> BoxFuture<'static, Result<Bytes, TransportError>>;
}
