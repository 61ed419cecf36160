//! What the state holds, one file per family.

mod catalog;
mod key;
mod session;

pub use catalog::*;
pub use key::*;
pub use session::*;

/// A position in the history of the state. 0 is before everything; answers carry at least 1.
pub type Index = u64;

/// When an entry came to be and when it last changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The index of the command that created the entry.
    pub created: Index,
    /// The index of the last command that changed it.
    pub modified: Index,
}
