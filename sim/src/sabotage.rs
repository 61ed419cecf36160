//! Ways in which a cluster can be broken on purpose: each must be noticed by the property that it violates.

use quorate_consensus::{Payload, VoteReply};
use quorate_node::{NodeId, Rpc, RpcReply, codec};
use quorate_state::{KeyVerb, Operation};

use crate::cluster::Cluster;
use crate::network::{ReplyResult, Tamper};

/// How a cluster is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// The disks say that they synced and did not.
    LyingDisks,
    /// Every server grants every vote.
    GenerousVoters,
    /// One server gets other values than were written.
    AlteredEntries,
    /// Watchers are told only of some changes.
    ForgottenWatchers,
    /// A lock is given to whoever asks.
    SharedLocks,
}

impl Sabotage {
    /// What of it is in the nodes.
    pub fn of_nodes(self) -> quorate_node::Sabotage {
        quorate_node::Sabotage {
            forgets_watchers: self == Self::ForgottenWatchers,
            shares_locks: self == Self::SharedLocks,
        }
    }

    /// Breaks what of it is in the disks and the network.
    pub fn of_surroundings(self, cluster: &Cluster) {
        match self {
            Self::LyingDisks => cluster.servers.iter().for_each(|server| server.disk.lie()),
            Self::GenerousVoters => cluster.network.tamper(GenerousVoters),
            Self::AlteredEntries => cluster.network.tamper(AlteredEntries { at: cluster.servers[0].id, seen: 0 }),
            Self::ForgottenWatchers | Self::SharedLocks => {}
        }
    }
}

struct GenerousVoters;

impl Tamper for GenerousVoters {
    fn reply(&mut self, rpc: &Rpc, reply: &mut ReplyResult) {
        let granted = |vote| VoteReply { vote, granted: true, last_log: None };
        match rpc {
            Rpc::Vote(request) => *reply = Ok(RpcReply::Vote(granted(request.vote))),
            Rpc::PreVote(request) => *reply = Ok(RpcReply::PreVote(granted(request.vote))),
            _ => {}
        }
    }
}

struct AlteredEntries {
    at: NodeId,
    seen: u64,
}

/// Every so many entries one is altered.
const ALTERED_EVERY: u64 = 20;

impl Tamper for AlteredEntries {
    fn request(&mut self, to: NodeId, rpc: &mut Rpc) {
        let Rpc::AppendEntries(append) = rpc else { return };
        for entry in append.entries.iter_mut().filter(|_| to == self.at) {
            let Payload::Command(carried) = &mut entry.payload else { continue };
            let Ok(mut command) = codec::decode_command(carried.bytes()) else { continue };
            let format = carried.bytes()[0];
            if let Operation::Key(key) = &mut command.operation
                && let KeyVerb::Set(value) = &mut key.verb
            {
                self.seen += 1;
                if self.seen.is_multiple_of(ALTERED_EVERY) {
                    value.flags += 1;
                    *carried = codec::encode_command(&command, format).expect("only a number changed").into();
                }
            }
        }
    }
}
