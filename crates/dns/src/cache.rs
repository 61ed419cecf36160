//! Which instances of a service are in service, kept from one question to the next.
//!
//! Judging ten instances by their checks costs some fifty searches in the state, more than all else that a question
//! takes. The state tells when a service's health last changed, node and tags included; as long as it did not, what was
//! found holds. An entry keeps its instances alive, so the cache is small and is emptied when it is full: services that
//! are asked for often are back at their next question.

use std::collections::HashMap;
use std::sync::Arc;

use quorate_state::{Index, Node, Service, State, Topic};

use crate::catalog;

/// The most questions whose instances are kept by one thread: with the next bound, 6 MB at the very most.
const ENTRIES_MAX: usize = 256;
/// The largest set of instances that is kept.
const INSTANCES_MAX: usize = 1_024;

/// Instances by the name that they were asked by.
#[derive(Debug)]
pub(crate) struct Cache {
    entries: HashMap<Box<[u8]>, Entry>,
    entries_max: usize,
}

#[derive(Debug)]
struct Entry {
    /// When the service's health last changed, at the time.
    changed: Index,
    instances: Vec<Found>,
}

/// An instance in service.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) node: Arc<Node>,
    pub(crate) service: Arc<Service>,
    /// Whether a check of it or of its node warns.
    pub(crate) is_warning: bool,
}

impl Cache {
    /// One for a thread that answers many.
    pub(crate) fn new() -> Self {
        Self { entries: HashMap::new(), entries_max: ENTRIES_MAX }
    }

    /// One that keeps nothing, for connections: there may be many, and each asks little.
    pub(crate) fn none() -> Self {
        Self { entries: HashMap::new(), entries_max: 0 }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The instances in service of this name and tag, which are what `asked` means. If they are too many to keep or
    /// none, nothing is: they are to be looked for each time.
    pub(crate) fn in_service(
        &mut self,
        state: &State,
        asked: &[u8],
        name: &str,
        tag: Option<&str>,
        only_passing: bool,
    ) -> Option<&[Found]> {
        if self.entries_max == 0 {
            return None;
        }
        let changed = state.last_change(&Topic::health(name));
        let is_known = self.entries.get(asked).is_some_and(|entry| entry.changed == changed);
        if !is_known {
            self.entries.remove(asked);
            let instances = catalog::found_in_service(state, name, tag, only_passing);
            if instances.is_empty() || instances.len() > INSTANCES_MAX {
                return None;
            }
            if self.entries.len() == self.entries_max {
                self.entries.clear();
            }
            self.entries.insert(asked.into(), Entry { changed, instances });
        }
        self.entries.get(asked).map(|entry| entry.instances.as_slice())
    }
}
