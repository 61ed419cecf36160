//! The large things that a server does.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

use super::Stalls;
use crate::client::{Answer, Connection, Draft, Method};
use crate::report::{Figure, number};
use crate::server::fill::fill_keys;
use crate::server::keys::{KEY_PREFIX, KeySpace, LOAD_KEYS};
use crate::server::load::{Workload, run_to_end};
use crate::server::put::draft_put;
use crate::server::subject::Subject;

/// Clients that fill.
const FILL_CLIENTS: u32 = 32;
/// How long a watched prefix changes, and how often.
const WATCHED: Duration = Duration::from_secs(3);
const CHANGE_PACE: Duration = Duration::from_millis(20);
/// How often a node's check flips, and how long it rests between.
const FLIPS: u32 = 10;
const FLIP_PACE: Duration = Duration::from_millis(200);
/// The node that the bench's services and sessions are on.
const NODE: &str = "quorate-bench-node";

impl Stalls {
    /// A prefix with many keys: read, watched, saved, restored, deleted and forgotten.
    pub(super) async fn keys(&mut self) -> Result<()> {
        let keys = KeySpace::new(LOAD_KEYS, self.sizes.keys);
        fill_keys(&self.subject, &keys).await.context("filling")?;
        self.subject.quiet().await?;
        let count = number(self.sizes.keys.into());
        self.while_asking("nothing else".to_owned(), async |_| {
            tokio::time::sleep(WATCHED).await;
            Ok(())
        })
        .await?;
        let list = format!("/v1/kv/{KEY_PREFIX}{LOAD_KEYS}");
        self.while_asking(format!("?keys of {count}"), async |subject| get(subject, &format!("{list}?keys")).await)
            .await?;
        self.while_asking(format!("?recurse of {count}"), async |subject| {
            get(subject, &format!("{list}?recurse")).await
        })
        .await?;
        self.while_asking(format!("a watch on {count} keys that change"), async |subject| watch(subject, &keys).await)
            .await?;
        let archive = self
            .while_asking(format!("saving an archive of {count} keys"), async |subject| {
                ask(subject, Method::Get, "/v1/snapshot", Vec::new()).await
            })
            .await?;
        self.while_asking(format!("restoring an archive of {count} keys"), async |subject| {
            ask(subject, Method::Put, "/v1/snapshot", archive).await
        })
        .await?;
        self.while_asking(format!("deleting {count} keys"), async |subject| {
            ask(subject, Method::Delete, &format!("{list}?recurse"), Vec::new()).await
        })
        .await?;
        let reap = self.sizes.reap;
        self.while_asking(format!("reaping {count} tombstones, if tombstone_ttl is short"), async |_| {
            tokio::time::sleep(reap).await;
            Ok(())
        })
        .await
    }

    /// Many services of the local agent, listed.
    pub(super) async fn local_services(&mut self) -> Result<()> {
        self.subject.renew().await?;
        let count = self.sizes.services;
        fill(&self.subject, count, |draft, number| {
            draft.start(Method::Put).path(format_args!("/v1/agent/service/register"));
            let service =
                json!({ "ID": format!("local-{number}"), "Name": format!("name-{}", number / 10), "Port": 80 });
            draft.body = service.to_string().into_bytes();
        })
        .await?;
        self.subject.quiet().await?;
        let name = format!("listing {} local services", number(count.into()));
        self.while_asking(name, async |subject| get(subject, "/v1/agent/services").await).await
    }

    /// A node with many services, each with a check, whose own check flips.
    pub(super) async fn node_check_flips(&mut self) -> Result<()> {
        self.subject.renew().await?;
        let count = self.sizes.node_services;
        fill(&self.subject, count, catalog_service).await?;
        self.subject.quiet().await?;
        let name = format!("a node check flips {FLIPS} times, {} services", number(count.into()));
        self.while_asking(name, async |subject| {
            for flip in 0..FLIPS {
                let status = if flip % 2 == 0 { "critical" } else { "passing" };
                let check = json!({ "Node": NODE, "CheckID": "alive", "Name": "alive", "Status": status });
                let body = json!({ "Node": NODE, "Address": "10.0.0.1", "SkipNodeUpdate": true, "Check": check });
                ask(subject, Method::Put, "/v1/catalog/register", body.to_string().into_bytes()).await?;
                tokio::time::sleep(FLIP_PACE).await;
            }
            Ok(())
        })
        .await
    }

    /// A node with many sessions: the server restarts, then the node goes.
    pub(super) async fn sessions(&mut self) -> Result<()> {
        self.subject.renew().await?;
        let node = json!({ "Node": NODE, "Address": "10.0.0.1" }).to_string().into_bytes();
        ask(&self.subject, Method::Put, "/v1/catalog/register", node).await?;
        let count = self.sizes.sessions;
        let begun = Instant::now();
        fill(&self.subject, count, |draft, _| {
            draft.start(Method::Put).path(format_args!("/v1/session/create"));
            draft.body = json!({ "Node": NODE, "NodeChecks": [] }).to_string().into_bytes();
        })
        .await?;
        let filled = begun.elapsed();
        self.restart(format!("restart with {} sessions", number(count.into())), filled).await?;
        let name = format!("deregistering a node with {} sessions", number(count.into()));
        self.while_asking(name, async |subject| {
            let node = json!({ "Node": NODE }).to_string().into_bytes();
            ask(subject, Method::Put, "/v1/catalog/deregister", node).await.map(drop)
        })
        .await
    }

