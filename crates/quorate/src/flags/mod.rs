//! What was typed. Nothing is opened, read or asked here; what it means is for `config` and `command`.
//!
//! The grammar is that of Go's flags, which scripts for Consul are written in: `-flag value`, `-flag=value`, `--flag`,
//! `-switch`, `-switch=false`; flags stand before arguments; the last of a flag given twice counts. It is rewritten
//! ([`go_style`]) to what clap parses, which has the definitions and prints the help.

mod agent;
mod commands;
mod go_style;
mod values;

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

#[cfg(test)]
pub(crate) use self::agent::flags_of;
pub(crate) use self::commands::*;
pub(crate) use self::go_style::{Misuse, names};
pub(crate) use self::values::{go_bool, go_count, go_duration, go_int, go_port, go_uint, key_value};
use crate::config::Sources;

/// Services find each other, agree on their state and lock what only one may do: a server of the Consul API.
#[derive(Debug, Parser)]
#[command(name = "quorate", disable_help_subcommand = true)]
#[command(after_help = "Example: quorate agent -dev")]
struct Root {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs an agent until it is interrupted.
    Agent(Sources),
    /// Reads and writes keys.
    #[command(subcommand, after_help = "Example: quorate kv put config/limit 5")]
    Kv(KvCommand),
    /// Saves, restores and inspects the state of the servers.
    #[command(subcommand, after_help = "Example: quorate snapshot save backup.snap")]
    Snapshot(SnapshotCommand),
    /// Tools for those who run servers.
    #[command(subcommand, after_help = "Example: quorate operator raft list-peers")]
    Operator(OperatorCommand),
    /// Lists what the catalog knows.
    #[command(subcommand, after_help = "Example: quorate catalog services")]
    Catalog(CatalogCommand),
    /// Prints a script that completes command lines.
    #[command(after_help = "Example: source <(quorate completion bash)")]
    #[command(override_usage = "quorate completion bash|zsh|fish")]
    Completion(CompletionFlags),
    /// Fires an event.
    #[command(after_help = "Example: quorate event -name=deploy 1609030")]
    #[command(override_usage = "quorate event [OPTIONS] [PAYLOAD]")]
    Event(EventFlags),
    /// Makes a failed member count as one that has left.
    #[command(after_help = "Example: quorate force-leave node7")]
    #[command(override_usage = "quorate force-leave [OPTIONS] NAME")]
    ForceLeave(ForceLeaveFlags),
    /// Prints what the agent counts.
    #[command(after_help = "Example: quorate info")]
    Info(BareFlags),
    /// Makes the agent join others.
    #[command(after_help = "Example: quorate join 10.0.0.1")]
    #[command(override_usage = "quorate join [OPTIONS] ADDRESS...")]
    Join(JoinFlags),
    /// Makes the agent leave the cluster and end.
    #[command(after_help = "Example: quorate leave")]
    Leave(BareFlags),
    /// Runs a command while a lock is held.
    #[command(after_help = "Examples: quorate lock service/backup/lead ./backup.sh\n          \
        quorate lock -n=3 service/batch/slots ./job.sh")]
    #[command(override_usage = "quorate lock [OPTIONS] PREFIX COMMAND...")]
    Lock(LockFlags),
    /// Begins and ends maintenance of the node or of a service, or prints what is in maintenance.
    #[command(after_help = "Example: quorate maint -enable -service=web -reason='new disk'")]
    Maint(MaintFlags),
    /// Prints the members that the agent knows.
    #[command(after_help = "Example: quorate members -detailed")]
    Members(MembersFlags),
    /// Prints the agent's log as it is written.
    #[command(after_help = "Example: quorate monitor -log-level=DEBUG")]
    Monitor(MonitorFlags),
    /// Makes the agent read its configuration again.
    #[command(after_help = "Example: quorate reload")]
    Reload(BareFlags),
    /// Registers and removes services of the agent.
    #[command(subcommand, after_help = "Example: quorate services register web.hcl")]
    Services(ServicesCommand),
    /// Says whether an agent would start with these files, without starting one.
    #[command(after_help = "Example: quorate validate /etc/quorate")]
    #[command(override_usage = "quorate validate [OPTIONS] PATH...")]
    Validate(ValidateFlags),
    /// Prints an answer, or runs a command with it and with each other one.
    #[command(after_help = "Examples: quorate watch -type=service -service=web\n          \
        quorate watch -type=key -key=config/limit ./changed.sh")]
    #[command(override_usage = "quorate watch [OPTIONS] [COMMAND...]")]
    Watch(WatchFlags),
    /// Prints the version of the Consul API that is served, and Quorate's own.
    #[command(after_help = "Example: quorate version -format=json")]
    Version(VersionFlags),
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KvCommand {
    /// Prints a key's value, or what is under a prefix.
    #[command(after_help = "Example: quorate kv get -recurse config/")]
    #[command(override_usage = "quorate kv get [OPTIONS] [KEY_OR_PREFIX]")]
    Get(KvGetFlags),
    /// Writes a key.
    #[command(after_help = "Examples: quorate kv put config/limit 5\n          quorate kv put -cas -modify-index=844 \
        config/limit 6\n          quorate kv put config/license @license.lic")]
    #[command(override_usage = "quorate kv put [OPTIONS] KEY [DATA]")]
    Put(KvPutFlags),
    /// Deletes a key, or all under a prefix.
    #[command(after_help = "Example: quorate kv delete -recurse config/")]
    #[command(override_usage = "quorate kv delete [OPTIONS] KEY_OR_PREFIX")]
    Delete(KvDeleteFlags),
    /// Prints all keys under a prefix as JSON, values in base64.
    #[command(after_help = "Example: quorate kv export config/ >config.json")]
    #[command(override_usage = "quorate kv export [OPTIONS] [PREFIX]")]
    Export(KvExportFlags),
    /// Writes keys from such JSON: given, from a file (@FILE) or from standard input (-).
    #[command(after_help = "Example: quorate kv import @config.json")]
    #[command(override_usage = "quorate kv import [OPTIONS] DATA")]
    Import(KvImportFlags),
}

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Saves the state of the servers to a file.
    #[command(after_help = "Example: quorate snapshot save backup.snap")]
    #[command(override_usage = "quorate snapshot save [OPTIONS] FILE")]
    Save(SnapshotFlags),
    /// Replaces the state of the servers by that of a file.
    #[command(after_help = "Example: quorate snapshot restore backup.snap")]
    #[command(override_usage = "quorate snapshot restore [OPTIONS] FILE")]
    Restore(SnapshotFlags),
    /// Prints what is in a file.
    #[command(after_help = "Example: quorate snapshot inspect -kvdetails backup.snap")]
    #[command(override_usage = "quorate snapshot inspect [OPTIONS] FILE")]
    Inspect(SnapshotInspectFlags),
}

