//! The rights that requests need, in the terms of Consul's ACL rules.
//!
//! Nothing is refused yet: there are no tokens. A request names its right all the same, so that none comes to be without.

use quorate_state::{KeyOperation, KeyVerb, Operation};

use crate::question::Question;
use crate::request::Body;

/// What a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `acl`
    Acl,
    /// `agent`
    Agent,
    /// `event`
    Event,
    /// `key`
    Key,
    /// `keyring`
    Keyring,
    /// `node`
    Node,
    /// `operator`
    Operator,
    /// `query`
    Query,
    /// `service`
    Service,
    /// `session`
    Session,
    /// `mesh`, with intentions
    Mesh,
    /// `peering`
    Peering,
}

/// How far a right goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// `read`
    Read,
    /// `list`, for keys alone: names under a prefix.
    List,
    /// `write`
    Write,
}

/// A right that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// None: anybody may ask.
    Nothing,
    /// All of it is refused without this right.
    To(Resource, Access),
    /// Entries of the answer are left out without the right to each of them.
    Filtered(Resource),
    /// Each step needs a right of its own.
    EachStep,
    /// A management token.
    Management,
}

impl Body {
    /// The right that a caller needs for it.
    pub fn right(&self) -> Right {
        match self {
            Self::Propose(proposal) => of_operation(&proposal.operation),
            Self::Txn(_) => Right::EachStep,
            Self::Ask(ask) => of_question(&ask.question),
            Self::RenewSession(_) => Right::To(Resource::Session, Access::Write),
            Self::Fire { .. } => Right::To(Resource::Event, Access::Write),
            Self::Events(_) => Right::Filtered(Resource::Event),
            Self::Save(_) => Right::Management,
            Self::Status(_) | Self::Counts | Self::Datacenters => Right::Nothing,
        }
    }
}

fn of_operation(operation: &Operation) -> Right {
    match operation {
        Operation::Key(KeyOperation { verb: KeyVerb::Get | KeyVerb::GetOrEmpty, .. }) => {
            Right::To(Resource::Key, Access::Read)
        }
        Operation::Key(_) => Right::To(Resource::Key, Access::Write),
        Operation::Txn(_) => Right::EachStep,
        Operation::SessionCreate(_) | Operation::SessionDestroy(_) => Right::To(Resource::Session, Access::Write),
        Operation::Register(registration) if registration.service.is_some() => {
            Right::To(Resource::Service, Access::Write)
        }
        Operation::Deregister(what) if !what.service_id.is_empty() => Right::To(Resource::Service, Access::Write),
        Operation::Register(_) | Operation::Deregister(_) => Right::To(Resource::Node, Access::Write),
        Operation::Reap(_) | Operation::Restore(_) | Operation::ActivateFormat(_) => Right::Management,
    }
}

fn of_question(question: &Question) -> Right {
    match question {
        Question::Key(_) => Right::To(Resource::Key, Access::Read),
        Question::Keys(_) | Question::KeyNames { .. } => Right::Filtered(Resource::Key),
        Question::Nodes { .. } => Right::Filtered(Resource::Node),
        Question::Services { .. }
        | Question::Instances { .. }
        | Question::Health(_)
        | Question::ServiceChecks { .. }
        | Question::ChecksIn { .. } => Right::Filtered(Resource::Service),
        Question::NodeServices { .. } | Question::NodeChecks { .. } | Question::NodeEntries(_) => {
            Right::To(Resource::Node, Access::Read)
        }
        Question::Session(_) | Question::NodeSessions(_) | Question::Sessions => Right::Filtered(Resource::Session),
    }
}
