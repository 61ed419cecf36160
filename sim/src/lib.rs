//! A whole cluster in one thread from one seed: network, disk, clock and checkers.

pub mod disk;
pub mod host;
pub mod network;
