//! Answering the other servers.

use std::sync::Arc;

use openraft::errors::{Fatal, RaftError};
use tokio::time::Instant;

use crate::admission::room_for;
use crate::application::Application;
use crate::error::RpcError;
use crate::handle::Server;
use crate::log::record_bytes;
use crate::protocol::{
    AppendEntries, AppendReply, Entry, NodeId, Rpc, RpcReply, SnapshotChunk, SnapshotReply, TransferReply, Vote,
    VoteReply, VoteRequest,
};
use crate::raft::convert;
use crate::raft::receive::Received;
use crate::raft::state_machine::raft_snapshot;
use crate::raft::type_config::TypeConfig;

impl<A: Application> Server<A> {
    /// Answers another server's request.
    pub(crate) async fn serve(self: &Arc<Self>, from: NodeId, rpc: Rpc) -> Result<RpcReply, RpcError> {
        self.check_running().map_err(|reason| RpcError::Stopped { reason })?;
        let sender = match &rpc {
            Rpc::Vote(request) | Rpc::PreVote(request) => request.vote.node,
            Rpc::AppendEntries(request) => request.vote.node,
            Rpc::InstallSnapshot(chunk) => chunk.vote.node,
            Rpc::TransferLeader(request) => request.from.node,
        };
        if sender != from {
            return Err(RpcError::Malformed("it speaks for another server than the one that sent it"));
        }
        match rpc {
            Rpc::Vote(request) => self.serve_vote(request).await.map(RpcReply::Vote),
            Rpc::PreVote(request) => self.serve_pre_vote(request).await.map(RpcReply::PreVote),
            Rpc::AppendEntries(request) => self.serve_append(request).await.map(RpcReply::AppendEntries),
            Rpc::InstallSnapshot(chunk) => self.serve_snapshot(chunk).await.map(RpcReply::InstallSnapshot),
            Rpc::TransferLeader(request) => {
                let request = convert::raft_transfer(request);
                let accepted = self.raft.handle_transfer_leader(request).await.map_err(|fatal| self.stopped(&fatal))?;
                let refused = |error: openraft::raft::TransferLeaderError<TypeConfig<A::Response>>| {
                    TransferReply::Refused(error.to_string())
                };
                Ok(RpcReply::TransferLeader(accepted.map_or_else(refused, |()| TransferReply::Accepted)))
            }
        }
    }

    async fn serve_vote(&self, request: VoteRequest) -> Result<VoteReply, RpcError> {
        // A leader that hands over asks for this itself, so nothing promised to it stands against it.
        if !request.leadership_transfer
            && let Some(refusal) = self.refuse_vote()
        {
            return Ok(refusal);
        }
        let reply = self.raft.vote(convert::raft_vote_request(request)).await;
        reply.map(convert::vote_reply::<A::Response>).map_err(|error| self.rpc_error(error))
    }

    async fn serve_pre_vote(&self, request: VoteRequest) -> Result<VoteReply, RpcError> {
        if let Some(refusal) = self.refuse_vote() {
            return Ok(refusal);
        }
        let reply = self.raft.pre_vote(convert::raft_vote_request(request)).await;
        reply.map(convert::vote_reply::<A::Response>).map_err(|error| self.rpc_error(error))
    }

    /// The refusal of a server that may still be bound by a promise from before its start.
    fn refuse_vote(&self) -> Option<VoteReply> {
        let bound = self.no_votes_before.is_some_and(|until| Instant::now() < until);
        bound.then(|| VoteReply { vote: self.current_vote(), granted: false, last_log: self.log.summary().last })
    }

    fn current_vote(&self) -> Vote {
        let nobody = Vote { term: 0, node: self.config.id, committed: false };
        self.log.summary().vote.unwrap_or(nobody)
    }

