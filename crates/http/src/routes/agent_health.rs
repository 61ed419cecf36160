//! The health of this agent's instances, for load balancers: `/v1/agent/health/service/id/ID` and `.../name/NAME`.
//!
//! The status code tells it: 200 passing, 429 warning, 503 critical or in maintenance, 404 unknown. An instance is as
//! healthy as the worst of its checks and its node's, and a name as the worst of its instances.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use quorate_agent::Check;
use quorate_agent::machine::{CheckEntry, Machine, ServiceEntry};
use quorate_api as api;
use quorate_state::CheckStatus;

use super::agent_services::{self, agent};
use super::{Action, Doing};
use crate::call::Call;
use crate::reply::{self, Outcome, Refused, Reply};

pub(super) const BY_ID: Action = Action::Do(|call| Box::pin(by_id(call)) as Doing);
pub(super) const BY_NAME: Action = Action::Do(|call| Box::pin(by_name(call)) as Doing);

/// How healthy an instance is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Passing,
    Warning,
    Critical,
    Maintenance,
}

impl Health {
    fn word(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Maintenance => "maintenance",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Passing => StatusCode::OK,
            Self::Warning => StatusCode::TOO_MANY_REQUESTS,
            Self::Critical | Self::Maintenance => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn of(check: &CheckEntry) -> Self {
        match (&check.definition.check, check.status) {
            (Check::Maintenance, _) => Self::Maintenance,
            (_, CheckStatus::Passing) => Self::Passing,
            (_, CheckStatus::Warning) => Self::Warning,
            (_, CheckStatus::Critical) => Self::Critical,
        }
    }
}

fn health_of<'a>(
    machine: &'a Machine,
    entry: &'a ServiceEntry,
    call: &'a Call,
) -> (Health, api::AgentServiceHealth<'a>) {
    let settings = &call.server.settings;
    let service = &entry.service;
    let mut health = Health::Passing;
    let mut checks = Vec::new();
    for check in machine.checks_of("").chain(machine.checks_of(&service.id)) {
        health = health.max(Health::of(check));
        let definition = &check.definition;
        let is_of_service = !definition.service_id.is_empty();
        checks.push(api::AgentHealthCheck {
            node: &settings.node_name,
            check_id: &definition.id,
            name: &definition.name,
            status: check.status.as_str(),
            notes: &definition.notes,
            output: &check.output,
            service_id: &definition.service_id,
            service_name: if is_of_service { &service.name } else { "" },
            service_tags: (is_of_service && !service.tags.is_empty()).then_some(&*service.tags),
            kind: "",
            exposed_port: 0,
            definition: api::local::no_definition(),
            create_index: 0,
            modify_index: 0,
        });
    }
    let told = api::AgentServiceHealth {
        aggregated_status: health.word(),
        service: Some(agent_services::view(service, call.server.node.datacenter())),
        checks: Some(checks),
    };
    (health, told)
}

/// The answer with its reason, as JSON or, if that is asked for, as the reason alone.
fn answer(call: &Call, status: StatusCode, reason: &str, json: impl FnOnce() -> Reply) -> Outcome {
    let mut reply = if call.parameters.first("format") == "text" {
        let mut reply = reply::whole(status, Bytes::from(reason.to_owned()));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        reply
    } else {
        json()
    };
    *reply.status_mut() = status;
    if let Ok(reason) = HeaderValue::from_str(reason) {
        reply.headers_mut().insert(reply::REASON, reason);
    }
    Outcome::Ready(reply)
}

async fn by_id(call: Call) -> Result<Outcome, Refused> {
    let id = call.rest_text().into_owned();
    if id.is_empty() {
        return Err(Refused::internal("Missing serviceID"));
    }
    call.refuse_namespace()?;
    Ok(agent(&call)?.look(|machine| match machine.services().get(&*id) {
        Some(entry) => {
            let (health, told) = health_of(machine, entry, &call);
            answer(&call, health.status(), health.word(), || call.json(&told))
        }
        None => {
            let none = api::AgentServiceHealth { aggregated_status: "critical", service: None, checks: None };
            answer(&call, StatusCode::NOT_FOUND, &format!("ServiceId {id} not found"), || call.json(&none))
        }
    }))
}

async fn by_name(call: Call) -> Result<Outcome, Refused> {
    let name = call.rest_text().into_owned();
    if name.is_empty() {
        return Err(Refused::internal("Missing service Name"));
    }
    call.refuse_namespace()?;
    Ok(agent(&call)?.look(|machine| {
        let named = machine.services().values().filter(|entry| entry.service.name == name);
        let (healths, told): (Vec<_>, Vec<_>) = named.map(|entry| health_of(machine, entry, &call)).unzip();
        match healths.into_iter().max() {
            Some(health) => answer(&call, health.status(), health.word(), || call.json(&told)),
            None => {
                let reason = format!("ServiceName {name} Not Found");
                answer(&call, StatusCode::NOT_FOUND, &reason, || call.json(&told))
            }
        }
    }))
}
