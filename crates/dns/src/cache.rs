//! Which instances of a service are in service, kept from one question to the next.
//!
//! Judging ten instances by their checks costs some fifty searches in the state, more than all else that a question
//! takes. The state tells when a service's health last changed, node and tags included; as long as it did not, what was
//! found holds. An entry keeps its instances alive, so the cache is bounded and is emptied when it is full: services that
//! are asked for often are back at their next question.

use std::collections::HashMap;

use quorate_state::{Index, State, Topic};

use crate::catalog::{self, Found};

/// The most questions whose instances are kept by one thread.
const ENTRIES_MAX: usize = 256;
/// The most instances that one thread keeps for all questions together: 6 MB. Judging as many takes a second.
const INSTANCES_MAX: usize = 262_144;

/// Instances by the name that they were asked by.
#[derive(Debug)]
pub(crate) struct Cache {
    entries: HashMap<Box<[u8]>, Entry>,
    /// How many instances all entries have.
    instances: usize,
}

#[derive(Debug)]
struct Entry {
    /// When the service's health last changed, at the time.
    changed: Index,
    instances: Vec<Found>,
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self { entries: HashMap::new(), instances: 0 }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.instances = 0;
    }

    fn forget(&mut self, asked: &[u8]) {
        if let Some(entry) = self.entries.remove(asked) {
            self.instances -= entry.instances.len();
        }
    }

    /// The instances in service of this name and tag, which are what `asked` means; `None` if they are not kept and to be
    /// looked for. That there are none is kept of services that exist, so that names that anybody makes up push nothing out.
    pub(crate) fn in_service(
        &mut self,
        state: &State,
        asked: &[u8],
        name: &str,
        tag: Option<&str>,
        only_passing: bool,
    ) -> Option<&[Found]> {
        let changed = state.last_change(&Topic::health(name));
        let is_known = self.entries.get(asked).is_some_and(|entry| entry.changed == changed);
        if !is_known {
            self.forget(asked);
            let instances = catalog::found_in_service(state, name, tag, only_passing);
            let is_made_up = instances.is_empty() && (tag.is_some() || state.instances(name).next().is_none());
            if is_made_up {
                return Some(&[]);
            }
            if instances.len() > INSTANCES_MAX {
                return None;
            }
            if self.entries.len() == ENTRIES_MAX || self.instances + instances.len() > INSTANCES_MAX {
                self.clear();
            }
            self.instances += instances.len();
            self.entries.insert(asked.into(), Entry { changed, instances });
        }
        self.entries.get(asked).map(|entry| entry.instances.as_slice())
    }
}
