//! How a client finds the server to talk to.

use std::time::Duration;

use quorate_node::{
    Answered, Ask, Body, Consistency, NodeId, Outcome, Proposal, ProposeError, Question, ReadError, Refusal, Reply,
    Request, Wait,
};
use quorate_state::{Operation, Response};
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
    pub(super) fn pick(&mut self) -> Option<Running> {
        let running = self.directory.get();
        let hinted = running.iter().find(|running| Some(running.id) == self.hint).cloned();
        hinted.or_else(|| self.random.choice(running))
    }

    /// Writes, at one server, once. That server may hand it to the leader.
    pub async fn write(&mut self, operation: Operation) -> Write {
        let Some(server) = self.pick() else { return Write::Refused };
        let body = Body::Propose(Proposal { operation, term: None });
        match timeout(PATIENCE, server.serve(body)).await {
            Ok(Ok(Reply::Written(response))) => return Write::Answered(response),
            Ok(Err(Refusal::NotWritten(error))) => {
                self.follow(&server, &error);
                if error.outcome() == Outcome::Unchanged {
                    return Write::Refused;
                }
            }
            _ => self.hint = None,
        }
        Write::Unknown
    }

    /// Asks a question at one server, once; `None` if it can't answer.
    pub async fn ask(&mut self, question: Question, consistency: Consistency) -> Option<Answered> {
        let server = self.pick()?;
        match timeout(PATIENCE, server.ask(question, consistency, None)).await {
            // A machine without power shows nothing to anyone.
            Ok(Ok(answered)) if self.directory.has(&server) => return Some(answered),
            Ok(Err(Refusal::NotRead(ReadError::NotLeader { leader: (id, _) }))) if id != server.id => {
                self.hint = Some(id);
            }
            _ => self.hint = None,
        }
        None
    }

    /// Goes to the leader that a refusal names, sometimes: the others must be able to hand requests on.
    fn follow(&mut self, server: &Running, error: &ProposeError) {
        self.hint = match error {
            ProposeError::NotLeader { leader: Some((id, _)) } if *id != server.id => Some(*id),
            _ => None,
        };
    }
}

impl Running {
    /// Has the server answer a request.
    pub async fn serve(&self, body: Body) -> Result<Reply, Refusal> {
        // Boxed: the compiler does not follow futures this deep into each other.
        Box::pin(async { self.handle.serve(Request::local(body)).await.reply().await }).await
    }

    /// Asks a question, and may wait for news.
    pub async fn ask(
        &self,
        question: Question,
        consistency: Consistency,
        wait: Option<Wait>,
    ) -> Result<Answered, Refusal> {
        match self.serve(Body::Ask(Ask { question, consistency, wait })).await? {
            Reply::Answered(answered) => Ok(answered),
            other => Err(Refusal::Other(format!("a question was answered {other:?}"))),
        }
    }
}
