//! The other servers, as openraft asks for them: each call goes through the transport, with a bound on its time.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use quorate_base::Host;

use crate::error::TransportError;
use crate::protocol::{Member, NodeId, Rpc, RpcReply, SnapshotChunk, SnapshotReply, TransferReply, Vote};
use crate::raft::convert;
use crate::raft::state_machine::{SnapshotData, blocking};
use crate::raft::type_config::{RaftId, RaftSnapshot, RaftVote, TypeConfig};
use crate::snapshot::SnapshotFile;
use crate::transport::Transport;

/// How often a piece of a snapshot is sent again before the transfer is given up for now.
const SNAPSHOT_FAILURES_MAX: u32 = 5;

/// How often a receiver may ask to begin anew before the transfer is given up for now.
const SNAPSHOT_RESTARTS_MAX: u32 = 5;

/// What all connections share.
#[derive(Clone)]
pub(crate) struct NetworkFactory {
    pub(crate) id: NodeId,
    /// Where files are read.
    pub(crate) host: Host,
    pub(crate) transport: Arc<dyn Transport>,
    /// See `Config::rpc_timeout_ms`.
    pub(crate) rpc_timeout: Duration,
    /// See `Config::snapshot_chunk_bytes`.
    pub(crate) snapshot_chunk_bytes: usize,
}

/// The way to one other server.
pub(crate) struct Network {
    shared: NetworkFactory,
    target: NodeId,
    member: Member,
}

impl<R: Send + Sync + 'static> RaftNetworkFactory<TypeConfig<R>> for NetworkFactory {
    type Network = Network;

    async fn new_client(&mut self, target: RaftId, node: &Member) -> Network {
        Network { shared: self.clone(), target: target.0, member: node.clone() }
    }
}

type CallError<R> = RPCError<TypeConfig<R>>;

impl Network {
    async fn call<R: Send + Sync + 'static>(&self, kind: RPCTypes, rpc: Rpc) -> Result<RpcReply, CallError<R>> {
        let timeout = self.shared.rpc_timeout;
        let call = self.shared.transport.call(self.target, &self.member, rpc);
        match tokio::time::timeout(timeout, call).await {
            Ok(Ok(reply)) => Ok(reply),
            // Refusing is no answer to the question: a server with a full disk is as good as away for a while.
            Ok(Err(error @ (TransportError::Unreachable(_) | TransportError::Refused(_)))) => {
                Err(Unreachable::new(&error).into())
            }
            Ok(Err(error @ TransportError::Failed(_))) => Err(NetworkError::new(&error).into()),
            Err(_) => {
                let (id, target) = (RaftId(self.shared.id), RaftId(self.target));
                Err(Timeout { action: kind, id, target, timeout }.into())
            }
        }
    }

    /// Sends the piece at `offset` of a snapshot.
    async fn send_piece<R: Send + Sync + 'static>(
        &self,
        vote: Vote,
        snapshot: &SnapshotFile,
        offset: u64,
    ) -> Result<SnapshotReply, PieceError<R>> {
        let left = snapshot.identity.length.saturating_sub(offset);
        let length = left.min(self.shared.snapshot_chunk_bytes as u64) as usize;
        let file = snapshot.file.clone();
        let read = blocking(&self.shared.host, move || {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, offset).map(|()| bytes)
        });
        let bytes = read.await.map_err(PieceError::Disk)?;
        let chunk = SnapshotChunk { vote, snapshot: snapshot.identity, offset, bytes: Bytes::from(bytes) };
        match self.call(RPCTypes::InstallSnapshot, Rpc::InstallSnapshot(chunk)).await {
            Ok(RpcReply::InstallSnapshot(reply)) => Ok(reply),
            Ok(_) => Err(PieceError::Call(wrong_reply())),
            Err(error) => Err(PieceError::Call(error)),
        }
    }

    /// Sends a snapshot piece by piece, each from where the receiver says to go on.
    async fn send_snapshot<R: Send + Sync + 'static>(
        &self,
        vote: Vote,
        snapshot: &SnapshotFile,
    ) -> Result<Vote, StreamingError<TypeConfig<R>>> {
        let (mut offset, mut failures, mut restarts) = (0, 0, 0);
        loop {
            match self.send_piece::<R>(vote, snapshot, offset).await {
                Ok(SnapshotReply::Done { vote }) => return Ok(vote),
                Ok(SnapshotReply::Continue { offset: next }) => {
                    restarts += u32::from(next < offset);
                    if restarts > SNAPSHOT_RESTARTS_MAX {
                        return Err(NetworkError::from_string("the receiver keeps beginning anew").into());
                    }
                    failures = 0;
                    offset = next;
                }
                Err(PieceError::Disk(error)) => {
                    return Err(NetworkError::from_string(format!("reading the snapshot: {error}")).into());
                }
                Err(PieceError::Call(error)) => {
                    failures += 1;
                    if failures > SNAPSHOT_FAILURES_MAX {
                        return Err(error.into());
                    }
                    tokio::time::sleep(self.shared.rpc_timeout / 8 * failures).await;
                }
            }
        }
    }
}

/// Why a piece of a snapshot did not get through.
enum PieceError<R: Send + Sync + 'static> {
    /// Our own file.
    Disk(io::Error),
    /// The way there, or the receiver.
    Call(CallError<R>),
}

fn wrong_reply<R: Send + Sync + 'static>() -> CallError<R> {
    NetworkError::from_string("the answer is of another kind than the request").into()
}

impl<R: Send + Sync + 'static> RaftNetworkV2<TypeConfig<R>> for Network {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig<R>>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig<R>>, CallError<R>> {
        let request = Rpc::AppendEntries(convert::append(rpc));
        match self.call(RPCTypes::AppendEntries, request).await? {
            RpcReply::AppendEntries(reply) => Ok(convert::raft_append_reply(reply)),
            _ => Err(wrong_reply()),
        }
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig<R>>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig<R>>, CallError<R>> {
        match self.call(RPCTypes::Vote, Rpc::Vote(convert::vote_request(rpc))).await? {
            RpcReply::Vote(reply) => Ok(convert::raft_vote_reply(reply)),
            _ => Err(wrong_reply()),
        }
    }

    /// Unlike openraft's default, a server that cannot be reached grants nothing.
    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig<R>>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig<R>>, CallError<R>> {
        match self.call(RPCTypes::Vote, Rpc::PreVote(convert::vote_request(rpc))).await? {
            RpcReply::PreVote(reply) => Ok(convert::raft_vote_reply(reply)),
            _ => Err(wrong_reply()),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: RaftVote,
        snapshot: RaftSnapshot<SnapshotData>,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig<R>>, StreamingError<TypeConfig<R>>> {
        let no_file = || StreamingError::from(NetworkError::from_string("a snapshot without a file"));
        let file = snapshot.snapshot.ok_or_else(no_file)?;
        let sending = self.send_snapshot::<R>(convert::vote(&vote), &file);
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            sent = sending => sent.map(|vote| SnapshotResponse::new(convert::raft_vote(vote))),
        }
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<TypeConfig<R>>,
        _option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig<R>>, CallError<R>> {
        match self.call(RPCTypes::TransferLeader, Rpc::TransferLeader(convert::transfer(&req))).await? {
            RpcReply::TransferLeader(TransferReply::Accepted) => Ok(Ok(())),
            RpcReply::TransferLeader(TransferReply::Refused(why)) => Err(NetworkError::from_string(why).into()),
            _ => Err(wrong_reply()),
        }
    }
}
