//! How jobs reach the writer: on the caller's own task, or by a thread that takes all that gathered during the last sync.
//!
//! The thread costs each batch two changes of thread and lets the caller go on meanwhile; the caller's own task costs
//! neither and lets nothing go on. One entry at a time is quicker without the thread, many at a time are with it:
//! [`LogWriter::Adaptive`] tells by what it saw lately.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::LogWriter;
use crate::error::StartError;
use crate::log::Shared;
use crate::log::writer::{Job, Writer};

/// How many single entries in a row make the next one written on the caller's task.
const QUIET_BATCHES: u32 = 16;

/// A disk that took longer than this for a batch is left to the thread: the caller has more to do than to wait for it.
const QUICK: Duration = Duration::from_micros(500);

/// The most room that the jobs of one batch take, so that neither the buffer nor the wait grows without bound. A single
/// larger job is a batch of its own.
const BATCH_BYTES_MAX: u64 = 8 << 20;

/// The jobs that wait, and the writer.
pub(crate) struct Queue {
    mode: LogWriter,
    waiting: Mutex<Waiting>,
    filled: Condvar,
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    /// The thread has taken jobs and not yet written them all.
    busy: bool,
    /// No more jobs come.
    stopped: bool,
    /// How many batches of one small job came in a row, with nothing else waiting.
    quiet: u32,
    /// Whether the last batch took longer than [`QUICK`].
    slow: bool,
}

impl Queue {
    pub(crate) fn new(mode: LogWriter, writer: Writer) -> Self {
        Self { mode, waiting: Mutex::default(), filled: Condvar::new(), writer: Mutex::new(writer) }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer, once whoever has it is done.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic while writing leaves the writer as it was before the batch or after it; the log has failed then.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the thread once it has written what waits.
    pub(crate) fn stop(&self) {
        self.waiting().stopped = true;
        self.filled.notify_all();
    }

    /// Takes a job, and does it right away if this is the place for it.
    pub(crate) fn push(&self, shared: &Shared, job: Job) {
        let mut waiting = self.waiting();
        let alone = waiting.jobs.is_empty() && !waiting.busy;
        waiting.quiet = if alone && job.is_small() { waiting.quiet.saturating_add(1) } else { 0 };
        let here = match self.mode {
            LogWriter::Inline => true,
            LogWriter::Thread => false,
            LogWriter::Adaptive => alone && waiting.quiet > QUIET_BATCHES && !waiting.slow,
        };
        if !here {
            waiting.jobs.push(job);
            drop(waiting);
            self.filled.notify_one();
            return;
        }
        drop(waiting);
        let (finished, slow) = timed(|| shared.write(&mut self.writer(), vec![job]));
        self.waiting().slow = slow;
        finished.tell();
    }

    /// The thread has written what it took.
    fn rest(&self, slow: bool) {
        let mut waiting = self.waiting();
        waiting.busy = false;
        waiting.slow = slow;
    }

    /// Waits for jobs and takes as many as make a batch; `None` once there are none and no more come.
    fn take(&self) -> Option<Vec<Job>> {
        let mut waiting = self.waiting();
        while waiting.jobs.is_empty() {
            if waiting.stopped {
                return None;
            }
            waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.busy = true;
        let mut bytes = 0;
        let fits = waiting.jobs.iter().take_while(|job| {
            bytes += job.bytes();
            bytes <= BATCH_BYTES_MAX
        });
        let count = fits.count().max(1);
        Some(waiting.jobs.drain(..count).collect())
    }
}

/// Does the work and tells whether it took longer than [`QUICK`].
fn timed<T>(work: impl FnOnce() -> T) -> (T, bool) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed() > QUICK)
}

/// Starts the thread that writes. It holds the log only while it writes, and ends when the log is gone.
pub(crate) fn start_thread(shared: &Arc<Shared>) -> Result<(), StartError> {
    let queue = shared.queue.clone();
    let shared: Weak<Shared> = Arc::downgrade(shared);
    let run = move || {
        while let Some(jobs) = queue.take() {
            let Some(shared) = shared.upgrade() else { return };
            let (finished, slow) = timed(|| shared.write(&mut queue.writer(), jobs));
            queue.rest(slow);
            // Told last: an asker may come back with more at once, and finds the writer free.
            finished.tell();
        }
    };
    let spawned = std::thread::Builder::new().name("log".to_owned()).spawn(run);
    spawned.map(drop).map_err(|source| StartError::Io { path: "the log's thread".to_owned(), source })
}
