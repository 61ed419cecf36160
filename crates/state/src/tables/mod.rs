//! What the state is made of: persistent tables, grouped by family, each with the indices that questions need.
//!
//! A [`Table`] is a B+ tree whose nodes are shared between clones. A clone costs one reference count, and a write to a
//! table that has clones copies the nodes on the path to the entry. So readers hold a whole state without a lock, and a
//! transaction works on a clone that it throws away if it fails.

mod addresses;
mod catalog;
mod keys;
mod names;
mod sessions;
mod table;

pub(crate) use addresses::Addresses;
pub(crate) use catalog::Catalog;
pub(crate) use keys::Keys;
pub(crate) use names::{Lookup, Name, Names, fold};
pub(crate) use sessions::Sessions;
pub(crate) use table::{Set, Table};
