//! The one way to a node's state: a request in, a reply out.
//!
//! In this order: is the datacenter this one, may the caller ask (once there are tokens), is this the server to answer,
//! or does the leader; is the state fresh enough; then the answer. A question that waits is parked by [`crate::parked`];
//! all that the wait costs is in its [`Waiting`].

use std::net::IpAddr;
use std::sync::Arc;

use quorate_consensus::ProposeError;
use quorate_state::{Operation, Response};

use crate::asked::Asked;
use crate::error::Refusal;
use crate::evaluation;
use crate::forward::{self, Forwarded, Leader};
use crate::freshness::{Consistency, Freshness};
use crate::handle::Handle;
use crate::park;
use crate::parked::{Ended, Joined, WaitPlace, Waiter};
use crate::question::Indexed;
use crate::request::{Answered, Archive, Ask, AskEvents, Body, Knowing, Proposal, Reply, Request, Wait};
use crate::txn::{Txn, TxnAnswer};

/// What becomes of a request.
pub enum Served {
    /// It is answered.
    Now(Result<Reply, Refusal>),
    /// The answer may take minutes.
    Later(Waiting),
}

impl Served {
    /// The reply, once it is there.
    pub async fn reply(self) -> Result<Reply, Refusal> {
        match self {
            Self::Now(reply) => reply,
            Self::Later(waiting) => waiting.reply().await,
        }
    }
}

/// A request that waits for its answer.
pub struct Waiting(For);

enum For {
    News { node: Handle, consistency: Consistency, waiter: Waiter },
    Events { node: Handle, client: Option<IpAddr>, ask: Box<AskEvents>, wait: Wait },
    Leader { forwarded: Box<Forwarded>, _place: WaitPlace },
}

impl Waiting {
    /// Waits for the reply. Dropping it ends the wait.
    pub async fn reply(self) -> Result<Reply, Refusal> {
        match self.0 {
            For::News { node, consistency, waiter } => {
                let ended = waiter.wait().await;
                let asked = waiter.asked().clone();
                drop(waiter);
                // Boxed, so that the long wait before it takes no room for it.
                Box::pin(node.answer_after_wait(asked, consistency, ended)).await
            }
            For::Events { node, client, ask, wait } => {
                Ok(Reply::Events(node.wait_for_events(client, &ask, wait).await?))
            }
            For::Leader { forwarded, _place } => Box::pin(forwarded.reply()).await,
        }
    }
}

impl Handle {
    /// Answers a request, here or at the leader.
    pub async fn serve(&self, request: Request) -> Served {
        let served = self.serve_here(&request).await;
        match served {
            Served::Now(Err(refusal)) => match forward::leader_to_ask(self, &request, &refusal) {
                // Boxed, so that what is answered here takes no room for it.
                Some(leader) => Box::pin(forward_to(self.clone(), request, leader)).await,
                None => Served::Now(Err(refusal)),
            },
            served => served,
        }
    }

    /// Answers a request by what this server knows and may do.
    pub(crate) async fn serve_here(&self, request: &Request) -> Served {
        if let Err(refusal) = self.check_datacenter(&request.datacenter) {
            return Served::Now(Err(refusal));
        }
        // The one place where the caller's rights are checked, by `body.right()`, once there are tokens.
        match &request.body {
            Body::Ask(ask) => self.ask(request, ask).await,
            Body::Events(ask) => self.ask_events(request.client, ask).await,
            body => Served::Now(self.serve_now(body).await),
        }
    }

    /// The one place where a datacenter is chosen; an empty name stands for this one.
    pub(crate) fn check_datacenter(&self, name: &str) -> Result<(), Refusal> {
        if name.is_empty() || name == self.datacenter() { Ok(()) } else { Err(Refusal::NoPath) }
    }

    /// Answers what never waits for a change.
    async fn serve_now(&self, body: &Body) -> Result<Reply, Refusal> {
        Ok(match body {
            Body::Propose(Proposal { operation, term }) => Reply::Written(self.commit(operation, *term).await?),
            Body::Txn(txn) => Reply::Txn(self.transact(txn).await?),
            Body::RenewSession(id) => {
                self.ready(Consistency::Default).await?;
                Reply::Session(self.renew_session(*id))
            }
            Body::Fire { event, is_for_this_agent } => {
                if *is_for_this_agent {
                    self.events().push(event.clone());
                }
                Reply::Done
            }
            Body::Save(consistency) => {
                let freshness = self.ready(*consistency).await?;
                let index = self.published().index().max(1);
                Reply::Archive(Archive { index, freshness, pieces: self.save_archive() })
            }
            Body::Status(Knowing::Local) => Reply::Status(Box::new(self.status())),
            Body::Status(Knowing::After(consistency)) => {
                self.ready(*consistency).await?;
                Reply::Status(Box::new(self.status()))
            }
            Body::Counts => Reply::Counts(crate::Counts::of(&self.published())),
            Body::Datacenters => Reply::Datacenters(vec![self.datacenter().into()]),
            Body::Ask(_) | Body::Events(_) => return Err(Refusal::stopping()),
        })
    }

