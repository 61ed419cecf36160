//! Who leads, for those who act on a change of it.

use quorate_consensus::{Member, NodeId, Role, Status};
use tokio::sync::watch;

use crate::handle::Handle;

/// Who leads, as a server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leadership {
    /// The newest term that it knows.
    pub term: u64,
    /// The leader of that term, if it knows one.
    pub leader: Option<(NodeId, Member)>,
    /// Whether it leads itself. Its state may not hold all that was committed before it yet.
    pub is_here: bool,
}

/// Follows who leads.
pub struct LeadershipWatch {
    status: watch::Receiver<Status>,
    seen: Leadership,
}

impl LeadershipWatch {
    /// Who leads, as last seen.
    pub fn current(&self) -> &Leadership {
        &self.seen
    }

    /// Waits until it is somebody else, nobody, or the same in a new term. `None` once the node has stopped.
    pub async fn changed(&mut self) -> Option<&Leadership> {
        let seen = &self.seen;
        let is_news = |status: &Status| status.role == Role::Stopped || Leadership::of(status) != *seen;
        let news = match self.status.wait_for(is_news).await {
            Ok(status) if status.role != Role::Stopped => Leadership::of(&status),
            _ => return None,
        };
        self.seen = news;
        Some(&self.seen)
    }
}

impl Leadership {
    fn of(status: &Status) -> Self {
        let leader = status.leader.and_then(|id| Some((id, status.members.members.get(&id)?.clone())));
        Self { term: status.term, leader, is_here: status.role == Role::Leader }
    }
}

impl Handle {
    /// Follows who leads.
    pub fn leadership(&self) -> LeadershipWatch {
        let mut status = self.consensus().status();
        let seen = Leadership::of(&status.borrow_and_update());
        LeadershipWatch { status, seen }
    }
}
