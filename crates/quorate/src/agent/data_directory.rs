//! Where things are in the data directory.

use std::path::{Path, PathBuf};

/// The log and the snapshots in the data directory.
pub(super) fn raft_directory(directory: &Path) -> PathBuf {
    directory.join("raft")
}

/// The file in the data directory that says that its log is one of a cluster.
pub(super) fn formed_file(directory: &Path) -> PathBuf {
    directory.join("formed")
}

/// The file in the data directory that keeps the node's id.
pub(super) fn id_file(directory: &Path) -> PathBuf {
    directory.join("node-id")
}
