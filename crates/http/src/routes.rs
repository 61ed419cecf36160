//! The one table of routes: which path is answered by what, and how a path finds its route.
//!
//! A pattern that ends with a slash takes all paths under it, the longest such pattern wins, and any other pattern takes
//! its own path only, as in Go's `ServeMux`. The two busiest routes are tried first, without a search.
//!
//! A route has one *action* for each of its methods. [`Action::Ask`] turns the request into a question about the state,
//! which is then answered, parked or shared by `ask`; [`Action::Do`] is a handler of its own.

mod acl;
mod agent;
mod agent_checks;
mod agent_control;
mod agent_health;
mod agent_host;
mod agent_metrics;
mod agent_services;
mod catalog;
mod event;
mod filtering;
mod health;
mod kv;
mod narrowing;
mod not_yet;
mod registration;
mod session;
mod snapshot;
mod status;
mod table;
mod txn;

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

use hyper::Method;
use quorate_base::account::NoRoom;
use quorate_node::{Body, Proposal, ProposeError, ReadError, Refusal, Reply, Right};
use quorate_state::{Operation, Response};

use crate::ask::{self, Ask};
use crate::call::Call;
use crate::reply::{Outcome, Refused};

/// The work of a handler.
pub(crate) type Doing = Pin<Box<dyn Future<Output = Result<Outcome, Refused>> + Send>>;

/// What is done for a method.
#[derive(Clone, Copy)]
pub(crate) enum Action {
    /// The request is a question about the state.
    Ask(fn(&Call) -> Result<Ask, Refused>),
    /// Anything else.
    Do(fn(Call) -> Doing),
}

/// What is done for a method, and the right that the client needs for it.
pub(crate) struct Verb {
    /// The method.
    pub(crate) method: Method,
    /// The right. Nothing is refused for the want of one yet.
    #[allow(dead_code, reason = "a route can't be written without it; it is looked at once there are tokens")]
    pub(crate) needs: Right,
    /// What is done.
    pub(crate) action: Action,
}

/// A route.
pub(crate) struct Route {
    /// Its path; with a slash at the end, all paths under it.
    pub(crate) pattern: &'static str,
    /// What is done for each method, in the order in which `Allow` names them.
    pub(crate) verbs: &'static [Verb],
    /// Its place among all routes, which numbers its metrics.
    pub(crate) number: usize,
}

impl Route {
    /// What is done for a method, with its place among the route's methods.
    pub(crate) fn action(&self, method: &Method) -> Option<(usize, Action)> {
        let place = self.verbs.iter().position(|verb| verb.method == *method)?;
        Some((place, self.verbs[place].action))
    }

    /// The value of `Allow`.
    pub(crate) fn allow(&self) -> String {
        self.verbs.iter().fold("OPTIONS".to_owned(), |allow, verb| allow + "," + verb.method.as_str())
    }
}

/// All routes, sorted by pattern.
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let mut entries: Vec<_> = table::entries().collect();
    entries.sort_by_key(|(pattern, _)| *pattern);
    let numbered = entries.into_iter().enumerate();
    numbered.map(|(number, (pattern, verbs))| Route { pattern, verbs, number }).collect()
});

/// The busiest routes, which are tried first.
static HOT: LazyLock<[Option<&'static Route>; 2]> = LazyLock::new(|| ["/v1/kv/", "/v1/health/service/"].map(exactly));

/// All routes.
pub(crate) fn all() -> &'static [Route] {
    &ROUTES
}

/// Where a path leads.
pub(crate) enum Found {
    /// To a route; the number is where the raw path goes on behind its pattern.
    Route(&'static Route, usize),
    /// The route's pattern is this path and a slash.
    SlashMissing,
    /// Nowhere.
    Nothing,
}

/// Finds the route of a clean raw path.
pub(crate) fn find(path: &str) -> Found {
    for hot in HOT.iter().flatten() {
        if path.starts_with(hot.pattern) {
            return Found::Route(hot, hot.pattern.len());
        }
    }
    if let Some(route) = exactly(path) {
        return Found::Route(route, path.len());
    }
    if is_with_slash(path) {
        return Found::SlashMissing;
    }
    for (slash, _) in path.rmatch_indices('/') {
        if let Some(route) = exactly(&path[..=slash]) {
            return Found::Route(route, slash + 1);
        }
    }
    Found::Nothing
}

/// Whether a path with a slash behind it is a pattern. Then that is meant, and not what a shorter pattern would take.
fn is_with_slash(path: &str) -> bool {
    let wanted = || path.bytes().chain([b'/']);
    ROUTES.binary_search_by(|route| route.pattern.bytes().cmp(wanted())).is_ok()
}

fn exactly(pattern: &str) -> Option<&'static Route> {
    let place = ROUTES.binary_search_by(|route| route.pattern.cmp(pattern)).ok()?;
    Some(&ROUTES[place])
}

