//! The flags of the commands that ask an agent, but for those of keys and snapshots.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use quorate_base::duration::GoDuration;

use super::{HttpFlags, TenantFlags, go_bool, go_duration, go_int, go_port, key_value};

/// What to list of the catalog.
#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Prints the datacenters.
    #[command(after_help = "Example: quorate catalog datacenters")]
    Datacenters(BareFlags),
    /// Prints the nodes.
    #[command(after_help = "Example: quorate catalog nodes -service=web -detailed")]
    Nodes(CatalogNodesFlags),
    /// Prints the services.
    #[command(after_help = "Example: quorate catalog services -tags")]
    Services(CatalogServicesFlags),
}

/// What to do with the services of the agent.
#[derive(Debug, Subcommand)]
pub(crate) enum ServicesCommand {
    /// Registers services, from files as an agent reads them or from flags.
    #[command(after_help = "Examples: quorate services register web.hcl\n          \
        quorate services register -name=web -port=80 -tag=v1")]
    #[command(override_usage = "quorate services register [OPTIONS] [FILE...]")]
    Register(ServicesRegisterFlags),
    /// Removes services, those in files or one by its id.
    #[command(after_help = "Example: quorate services deregister -id=web")]
    #[command(override_usage = "quorate services deregister [OPTIONS] [FILE...]")]
    Deregister(ServicesDeregisterFlags),
}

