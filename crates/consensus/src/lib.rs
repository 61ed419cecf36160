//! Raft behind one narrow handle, the segmented log and the snapshot files.
