//! A member of the cluster: joins consensus and state behind one [`Handle`].

pub mod archive;
pub mod codec;
mod events;
mod watch;

pub use watch::{TooManyWatches, Watch, Woken};
