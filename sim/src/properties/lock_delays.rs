//! A lock delay is as long as it was set, whatever wall clocks do: no shorter while one leader leads, and never longer.
//!
//! A new leader's clock starts at the later of the state's and its own wall clock. So a change of leader may end a delay
//! early, by as much as clocks differ; and what is left of the delay may count from then on anew.

use std::time::Duration;

use tokio::time::Instant;

use super::{Property, View};
use crate::clients::DelayTry;

/// How much shorter or longer a delay may be than it was set: times of commands are whole milliseconds, at its start and
/// at its end.
const ROUNDING: Duration = Duration::from_millis(2);

#[derive(Default)]
pub(super) struct LockDelays {
    judged: usize,
    newest_term: u64,
    /// When a new term was first seen, and the step before, after which it began.
    terms: Vec<(Option<Instant>, Instant)>,
    last_step: Option<Instant>,
}

impl LockDelays {
    fn judge(&self, tried: &DelayTry) -> Result<(), String> {
        let &DelayTry { delay, ended, tried: (asked, answered), acquired } = tried;
        let new_term = |(before, seen): &&(Option<Instant>, Instant)| {
            *seen >= ended.0 && before.is_none_or(|before| before <= answered)
        };
        let newest = self.terms.iter().filter(new_term).map(|(_, seen)| *seen).max();
        if acquired && newest.is_none() && answered + ROUNDING < ended.0 + delay {
            return Err(format!("a lock delay of {delay:?} was over after {:?}", answered - ended.0));
        }
        let counts_from = newest.map_or(ended.1, |seen| seen.max(ended.1));
        if !acquired && asked > counts_from + delay + ROUNDING {
            return Err(format!("a lock delay of {delay:?} still held after {:?}", asked - counts_from));
        }
        Ok(())
    }
}

impl Property for LockDelays {
    fn check(&mut self, view: &View<'_>) -> Result<(), String> {
        let now = Instant::now();
        let term = view.servers.iter().map(|server| server.status.term).max().unwrap_or(0);
        if term > self.newest_term {
            self.newest_term = term;
            self.terms.push((self.last_step, now));
        }
        self.last_step = Some(now);
        let tries = view.accounts.delays_from(self.judged);
        self.judged += tries.len();
        tries.iter().try_for_each(|tried| self.judge(tried))
    }
}
