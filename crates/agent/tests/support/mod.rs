//! What the integration tests share: definitions from JSON, and a catalog in memory.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quorate_agent::catalog::{AliasView, BoxFuture, Catalog};
use quorate_agent::machine::{NodeView, Step, Told};
use quorate_agent::{Alias, CheckDefinition};
use quorate_api::{AgentCheckDefinition, ServiceDefinition, go_json};
use quorate_state::{Check, CheckStatus, Service};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Nothing that a test waits for takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// An address that nobody listens on.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A check as a request gives it.
pub(crate) fn check(json: &str) -> AgentCheckDefinition {
    go_json::from_slice(json.as_bytes()).expect("a definition")
}

/// The same, ready to run.
pub(crate) fn runnable(json: &str) -> CheckDefinition {
    CheckDefinition::try_from(check(json)).expect("a valid definition")
}

/// A service as a request gives it.
pub(crate) fn service(json: &str) -> ServiceDefinition {
    go_json::from_slice(json.as_bytes()).expect("a definition")
}

/// What a catalog in memory holds.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) checks: BTreeMap<String, Check>,
    /// Whether it can't be reached.
    pub(crate) is_away: bool,
    /// How many writes it took.
    pub(crate) writes: usize,
}

/// A catalog in memory.
#[derive(Clone)]
pub(crate) struct Memory {
    held: Arc<Mutex<Held>>,
    changed: watch::Sender<u64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { held: Arc::default(), changed: watch::Sender::new(0) }
    }
}

impl Memory {
    /// Looks at it, or changes it as others would, who are heard of.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut Held) -> T) -> T {
        let result = f(&mut self.held.lock().expect("no test panics with it"));
        self.changed.send_modify(|changes| *changes += 1);
        result
    }

    /// Waits until it is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Held) -> bool) {
        let mut changed = self.changed.subscribe();
        let reached = async {
            loop {
                if wanted(&self.held.lock().expect("no test panics with it")) {
                    return;
                }
                changed.changed().await.expect("the catalog is there");
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("never reached: {what}"));
    }

    /// The status of a check that it has.
    pub(crate) fn status(held: &Held, id: &str) -> Option<CheckStatus> {
        held.checks.get(id).map(|check| check.status)
    }
}

impl Catalog for Memory {
    fn view(&self, _: &str) -> BoxFuture<Result<NodeView, String>> {
        let held = self.held.lock().expect("no test panics with it");
        let view = match held.is_away {
            true => Err("it is away".to_owned()),
            false => Ok(NodeView {
                services: held.services.values().cloned().map(Arc::new).collect(),
                checks: held.checks.values().cloned().map(Arc::new).collect(),
            }),
        };
        Box::pin(std::future::ready(view))
    }

    fn tell(&self, step: &Step) -> BoxFuture<Told> {
        let told = self.with(|held| {
            if held.is_away {
                return Told::Failed("it is away".into());
            }
            held.writes += 1;
            match step {
                Step::Register(registration) => {
                    let service = registration.service.clone();
                    held.services.extend(service.map(|service| (service.id.clone(), service)));
                    held.checks.extend(registration.checks.iter().map(|check| (check.id.clone(), check.clone())));
                }
                Step::Deregister(what) if what.service_id.is_empty() => drop(held.checks.remove(&what.check_id)),
                Step::Deregister(what) => {
                    held.services.remove(&what.service_id);
                    held.checks.retain(|_, check| check.service_id != what.service_id);
                }
            }
            Told::Taken
        });
        Box::pin(std::future::ready(told))
    }

    fn changed(&self, _: &str) -> BoxFuture<()> {
        let mut changed = self.changed.subscribe();
        Box::pin(async move {
            let _ = changed.changed().await;
        })
    }

    fn health(&self, alias: &Alias) -> BoxFuture<Result<AliasView, String>> {
        let held = self.held.lock().expect("no test panics with it");
        let checks = held.checks.values().filter(|check| check.service_id == alias.service_id);
        let view = AliasView {
            exists: held.services.contains_key(&alias.service_id),
            checks: checks.map(|check| (check.name.clone(), check.status, check.output.clone())).collect(),
        };
        Box::pin(std::future::ready(Ok(view)))
    }
}
