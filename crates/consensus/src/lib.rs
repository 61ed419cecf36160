//! Raft behind one narrow handle, the segmented log and the snapshot files.

mod admission;
mod application;
mod codec;
mod config;
mod error;
#[cfg(test)]
mod frozen;
mod handle;
mod log;
mod metrics;
mod protocol;
mod raft;
mod serve;
mod snapshot;
mod start;
mod status;
mod transport;

pub use application::{
    APPLY_BATCH_MAX, Application, Commands, RestoreError, SNAPSHOT_RECORD_BYTES_MAX, SnapshotError, SnapshotRecords,
    SnapshotSink, SnapshotSource, UnreadableCommand,
};
pub use config::{Config, LogWriter};
pub use error::{
    BootstrapError, ChangeError, LogError, Outcome, ProposeError, ReadError, RpcError, StartError, TransportError,
};
pub use handle::{Applied, Consensus};
pub use protocol::{
    AppendEntries, AppendReply, Command, Entry, LogId, Member, Membership, NodeId, Payload, Rpc, RpcReply,
    SnapshotChunk, SnapshotIdentity, SnapshotReply, TransferLeader, TransferReply, Vote, VoteReply, VoteRequest,
};
pub use status::{Progress, Role, Status};
pub use transport::{BoxFuture, Transport};

/// The decoders of what is on disk, for the fuzzer and for tools that look into files. None of them panics, whatever it is
/// given.
pub mod format {
    /// The log's files.
    pub mod log {
        pub use crate::log::record::{Decoded, Invalid, Place, Record, decode, encode};
        pub use crate::log::segment::{BadHeader, Header, decode_header};
    }
    /// Snapshot files.
    pub mod snapshot {
        pub use crate::snapshot::format::{KIND, SnapshotMeta, decode_meta};
    }
}
