//! Why a request failed.

use super::{AddressError, tls_words};

/// Why a request failed, and whether the server may have acted on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The server answered with an error. Whether it changed something is for its text to say.
    #[error("Unexpected response code: {status} ({body})")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What it said, without spaces around it.
        body: String,
    },
    /// It is none that can be sent.
    #[error("{url}: the request can't be sent: {problem}")]
    Request {
        /// What was to be asked.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no connection; the server never saw the request.
    #[error("{url}: {}", innermost(.source.as_ref()))]
    Connect {
        /// What was asked.
        url: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection failed on the way; the server may have acted.
    #[error("{url}: {}", innermost(.source.as_ref()))]
    Transport {
        /// What was asked.
        url: String,
        /// What happened.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No answer came in time; the server may have acted.
    #[error("{url}: no answer within {limit:?}")]
    Timeout {
        /// What was asked.
        url: String,
        /// How long it was waited for.
        limit: std::time::Duration,
    },
    /// The answer is not what this route answers.
    #[error("{url}: the answer can't be read: {problem}")]
    Answer {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    /// The HTTP status, if the server answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// The error at the bottom, which says what happened; those above only say who met it.
fn innermost(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let of_tls = innermost.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref()?.downcast_ref());
    of_tls.map_or_else(|| innermost.to_string(), tls_words)
}
