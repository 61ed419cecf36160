//! What goes wrong on purpose, or slowly.

use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use super::lock;

/// What is asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "they are the methods of `Disk` and `File`")]
pub enum Operation {
    /// Of a file that is there.
    Open,
    /// Of a file that is not there, or is emptied.
    Create,
    Rename,
    Remove,
    List,
    CreateDirectory,
    SyncDirectory,
    Lock,
    Read,
    Write,
    SetLength,
    Reserve,
    Length,
    Sync,
}

impl Operation {
    /// Whether it changes what is on the disk, or how much of it is durable.
    pub(super) fn is_change(self) -> bool {
        use Operation::*;
        matches!(self, Create | Rename | Remove | SyncDirectory | Write | SetLength | Reserve | Sync)
    }
}

/// Is asked before each operation, with the path under which the file was opened, and holds no lock then: it may count,
/// wait, or have the operation fail.
pub type Hook = Arc<dyn Fn(Operation, &Path) -> io::Result<()> + Send + Sync>;

/// Holds threads up for as long as it is closed.
#[derive(Default)]
pub struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    closed: bool,
    /// How many are held up.
    held: usize,
    /// How many may pass all the same.
    passes: usize,
}

impl Gate {
    /// Operations wait from now on.
    pub fn close(&self) {
        lock(&self.state).closed = true;
    }

    /// All that wait go on.
    pub fn open(&self) {
        lock(&self.state).closed = false;
        self.changed.notify_all();
    }

    /// One that waits goes on, or the next one that comes.
    pub fn let_one_pass(&self) {
        lock(&self.state).passes += 1;
        self.changed.notify_all();
    }

    /// Waits until somebody is held up.
    pub fn await_held(&self) {
        let mut state = lock(&self.state);
        while state.held == 0 {
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Waits while the gate is closed.
    pub fn pass(&self) {
        let mut state = lock(&self.state);
        state.held += 1;
        self.changed.notify_all();
        while state.closed && state.passes == 0 {
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        state.held -= 1;
        state.passes = state.passes.saturating_sub(1);
    }
}

/// A small generator (SplitMix64), so that what a crash leaves is decided by one number.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
