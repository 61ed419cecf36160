//! A simulated machine: its disk, its skewed clock, its randomness, and its tasks, which all end at a crash.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use quorate_base::MemoryDisk;
use quorate_base::host::{Host, Random, Spawn, Task, WallClock};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// One life of a machine, from a start to a crash.
pub struct Life {
    alive: Arc<AtomicBool>,
    tasks: Arc<Tasks>,
    wall: Arc<SkewedClock>,
    /// What a node is given.
    pub host: Host,
}

/// How far a wall clock may be off, in milliseconds.
const SKEW_MS_MAX: i64 = 60_000;
/// The simulated day begins here, in milliseconds since the Unix epoch.
const EPOCH_MS: u64 = 1_700_000_000_000;

impl Life {
    /// Starts a life on a disk. `started` is the moment at which the simulation began.
    pub fn new(seed: u64, disk: &MemoryDisk, started: Instant) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let alive = disk.switch_on();
        let tasks = Arc::new(Tasks { alive: alive.clone(), handles: Mutex::default() });
        let skew_ms = AtomicI64::new(random.i64(-SKEW_MS_MAX..=SKEW_MS_MAX));
        let wall = Arc::new(SkewedClock { started, skew_ms });
        let host = Host {
            disk: Arc::new(disk.clone()),
            wall: wall.clone(),
            random: Arc::new(SeededRandom(Mutex::new(random))),
            tasks: tasks.clone(),
        };
        Self { alive, tasks, wall, host }
    }

    /// Steps its wall clock, forwards or backwards.
    pub fn step_clock(&self, by_ms: i64) {
        self.wall.skew_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Whether its power is still on.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Ends all its tasks, wherever they are.
    pub fn end(&self) {
        self.alive.store(false, Ordering::Release);
        for handle in self.tasks.handles.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            handle.abort();
        }
    }
}

struct SkewedClock {
    started: Instant,
    skew_ms: AtomicI64,
}

impl WallClock for SkewedClock {
    fn now_ms(&self) -> u64 {
        (EPOCH_MS + self.started.elapsed().as_millis() as u64)
            .saturating_add_signed(self.skew_ms.load(Ordering::Relaxed))
    }
}

struct SeededRandom(Mutex<fastrand::Rng>);

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
    }
}

struct Tasks {
    alive: Arc<AtomicBool>,
    handles: Mutex<Vec<AbortHandle>>,
}

/// How many handles gather before those of finished tasks are let go.
const HANDLES_SWEPT_AT: usize = 256;

impl Spawn for Tasks {
    #[allow(clippy::disallowed_methods, reason = "this is the simulator's side of the seam")]
    fn spawn(&self, task: Task) {
        let task = tokio::spawn(Mortal { alive: self.alive.clone(), task });
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if handles.len() >= HANDLES_SWEPT_AT {
            handles.retain(|handle| !handle.is_finished());
        }
        handles.push(task.abort_handle());
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) {
        // In a task of its own, so that the caller goes on first, as it would.
        self.spawn(Box::pin(async move { work() }));
    }
}

/// A task that makes no step once its machine's power is gone.
struct Mortal {
    alive: Arc<AtomicBool>,
    task: Task,
}

impl Future for Mortal {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.alive.load(Ordering::Acquire) { self.task.as_mut().poll(context) } else { Poll::Ready(()) }
    }
}
