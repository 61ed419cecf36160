//! The state: what there is, and what it says of itself.
//!
//! Some numbers and three families of tables, which keep their own indices ([`crate::tables`]); the marks keep when
//! each topic last changed. Nothing here is ever locked: a reader holds a clone, and the one writer publishes a new
//! clone when it is done with a batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::apply::Staging;
use crate::marks::Marks;
use crate::tables::{Catalog, Keys, Sessions};
use crate::{Format, Header, Index, Topic};

/// The replicated data. A clone costs some twenty reference counts and shares all entries.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(crate) header: Header,
    pub(crate) keys: Keys,
    pub(crate) catalog: Catalog,
    pub(crate) sessions: Sessions,
    pub(crate) marks: Marks,
    /// What is being restored, unseen until it is whole.
    pub(crate) staging: Option<Arc<Staging>>,
}

/// Two states are the same if their entries are and each topic changed last at the same index in both, however each
/// remembers that.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let own = |state: &Self| -> BTreeMap<Topic, Index> { state.marks_as_recorded().collect() };
        self.header == other.header
            && self.keys == other.keys
            && self.catalog == other.catalog
            && self.sessions == other.sessions
            && self.staging == other.staging
            && self.marks.dead().eq(other.marks.dead())
            && own(self) == own(other)
    }
}

impl State {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// The largest index given out.
    pub fn index(&self) -> Index {
        self.header.index
    }

    /// The state's clock in milliseconds since the Unix epoch: the largest time that a command carried.
    pub fn clock_ms(&self) -> u64 {
        self.header.clock_ms
    }

    /// The restore that is under way, and how many steps it has come.
    pub fn restore_under_way(&self) -> Option<(Uuid, u64)> {
        self.staging.as_deref().map(|staging| (staging.id, staging.steps))
    }

    /// The active format: what commands, and snapshots of this state, are written in.
    pub fn format(&self) -> Format {
        self.header.format
    }
}
