//! The commands that ask a server. Output and exit codes are those of Consul 1.13.9; texts of errors are near them.

mod connect;
mod kv;
mod kv_transfer;
mod operator;
mod output;
mod snapshot;
mod snapshot_inspect;
mod version;

pub(crate) use self::output::Failure;
use crate::flags::{Command, KvCommand, OperatorCommand, RaftCommand, SnapshotCommand};

/// Runs a command other than `agent`.
pub(crate) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Kv(KvCommand::Get(flags)) => kv::get(flags).await,
        Command::Kv(KvCommand::Put(flags)) => kv::put(flags).await,
        Command::Kv(KvCommand::Delete(flags)) => kv::delete(flags).await,
        Command::Kv(KvCommand::Export(flags)) => kv_transfer::export(flags).await,
        Command::Kv(KvCommand::Import(flags)) => kv_transfer::import(flags).await,
        Command::Snapshot(SnapshotCommand::Save(flags)) => snapshot::save(flags).await,
        Command::Snapshot(SnapshotCommand::Restore(flags)) => snapshot::restore(flags).await,
        Command::Snapshot(SnapshotCommand::Inspect(flags)) => snapshot_inspect::inspect(&flags),
        Command::Operator(OperatorCommand::Raft(RaftCommand::ListPeers(flags))) => operator::list_peers(&flags).await,
        Command::Version(flags) => version::version(&flags),
        Command::Agent(_) => Err(Failure::new("an agent is started elsewhere")),
    }
}
