//! `GET /v1/health/service/NAME?passing` of a service with ten instances, each on a node of its own with one check of the
//! node and one of the service: what a proxy or a scraper asks again and again.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Bench;
use super::instances::{INSTANCES, node_name};
use super::load::{Workload, compare};
use super::put::MANY_CLIENTS;
use super::subject::Subject;
use crate::client::{Answer, Draft, Method};

const SERVICE: &str = "quorate-bench-web";

/// Measures the health query.
pub(crate) async fn measure(bench: &mut Bench) -> Result<()> {
    for subject in &bench.subjects {
        register(subject).await?;
    }
    let name = "health/service?passing of 10 instances, 64 clients";
    compare(bench, name, MANY_CLIENTS, |_, _| PassingInstances { checked: Vec::new() }).await
}

async fn register(subject: &Subject) -> Result<()> {
    let mut draft = Draft::default();
    for instance in 0..INSTANCES {
        let (node, id) = (node_name(instance), format!("{SERVICE}-{instance}"));
        draft.start(Method::Put).path(format_args!("/v1/catalog/register"));
        draft.body = serde_json::to_vec(&json!({
            "Node": node,
            "Address": format!("10.20.30.{instance}"),
            "Service": {
                "ID": id,
                "Service": SERVICE,
                "Tags": ["primary", "v1"],
                "Meta": { "version": "1.2.3" },
                "Address": format!("10.20.30.{instance}"),
                "Port": 8080,
            },
            "Checks": [
                { "Node": node, "CheckID": "alive", "Name": "Node alive", "Status": "passing", "Output": "reachable" },
                {
                    "Node": node, "CheckID": format!("service:{id}"), "Name": "Service 'web' check", "ServiceID": id,
                    "Status": "passing", "Output": "HTTP GET http://localhost:8080/health: 200 OK",
                },
            ],
        }))?;
        subject.ask_once(&draft).await?;
    }
    Ok(())
}

/// One client's queries.
struct PassingInstances {
    /// The last answer that was checked in full; the next one is usually the same.
    checked: Vec<u8>,
}

impl Workload for PassingInstances {
    fn prepare(&mut self, draft: &mut Draft) -> bool {
        draft.start(Method::Get).path(format_args!("/v1/health/service/{SERVICE}?passing"));
        true
    }

    fn verify(&mut self, answer: &Answer<'_>) -> Result<()> {
        answer.expect_ok()?;
        if answer.body != self.checked {
            check_instances(answer)?;
            self.checked = answer.body.to_vec();
        }
        Ok(())
    }
}

/// Fails unless the answer lists every instance once, with both its checks.
fn check_instances(answer: &Answer<'_>) -> Result<()> {
    let entries: Vec<Value> = serde_json::from_slice(answer.body)?;
    let mut ids: Vec<_> = entries.iter().filter_map(|entry| entry["Service"]["ID"].as_str()).collect();
    ids.sort_unstable();
    let expected: Vec<_> = (0..INSTANCES).map(|instance| format!("{SERVICE}-{instance}")).collect();
    ensure!(ids == expected, "not the ten instances, but {ids:?}");
    let two_checks = |entry: &Value| entry["Checks"].as_array().is_some_and(|checks| checks.len() == 2);
    ensure!(entries.iter().all(two_checks), "an instance without its two checks: {}", answer.shown());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_instance_or_check_is_noticed() {
        let entry = |instance: usize, checks: usize| json!({ "Service": { "ID": format!("{SERVICE}-{instance}") }, "Checks": vec![json!({}); checks] });
        let check = |entries: Vec<Value>| {
            let body = serde_json::to_vec(&entries).unwrap();
            check_instances(&Answer { status: 200, index: None, body: &body })
        };
        check((0..INSTANCES).rev().map(|instance| entry(instance, 2)).collect()).unwrap();
        assert!(check((1..INSTANCES).map(|instance| entry(instance, 2)).collect()).is_err());
        assert!(check((0..INSTANCES).map(|instance| entry(instance, 1)).collect()).is_err());
    }
}
