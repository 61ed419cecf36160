//! Room for the log, taken before it is needed.
//!
//! A write that meets a full disk cannot be taken back, and a log that could not be written is the end of the server. So
//! every command is promised its room before the Raft library sees it: in what is left of the file being written or, once
//! the next file stands ready with all its space reserved, in that one. A disk without room for a next file turns new
//! commands away while reads, elections and heartbeats go on in the headroom.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::log::segment::{HEADER_BYTES, Segment};

/// What each promise takes beside its records: the note of what is committed that ends a batch.
pub(crate) const BATCH_OVERHEAD_BYTES: u64 = 32;

/// What a new file begins with: header and opening records.
const FILE_OVERHEAD_BYTES: u64 = HEADER_BYTES + 256;

/// The ledger of room.
pub(crate) struct Space {
    ledger: Mutex<Ledger>,
    /// Set while commands are turned away for want of room.
    full: AtomicBool,
    /// Tells those who wait for room that there may be some.
    freed: Notify,
    /// Tells the writer that [`Next::Naming`] is over.
    named: Condvar,
    /// Wakes whoever prepares the next file.
    wanted: Arc<Notify>,
    /// Kept for what Raft itself must write: votes, memberships, a leader's first entry, truncations.
    headroom: u64,
}

struct Ledger {
    /// What is left of the file being written.
    active: u64,
    /// The file after it.
    next: Next,
    /// The sequence number that the file after it gets.
    next_sequence: u64,
    /// Promised to commands that may still come.
    promised: u64,
    /// Handed to the writer and not yet written.
    queued: u64,
    /// Whether someone was told to wait for room.
    awaited: bool,
    /// Why the next file can't be made, since it first couldn't and until it could.
    shortage: Option<Arc<str>>,
}

/// The file after the one being written.
enum Next {
    /// Not begun.
    Absent,
    /// Being prepared somewhere.
    Preparing,
    /// Being given its name, or made by the writer. That touches the disk, so it is done without the ledger's lock, which
    /// every proposal takes; a proposal that needs the next file waits until it is over.
    Naming {
        /// Whether the disk had no room for it before.
        was_full: bool,
    },
    /// Prepared, named and durable.
    Ready(Arc<Segment>),
    /// The disk has no room for it.
    Full,
}

/// The answer to a wish for room.
pub(crate) enum Room {
    /// It is there until the promise is dropped.
    Promised(Promise),
    /// A next file is being prepared: ask again when [`Space::freed`] tells.
    Soon,
    /// The disk has none.
    Full,
}

/// Room set aside. Dropping it gives back what was not used.
pub(crate) struct Promise {
    space: Arc<Space>,
    bytes: u64,
}

impl Drop for Promise {
    fn drop(&mut self) {
        let mut ledger = self.space.ledger();
        ledger.promised -= self.bytes;
        self.space.tell(ledger);
    }
}