/// What to do with servers.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// The consensus of the servers.
    #[command(subcommand, after_help = "Example: quorate operator raft list-peers")]
    Raft(RaftCommand),
}

/// What to do with the consensus.
#[derive(Debug, Subcommand)]
pub(crate) enum RaftCommand {
    /// Prints the servers that agree on the state.
    #[command(after_help = "Example: quorate operator raft list-peers -stale")]
    ListPeers(ListPeersFlags),
}

/// How to reach a server; all commands that ask one take these.
#[derive(Debug, Args)]
pub(crate) struct HttpFlags {
    /// The address of the HTTP API: host:port, http://, https:// or unix://PATH. Also CONSUL_HTTP_ADDR; 127.0.0.1:8500 by default.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) http_addr: Option<String>,
    /// The token to send. Also CONSUL_HTTP_TOKEN.
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// A file with the token. Also CONSUL_HTTP_TOKEN_FILE.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<String>,
    /// The datacenter to ask; the server's by default.
    #[arg(long)]
    pub(crate) datacenter: Option<String>,
    /// Lets any server answer a read, with a state of some age.
    #[arg(long, value_parser = go_bool, value_name = "BOOL", hide_possible_values = true)]
    pub(crate) stale: Option<bool>,
    #[command(flatten)]
    pub(crate) tls: TlsFlags,
}

/// How to speak TLS.
#[derive(Debug, Args)]
pub(crate) struct TlsFlags {
    /// A file with the authorities to trust. Also CONSUL_CACERT.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<String>,
    /// A directory of such files. Also CONSUL_CAPATH.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) ca_path: Option<String>,
    /// A file with the client's certificate. Also CONSUL_CLIENT_CERT.
    #[arg(long, value_name = "FILE")]
    pub(crate) client_cert: Option<String>,
    /// A file with the client's key. Also CONSUL_CLIENT_KEY.
    #[arg(long, value_name = "FILE")]
    pub(crate) client_key: Option<String>,
    /// The name to expect in the server's certificate. Also CONSUL_TLS_SERVER_NAME.
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
}

