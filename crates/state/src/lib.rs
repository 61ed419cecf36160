//! The replicated data: a [`Command`] in, a [`Response`] and the [`Changes`] out.
//!
//! Everything here is pure: no task, socket, file, clock or randomness. Times and random ids are part of the command, so
//! that every server that applies the same log has the same state, byte for byte.
//!
//! **Invariants**
//! - [`State::apply`] is total: it never fails and never panics. An unacceptable command gets [`Response::Refused`] and
//!   changes nothing.
//! - A command that changes nothing raises no index and is in no [`Changes`].
//! - An index, once answered for a question, never goes back for the same question: not by deletes, not when tombstones
//!   are forgotten, not by a restore.
//! - A lock index only grows for the life of a key.
//! - Domain types carry no wire attributes; `http` and the log codec convert.

mod apply;
mod command;
mod effects;
mod marks;
mod query;
mod quote;
mod record;
mod records;
mod response;
mod state;
mod tables;
mod topic;
mod types;

pub use apply::TXN_ANSWER_BYTES_MAX;
pub use command::*;
pub use record::*;
pub use records::StateBuilder;
pub use response::*;
pub use state::State;
pub use topic::*;
pub use types::*;
