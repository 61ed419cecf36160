//! How a client finds the server to talk to.

use std::time::Duration;

use quorate_node::{Consistency, NodeId, Outcome, ProposeError, ReadError};
use quorate_state::{Operation, Response, State};
use tokio::time::{sleep, timeout};

use crate::cluster::{Directory, Running};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// A client's view of the cluster.
pub struct Router {
    directory: Directory,
    random: fastrand::Rng,
    hint: Option<NodeId>,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// The state's answer.
    Answered(Response),
    /// It did not take place and never will.
    Refused,
    /// It may have taken place, or may yet.
    Unknown,
}

impl Router {
    /// A client that draws from `seed`.
    pub fn new(directory: Directory, seed: u64) -> Self {
        Self { directory, random: fastrand::Rng::with_seed(seed), hint: None }
    }

    /// The client's own randomness.
    pub fn random(&mut self) -> &mut fastrand::Rng {
        &mut self.random
    }

    /// Waits up to so long.
    pub async fn rest(&mut self, ms_max: u64) {
        sleep(Duration::from_millis(self.random.u64(1..=ms_max))).await;
    }

    /// The server that a hint named, or any.
    fn pick(&mut self) -> Option<Running> {
        let running = self.directory.get();
        let hinted = running.iter().find(|running| Some(running.id) == self.hint).cloned();
        hinted.or_else(|| self.random.choice(running))
    }

    /// Writes, at one server, once.
    pub async fn write(&mut self, operation: Operation) -> Write {
        let Some(server) = self.pick() else { return Write::Refused };
        let answer = timeout(PATIENCE, server.handle.propose(operation)).await;
        match answer {
            Ok(Ok(response)) => return Write::Answered(response),
            Ok(Err(ProposeError::NotLeader { leader: Some((id, _)) })) if id != server.id => self.hint = Some(id),
            _ => self.hint = None,
        }
        match answer {
            Ok(Err(error)) if error.outcome() == Outcome::Unchanged => Write::Refused,
            _ => Write::Unknown,
        }
    }

    /// Reads at one server, once; `None` if it can't answer.
    pub async fn read<T>(&mut self, consistency: Consistency, look: impl FnOnce(&State) -> T) -> Option<T> {
        let server = self.pick()?;
        match timeout(PATIENCE, server.handle.ready(consistency)).await {
            // A machine without power shows nothing to anyone.
            Ok(Ok(_)) if self.directory.has(&server) => return Some(look(&server.handle.state())),
            Ok(Err(ReadError::NotLeader { leader: (id, _) })) if id != server.id => self.hint = Some(id),
            _ => self.hint = None,
        }
        None
    }
}
