//! What the program around the agent is asked to do: reload, leave, follow its log; and what needs a cluster.

use hyper::StatusCode;
use tokio::sync::mpsc;
use tracing::Level;

use super::agent_services::done;
use super::{Action, Doing};
use crate::call::Call;
use crate::local::Hooks;
use crate::reply::{Body, Outcome, Refused, Reply};
use crate::shared::stopping;

pub(super) const RELOAD: Action = Action::Do(|call| Box::pin(reload(call)) as Doing);
pub(super) const LEAVE: Action = Action::Do(|call| Box::pin(leave(call)) as Doing);
pub(super) const MONITOR: Action = Action::Do(|call| Box::pin(monitor(call)) as Doing);
pub(super) const JOIN: Action = Action::Do(|call| Box::pin(needs_cluster(call)) as Doing);
pub(super) const FORCE_LEAVE: Action = Action::Do(|call| Box::pin(needs_cluster(call)) as Doing);

/// How many log lines wait for a slow reader here, beside those in the source itself.
const LINES_WAITING: usize = 64;

fn hooks(call: &Call) -> Hooks {
    call.server.local.as_ref().map(|local| local.hooks.clone()).unwrap_or_default()
}

async fn reload(call: Call) -> Result<Outcome, Refused> {
    let Some(reload) = hooks(&call).reload else {
        return Err(Refused::internal(
            "reloading is not served yet: restart the agent to have its configuration read again",
        ));
    };
    reload().await.map_err(Refused::internal)?;
    Ok(done())
}

async fn leave(call: Call) -> Result<Outcome, Refused> {
    let Some(leave) = hooks(&call).leave else {
        return Err(Refused::internal("this server can't be stopped by a request"));
    };
    leave();
    Ok(done())
}

async fn needs_cluster(call: Call) -> Result<Outcome, Refused> {
    let path = call.head.uri.path();
    Err(Refused::internal(format!(
        "{path}: this server is a cluster of its own; there is nobody to join or to remove yet"
    )))
}

/// The level that a word means.
fn level_of(word: &str) -> Option<Level> {
    match word.to_ascii_uppercase().as_str() {
        "TRACE" => Some(Level::TRACE),
        "DEBUG" => Some(Level::DEBUG),
        "INFO" | "" => Some(Level::INFO),
        "WARN" => Some(Level::WARN),
        "ERR" | "ERROR" => Some(Level::ERROR),
        _ => None,
    }
}

async fn monitor(call: Call) -> Result<Outcome, Refused> {
    let parameters = &call.parameters;
    let word = parameters.first("loglevel");
    let level = level_of(&word).ok_or_else(|| Refused::bad_request(format!("Unknown log level: {word}")))?;
    let Some(logs) = hooks(&call).logs else {
        return Err(Refused::internal("this server's log can't be followed"));
    };
    let mut lines = logs.follow(level, parameters.has("logjson"));
    let (sender, receiver) = mpsc::channel(LINES_WAITING);
    let server = call.server.clone();
    let mut draining = server.draining.subscribe();
    call.server.node.host().spawn(async move {
        loop {
            let line = tokio::select! {
                line = lines.recv() => line,
                () = sender.closed() => return,
                () = stopping(&mut draining) => return,
            };
            let Some(line) = line else { return };
            if sender.send(line).await.is_err() {
                return;
            }
        }
    });
    let mut reply = Reply::new(Body::Endless(receiver));
    *reply.status_mut() = StatusCode::OK;
    Ok(Outcome::Ready(reply))
}
