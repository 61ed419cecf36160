//! Applied states equal: two servers that are at the same index have the same state.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use quorate_node::{NodeId, codec};
use quorate_state::{FORMAT_FIRST, Header, Record, State};

use super::{Property, View};

#[derive(Default)]
pub(super) struct AppliedStates {
    /// Who showed which state at each index first.
    seen: BTreeMap<u64, (u64, NodeId)>,
    last: BTreeMap<NodeId, u64>,
}

impl Property for AppliedStates {
    fn check(&mut self, view: &View<'_>) -> Result<(), String> {
        for server in view.servers {
            let (id, index) = (server.status.id, server.state.index());
            if self.last.insert(id, index) == Some(index) {
                continue;
            }
            let digest = digest(&server.state);
            let (first, by) = *self.seen.entry(index).or_insert((digest, id));
            if first != digest {
                return Err(format!("at index {index} the states of {by} and {id} differ"));
            }
        }
        Ok(())
    }
}

/// A number for all that clients can see of a state. Commands that change nothing of it move its clock, its format and what is
/// being restored, and forget what is dead, without a new index, so these are left out.
fn digest(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut bytes = Vec::new();
    for record in state.records() {
        let record = match record {
            Record::Header(header) => Record::Header(Header { clock_ms: 0, floor: 0, format: FORMAT_FIRST, ..header }),
            Record::Tombstone(..) | Record::Mark(..) | Record::LockDelay(..) => continue,
            Record::Staging(..) | Record::Staged(_) => continue,
            other => other,
        };
        bytes.clear();
        codec::encode_record(&record, codec::FORMAT_NEWEST, &mut bytes).expect("the newest format holds any record");
        bytes.hash(&mut hasher);
    }
    hasher.finish()
}