/// Which tenant to ask; the servers have one.
#[derive(Debug, Args)]
pub(crate) struct TenantFlags {
    /// The namespace to ask. Also CONSUL_NAMESPACE.
    #[arg(long)]
    pub(crate) namespace: Option<String>,
    /// The partition to ask. Also CONSUL_PARTITION.
    #[arg(long)]
    pub(crate) partition: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct KvGetFlags {
    /// Prints values in base64.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) base64: Option<bool>,
    /// Prints the key's numbers and its session beside the value.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) detailed: Option<bool>,
    /// Prints the names of the keys under the prefix.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) keys: Option<bool>,
    /// Prints all keys under the prefix with their values.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) recurse: Option<bool>,
    /// With -keys: names end behind the first of these after the prefix.
    #[arg(long, default_value = "/")]
    pub(crate) separator: String,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) tenant: TenantFlags,
    /// The key or prefix.
    #[arg(value_name = "KEY_OR_PREFIX")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct KvPutFlags {
    /// Takes the lock for the session.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) acquire: Option<bool>,
    /// The data is in base64.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) base64: Option<bool>,
    /// Writes only if the key was last changed at -modify-index; at 0, only if there is none.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) cas: Option<bool>,
    /// A number for your own use.
    #[arg(long, default_value = "0", value_parser = go_uint, value_name = "NUMBER")]
    pub(crate) flags: u64,
    /// The index for -cas.
    #[arg(long, default_value = "0", value_parser = go_uint, value_name = "INDEX")]
    pub(crate) modify_index: u64,
    /// Gives the session's lock back.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) release: Option<bool>,
    /// The session for -acquire and -release.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) session: String,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) tenant: TenantFlags,
    /// The key, and the data: as it is, from a file (@FILE) or from standard input (-).
    #[arg(value_name = "KEY [DATA]")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct KvDeleteFlags {
    /// Deletes only if the key was last changed at -modify-index.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) cas: Option<bool>,
    /// The index for -cas.
    #[arg(long, default_value = "0", value_parser = go_uint, value_name = "INDEX")]
    pub(crate) modify_index: u64,
    /// Deletes all keys under the prefix.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) recurse: Option<bool>,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) tenant: TenantFlags,
    /// The key or prefix.
    #[arg(value_name = "KEY_OR_PREFIX")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct KvExportFlags {
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) tenant: TenantFlags,
    /// The prefix; all keys by default.
    #[arg(value_name = "PREFIX")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct KvImportFlags {
    /// What to put before each key.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) tenant: TenantFlags,
    /// The JSON, @FILE or -.
    #[arg(value_name = "DATA")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct SnapshotFlags {
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct SnapshotInspectFlags {
    /// pretty or json.
    #[arg(long, default_value = "pretty")]
    pub(crate) format: String,
    /// Prints what keys take, by the beginnings of their names.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) kvdetails: Option<bool>,
    /// With -kvdetails: how many parts of a name its beginning has.
    #[arg(long, default_value = "2", value_parser = go_count, value_name = "NUMBER")]
    pub(crate) kvdepth: usize,
    /// With -kvdetails: only keys that begin with this.
    #[arg(long, default_value = "", value_name = "PREFIX", hide_default_value = true)]
    pub(crate) kvfilter: String,
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ListPeersFlags {
    #[command(flatten)]
    pub(crate) http: HttpFlags,
}

#[derive(Debug, Args)]
pub(crate) struct VersionFlags {
    /// pretty or json.
    #[arg(long, default_value = "pretty")]
    pub(crate) format: String,
    /// Consul passes these over.
    #[arg(hide = true)]
    pub(crate) arguments: Vec<OsString>,
}

/// All commands with their flags.
pub(crate) fn tree() -> clap::Command {
    let root = Root::command().args_override_self(true);
    let mut root = root.mut_subcommand("agent", |command| command.after_help(agent::after_help()));
    root.build();
    root
}

/// Reads a command line, without the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Misuse> {
    let root = tree();
    let arguments = go_style::rewrite(&root, arguments)?;
    let matches = root.try_get_matches_from(arguments).map_err(|error| go_style::misuse(&error))?;
    Root::from_arg_matches(&matches).map(|root| root.command).map_err(|error| go_style::misuse(&error))
}

#[cfg(test)]
mod tests;
