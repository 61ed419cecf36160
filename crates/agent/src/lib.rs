//! What this host says about itself: its services, their checks, and the work of keeping the catalog in line with both.
//!
//! The core is the [`machine`]: the local state, fed with events and the time, drained of effects. It has no task, socket,
//! file, clock or randomness. Around it, [`Agent`] holds it behind one lock, one task sleeps until the next deadline in
//! its table, one brings the catalog in line ([`catalog`]), one writes files ([`store`]), and each *run* of a check is a
//! task of its own ([`run`]), of which there are never more than [`Settings::commands_max`] and
//! [`Settings::connections_max`]; an alias of another node has a task that waits for changes there. A check that waits
//! costs an entry in the table and nothing else.
//!
//! **Invariants**
//! - A check has at most one run at a time, and the next is due only when an interval has passed since it ended.
//! - A run ends at its time-out, whatever it does; a script takes its children with it.
//! - Entries of other nodes are never written; of the own node those of [`Settings::protected`] are left alone.
//! - What a request registered is on disk before the request is answered, and what it told a TTL check survives a kill from
//!   then on, unless nothing is kept.

mod agent;
pub mod catalog;
mod convert;
mod definition;
mod error;
pub mod machine;
pub mod run;
mod settings;
pub mod store;

pub use agent::{Agent, Removed};
pub use definition::{
    Alias, Check, CheckDefinition, Docker, Grpc, H2Ping, Http, Script, ServiceDefinition, Source, Target, Thresholds,
    Tls,
};
pub use error::{AgentError, DefinitionError};
pub use settings::Settings;
