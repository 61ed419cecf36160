//! A member of the cluster: joins consensus and state behind one [`Handle`].

pub mod codec;
mod watch;

pub use watch::{TooManyWatches, Watch, Woken};
