//! Services with ten checks each, registered as a user would: through the agent's API, ten instances of a name.
//!
//! Not ten thousand services with one check each, since for each registration Consul looks through all that it has: it
//! took twelve minutes for half of them.

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
/// Checks of a service.
pub(super) const CHECKS_OF_SERVICE: u32 = 10;
/// Instances of a name. A name is what is asked for when the catalog is looked at.
const INSTANCES_OF_NAME: u32 = 10;
/// Checks of all instances of a name.
pub(super) const CHECKS_OF_NAME: u32 = CHECKS_OF_SERVICE * INSTANCES_OF_NAME;

/// So many checks, and the services that they belong to.
pub(super) struct Population {
    pub(super) count: u32,
    /// The registration of each service.
    bodies: Arc<[Vec<u8>]>,
}

impl Population {
    /// `check` makes the definition of the check with a number.
    pub(super) fn new(count: u32, check: impl Fn(u32) -> Value) -> Result<Self> {
        let check = |number: u32| {
            let mut check = check(number);
            check["CheckID"] = check_id(number).into();
            check
        };
        let body = |service: u32| {
            let first = service * CHECKS_OF_SERVICE;
            serde_json::to_vec(&json!({
                "ID": service_id(service),
                "Name": name(service / INSTANCES_OF_NAME),
                "Port": 8000 + service % 1000,
                "Tags": ["v1"],
                "Checks": (first..count.min(first + CHECKS_OF_SERVICE)).map(check).collect::<Vec<_>>(),
            }))
        };
        Ok(Self { count, bodies: (0..count.div_ceil(CHECKS_OF_SERVICE)).map(body).collect::<Result<_, _>>()? })
    }

    /// How many services there are.
    pub(super) fn services(&self) -> u32 {
        self.bodies.len() as u32
    }

    /// How many names there are.
    pub(super) fn names(&self) -> u32 {
        self.count.div_ceil(CHECKS_OF_NAME)
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
            let expected = INSTANCES_OF_NAME.min(self.services() - group * INSTANCES_OF_NAME) as usize;
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

/// Whether all checks of an entry's service pass.
pub(super) fn is_passing(entry: &Value) -> bool {
    statuses(entry).all(|status| status == "passing")
}

/// Whether all checks of an entry's service are critical.
pub(super) fn is_critical(entry: &Value) -> bool {
    statuses(entry).all(|status| status == "critical")
}

/// Whether a check of an entry's service is critical.
pub(super) fn has_critical(entry: &Value) -> bool {
    statuses(entry).any(|status| status == "critical")
}

/// The statuses of the checks of an entry's service; those of its node are not looked at.
fn statuses(entry: &Value) -> impl Iterator<Item = &Value> {
    let checks = entry["Checks"].as_array().into_iter().flatten();
    checks.filter(|check| check["ServiceID"] == entry["Service"]["ID"]).map(|check| &check["Status"])
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
    fn definitions_name_their_service_and_checks() {
        let population = Population::new(101, |number| json!({ "TTL": format!("{number}s") })).unwrap();
        let last: Value = serde_json::from_slice(&population.bodies[10]).unwrap();
        assert_eq!((population.services(), population.names()), (11, 2));
        assert_eq!(last["Name"], "quorate-bench-checked-1");
        assert_eq!(last["Checks"], json!([{ "TTL": "100s", "CheckID": "quorate-bench-check-000100" }]));
    }

    #[test]
    fn only_the_checks_of_the_service_count() {
        let entry = json!({ "Service": { "ID": "a" }, "Checks": [
            { "ServiceID": "", "Status": "passing" }, { "ServiceID": "a", "Status": "critical" }] });
        assert!(is_critical(&entry) && has_critical(&entry) && !is_passing(&entry) && is_there(&entry));
    }
}
