//! Replacing the whole state, step by step.
//!
//! What arrives is built into a state of its own that nobody sees, so that the last step only has to swap it in. That
//! keeps the step short however large the state is, and a restore that never ends costs memory but no consistency.

use std::sync::Arc;

use uuid::Uuid;

use crate::apply::Outcome;
use crate::effects::Effects;
use crate::records::StateBuilder;
use crate::{Header, Index, Key, Record, RestoreStep, State};

/// The largest index that a restored state may bring. It leaves room for indices to grow by one each nanosecond for
/// well over a century, so that no archive can drive them to where they stand still.
const INDEX_MAX: Index = 1 << 62;

/// A restore that is under way.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Staging {
    pub(crate) id: Uuid,
    /// How many steps were added.
    pub(crate) steps: u64,
    /// What they made so far.
    pub(crate) state: State,
}

impl State {
    pub(super) fn restore(&mut self, step: RestoreStep, effects: &mut Effects) -> Outcome {
        match step {
            RestoreStep::Begin(id) => {
                self.staging = Some(Arc::new(Staging { id, steps: 0, state: Self::new() }));
                Ok(())
            }
            RestoreStep::Add { id, number, records } => self.add_to_restore(id, number, records),
            RestoreStep::Commit { id, steps } => self.commit_restore(id, steps, effects),
            RestoreStep::Abandon(id) => {
                self.staging.take_if(|staging| staging.id == id);
                Ok(())
            }
        }
    }

    fn add_to_restore(&mut self, id: Uuid, number: u64, records: Vec<Record>) -> Outcome {
        let staging = self.staging.as_mut().filter(|staging| staging.id == id).ok_or_else(|| not_under_way(id))?;
        if number > staging.steps {
            return Err(format!("step {number} of restore {id} came when step {} was due", staging.steps));
        }
        if number < staging.steps {
            // Proposed twice, since its sender could not see that it took place.
            return Ok(());
        }
        let staging = Arc::make_mut(staging);
        let mut builder = StateBuilder::continuing(std::mem::take(&mut staging.state));
        for record in records {
            match record {
                // Every answer will be at least the index of the restore, which is larger than all of these. And what
                // was being restored when the archive was made is no part of the state it holds.
                Record::Tombstone(..) | Record::Mark(..) | Record::Staging(..) | Record::Staged(_) => {}
                record => builder.push(record),
            }
        }
        staging.state = builder.pause();
        staging.steps += 1;
        Ok(())
    }

    /// Swaps the new state in. Its entries keep their indices; all answers from now on are at least the index of this
    /// command, which exceeds what either state has given out so far.
    fn commit_restore(&mut self, id: Uuid, steps: u64, effects: &mut Effects) -> Outcome {
        let staging = self.staging.as_ref().filter(|staging| staging.id == id).ok_or_else(|| not_under_way(id))?;
        if staging.steps != steps {
            return Err(format!("restore {id} ends after {steps} steps, but {} came", staging.steps));
        }
        let mut restored = StateBuilder::continuing(staging.state.clone()).finish();
        let saved = restored.header;
        if saved.index >= INDEX_MAX {
            return Err(format!("restore {id} brings index {}, which is beyond {INDEX_MAX}", saved.index));
        }
        let index = effects.index.max(saved.index + 1);
        let clock_ms = self.header.clock_ms;
        restored.header = Header {
            index,
            offset: self.header.offset.saturating_add(index - effects.index),
            floor: index,
            restored: index,
            clock_ms,
            // It is the cluster's: its servers, not the archive, decide what is written from now on.
            format: self.header.format,
        };
        // A delay goes on for as long as it had to when the state was saved, whatever the clock said there.
        let delays: Vec<(Key, u64)> = restored.keys.delays().map(|(key, until)| (key.clone(), *until)).collect();
        for (key, until_ms) in delays {
            let left_ms = until_ms.saturating_sub(saved.clock_ms);
            restored.keys.delay(key, clock_ms.saturating_add(left_ms));
        }
        *self = restored;
        effects.everything();
        Ok(())
    }
}

fn not_under_way(id: Uuid) -> String {
    format!("restore {id} is not under way")
}
