//! Leader completeness: what was committed is in the log of every later leader, at its place.

use std::collections::BTreeMap;

use quorate_consensus::LogId;
use quorate_node::{Role, Rpc};

use super::{Property, View};

#[derive(Default)]
pub(super) struct LeaderCompleteness {
    /// The term of each place known to be committed.
    committed: BTreeMap<u64, u64>,
    /// The newest place known to be committed when a term's leader was first seen.
    needed: BTreeMap<u64, Option<LogId>>,
}

impl LeaderCompleteness {
    fn newest(&self) -> Option<LogId> {
        self.committed.last_key_value().map(|(index, term)| LogId { term: *term, index: *index })
    }

    fn commit(&mut self, id: LogId) -> Result<(), String> {
        match *self.committed.entry(id.index).or_insert(id.term) {
            term if term == id.term => Ok(()),
            term => Err(format!("place {} was committed in term {term} and again in term {}", id.index, id.term)),
        }
    }
}

impl Property for LeaderCompleteness {
    fn check(&mut self, view: &View<'_>) -> Result<(), String> {
        for server in view.servers.iter().filter(|server| server.status.role == Role::Leader) {
            let status = &server.status;
            let newest = self.newest().filter(|newest| newest.term < status.term);
            let needed = *self.needed.entry(status.term).or_insert(newest);
            if status.progress.last_log < needed {
                let last = status.progress.last_log;
                return Err(format!(
                    "{} leads term {} with {last:?}, but {needed:?} is committed",
                    status.id, status.term
                ));
            }
        }
        for (from, _, rpc) in view.delivered {
            let Rpc::AppendEntries(append) = rpc else { continue };
            for id in append.entries.iter().map(|entry| entry.id).chain(append.previous) {
                let committed = self.committed.get(&id.index).copied().unwrap_or(id.term);
                // An older leader that does not know yet may still send what was replaced.
                if committed != id.term && append.vote.term > committed {
                    return Err(format!("{from} leads with {id}, but that place was committed in term {committed}"));
                }
            }
            append.committed.map_or(Ok(()), |id| self.commit(id))?;
        }
        view.servers.iter().filter_map(|server| server.status.progress.committed).try_for_each(|id| self.commit(id))
    }
}