    async fn transact(&self, txn: &Txn) -> Result<TxnAnswer, Refusal> {
        if !txn.writes {
            let freshness = self.ready(txn.consistency).await?;
            let (there, txn) = (self.clone(), txn.clone());
            // Trees may be long, and how long is not known before.
            let may_be_long = txn.may_read_much();
            let work = move || txn.read(&there.snapshot(), freshness);
            return match may_be_long {
                true => self.host().elsewhere(work).await.ok_or_else(Refusal::stopping),
                false => Ok(work()),
            };
        }
        if !txn.is_understood() || txn.may_read_much() {
            self.ready(Consistency::Default).await?;
            let (there, txn) = (self.clone(), txn.clone());
            let errors = move || txn.errors_before(&there.snapshot());
            let errors = self.host().elsewhere(errors).await.ok_or_else(Refusal::stopping)?;
            if !errors.is_empty() {
                return Ok(TxnAnswer { outcome: Err(errors), freshness: None });
            }
        }
        match self.commit(&txn.to_operation(), None).await? {
            Response::Txn(outcome) => Ok(TxnAnswer { outcome, freshness: None }),
            Response::Refused(refusal) => Err(Refusal::Other(refusal.to_string())),
            other => Err(unexpected(&other)),
        }
    }

    async fn ask(&self, request: &Request, ask: &Ask) -> Served {
        let Ask { question, consistency, wait } = ask;
        let freshness = match self.ready_now(*consistency) {
            Some(freshness) => freshness,
            None => match self.ready(*consistency).await {
                Ok(freshness) => freshness,
                Err(error) => return Served::Now(Err(error.into())),
            },
        };
        let asked = Asked { caller: request.caller.clone(), question: question.clone() };
        let Some(wait) = *wait else {
            return Served::Now(self.answer(asked, freshness).await);
        };
        match park::join(self, request.client, asked.clone(), wait).await {
            Ok(Joined::Waiting(waiter)) => {
                Served::Later(Waiting(For::News { node: self.clone(), consistency: *consistency, waiter }))
            }
            Ok(Joined::Old(answer)) => Served::Now(Ok(shared(answer, freshness))),
            Ok(Joined::OldAndUnknown) => Served::Now(self.answer(asked, freshness).await),
            Err(refusal) => Served::Now(Err(refusal)),
        }
    }

    /// The answer to a question as it is now.
    async fn answer(&self, asked: Asked, freshness: Freshness) -> Result<Reply, Refusal> {
        if !asked.question.is_kept() {
            let (_, answer) = evaluation::answer(self, &evaluation::ready(self, asked).await?).await?;
            return Ok(Reply::Answered(Answered { answer, freshness, is_shared: false, is_kept: false }));
        }
        if let Some(answer) = self.kept().get(&asked) {
            self.metrics().answers_hit.increment();
            return Ok(Reply::Answered(Answered { answer, freshness, is_shared: true, is_kept: true }));
        }
        self.metrics().answers_missed.increment();
        // The watch comes first, so that a change while the answer is made spoils it. Without one it is not kept.
        let topics = asked.question.topics(&self.published());
        let watch = self.watch(&topics).ok();
        let evaluated = evaluation::ready(self, asked).await?;
        let (_, answer) = evaluation::answer(self, &evaluated).await?;
        let is_shared = match watch {
            Some(watch) => self.kept().keep(evaluated.asked, answer.clone(), watch),
            None => false,
        };
        Ok(Reply::Answered(Answered { answer, freshness, is_shared, is_kept: false }))
    }

    async fn answer_after_wait(&self, asked: Asked, consistency: Consistency, ended: Ended) -> Result<Reply, Refusal> {
        let freshness = self.ready(consistency).await?;
        match ended {
            // This one was made before a majority was asked, so it is made again after that.
            Ended::News(_) if consistency == Consistency::Consistent => self.answer(asked, freshness).await,
            Ended::News(answer) => {
                self.metrics().parked_woken.increment();
                Ok(shared(answer, freshness))
            }
            Ended::Nothing => self.answer(asked, freshness).await,
        }
    }

    async fn ask_events(&self, client: Option<IpAddr>, ask: &AskEvents) -> Served {
        let list = self.events().list(&ask.name);
        match ask.wait {
            Some(wait) if wait.seen == list.index => {
                Served::Later(Waiting(For::Events { node: self.clone(), client, ask: Box::new(ask.clone()), wait }))
            }
            _ => Served::Now(Ok(Reply::Events(list))),
        }
    }

    /// Commits an operation and gives the state's answer. For callers inside the node and for tests of it.
    pub async fn propose(&self, operation: Operation) -> Result<Response, ProposeError> {
        match self.serve(Request::local(Body::Propose(Proposal { operation, term: None }))).await.reply().await {
            Ok(Reply::Written(response)) => Ok(response),
            Err(Refusal::NotWritten(error)) => Err(error),
            other => Err(ProposeError::Stopped {
                reason: format!("an operation was answered {other:?}"),
                outcome: quorate_consensus::Outcome::Unknown,
            }),
        }
    }
}

/// Has the leader answer.
async fn forward_to(node: Handle, request: Request, leader: Leader) -> Served {
    let is_long = matches!(&request.body, Body::Ask(ask) if ask.wait.is_some());
    // A wait at the leader is one here, too.
    let place = match is_long.then(|| node.parked().take_place(request.client)).transpose() {
        Ok(place) => place,
        Err(refusal) => return Served::Now(Err(refusal)),
    };
    let forwarded = Forwarded::new(node, request, leader);
    match place {
        Some(place) => Served::Later(Waiting(For::Leader { forwarded: Box::new(forwarded), _place: place })),
        None => Served::Now(forwarded.reply().await),
    }
}

/// A reply with an answer that others may get, too.
fn shared(answer: Arc<Indexed>, freshness: Freshness) -> Reply {
    Reply::Answered(Answered { answer, freshness, is_shared: true, is_kept: false })
}

/// The state answered what it never answers to this command.
pub(crate) fn unexpected(response: &Response) -> Refusal {
    tracing::error!(?response, "the state gave an answer that does not belong to the command");
    Refusal::Other("the state gave an answer that does not belong to the request".to_owned())
}
