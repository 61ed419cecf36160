//! DNS: the `.consul` zone on a node's published state.
//!
//! The core is pure: a [`Responder`] takes a packet, a state and random numbers and writes the answer's bytes. A packet is
//! read into a query, its name into what is looked up, that is found in the catalog, put into records, and as many of
//! them are written as the client takes.
//!
//! Around it is a thin shell: a thread for each UDP socket, and one more for connections and recursors ([`Server`]).
//!
//! **Invariants**
//! - Nothing but this crate knows DNS bytes.
//! - A question about the zone takes no lock and asks no consensus: it looks at the published state.
//! - No packet makes the core panic, and what is no query gets no answer.
//! - The question comes back as it was asked, and an answer is never larger than the client said it takes.

mod answer;
mod cache;
mod catalog;
mod connection;
mod datagrams;
mod exchange;
mod finder;
mod follow;
mod foreign;
mod health;
mod measure;
mod name;
mod query;
mod random;
mod record;
mod recursor;
mod respond;
mod server;
mod service;
mod settings;
mod tcp;
mod udp;
mod waits;
mod wire_name;
mod write;
mod zone;

pub use foreign::Foreign;
pub use random::Shuffle;
pub use respond::{Asked, Outcome, Responder, Transport};
pub use server::{Listeners, Server};
pub use settings::{RecursorStrategy, Settings, Soa};
pub use zone::{BadName, Zone};
