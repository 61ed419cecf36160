//! Who may propose now: a bound on what is under way, and room in the log set aside before openraft sees a command.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

use crate::config::Config;
use crate::error::ProposeError;
use crate::log::{Log, Promise, Room};

/// What is under way.
pub(crate) struct Gate {
    proposals: AtomicUsize,
    bytes: AtomicUsize,
    proposals_max: usize,
    bytes_max: usize,
    command_bytes_max: usize,
}

/// Leave for one proposal. It counts until it is dropped.
pub(crate) struct Admission {
    gate: Arc<Gate>,
    bytes: usize,
    _room: Option<Promise>,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.gate.proposals.fetch_sub(1, Ordering::Relaxed);
        self.gate.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            proposals: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            proposals_max: config.proposals_max,
            bytes_max: config.proposals_bytes_max,
            command_bytes_max: config.proposal_bytes_max,
        }
    }

    /// Counts a command of this length in, or says which bound is reached.
    pub(crate) fn enter(self: &Arc<Self>, bytes: usize) -> Result<Admission, ProposeError> {
        if bytes > self.command_bytes_max {
            return Err(ProposeError::TooLarge { bytes, limit: self.command_bytes_max });
        }
        // Counted first and given back if refused, so that two who come at once never both slip past a bound.
        let proposals = self.proposals.fetch_add(1, Ordering::Relaxed) + 1;
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let admission = Admission { gate: self.clone(), bytes, _room: None };
        if proposals > self.proposals_max {
            return Err(ProposeError::Overloaded { limit: self.proposals_max, unit: "proposals" });
        }
        if total > self.bytes_max {
            return Err(ProposeError::Overloaded { limit: self.bytes_max, unit: "bytes" });
        }
        Ok(admission)
    }
}

impl Admission {
    /// Also holds room in the log.
    pub(crate) fn with_room(mut self, room: Promise) -> Self {
        self._room = Some(room);
        self
    }
}

/// Sets room for `bytes` of records aside; waits, up to `deadline`, while the next log file is being prepared. `None` if
/// the disk is full, or if it was not ready in time.
pub(crate) async fn room_for(log: &Log, bytes: u64, deadline: Instant) -> Option<Promise> {
    loop {
        let freed = log.space().freed().notified();
        match log.space().promise(bytes) {
            Room::Promised(promise) => return Some(promise),
            Room::Full => return None,
            Room::Soon => tokio::time::timeout_at(deadline, freed).await.ok()?,
        }
    }
}