impl Space {
    pub(crate) fn new(active: u64, next: Option<Arc<Segment>>, next_sequence: u64, headroom: u64) -> Self {
        let next = next.map_or(Next::Absent, Next::Ready);
        Self {
            ledger: Mutex::new(Ledger {
                active,
                next,
                next_sequence,
                promised: 0,
                queued: 0,
                awaited: false,
                shortage: None,
            }),
            full: AtomicBool::new(false),
            freed: Notify::new(),
            named: Condvar::new(),
            wanted: Arc::default(),
            headroom,
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Each change is a single step, so a panic elsewhere leaves no half-made one.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether commands are turned away for want of room.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Wakes whoever prepares files.
    pub(crate) fn wanted(&self) -> Arc<Notify> {
        self.wanted.clone()
    }

    /// Tells that there may be room now, or that there is surely none.
    pub(crate) fn freed(&self) -> &Notify {
        &self.freed
    }

    /// Asks for room for `bytes` of records.
    pub(crate) fn promise(self: &Arc<Self>, bytes: u64) -> Room {
        let bytes = bytes + BATCH_OVERHEAD_BYTES;
        let mut ledger = self.ledger();
        if ledger.room(self.headroom) >= bytes {
            ledger.promised += bytes;
            return Room::Promised(Promise { space: self.clone(), bytes });
        }
        if matches!(ledger.next, Next::Full) {
            self.full.store(true, Ordering::Relaxed);
            return Room::Full;
        }
        if matches!(ledger.next, Next::Absent) {
            self.wanted.notify_one();
        }
        ledger.awaited = true;
        Room::Soon
    }

    /// Gives the ledger back after a change that may have made room, and wakes those who wait for it.
    fn tell(&self, mut ledger: MutexGuard<'_, Ledger>) {
        let awaited = std::mem::take(&mut ledger.awaited);
        drop(ledger);
        if awaited {
            self.freed.notify_waiters();
        }
    }

    /// Records that were handed to the writer.
    pub(crate) fn queue(&self, bytes: u64) {
        self.ledger().queued += bytes;
    }

    /// The writer wrote `queued` of the records handed to it, and `active` bytes of its file are left.
    pub(crate) fn wrote(&self, queued: u64, active: u64, capacity: u64) {
        let mut ledger = self.ledger();
        ledger.queued -= queued;
        ledger.active = active;
        if active < capacity / 2 && matches!(ledger.next, Next::Absent) {
            self.wanted.notify_one();
        }
        self.tell(ledger);
    }

    /// Whether a next file should be prepared now, and under which sequence number. `retry` also after a full disk.
    pub(crate) fn begin_prepare(&self, retry: bool) -> Option<u64> {
        let mut ledger = self.ledger();
        let begin = match ledger.next {
            Next::Absent => true,
            Next::Full => retry,
            Next::Preparing | Next::Naming { .. } | Next::Ready(_) => false,
        };
        if !begin {
            return None;
        }
        ledger.next = Next::Preparing;
        Some(ledger.next_sequence)
    }

    /// The next file can't be made now, for want of room or of what else may come back. Logged when it begins.
    pub(crate) fn prepare_failed(&self, sequence: u64, shortage: String) {
        let mut ledger = self.ledger();
        if ledger.is_awaited(sequence) {
            ledger.next = Next::Full;
        }
        if ledger.shortage.is_none() {
            tracing::warn!(
                "{shortage}; writes are refused once the present one is full, until that is over; reads go on"
            );
        }
        ledger.shortage = Some(shortage.into());
        self.tell(ledger);
    }

    /// Nothing is prepared any more, because nothing is written.
    pub(crate) fn give_up(&self, sequence: u64) {
        let mut ledger = self.ledger();
        if ledger.is_awaited(sequence) {
            ledger.next = Next::Full;
        }
        self.tell(ledger);
    }

    /// Why there is no room for more commands, if that is known.
    pub(crate) fn shortage(&self) -> Option<Arc<str>> {
        self.ledger().shortage.clone()
    }

    /// Takes the prepared file in, unless the writer could not wait for it. `name` gives it its name; the writer makes no
    /// other of the same name meanwhile. Gives back an unwanted file.
    pub(crate) fn prepared<E>(
        &self,
        segment: Segment,
        name: impl FnOnce(Segment) -> Result<Segment, E>,
    ) -> Result<Option<Segment>, E> {
        let mut ledger = self.ledger();
        if !ledger.is_awaited(segment.sequence) {
            return Ok(Some(segment));
        }
        ledger.next = Next::Naming { was_full: false };
        drop(ledger);
        let named = name(segment);
        let mut ledger = self.ledger();
        self.named.notify_all();
        // After an error it still counts as being prepared: the caller says what becomes of that.
        ledger.next = Next::Preparing;
        ledger.next = Next::Ready(Arc::new(named?));
        self.full.store(false, Ordering::Relaxed);
        if ledger.shortage.take().is_some() {
            tracing::info!("there is room for the next log file again; writes go on");
        }
        self.tell(ledger);
        Ok(None)
    }

    /// The writer needs a next file although none can be prepared: the one that `make` makes under the sequence number that it
    /// is given. `None` if one is being prepared or ready after all. On failure nothing changes.
    pub(crate) fn make_next<E>(&self, make: impl FnOnce(u64) -> Result<Segment, E>) -> Result<Option<Arc<Segment>>, E> {
        let mut ledger = self.ledger();
        if !matches!(ledger.next, Next::Full) {
            return Ok(None);
        }
        ledger.next = Next::Naming { was_full: true };
        let sequence = ledger.next_sequence;
        drop(ledger);
        let made = make(sequence);
        let mut ledger = self.ledger();
        ledger.next = Next::Full;
        if made.is_ok() {
            ledger.next_sequence += 1;
            ledger.next = Next::Absent;
        }
        // Those that wait ask again.
        self.tell(ledger);
        made.map(|segment| Some(Arc::new(segment)))
    }

    /// The size of the next file, if it is ready.
    pub(crate) fn next_capacity(&self) -> Option<u64> {
        match &self.ledger().next {
            Next::Ready(segment) => Some(segment.capacity),
            Next::Absent | Next::Preparing | Next::Naming { .. } | Next::Full => None,
        }
    }

    /// Whether the disk had no room for the next file when it was last asked.
    pub(crate) fn waits_for_disk(&self) -> bool {
        matches!(self.ledger().next, Next::Full | Next::Naming { was_full: true })
    }

    /// The writer needs the next file now: the prepared one, or the sequence number for one that it makes itself.
    pub(crate) fn take_next(&self) -> Result<Arc<Segment>, u64> {
        let being_named = |ledger: &mut Ledger| matches!(ledger.next, Next::Naming { .. });
        let ledger = self.named.wait_while(self.ledger(), being_named);
        let mut ledger = ledger.unwrap_or_else(PoisonError::into_inner);
        let sequence = ledger.next_sequence;
        ledger.next_sequence += 1;
        match std::mem::replace(&mut ledger.next, Next::Absent) {
            Next::Ready(segment) => Ok(segment),
            Next::Absent | Next::Preparing | Next::Naming { .. } | Next::Full => Err(sequence),
        }
    }
}

impl Ledger {
    fn is_awaited(&self, sequence: u64) -> bool {
        matches!(self.next, Next::Preparing) && self.next_sequence == sequence
    }

    /// What can still be promised. With a next file at hand its whole length counts and nothing of the present one: how
    /// much of that is left over at the change depends on the records' lengths.
    fn room(&self, headroom: u64) -> u64 {
        let guaranteed = match &self.next {
            Next::Ready(segment) => self.active.max(segment.capacity - FILE_OVERHEAD_BYTES),
            Next::Absent | Next::Preparing | Next::Naming { .. } | Next::Full => self.active,
        };
        guaranteed.saturating_sub(self.promised + self.queued + headroom)
    }
}
