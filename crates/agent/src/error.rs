//! Why an agent did not do what it was asked. The texts are those that Consul's clients know.

/// Why a definition is not acceptable. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DefinitionError(pub String);

/// Why a request to the agent failed. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// The definition is not acceptable.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// There is no such service.
    #[error("Unknown service ID {0:?}. Ensure that the service ID is passed, not the service name.")]
    UnknownService(String),
    /// There is no such check.
    #[error("Unknown check ID {0:?}. Ensure that the check ID is passed, not the check name.")]
    UnknownCheck(String),
    /// A check was to be added to a service that there is none of.
    #[error("ServiceID {0:?} does not exist")]
    NoService(String),
    /// Only a TTL check is told its status.
    #[error("CheckID {0:?} does not have associated TTL")]
    NotTtl(String),
    /// Scripts are off for requests.
    #[error(
        "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true"
    )]
    RemoteScripts,
    /// Scripts are off.
    #[error(
        "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or \
         'enable_local_script_checks' to true"
    )]
    Scripts,
    /// The entry belongs to the server itself.
    #[error("{0:?} is kept by the server itself and can't be registered")]
    Protected(String),
    /// There are as many as there may be.
    #[error("there are {0} already, which is the limit")]
    TooMany(usize),
    /// What was registered could not be written to disk. It is in effect until the agent stops.
    #[error("it is in effect but could not be kept on disk: {0}")]
    NotKept(String),
}
