//! Handing a request to the leader, when this server may not answer it.
//!
//! A request goes to the server that is thought to lead, in its wire form. That server answers it or says that it does
//! not lead either; then the way is looked for again until [`Config::leader_wait_ms`](crate::Config) is over. A write is
//! sent again only after an answer that it did not take place.

use std::time::Duration;

use bytes::Bytes;
use quorate_consensus::{Member, NodeId, ProposeError, TransportError};
use tokio::time::Instant;

use crate::codec::FORMAT_FIRST;
use crate::error::{ReadError, Refusal};
use crate::handle::Handle;
use crate::message;
use crate::request::{Body, Reply, Request, Wait};

/// How much longer than it may wait there an answer may take on its way.
const ON_THE_WAY: Duration = Duration::from_secs(10);

/// A server that is thought to lead.
pub(crate) type Leader = (NodeId, Member);

/// The leader that should be asked instead, if this server's refusal was for not being it, and others can be asked.
pub(crate) fn leader_to_ask(node: &Handle, request: &Request, refusal: &Refusal) -> Option<Leader> {
    node.peers()?;
    // The state is streamed, which a reply in one piece can't be, and events are each agent's own.
    if matches!(request.body, Body::Save(_) | Body::Fire { .. } | Body::Events(_)) {
        return None;
    }
    // What only this server's own term may commit is nothing to a different leader.
    if matches!(&request.body, Body::Propose(proposal) if proposal.term.is_some()) {
        return None;
    }
    match refusal {
        Refusal::NotRead(ReadError::NotLeader { leader }) => Some(leader.clone()),
        Refusal::NotWritten(ProposeError::NotLeader { leader: Some(leader) }) => Some(leader.clone()),
        _ => None,
    }
}

/// A request on its way to the leader.
pub(crate) struct Forwarded {
    node: Handle,
    request: Request,
    leader: Leader,
    started: Instant,
}

impl Forwarded {
    pub(crate) fn new(node: Handle, request: Request, leader: Leader) -> Self {
        Self { node, request, leader, started: Instant::now() }
    }

    /// Sends it, perhaps to several servers one after the other, until one answers.
    pub(crate) async fn reply(mut self) -> Result<Reply, Refusal> {
        let patience = self.started + self.node.leader_wait();
        let started = self.started;
        let until = self.wait().map(|wait| started + wait.at_most);
        loop {
            if let (Some(wait), Some(until)) = (self.wait(), until) {
                wait.at_most = until.saturating_duration_since(Instant::now());
            }
            let refusal = match self.send().await {
                Ok(reply) => return Ok(reply),
                Err(refusal) => refusal,
            };
            let next = match &refusal {
                Refusal::NotRead(ReadError::NotLeader { leader }) => Some(leader.clone()),
                Refusal::NotWritten(ProposeError::NotLeader { leader }) => leader.clone(),
                Refusal::NotRead(ReadError::NoLeader) => None,
                _ => return Err(refusal),
            };
            if Instant::now() >= patience {
                return Err(refusal);
            }
            self.node.next_try(patience).await;
            match self.node.known_leader().or(next) {
                // It may be this server by now.
                Some((id, _)) if id == self.node.id() => return self.here().await,
                Some(leader) => self.leader = leader,
                None => {}
            }
        }
    }

    /// Answers it here after all.
    async fn here(self) -> Result<Reply, Refusal> {
        Box::pin(self.node.serve_here(&self.request)).await.reply().await
    }

    /// Sends it once.
    async fn send(&mut self) -> Result<Reply, Refusal> {
        let at_most = self.wait().map_or(Duration::ZERO, |wait| wait.at_most) + ON_THE_WAY;
        let Some(peers) = self.node.peers().cloned() else { return Err(ReadError::NoLeader.into()) };
        let bytes = message::encode_request(&self.request, self.node.published().format())
            .map_err(|error| Refusal::Other(error.to_string()))?;
        let (to, member) = &self.leader;
        let answer = peers.ask(*to, member, bytes, at_most).await;
        match answer {
            Ok(bytes) => message::decode_reply(&bytes).map_err(|error| Refusal::Other(error.to_string()))?,
            // It never left this server.
            Err(TransportError::Unreachable(_)) => Err(self.not_taken()),
            Err(_) => Err(self.unknown()),
        }
    }

    /// The wait of a question that waits.
    fn wait(&mut self) -> Option<&mut Wait> {
        match &mut self.request.body {
            Body::Ask(ask) => ask.wait.as_mut(),
            _ => None,
        }
    }

    fn is_write(&self) -> bool {
        matches!(&self.request.body, Body::Propose(_)) || matches!(&self.request.body, Body::Txn(txn) if txn.writes)
    }

    /// It was not sent.
    fn not_taken(&self) -> Refusal {
        match self.is_write() {
            true => ProposeError::NotLeader { leader: None }.into(),
            false => ReadError::NoLeader.into(),
        }
    }

    /// It was sent, and no answer came.
    fn unknown(&self) -> Refusal {
        match self.is_write() {
            true => ProposeError::Timeout { waited_ms: self.started.elapsed().as_millis() as u64 }.into(),
            false => ReadError::NoLeader.into(),
        }
    }
}

impl Handle {
    /// Answers the request of a different server, in wire form. Only by what this server may do itself: whether to try
    /// elsewhere is for the one who sent it.
    pub async fn serve_bytes(&self, request: &[u8]) -> Bytes {
        let (reply, format) = match message::decode_request(request) {
            Ok((request, format)) => (self.serve_here(&request).await.reply().await, format),
            Err(error) => {
                let text = format!("a server sent a request that can't be read: {error}");
                (Err(Refusal::Other(text)), FORMAT_FIRST)
            }
        };
        message::encode_reply(&reply, format)
    }
}
