//! What the state can be asked, one file per family.

mod catalog;
mod keys;
mod sessions;
mod topics;
