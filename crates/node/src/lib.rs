//! A member of the cluster: joins consensus and state behind one [`Handle`].
//!
//! A write is encoded, proposed, committed, applied by one task, published, and only then answered; so whoever got an
//! answer finds it in every later read of the same server. A read looks at the published state without a lock, after it
//! made sure that the state is fresh enough for what was asked. A question that waits is parked on its own topics.
//!
//! **Invariants**
//! - Nothing above this crate touches consensus.
//! - A watch is registered before its question is evaluated, and a batch is published before watches are woken.
//! - A leader's duties are proposals like any other.

mod application;
pub mod archive;
pub mod codec;
mod config;
mod error;
mod events;
mod handle;
mod leader;
mod metrics;
mod restore;
#[cfg(feature = "sabotage")]
mod sabotage;
pub mod selection;
mod status;
mod watch;

pub use config::Config;
pub use error::{Outcome, ProposeError, ReadError, RestoreError};
pub use events::Event;
pub use handle::{Consistency, Freshness, Handle};
pub use restore::Restore;
#[cfg(feature = "sabotage")]
pub use sabotage::Sabotage;
pub use status::{Server, Status};
pub use watch::{TooManyWatches, Watch, Woken};

pub use quorate_consensus::{
    BoxFuture, Config as ConsensusConfig, LogWriter, Member, NodeId, Progress, Role, Rpc, RpcError, RpcReply,
    StartError, Transport, TransportError,
};
