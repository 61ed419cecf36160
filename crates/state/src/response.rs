//! What the state answers to a command.

use std::sync::Arc;

use crate::quote::quote;
use crate::{Check, Index, Key, KeyEntry, Node, Service, SessionId};

/// The answer to a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// It is done.
    Done,
    /// Whether a conditional write took place.
    Flag(bool),
    /// The session was created.
    Session(SessionId),
    /// The transaction took place with these results, or failed with these errors and changed nothing.
    Txn(Result<Vec<TxnResult>, Vec<TxnError>>),
    /// The command was not acceptable; nothing changed.
    Refused(Refusal),
}

/// What one step of a transaction gives back.
#[derive(Clone, Debug, PartialEq)]
pub enum TxnResult {
    /// A key with its entry. Writes give it back without its value.
    Key(Key, Arc<KeyEntry>, ValueShown),
    /// A node.
    Node(Arc<Node>),
    /// A service.
    Service(Arc<Service>),
    /// A check.
    Check(Arc<Check>),
}

/// Whether a result carries the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueShown {
    /// It was read.
    Yes,
    /// It was written; the client has it.
    No,
}

/// Why a step of a transaction failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnError {
    /// Which step, counted from 0.
    pub operation: usize,
    /// Why, in the words that clients know.
    pub reason: String,
}

/// Why a command was not acceptable. The texts are those that Consul's clients match on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A lock verb named a session that there is none of.
    #[error("invalid session {}", quote(.0))]
    InvalidSession(String),
    /// Anything else: the message in the words that clients know.
    #[error("{0}")]
    Invalid(String),
}

/// An answer with the index that the client waits beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed<T> {
    /// At least 1.
    pub index: Index,
    /// The answer.
    pub value: T,
}