    async fn serve_append(self: &Arc<Self>, mut request: AppendEntries) -> Result<AppendReply, RpcError> {
        if request.entries.is_empty() {
            return self.append(request).await;
        }
        // Room first: entries that the log accepted must not meet a full disk.
        let (taken, bytes) = self.fitting(&request.entries);
        let partial = taken < request.entries.len();
        request.entries.truncate(taken);
        let last = request.entries.last().map(|entry| entry.id);
        let deadline = Instant::now() + self.rpc_timeout();
        let Some(room) = room_for(&self.log, bytes, deadline).await else {
            self.poke.notify_one();
            return Err(RpcError::DiskFull);
        };
        // The room must be held until the entries are written, even if whoever asked gives up before.
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let server = self.clone();
        self.host.spawn(async move {
            let reply = match server.append(request).await {
                Ok(AppendReply::Success) if partial => Ok(AppendReply::PartialSuccess(last)),
                other => other,
            };
            drop(room);
            // Whoever asked may have given up.
            let _ = sender.send(reply);
        });
        receiver.await.unwrap_or_else(|_| Err(RpcError::Stopped { reason: "the server stopped".to_owned() }))
    }

    /// How many of the entries may be taken at once, at least one, and the room that they need. A leader with larger log
    /// files than ours may send more than ours can promise room for.
    fn fitting(&self, entries: &[Entry]) -> (usize, u64) {
        // More than the largest entry, which is an eighth, and less than a quarter with its overhead: so it fits into the
        // smallest file that is prepared on a disk that is nearly full.
        let limit = self.config.segment_bytes / 6;
        let mut room = 0;
        let fits = |entry: &&Entry| {
            let with_it = room + record_bytes(entry);
            let fits = room == 0 || with_it <= limit;
            room = if fits { with_it } else { room };
            fits
        };
        let taken = entries.iter().take_while(fits).count();
        (taken, room.min(limit))
    }

    async fn append(&self, request: AppendEntries) -> Result<AppendReply, RpcError> {
        let leader = request.vote;
        let reply = self.raft.append_entries(convert::raft_append(request)).await;
        let reply = reply.map(convert::append_reply::<A::Response>).map_err(|error| self.rpc_error(error))?;
        if leader.committed && !matches!(reply, AppendReply::HigherVote(_)) {
            self.contact.heard();
        }
        Ok(reply)
    }

    async fn serve_snapshot(&self, chunk: SnapshotChunk) -> Result<SnapshotReply, RpcError> {
        let vote = chunk.vote;
        let mine = self.current_vote();
        if mine.term > vote.term {
            return Ok(SnapshotReply::Done { vote: mine });
        }
        let identity = chunk.snapshot;
        if identity.last.term > vote.term {
            return Err(RpcError::Malformed("a snapshot from after its leader's term"));
        }
        let mut reception = self.reception.lock().await;
        match reception.take(&self.machine, chunk).await? {
            Received::Continue(offset) => Ok(SnapshotReply::Continue { offset }),
            Received::Installed => Ok(SnapshotReply::Done { vote: self.current_vote() }),
            Received::Whole(file) => {
                let path = file.path.clone();
                let installed = self.raft.install_full_snapshot(convert::raft_vote(vote), raft_snapshot(file)).await;
                let vote = installed.map_err(|fatal| self.stopped(&fatal))?.vote;
                reception.installed(identity);
                // A snapshot older than the state is accepted and not used.
                if self.machine.store().current().is_none_or(|current| current.identity != identity) {
                    self.machine.discard(path);
                }
                Ok(SnapshotReply::Done { vote: convert::vote(&vote) })
            }
        }
    }

    pub(crate) fn stopped(&self, fatal: &Fatal<TypeConfig<A::Response>>) -> RpcError {
        RpcError::Stopped { reason: self.reason(fatal) }
    }

    fn rpc_error(&self, error: RaftError<TypeConfig<A::Response>>) -> RpcError {
        self.stopped(&error.unwrap_fatal())
    }
}
