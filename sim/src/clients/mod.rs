//! The clients of a simulated cluster, and what they know: what was acknowledged to them, what they hold, what they were
//! told. They find servers as real ones do: they ask one, follow its hint, and give up after a while.

mod delays;
mod journal;
mod locks;
mod registers;
mod restores;
mod router;
mod watchers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use delays::{DelayTry, measure_delays};
pub use journal::write_journal;
pub use locks::take_locks;
pub use registers::{Call, CallKind, CallResult, read_at_the_end, use_registers};
pub use restores::interrupt_restores;
pub use router::Router;
pub use watchers::{watch, watched};

/// What the clients know. Clones speak of the same.
#[derive(Clone, Default)]
pub struct Accounts(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// Counts events, so that any two have an order.
    moment: u64,
    stopped: bool,
    journal: BTreeMap<String, String>,
    holds: Vec<Hold>,
    delays: Vec<DelayTry>,
    told: BTreeMap<(u64, String), Watched>,
    calls: Vec<Call>,
}

/// What a watcher sees of a prefix: each key with when it changed.
pub type Watched = Vec<(String, u64)>;

/// A lock that a client was told it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The key.
    pub key: String,
    /// Who has it.
    pub client: u64,
    /// The moment of the answer.
    pub from: u64,
    /// The moment at which it began to give it back.
    pub until: Option<u64>,
}

impl Accounts {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next moment.
    pub fn moment(&self) -> u64 {
        let mut inner = self.lock();
        inner.moment += 1;
        inner.moment
    }

    /// Asks all clients that write to end.
    pub fn stop(&self) {
        self.lock().stopped = true;
    }

    /// Whether clients that write should end.
    pub fn stopped(&self) -> bool {
        self.lock().stopped
    }

    /// The acknowledged writes to keys that nobody writes again.
    pub fn journal(&self) -> BTreeMap<String, String> {
        self.lock().journal.clone()
    }

    /// All locks that clients were told they have, in the order of the answers.
    pub fn holds(&self) -> Vec<Hold> {
        self.lock().holds.clone()
    }

    /// The tries to take a delayed lock but the first so many, in the order of the answers.
    pub fn delays_from(&self, place: usize) -> Vec<DelayTry> {
        self.lock().delays[place..].to_vec()
    }

    /// What each watcher was told last, with the prefix that it watches.
    pub fn told(&self) -> Vec<(String, Watched)> {
        self.lock().told.iter().map(|((_, prefix), told)| (prefix.clone(), told.clone())).collect()
    }

    /// What was asked of the registers and what came of it.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }
}
