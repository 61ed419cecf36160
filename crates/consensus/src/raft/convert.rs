//! Our plain types to openraft's and back. Commands are shared, never copied.

use std::sync::Arc;

use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest as RaftVoteRequest,
    VoteResponse as RaftVoteResponse,
};

use crate::protocol::{
    AppendEntries, AppendReply, Entry, LogId, Membership, NodeId, Payload, TransferLeader, Vote, VoteReply, VoteRequest,
};
use crate::raft::type_config::{
    LeaderId, RaftId, RaftLogId, RaftMembership, RaftSnapshotMeta, RaftVote, StoredMembership, TypeConfig,
};
use crate::snapshot::format::SnapshotMeta;

pub(crate) fn log_id(id: &RaftLogId) -> LogId {
    LogId { term: id.leader_id, index: id.index }
}

pub(crate) fn raft_log_id(id: LogId) -> RaftLogId {
    RaftLogId::new(id.term, id.index)
}

pub(crate) fn vote(vote: &RaftVote) -> Vote {
    Vote { term: vote.leader_id.term, node: vote.leader_id.node.0, committed: vote.committed }
}

pub(crate) fn raft_vote(vote: Vote) -> RaftVote {
    RaftVote { leader_id: LeaderId { term: vote.term, node: RaftId(vote.node) }, committed: vote.committed }
}

pub(crate) fn membership(membership: &RaftMembership) -> Membership {
    let voters = membership.get_joint_config().iter().map(|set| set.iter().map(|id| id.0).collect());
    let members = membership.nodes().map(|(id, member)| (id.0, member.clone()));
    Membership { voters: voters.collect(), members: members.collect() }
}

pub(crate) fn raft_membership(membership: &Membership) -> RaftMembership {
    let voters = membership.voters.iter().map(|set| set.iter().copied().map(RaftId).collect()).collect();
    let members = membership.members.iter().map(|(id, member)| (RaftId(*id), member.clone()));
    let members: std::collections::BTreeMap<_, _> = members.collect();
    // A membership that was once accepted is taken as it is; an empty one is that of a log without history.
    RaftMembership::new(voters, members).unwrap_or_default()
}

pub(crate) fn stored_membership(at: Option<LogId>, membership: &Membership) -> StoredMembership {
    StoredMembership::new(at.map(raft_log_id), raft_membership(membership))
}

/// An entry on its way to a different server.
fn sent(entry: Entry) -> Entry {
    match entry.payload {
        Payload::Command(command) => Entry { payload: Payload::Command(command.bytes_alone()), ..entry },
        _ => entry,
    }
}

pub(crate) fn snapshot_meta(meta: &SnapshotMeta) -> RaftSnapshotMeta {
    RaftSnapshotMeta {
        last_log_id: Some(raft_log_id(meta.last)),
        last_membership: stored_membership(meta.membership_at, &meta.membership),
    }
}

/// The member with this id, in the newest membership.
pub(crate) fn member(stored: &Arc<StoredMembership>, id: NodeId) -> Option<crate::protocol::Member> {
    stored.membership().get_node(&RaftId(id)).cloned()
}

pub(crate) fn vote_request<R: Send + Sync + 'static>(request: RaftVoteRequest<TypeConfig<R>>) -> VoteRequest {
    VoteRequest {
        vote: vote(&request.vote),
        last_log: request.last_log_id.as_ref().map(log_id),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn raft_vote_request<R: Send + Sync + 'static>(request: VoteRequest) -> RaftVoteRequest<TypeConfig<R>> {
    RaftVoteRequest {
        vote: raft_vote(request.vote),
        last_log_id: request.last_log.map(raft_log_id),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(crate) fn vote_reply<R: Send + Sync + 'static>(reply: RaftVoteResponse<TypeConfig<R>>) -> VoteReply {
    VoteReply { vote: vote(&reply.vote), granted: reply.vote_granted, last_log: reply.last_log_id.as_ref().map(log_id) }
}

pub(crate) fn raft_vote_reply<R: Send + Sync + 'static>(reply: VoteReply) -> RaftVoteResponse<TypeConfig<R>> {
    RaftVoteResponse::new(raft_vote(reply.vote), reply.last_log.map(raft_log_id), reply.granted)
}

pub(crate) fn append<R: Send + Sync + 'static>(request: AppendEntriesRequest<TypeConfig<R>>) -> AppendEntries {
    AppendEntries {
        vote: vote(&request.vote),
        previous: request.prev_log_id.as_ref().map(log_id),
        entries: request.entries.into_iter().map(sent).collect(),
        committed: request.leader_commit.as_ref().map(log_id),
    }
}

pub(crate) fn raft_append<R: Send + Sync + 'static>(request: AppendEntries) -> AppendEntriesRequest<TypeConfig<R>> {
    AppendEntriesRequest {
        vote: raft_vote(request.vote),
        prev_log_id: request.previous.map(raft_log_id),
        entries: request.entries,
        leader_commit: request.committed.map(raft_log_id),
    }
}

pub(crate) fn append_reply<R: Send + Sync + 'static>(reply: AppendEntriesResponse<TypeConfig<R>>) -> AppendReply {
    match reply {
        AppendEntriesResponse::Success => AppendReply::Success,
        AppendEntriesResponse::PartialSuccess(id) => AppendReply::PartialSuccess(id.as_ref().map(log_id)),
        AppendEntriesResponse::Conflict => AppendReply::Conflict,
        AppendEntriesResponse::HigherVote(higher) => AppendReply::HigherVote(vote(&higher)),
    }
}

pub(crate) fn raft_append_reply<R: Send + Sync + 'static>(reply: AppendReply) -> AppendEntriesResponse<TypeConfig<R>> {
    match reply {
        AppendReply::Success => AppendEntriesResponse::Success,
        AppendReply::PartialSuccess(id) => AppendEntriesResponse::PartialSuccess(id.map(raft_log_id)),
        AppendReply::Conflict => AppendEntriesResponse::Conflict,
        AppendReply::HigherVote(higher) => AppendEntriesResponse::HigherVote(raft_vote(higher)),
    }
}

pub(crate) fn transfer<R: Send + Sync + 'static>(request: &TransferLeaderRequest<TypeConfig<R>>) -> TransferLeader {
    TransferLeader {
        from: vote(request.from_leader()),
        to: request.to_node_id().0,
        last_log: request.last_log_id().map(log_id),
    }
}

pub(crate) fn raft_transfer<R: Send + Sync + 'static>(request: TransferLeader) -> TransferLeaderRequest<TypeConfig<R>> {
    TransferLeaderRequest::new(raft_vote(request.from), RaftId(request.to), request.last_log.map(raft_log_id))
}