    /// Many services of the catalog: the server restarts.
    pub(super) async fn catalog_services(&mut self) -> Result<()> {
        self.subject.renew().await?;
        let count = self.sizes.services;
        let begun = Instant::now();
        fill(&self.subject, count, |draft, number| {
            draft.start(Method::Put).path(format_args!("/v1/catalog/register"));
            let node = number / 100;
            let service =
                json!({ "ID": format!("web-{number}"), "Service": format!("name-{}", number / 10), "Port": 80 });
            let body = json!({ "Node": format!("{NODE}-{node}"), "Address": "10.0.0.1", "Service": service });
            draft.body = body.to_string().into_bytes();
        })
        .await?;
        let filled = begun.elapsed();
        self.restart(format!("restart with {} catalog services", number(count.into())), filled).await
    }

    async fn restart(&mut self, name: String, filled: Duration) -> Result<()> {
        self.subject.quiet().await?;
        let mut draft = Draft::default();
        draft.start(Method::Get).path(format_args!("/v1/kv/{KEY_PREFIX}ready?consistent"));
        let took = self.subject.time_restart(&draft, |answer: &Answer<'_>| Ok(answer.status == 200)).await?;
        let figures = vec![
            Figure::new("start to consistent read", "s", &[took.as_secs_f64()]).headline(),
            Figure::new("the writes took", "s", &[filled.as_secs_f64()]).headline(),
        ];
        self.report.section(name, figures)
    }
}

/// A service of one node, with a check of its own.
fn catalog_service(draft: &mut Draft, number: u32) {
    draft.start(Method::Put).path(format_args!("/v1/catalog/register"));
    let id = format!("web-{number}");
    let check = json!({ "Node": NODE, "CheckID": format!("check-{number}"), "Name": "check", "ServiceID": id, "Status": "passing" });
    let service = json!({ "ID": id, "Service": format!("name-{number}"), "Port": 80 });
    let body = json!({ "Node": NODE, "Address": "10.0.0.1", "Service": service, "Check": check });
    draft.body = body.to_string().into_bytes();
}

/// Sends `count` requests from several clients.
async fn fill(subject: &Subject, count: u32, request: fn(&mut Draft, u32)) -> Result<()> {
    run_to_end(subject, FILL_CLIENTS, |client| Numbered { next: client, count, request }).await
}

/// Every so many-th request of a series.
struct Numbered {
    next: u32,
    count: u32,
    request: fn(&mut Draft, u32),
}

impl Workload for Numbered {
    fn prepare(&mut self, draft: &mut Draft) -> bool {
        if self.next >= self.count {
            return false;
        }
        (self.request)(draft, self.next);
        self.next += FILL_CLIENTS;
        true
    }

    fn verify(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect_ok()
    }
}

/// One request; gives the body of its answer.
async fn ask(subject: &Subject, method: Method, path: &str, body: Vec<u8>) -> Result<Vec<u8>> {
    let mut draft = Draft::default();
    draft.start(method).path(format_args!("{path}"));
    draft.body = body;
    let mut connection = Connection::open(subject.address).await?;
    let answer = connection.exchange(&draft).await?;
    answer.expect_ok().with_context(|| path.to_owned())?;
    Ok(answer.body.to_vec())
}

async fn get(subject: &Subject, path: &str) -> Result<()> {
    let body = ask(subject, Method::Get, path, Vec::new()).await?;
    ensure!(body.len() > 2, "an empty list from {path}");
    Ok(())
}

/// Changes keys of a prefix while somebody waits for each change. The answers are short: what is weighed is to find out that
/// there is one.
async fn watch(subject: &Subject, keys: &KeySpace) -> Result<()> {
    let watching = async {
        let mut connection = Connection::open(subject.address).await?;
        let (mut draft, mut index) = (Draft::default(), 0);
        loop {
            draft.start(Method::Get);
            draft.path(format_args!("/v1/kv/{KEY_PREFIX}?keys&separator=/&index={index}&wait=10s"));
            let answer = connection.exchange(&draft).await?;
            answer.expect_ok()?;
            index = answer.index.context("no index")?;
        }
    };
    let changing = async {
        let mut connection = Connection::open(subject.address).await?;
        let (mut draft, begun) = (Draft::default(), Instant::now());
        for number in (0..keys.count()).take_while(|_| begun.elapsed() < WATCHED) {
            draft_put(&mut draft, keys, number);
            connection.exchange(&draft).await?.expect_true()?;
            tokio::time::sleep(CHANGE_PACE).await;
        }
        Ok(())
    };
    tokio::select! {
        watched = watching => watched,
        changed = changing => changed,
    }
}