/// Has an operation committed, in the datacenter that the request names, and gives the state's answer.
async fn propose(call: &Call, operation: Operation) -> Result<Response, Refused> {
    written(call.serve_now(Body::Propose(Proposal { operation, term: None })).await?)
}

fn written(reply: Reply) -> Result<Response, Refused> {
    match reply {
        Reply::Written(response) => Ok(response),
        other => Err(ask::unexpected(&other)),
    }
}

/// Checks the answer to a command that only has to be done.
fn done(response: Response) -> Result<(), Refused> {
    match response {
        Response::Done => Ok(()),
        Response::Refused(refusal) => Err(Refused::internal(refusal.to_string())),
        other => Err(unexpected(&other)),
    }
}

/// The state answered what it never answers to this command.
fn unexpected(response: &Response) -> Refused {
    tracing::error!(?response, "the state gave an answer that does not belong to the command");
    Refused::internal("the state gave an answer that does not belong to the request")
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotWritten(error) => error.into(),
            Refusal::NotRead(ReadError::TooManyWatches(error)) => Self::overloaded(error.to_string()),
            Refusal::NoRoom(error) => error.into(),
            Refusal::TooCostly(text) => Self::bad_request(text),
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<NoRoom> for Refused {
    fn from(error: NoRoom) -> Self {
        Self::overloaded(error.to_string())
    }
}

impl From<ProposeError> for Refused {
    fn from(error: ProposeError) -> Self {
        match &error {
            ProposeError::NotLeader { leader: None } => Self::internal("No cluster leader"),
            ProposeError::NotLeader { leader: Some((_, leader)) } => Self::internal(format!(
                "this server is not the leader, so it did not take the write; {} at {} is",
                leader.name, leader.address
            )),
            ProposeError::Overloaded { .. } => Self::overloaded(error.to_string()),
            ProposeError::TooLarge { .. } => Self::too_large(error.to_string()),
            ProposeError::DiskFull { reason } => {
                Self::internal(format!("{reason}; the write did not take place, and reads go on"))
            }
            ProposeError::LeadershipLost | ProposeError::Timeout { .. } | ProposeError::Stopped { .. } => {
                Self::internal(error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern_of(path: &str) -> Option<(&'static str, usize)> {
        match find(path) {
            Found::Route(route, rest_at) => Some((route.pattern, rest_at)),
            _ => None,
        }
    }

    #[test]
    fn a_path_without_its_slash_is_not_of_a_shorter_pattern() {
        for path in ["/v1/kv", "/v1/agent/service/deregister", "/v1/agent/service/maintenance"] {
            assert!(matches!(find(path), Found::SlashMissing), "{path}");
        }
        assert_eq!(pattern_of("/v1/agent/service/deregisters"), Some(("/v1/agent/service/", 18)));
    }

    #[test]
    fn paths_find_their_routes() {
        assert_eq!(pattern_of("/v1/kv/a/b"), Some(("/v1/kv/", 7)));
        assert_eq!(pattern_of("/v1/kv/"), Some(("/v1/kv/", 7)));
        assert_eq!(pattern_of("/v1/health/service/web"), Some(("/v1/health/service/", 19)));
        assert_eq!(pattern_of("/v1/catalog/nodes"), Some(("/v1/catalog/nodes", 17)));
        assert_eq!(pattern_of("/v1/acl/policy/name/x"), Some(("/v1/acl/policy/name/", 20)));
        assert_eq!(pattern_of("/v1/acl/policy/x/y"), Some(("/v1/acl/policy/", 15)));
        for path in ["/", "/v1", "/v1/", "/v1/catalog/nodes/", "/v1/nothing", "/v2/kv/a"] {
            assert_eq!(pattern_of(path), None, "{path}");
        }
        assert!(matches!(find("/v1/kv"), Found::SlashMissing));
        assert!(matches!(find("/v1/nothing"), Found::Nothing));
    }

    #[test]
    fn no_pattern_is_there_twice() {
        assert!(all().windows(2).all(|pair| pair[0].pattern < pair[1].pattern));
        assert!(HOT.iter().all(Option::is_some));
    }

    #[test]
    fn allow_names_options_first() {
        let Found::Route(route, _) = find("/v1/kv/a") else { panic!("the route of keys") };
        assert_eq!(route.allow(), "OPTIONS,GET,PUT,DELETE");
    }
}
