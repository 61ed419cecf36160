//! The commands that ask a server. Output and exit codes are those of Consul 1.13.9; texts of errors are near them.

mod agent_control;
mod catalog;
mod completion;
mod connect;
mod event;
mod kv;
mod kv_transfer;
mod lock;
mod members;
mod operator;
mod output;
mod services;
mod snapshot;
mod snapshot_inspect;
mod validate;
mod version;
mod watch;

pub(crate) use self::output::{Failure, print};
use crate::flags::{
    CatalogCommand, Command, KvCommand, OperatorCommand, RaftCommand, ServicesCommand, SnapshotCommand,
};

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
        Command::Catalog(CatalogCommand::Datacenters(flags)) => catalog::datacenters(flags).await,
        Command::Catalog(CatalogCommand::Nodes(flags)) => catalog::nodes(flags).await,
        Command::Catalog(CatalogCommand::Services(flags)) => catalog::services(flags).await,
        Command::Completion(flags) => completion::completion(&flags),
        Command::Event(flags) => event::event(flags).await,
        Command::ForceLeave(flags) => agent_control::force_leave(flags).await,
        Command::Info(flags) => members::info(flags).await,
        Command::Join(flags) => agent_control::join(flags).await,
        Command::Leave(flags) => agent_control::leave(flags).await,
        Command::Lock(flags) => lock::lock(flags).await,
        Command::Maint(flags) => agent_control::maint(flags).await,
        Command::Members(flags) => members::members(flags).await,
        Command::Monitor(flags) => agent_control::monitor(flags).await,
        Command::Reload(flags) => agent_control::reload(flags).await,
        Command::Services(ServicesCommand::Register(flags)) => services::register(flags).await,
        Command::Services(ServicesCommand::Deregister(flags)) => services::deregister(flags).await,
        Command::Validate(flags) => validate::validate(flags),
        Command::Watch(flags) => watch::watch(flags).await,
        Command::Version(flags) => version::version(&flags),
        Command::Agent(_) => Err(Failure::new("an agent is started elsewhere")),
    }
}
