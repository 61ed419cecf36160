//! The machine a node runs on, as the node may see it: disk, wall clock, randomness and tasks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;

use crate::disk::{Disk, RealDisk};

/// Wall-clock time. It may jump in either direction; only the replicated state's own clock, fed from it, never goes back.
pub trait WallClock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
}

/// Randomness for ids, jitter and election time-outs.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random {
    /// A random number over all of `u64`.
    pub fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A random number below `limit`, which must not be 0. The bias is below 2⁻³² for limits below 2³².
    pub fn below(&self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// A random (version 4) UUID.
    pub fn uuid(&self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// A task to be run to its end, or until its host stops.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Where tasks are started, so that the simulator can end all tasks of one host at a crash.
pub trait Spawn: Send + Sync + 'static {
    /// Starts a task. It ends when it returns, or silently when its host stops.
    fn spawn(&self, task: Task);
    /// Runs work that would hold up the caller's thread (a large file, a long encoding) away from it, and calls no one
    /// back: the work sends its own result.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>);
}

/// All seams of one machine together. Cloning it is cheap.
#[derive(Clone)]
pub struct Host {
    /// Its file system.
    pub disk: Arc<dyn Disk>,
    /// Its wall clock.
    pub wall: Arc<dyn WallClock>,
    /// Its randomness.
    pub random: Arc<dyn Random>,
    /// Its tasks.
    pub tasks: Arc<dyn Spawn>,
}

impl Host {
    /// The machine this process runs on. Tasks go to the tokio runtime that is current at each spawn.
    pub fn real() -> Self {
        Self {
            disk: Arc::new(RealDisk),
            wall: Arc::new(RealWallClock),
            random: Arc::new(RealRandom),
            tasks: Arc::new(RealSpawn),
        }
    }

    /// Does work that would hold up everything else away from the runtime's thread. It is not begun once nobody waits for it any
    /// more. `None` if the process is ending.
    pub async fn elsewhere<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.tasks.spawn_blocking(Box::new(move || {
            if !sender.is_closed() {
                let _ = sender.send(work());
            }
        }));
        receiver.await.ok()
    }

    /// Starts a task on this host. It, and whatever it starts in turn, finds the host by [`crate::task::current`].
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(Box::pin(crate::task::scoped(self.clone(), task)));
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealWallClock;

impl WallClock for RealWallClock {
    #[allow(clippy::disallowed_methods, reason = "this is the seam that everything else is asked to use")]
    fn now_ms(&self) -> u64 {
        // A clock set before 1970 reads as 1970: the state's clock holds still then, which is safe.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }
}

/// The machine's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealRandom;

impl Random for RealRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has randomness to give");
    }
}

/// Tasks on the current tokio runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealSpawn;

impl Spawn for RealSpawn {
    #[allow(clippy::disallowed_methods, reason = "this is the seam that everything else is asked to use")]
    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }

    #[allow(clippy::disallowed_methods, reason = "this is the seam that everything else is asked to use")]
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) {
        tokio::task::spawn_blocking(work);
    }
}
