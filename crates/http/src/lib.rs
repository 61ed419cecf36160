//! The /v1 server: Consul's HTTP API on a [`quorate_node::Handle`].
//!
//! A connection is served by hyper ([`connection`]), a request finds its route in one table ([`routes`]), and its answer
//! is either made by a handler or is the answer to a question about the state ([`questions`]), which can be parked until
//! it becomes another one.
//!
//! **Invariants**
//! - Nothing but this crate and `quorate-api` knows JSON field names, status codes and headers.
//! - What clients act on (status, headers, texts of errors) is Consul 1.13.9's, except where `docs/compatibility.md` says
//!   why not.
//! - Every queue, cache and table has a bound in [`Settings`], [`Terms`] or a named constant, and past it the client gets an error
//!   that says so.
//! - A parked query is answered when the content of its answer changes, when the whole state is replaced, when its time
//!   is over, or when the server stops; by nothing else.

mod answers;
mod connection;
mod dispatch;
mod encode;
mod gzip;
mod large;
mod local;
mod measure;
mod path;
mod query;
mod questions;
mod reply;
mod request;
mod routes;
mod rules;
mod server;
mod settings;
mod stream;
pub mod tls;

pub use local::{Hooks, Local, LogSource, Reloading};
pub use rules::{Network, NoNetwork, is_header};
pub use server::Server;
pub use settings::{Settings, Terms};
pub use stream::Listener;

/// The decoders of a request's target, for the fuzzer. None of them panics, whatever it is given.
pub mod target {
    pub use crate::path::{BrokenEscape, cleaned, decode};
    pub use crate::query::{MalformedQuery, Parameters};
}
