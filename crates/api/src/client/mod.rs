//! An async client of any server of the Consul API.
//!
//! ```no_run
//! # async fn example() -> Result<(), quorate_api::client::Error> {
//! use quorate_api::client::{Client, Query, Write};
//! let client = Client::new("127.0.0.1:8500".parse()?);
//! client.kv_put("config/limit", b"5", &Write::default()).await?;
//! let seen = client.kv_get("config/limit", &Query::default()).await?;
//! let changed = client.kv_get("config/limit", &Query { index: seen.index, ..Query::default() }).await?;
//! # let _ = changed; Ok(()) }
//! ```
//!
//! Connections are kept open and shared by all clones of a client. A request that fails is not repeated: whether a write
//! took place is then unknown, and only the caller knows whether repeating it is harmless.

mod address;
mod answer;
mod any_certificate;
mod connection;
mod connector;
mod error;
mod query;
mod raw;
mod routes;
mod snapshot;
mod tls;
mod trusted;

pub use address::{Address, AddressError};
pub use answer::Answer;
pub use any_certificate::AnyCertificate;
pub use connection::{Client, ClientSettings};
pub use error::Error;
pub use query::{Consistency, Delete, PutCondition, Query, Write};
pub use raw::{RawAnswer, RawStream};
pub use snapshot::SnapshotStream;
pub use tls::{TlsError, TlsSettings};
pub use trusted::trusting;
