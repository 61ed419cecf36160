//! What every other crate stands on: Go-style durations and the seams through which a node reaches the machine it runs on.
//!
//! A *seam* is a trait with two implementations: the real one here, and the simulator's. Nothing in `node` or below it
//! opens a file, reads the wall clock, draws a random number or spawns a task except through [`Host`], so the simulator
//! runs the same code on a disk that tears writes, a clock that it moves and randomness that it replays.
//!
//! Monotonic time is the exception that needs no trait: it is `tokio::time`, which the simulator pauses and advances.

pub mod account;
pub mod clients;
pub mod disk;
pub mod duration;
pub mod framing;
pub mod host;
pub mod memory_disk;
pub mod metrics;
pub mod task;

pub use account::Account;
pub use disk::{Disk, File, OpenMode};
pub use host::{Host, Random, Spawn, WallClock};
pub use memory_disk::MemoryDisk;
