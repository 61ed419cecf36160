//! What a node can be asked, and what it answers: one value for everything that HTTP, DNS, the agent or a different
//! server wants of it.
//!
//! A request says who asks, of which datacenter, and what. [`Handle::serve`](crate::Handle::serve) answers it here or
//! hands it to the leader, so the caller need not know which server that is. Rights will be checked in the
//! same place ([`Body::right`]).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quorate_state::{Index, Operation, Response, Session, SessionId};
use tokio::sync::mpsc;

use crate::events::{Event, EventList};
use crate::freshness::{Consistency, Freshness};
use crate::question::{Indexed, Question};
use crate::status::{Counts, Status};
use crate::txn::{Txn, TxnAnswer};

/// Who asks. Answers are shared between requests of the same caller only.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    token: Option<Arc<str>>,
}

impl Caller {
    /// Nobody in particular.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The holder of this secret; with an empty one, nobody in particular.
    pub fn with_token(secret: &str) -> Self {
        Self { token: (!secret.is_empty()).then(|| secret.into()) }
    }

    /// The secret, if there is one.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

impl fmt::Debug for Caller {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.token.is_some() { "Caller(with a token)" } else { "Caller(anonymous)" })
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The datacenter that is asked; empty for the node's own.
    pub datacenter: Box<str>,
    /// Who asks.
    pub caller: Caller,
    /// The address that it came from, which is charged with what the node holds for it; `None` for the host's own.
    pub client: Option<IpAddr>,
    /// What.
    pub body: Body,
}

impl Request {
    /// A request of nobody in particular to the node's own datacenter.
    pub fn local(body: Body) -> Self {
        Self { datacenter: "".into(), caller: Caller::anonymous(), client: None, body }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Commits an operation. Answered by [`Reply::Written`].
    Propose(Proposal),
    /// Carries out a transaction, or only reads it. Answered by [`Reply::Txn`].
    Txn(Txn),
    /// Reads, and may wait for a change. Answered by [`Reply::Answered`].
    Ask(Ask),
    /// Gives a session its full time to live again. Answered by [`Reply::Session`].
    RenewSession(SessionId),
    /// Fires a user event. Answered by [`Reply::Done`].
    Fire {
        /// The event.
        event: Event,
        /// Whether it is meant for this agent, too.
        is_for_this_agent: bool,
    },
    /// Lists the user events seen, and may wait for a new one. Answered by [`Reply::Events`].
    Events(AskEvents),
    /// Saves the whole state. Answered by [`Reply::Archive`].
    Save(Consistency),
    /// Who leads and who takes part. Answered by [`Reply::Status`].
    Status(Knowing),
    /// How much there is of everything. Answered by [`Reply::Counts`].
    Counts,
    /// The datacenters that can be asked. Answered by [`Reply::Datacenters`].
    Datacenters,
}

/// An operation to commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The operation.
    pub operation: Operation,
    /// The term in which alone it may be committed. For a leader's own duties, which must not take place once a
    /// different leader may have begun its own.
    pub term: Option<u64>,
}

/// A question, and how to answer it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The question.
    pub question: Question,
    /// How fresh the answer must be.
    pub consistency: Consistency,
    /// Waits for an answer newer than one that was seen. `None` answers immediately.
    pub wait: Option<Wait>,
}

/// A wait for an answer that the asker does not have yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The index of the answer that the asker has; at least 1.
    pub seen: Index,
    /// How long to wait at most. Then the answer is sent as it is.
    pub at_most: Duration,
}

/// A question for user events. They are kept by each agent alone, so the index is no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskEvents {
    /// Only events of this name; empty for all.
    pub name: Box<str>,
    /// Waits until the list's index is a different one.
    pub wait: Option<Wait>,
}

/// How a node knows what it says of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowing {
    /// It says what it has heard.
    Local,
    /// It says so once its state is as fresh as this.
    After(Consistency),
}

/// What a request is answered.
#[derive(Debug)]
pub enum Reply {
    /// The state's answer to an operation.
    Written(Response),
    /// What came of a transaction.
    Txn(TxnAnswer),
    /// The answer to a question.
    Answered(Answered),
    /// The session, if there is one.
    Session(Option<Arc<Session>>),
    /// It is done.
    Done,
    /// The events seen.
    Events(EventList),
    /// The state as it was at a moment.
    Archive(Archive),
    /// The node and the cluster as the node knows it.
    Status(Box<Status>),
    /// How much there is of everything.
    Counts(Counts),
    /// The datacenters.
    Datacenters(Vec<Box<str>>),
}

/// The answer to a question.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The answer with its index. Two that are the same allocation are the same answer.
    pub answer: Arc<Indexed>,
    /// How fresh it is.
    pub freshness: Freshness,
    /// Whether the answer may be shared with other askers, so that it is worth keeping what is made of it.
    pub is_shared: bool,
    /// Whether it was made for an earlier asker.
    pub is_kept: bool,
}

/// The state as an archive.
#[derive(Debug)]
pub struct Archive {
    /// The largest index in it; at least 1.
    pub index: Index,
    /// How fresh it is.
    pub freshness: Freshness,
    /// Its bytes.
    pub pieces: mpsc::Receiver<Bytes>,
}
