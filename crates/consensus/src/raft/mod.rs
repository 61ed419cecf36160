//! The border to openraft: everything that knows its types is in here, and in [`crate::handle`] which drives it.

pub(crate) mod chores;
pub(crate) mod convert;
mod entry;
pub(crate) mod network;
pub(crate) mod receive;
pub(crate) mod runtime;
pub(crate) mod state_machine;
pub(crate) mod storage;
#[cfg(test)]
mod suite;
pub(crate) mod type_config;
