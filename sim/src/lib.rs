//! A whole cluster in one thread from one seed: network, disk, clock and checkers.
//!
//! The servers run the real `node` code. What differs from a real server is only what is behind the seams of `base`, the
//! transport, and the clock of tokio, which is paused and moves on when nobody has anything to do.

pub mod clients;
pub mod cluster;
pub mod history;
pub mod host;
pub mod linearizability;
pub mod nemesis;
pub mod network;
pub mod properties;
pub mod randomness;
pub mod run;
pub mod sabotage;
