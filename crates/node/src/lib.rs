//! A member of the cluster: joins consensus and state behind one [`Handle`].
//!
//! Everything that can be asked is a [`Request`], and [`Handle::serve`] answers it. A write is encoded, proposed,
//! committed, applied by one task, published, and only then answered; so a client that got an answer finds it in every later
//! read of the same server. A read looks at the published state without a lock, after it made sure that the state is fresh
//! enough for what was asked. A question that waits is parked on its own topics.
//!
//! **Invariants**
//! - Nothing above this crate touches consensus, or the state but by a request or a [`View`].
//! - A watch is registered before its question is evaluated, and a batch is published before watches are woken.
//! - A leader's duties are proposals like any other.
//! - Answers are shared by everything that decides them, the caller included.

mod application;
pub mod archive;
mod asked;
mod clocks;
pub mod codec;
mod config;
mod error;
mod evaluation;
mod event_wait;
mod events;
mod forward;
mod freshness;
mod handle;
mod kept;
mod leader;
mod leadership;
pub mod message;
mod metrics;
mod park;
mod parked;
mod peers;
mod question;
mod request;
mod restore;
mod right;
#[cfg(feature = "sabotage")]
mod sabotage;
mod selection;
mod serve;
mod start;
mod status;
mod txn;
mod view;
mod watch;

pub use config::Config;
pub use error::{Outcome, ProposeError, ReadError, Refusal, RestoreError};
pub use events::{Event, EventList};
pub use freshness::{Consistency, Freshness};
pub use handle::Handle;
pub use leader::{Duty, Leader};
pub use leadership::{Leadership, LeadershipWatch};
pub use parked::WaitPlace;
pub use peers::Peers;
pub use question::{
    Answer, FilterText, HealthQuestion, Indexed, Instance, NodeEntries, NodeMeta, NodeServices, Question, TAGS_MAX,
    Tags, Wanted,
};
pub use request::{Answered, Archive, Ask, AskEvents, Body, Caller, Knowing, Proposal, Reply, Request, Wait};
pub use restore::Restore;
pub use right::{Access, Resource, Right};
#[cfg(feature = "sabotage")]
pub use sabotage::Sabotage;
pub use serve::{Served, Waiting};
pub use status::{Counts, Server, Status};
pub use txn::{Txn, TxnAnswer};
pub use view::View;
pub use watch::{TooManyWatches, Watch, Woken};

pub use quorate_consensus::{
    BoxFuture, Config as ConsensusConfig, LogWriter, Member, NodeId, Progress, Role, Rpc, RpcError, RpcReply,
    StartError, Transport, TransportError,
};
