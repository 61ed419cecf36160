//! Log matching: two entries with the same place and term are the same, and so are those before them.

use std::collections::BTreeMap;

use quorate_consensus::{LogId, Payload, Rpc};

use super::{Property, View};

#[derive(Default)]
pub(super) struct LogMatching {
    /// Each entry seen, with the one before it where that was told.
    entries: BTreeMap<LogId, (Payload, Option<LogId>)>,
}

impl Property for LogMatching {
    fn check(&mut self, view: &View<'_>) -> Result<(), String> {
        for (_, to, rpc) in view.delivered {
            let Rpc::AppendEntries(append) = rpc else { continue };
            let mut previous = append.previous;
            for entry in &append.entries {
                let now = (entry.payload.clone(), previous);
                let seen = self.entries.entry(entry.id).or_insert_with(|| now.clone());
                if *seen != now {
                    return Err(format!("entry {} reached {to} as {now:?}, but was {seen:?} before", entry.id));
                }
                previous = Some(entry.id);
            }
        }
        Ok(())
    }
}
