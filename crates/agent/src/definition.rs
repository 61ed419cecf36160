//! Services and checks as the agent understands them: everything checked, every default that belongs to them filled in.

use std::time::Duration;

use quorate_state::{CheckStatus, Service};

/// A service with its checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceDefinition {
    /// The service; its node and stamp are empty.
    pub service: Service,
    /// Its checks, in their order.
    pub checks: Vec<CheckDefinition>,
}

/// A check: what is known of it and how it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckDefinition {
    /// Unique on the agent.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// A description for people.
    pub notes: String,
    /// The service that it checks; empty for the node.
    pub service_id: String,
    /// Its first status, if it is given one.
    pub status: Option<CheckStatus>,
    /// What it does.
    pub check: Check,
    /// How often it runs; zero if it does not run by itself.
    pub interval: Duration,
    /// How long a run may take; zero for the default of its kind.
    pub timeout: Duration,
    /// The interval as it is shown.
    pub interval_text: String,
    /// The time-out as it is shown.
    pub timeout_text: String,
    /// How many results in a row change its status.
    pub thresholds: Thresholds,
    /// After how long in the critical state its service is deregistered.
    pub deregister_after: Option<Duration>,
    /// The bytes of output that are kept; `None` for the agent's setting.
    pub output_bytes_max: Option<usize>,
}

/// The most bytes of output that are kept of any check, whatever is configured, from the first byte that it says on: a
/// status must fit into one write to the catalog.
pub(crate) const OUTPUT_BYTES_MAX: usize = 1 << 20;

impl CheckDefinition {
    /// How many bytes of output are kept; `usual` if the definition does not say.
    pub fn output_bytes_max(&self, usual: usize) -> usize {
        self.output_bytes_max.unwrap_or(usual).min(OUTPUT_BYTES_MAX)
    }

    /// How long a run may take: 30 s for commands and 10 s for what goes over a network, unless the definition says.
    pub fn run_timeout(&self) -> Duration {
        const COMMAND: Duration = Duration::from_secs(30);
        const NETWORK: Duration = Duration::from_secs(10);
        match &self.check {
            _ if !self.timeout.is_zero() => self.timeout,
            Check::Script(_) | Check::Docker(_) => COMMAND,
            _ => NETWORK,
        }
    }
}

/// What a check does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Waits to be told; critical once nothing is said for this long.
    Ttl(Duration),
    /// Runs a command.
    Script(Script),
    /// Asks a URL.
    Http(Http),
    /// Connects.
    Tcp(Target),
    /// Sends a datagram and waits for an objection.
    Udp(String),
    /// Asks a gRPC health service.
    Grpc(Grpc),
    /// Pings by HTTP/2.
    H2Ping(H2Ping),
    /// Runs a command in a container.
    Docker(Docker),
    /// Takes over the health of a service or node.
    Alias(Alias),
    /// Asks the operating system for one of its services.
    OsService(String),
    /// Stands for maintenance: critical for as long as it is there.
    Maintenance,
}

impl Check {
    /// The word for it that checks are listed with.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ttl(_) => "ttl",
            Self::Script(_) => "script",
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Udp(_) => "udp",
            Self::Grpc(_) => "grpc",
            Self::H2Ping(_) => "h2ping",
            Self::Docker(_) => "docker",
            Self::Alias(_) => "alias",
            Self::OsService(_) => "os_service",
            Self::Maintenance => "maintenance",
        }
    }

    /// Whether it runs a command that its definition chose.
    pub fn is_script(&self) -> bool {
        matches!(self, Self::Script(_) | Self::Docker(_))
    }
}

/// A command with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The program and its arguments; never empty.
    pub arguments: Vec<String>,
}

/// How certificates are verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The name to expect; empty for the host's.
    pub server_name: String,
    /// Whether any certificate will do.
    pub skip_verify: bool,
}

/// A URL to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http {
    /// The URL.
    pub url: String,
    /// The method; never empty.
    pub method: String,
    /// Headers to send, in order.
    pub headers: Vec<(String, String)>,
    /// The body to send.
    pub body: String,
    /// Whether redirects are followed.
    pub follow_redirects: bool,
    /// For `https`.
    pub tls: Tls,
}

/// An address to connect to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Host and port.
    pub address: String,
    /// Whether a TLS handshake belongs to it.
    pub tls: Option<Tls>,
}

/// A gRPC health service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grpc {
    /// Host and port, as typed, with the service behind a slash.
    pub endpoint: String,
    /// Whether it speaks TLS.
    pub tls: Option<Tls>,
}

impl Grpc {
    /// Host and port.
    pub fn address(&self) -> &str {
        self.endpoint.split_once('/').map_or(&self.endpoint, |(address, _)| address)
    }

    /// The service that is asked for; empty for the whole server.
    pub fn service(&self) -> &str {
        self.endpoint.split_once('/').map_or("", |(_, service)| service)
    }
}

/// An address to ping by HTTP/2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct H2Ping {
    /// Host and port.
    pub address: String,
    /// Whether it speaks TLS.
    pub tls: Option<Tls>,
}

/// A command in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docker {
    /// The container's id or name.
    pub container: String,
    /// The program and its arguments; never empty.
    pub arguments: Vec<String>,
}

/// Whose health is taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alias {
    /// The node; empty for this one.
    pub node: String,
    /// The service on it; empty for the node itself.
    pub service_id: String,
}

/// How many results in a row change the status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// How many must not fail before it passes or warns.
    pub success_before_passing: u32,
    /// How many must fail before it warns.
    pub failures_before_warning: u32,
    /// How many must fail before it is critical.
    pub failures_before_critical: u32,
}

/// Where a definition came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A request; it is kept on disk.
    Api,
    /// A configuration file, which is read anew by itself.
    File,
}
