//! Services with one check each, as a user would register them: through the agent's API, a hundred instances of a name.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

use super::super::keys::Share;
use super::super::load::{Clients, Series, Workload};
use super::super::subject::Subject;
use crate::client::{Answer, Connection, Draft, Method};

/// Clients that register at once.
const CLIENTS: u32 = 8;
/// How long a registration of all may take.
const REGISTER_WAIT_MAX: Duration = Duration::from_secs(1800);
/// How long the catalog may take to show what the agent knows already.
const CATALOG_WAIT_MAX: Duration = Duration::from_secs(300);
/// The pause between two looks at the same name: short against what is measured, long against what a look costs.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Instances of a name. A name is what is asked for when the catalog is looked at.
pub(super) const INSTANCES_OF_NAME: u32 = 100;

/// So many services, each with one check.
pub(super) struct Population {
    pub(super) count: u32,
    bodies: Arc<[Vec<u8>]>,
}

impl Population {
    /// `check` makes the definition of the check with a number.
    pub(super) fn new(count: u32, check: impl Fn(u32) -> Value) -> Result<Self> {
        let body = |number: u32| {
            let mut check = check(number);
            check["CheckID"] = check_id(number).into();
            serde_json::to_vec(&json!({
                "ID": service_id(number),
                "Name": name(number / INSTANCES_OF_NAME),
                "Port": 8000 + number % 1000,
                "Tags": ["v1"],
                "Check": check,
            }))
        };
        Ok(Self { count, bodies: (0..count).map(body).collect::<Result<_, _>>()? })
    }

    /// How many names there are.
    pub(super) fn names(&self) -> u32 {
        self.count.div_ceil(INSTANCES_OF_NAME)
    }

    /// Registers all; when it returns, the agent knows them.
    pub(super) async fn register(&self, subject: &Subject) -> Result<Series> {
        let register =
            |client| Register { bodies: self.bodies.clone(), share: Share { client, clients: CLIENTS }, position: 0 };
        let mut series = Series::default();
        let mut clients = Clients::open(subject, CLIENTS, register).await?;
        clients.run_slice(REGISTER_WAIT_MAX, &mut series).await.context("registering checks")?;
        Ok(series)
    }

    /// Waits until the catalog has every instance of every name, and `is_so` of each of its entries.
    pub(super) async fn await_catalog(&self, subject: &Subject, is_so: fn(&Value) -> bool) -> Result<Instant> {
        let deadline = Instant::now() + CATALOG_WAIT_MAX;
        let mut connection = Connection::open(subject.address).await?;
        let mut draft = Draft::default();
        for group in 0..self.names() {
            let expected = INSTANCES_OF_NAME.min(self.count - group * INSTANCES_OF_NAME) as usize;
            draft.start(Method::Get).path(format_args!("/v1/health/service/{}", name(group)));
            while {
                let answer = connection.exchange(&draft).await?;
                answer.expect_ok()?;
                let entries: Vec<Value> = serde_json::from_slice(answer.body)?;
                entries.iter().filter(|entry| is_so(entry)).count() != expected
            } {
                ensure!(
                    Instant::now() < deadline,
                    "the catalog is not as it should be after {CATALOG_WAIT_MAX:?}: {}",
                    draft.path
                );
                tokio::time::sleep(LOOK_PAUSE).await;
            }
        }
        Ok(Instant::now())
    }
}

/// The name of the services of a group.
pub(super) fn name(group: u32) -> String {
    format!("quorate-bench-checked-{group}")
}

/// The id of a service.
pub(super) fn service_id(number: u32) -> String {
    format!("quorate-bench-checked-{number:06}")
}

/// The id of its check.
pub(super) fn check_id(number: u32) -> String {
    format!("quorate-bench-check-{number:06}")
}

/// Whether an entry of the health of a service is there at all.
pub(super) fn is_there(_: &Value) -> bool {
    true
}

/// Whether the check of an entry passes.
pub(super) fn is_passing(entry: &Value) -> bool {
    has_status(entry, "passing")
}

/// Whether the check of an entry is critical.
pub(super) fn is_critical(entry: &Value) -> bool {
    has_status(entry, "critical")
}

fn has_status(entry: &Value, status: &str) -> bool {
    let of_service = |check: &&Value| check["ServiceID"] == entry["Service"]["ID"];
    entry["Checks"]
        .as_array()
        .is_some_and(|checks| checks.iter().find(of_service).is_some_and(|c| c["Status"] == status))
}

/// One client's share of the registrations.
struct Register {
    bodies: Arc<[Vec<u8>]>,
    share: Share,
    position: u32,
}

impl Workload for Register {
    fn prepare(&mut self, draft: &mut Draft) -> bool {
        if self.position == self.share.count(self.bodies.len() as u32) {
            return false;
        }
        draft.start(Method::Put).path(format_args!("/v1/agent/service/register"));
        draft.body.extend_from_slice(&self.bodies[self.share.key(self.position) as usize]);
        self.position += 1;
        true
    }

    fn verify(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_name_their_service_and_check() {
        let population = Population::new(101, |number| json!({ "TTL": format!("{number}s") })).unwrap();
        let last: Value = serde_json::from_slice(&population.bodies[100]).unwrap();
        assert_eq!(population.names(), 2);
        assert_eq!(last["Name"], "quorate-bench-checked-1");
        assert_eq!(last["Check"], json!({ "TTL": "100s", "CheckID": "quorate-bench-check-000100" }));
    }

    #[test]
    fn only_the_check_of_the_service_counts() {
        let entry = json!({ "Service": { "ID": "a" }, "Checks": [
            { "ServiceID": "", "Status": "passing" }, { "ServiceID": "a", "Status": "critical" }] });
        assert!(is_critical(&entry) && !is_passing(&entry) && is_there(&entry));
    }
}