/// A command without flags of its own.
#[derive(Debug, Args)]
pub(crate) struct BareFlags {
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// Not taken by most commands.
    #[arg(hide = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogNodesFlags {
    /// Prints whole ids, tagged addresses and meta data.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) detailed: Option<bool>,
    /// Only nodes that this expression selects.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) filter: String,
    /// The node to be near to; _agent is the agent's own.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "NODE")]
    pub(crate) near: String,
    /// Only nodes with these meta data, key=value; may be given several times.
    #[arg(long, value_parser = key_value, value_name = "KEY=VALUE")]
    pub(crate) node_meta: Vec<(String, String)>,
    /// Only nodes with this service.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) service: String,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) tenant: TenantFlags,
    /// Not taken.
    #[arg(hide = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogServicesFlags {
    /// Only services of this node, by name or id.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) node: String,
    /// Only services on nodes with these meta data, key=value; may be given several times.
    #[arg(long, value_parser = key_value, value_name = "KEY=VALUE")]
    pub(crate) node_meta: Vec<(String, String)>,
    /// Prints each service's tags beside it.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) tags: Option<bool>,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) tenant: TenantFlags,
    /// Not taken.
    #[arg(hide = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct MembersFlags {
    /// Prints all that members tell of themselves.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) detailed: Option<bool>,
    /// Only members of this segment; _all for all.
    #[arg(long, default_value = "_all")]
    pub(crate) segment: String,
    /// Only members whose state matches this regular expression.
    #[arg(long, default_value = ".*", value_name = "PATTERN")]
    pub(crate) status: String,
    /// The servers of all datacenters.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) wan: Option<bool>,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// Passed over.
    #[arg(hide = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ServicesRegisterFlags {
    /// The service's address.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) address: String,
    /// The service's id; its name by default.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) id: String,
    /// What kind of service it is.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) kind: String,
    /// What the service tells of itself, key=value; may be given several times.
    #[arg(long, value_parser = key_value, value_name = "KEY=VALUE")]
    pub(crate) meta: Vec<(String, String)>,
    /// The service's name.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// The service's port.
    #[arg(long, default_value = "0", hide_default_value = true, value_parser = go_port)]
    pub(crate) port: u16,
    /// The path of the service's Unix socket.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "PATH")]
    pub(crate) socket: String,
    /// A tag; may be given several times.
    #[arg(long)]
    pub(crate) tag: Vec<String>,
    /// An address for a purpose, PURPOSE=ADDRESS:PORT; may be given several times.
    #[arg(long, value_parser = key_value, value_name = "PURPOSE=ADDRESS")]
    pub(crate) tagged_address: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) tenant: TenantFlags,
    /// Files with definitions of services.
    #[arg(value_name = "FILE")]
    pub(crate) arguments: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServicesDeregisterFlags {
    /// The id of the service.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    #[command(flatten)]
    pub(crate) tenant: TenantFlags,
    /// Files with definitions of services.
    #[arg(value_name = "FILE")]
    pub(crate) arguments: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct EventFlags {
    /// The event's name.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// Only for nodes whose name matches this regular expression.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "PATTERN")]
    pub(crate) node: String,
    /// Only for nodes with a service whose name matches this regular expression.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "PATTERN")]
    pub(crate) service: String,
    /// With -service: only where a tag matches this regular expression.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "PATTERN")]
    pub(crate) tag: String,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// What the event carries.
    #[arg(value_name = "PAYLOAD")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct LockFlags {
    /// Ends with 2 if the command ends with an error.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) child_exit_code: Option<bool>,
    /// How often the server may fail while the lock is watched, a second apart, before the lock counts as lost.
    #[arg(long, default_value = "3", value_parser = go_int, value_name = "NUMBER")]
    pub(crate) monitor_retry: i64,
    /// How many may hold it at once.
    #[arg(long, default_value = "1", value_parser = go_int, value_name = "NUMBER")]
    pub(crate) n: i64,
    /// The name of the session; it tells the prefix and the command by default.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// Lets the command read standard input.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) pass_stdin: Option<bool>,
    /// Runs the command by a shell (SHELL, else sh); true by default.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) shell: Option<bool>,
    /// How long to wait for the lock; 0, the default, for ever.
    #[arg(long, value_parser = go_duration, value_name = "DURATION")]
    pub(crate) timeout: Option<GoDuration>,
    /// The same under its older name.
    #[arg(long = "try", value_parser = go_duration, value_name = "DURATION", hide = true)]
    pub(crate) old_timeout: Option<GoDuration>,
    /// Tells each step.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) verbose: Option<bool>,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// The prefix of the lock's keys, and the command.
    #[arg(value_name = "PREFIX COMMAND")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct WatchFlags {
    /// key: the key.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) key: String,
    /// event: only events of this name.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// service: only instances that pass all checks.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) passingonly: Option<bool>,
    /// keyprefix: the prefix.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
    /// service, checks: the service.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) service: String,
    /// Runs the command by a shell (SHELL, else sh); true by default.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) shell: Option<bool>,
    /// checks: only checks in this state.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) state: String,
    /// service: only instances with this tag; may be given several times.
    #[arg(long)]
    pub(crate) tag: Vec<String>,
    /// key, keyprefix, services, nodes, service, checks or event.
    #[arg(long = "type", default_value = "", hide_default_value = true, value_name = "TYPE")]
    pub(crate) kind: String,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// What to run with each answer.
    #[arg(value_name = "COMMAND")]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct MaintFlags {
    /// Ends maintenance.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) disable: Option<bool>,
    /// Begins maintenance.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) enable: Option<bool>,
    /// Why.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    /// The id of the service; the whole node by default.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "ID")]
    pub(crate) service: String,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// Passed over.
    #[arg(hide = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct MonitorFlags {
    /// Prints JSON.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) log_json: Option<bool>,
    /// The least important level that is printed.
    #[arg(long, default_value = "INFO", value_name = "LEVEL")]
    pub(crate) log_level: String,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// Passed over.
    #[arg(hide = true)]
    pub(crate) arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct JoinFlags {
    /// Joins the servers of another datacenter.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) wan: Option<bool>,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// Addresses of members.
    #[arg(value_name = "ADDRESS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ForceLeaveFlags {
    /// Forgets the member altogether.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) prune: Option<bool>,
    /// Only among the servers of all datacenters.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) wan: Option<bool>,
    #[command(flatten)]
    pub(crate) http: HttpFlags,
    /// The member's name.
    #[arg(value_name = "NAME")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateFlags {
    /// hcl or json: what the files are, whatever their names say.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) config_format: Option<String>,
    /// As with agent, if the start gives it by this flag.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) dev: Option<bool>,
    /// As with agent, if the start gives it by this flag.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) server: Option<bool>,
    /// As with agent, if the start gives it by this flag.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) bootstrap_expect: Option<i64>,
    /// As with agent, if the start gives it by this flag.
    #[arg(long, value_name = "PATH")]
    pub(crate) data_dir: Option<String>,
    /// As with agent, if the start gives it by this flag.
    #[arg(long, value_name = "HCL")]
    pub(crate) hcl: Vec<String>,
    /// Prints nothing if all is well.
    #[arg(long, value_parser = go_bool, value_name = "BOOL")]
    pub(crate) quiet: Option<bool>,
    /// Files and directories.
    #[arg(value_name = "PATH")]
    pub(crate) arguments: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionFlags {
    /// bash, zsh or fish.
    #[arg(value_name = "SHELL")]
    pub(crate) arguments: Vec<String>,
}
