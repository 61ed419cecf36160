//! What the state can be asked, one file per family.

mod catalog;
mod cost;
mod keys;
mod sessions;
mod topics;
