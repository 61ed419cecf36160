//! Raft behind one narrow handle, the segmented log and the snapshot files.

mod application;
mod codec;
mod config;
mod error;
mod handle;
mod log;
mod protocol;
mod status;
#[cfg(test)]
mod test_disk;
mod transport;

pub use application::{
    APPLY_BATCH_MAX, Application, RestoreError, SNAPSHOT_RECORD_BYTES_MAX, SnapshotError, SnapshotRecords,
    SnapshotSink, SnapshotSource,
};
pub use config::{Config, LogWriter};
pub use error::{
    BootstrapError, ChangeError, LogError, Outcome, ProposeError, ReadError, RpcError, StartError, TransportError,
};
pub use handle::{Applied, Consensus};
pub use protocol::{
    AppendEntries, AppendReply, Entry, LogId, Member, Membership, NodeId, Payload, Rpc, RpcReply, SnapshotChunk,
    SnapshotIdentity, SnapshotReply, TransferLeader, TransferReply, Vote, VoteReply, VoteRequest,
};
pub use status::{Progress, Role, Status};
pub use transport::{BoxFuture, Transport};
