//! Our entries as openraft's own: nothing is converted on the way of a write but a membership.

use std::fmt;

use openraft::entry::{RaftEntry, RaftPayload};

use crate::protocol::{Command, Entry, Member, Payload};
use crate::raft::convert;
use crate::raft::type_config::{RaftId, RaftLogId, RaftMembership};

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.payload)
    }
}

impl RaftPayload for Payload {
    type D = Command;
    type NodeId = RaftId;
    type Node = Member;

    fn blank() -> Self {
        Self::Blank
    }

    fn with_normal(self, data: Command) -> Self {
        Self::Command(data)
    }

    fn with_membership(self, membership: RaftMembership) -> Self {
        Self::Membership(convert::membership(&membership))
    }

    fn get_membership(&self) -> Option<RaftMembership> {
        match self {
            Self::Membership(membership) => Some(convert::raft_membership(membership)),
            Self::Blank | Self::Command(_) => None,
        }
    }
}

impl RaftEntry for Entry {
    type CommittedLeaderId = u64;
    type Payload = Payload;

    fn new(id: RaftLogId, payload: Payload) -> Self {
        Self { id: convert::log_id(&id), payload }
    }

    fn log_id_parts(&self) -> (&u64, u64) {
        (&self.id.term, self.id.index)
    }

    fn set_log_id(&mut self, id: RaftLogId) {
        self.id = convert::log_id(&id);
    }

    fn get_membership(&self) -> Option<RaftMembership> {
        self.payload.get_membership()
    }
}
