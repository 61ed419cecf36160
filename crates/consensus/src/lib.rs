//! Raft behind one narrow handle, the segmented log and the snapshot files.

mod application;
mod config;
mod error;
mod handle;
mod protocol;
mod status;
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
