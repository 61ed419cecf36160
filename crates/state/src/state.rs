//! The state: what it answers, and how a command changes it.
//!
//! Three numbers and four families of tables. The families keep their own indices ([`crate::tables`]); the marks keep
//! when each topic last changed. Nothing here is ever locked: a reader holds a clone, and the one writer publishes a new
//! clone when it is done with a batch.

use crate::marks::Marks;
use crate::tables::{Catalog, Keys, Sessions};
use crate::{Changes, Command, Header, Index, Response};

/// The replicated data. A clone costs some thirty reference counts and shares all entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub(crate) header: Header,
    pub(crate) keys: Keys,
    pub(crate) catalog: Catalog,
    pub(crate) sessions: Sessions,
    pub(crate) marks: Marks,
}

impl State {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Does what a command says and gives its answer; what it touched is added to `changes`. `log_index` is the
    /// command's position in the log, which grows from call to call.
    pub fn apply(&mut self, _log_index: u64, command: Command, _changes: &mut Changes) -> Response {
        self.header.clock_ms = self.header.clock_ms.max(command.now_ms);
        Response::Refused(crate::Refusal::Invalid("not yet".into()))
    }

    /// The largest index given out.
    pub fn index(&self) -> Index {
        self.header.index
    }

    /// The state's clock in milliseconds since the Unix epoch: the largest time that a command carried.
    pub fn clock_ms(&self) -> u64 {
        self.header.clock_ms
    }
}
