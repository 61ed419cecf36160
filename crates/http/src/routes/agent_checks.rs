//! The agent's checks: `/v1/agent/checks` and `/v1/agent/check/...`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quorate_agent::machine::{CheckEntry, Services};
use quorate_api as api;
use quorate_filter::HEALTH_CHECKS;
use quorate_state::CheckStatus;

use super::agent_services::{agent, decode, done};
use super::filtering::{Filtering, own_list};
use super::{Action, Doing};
use crate::call::Call;
use crate::encode;
use crate::reply::{Outcome, Refused};

pub(super) const LIST: Action = Action::Do(|call| Box::pin(list(call)) as Doing);
pub(super) const REGISTER: Action = Action::Do(|call| Box::pin(register(call)) as Doing);
pub(super) const DEREGISTER: Action = Action::Do(|call| Box::pin(deregister(call)) as Doing);
pub(super) const PASS: Action = Action::Do(|call| Box::pin(told(call, CheckStatus::Passing)) as Doing);
pub(super) const WARN: Action = Action::Do(|call| Box::pin(told(call, CheckStatus::Warning)) as Doing);
pub(super) const FAIL: Action = Action::Do(|call| Box::pin(told(call, CheckStatus::Critical)) as Doing);
pub(super) const UPDATE: Action = Action::Do(|call| Box::pin(update(call)) as Doing);

/// A check as the agent lists it.
fn view<'a>(services: &'a Services, entry: &'a CheckEntry, node: &'a str) -> api::AgentCheck<'a> {
    let definition = &entry.definition;
    let service = services.get(&*definition.service_id).map(|entry| &entry.service);
    api::AgentCheck {
        node: node.into(),
        check_id: (&*definition.id).into(),
        name: (&*definition.name).into(),
        status: entry.status.as_str().into(),
        notes: (&*definition.notes).into(),
        output: (&*entry.output).into(),
        service_id: (&*definition.service_id).into(),
        service_name: service.map_or("", |service| &service.name).into(),
        service_tags: service.map_or(Cow::Borrowed(&[]), |service| (&*service.tags).into()),
        kind: definition.check.kind().into(),
        interval: (&*definition.interval_text).into(),
        timeout: (&*definition.timeout_text).into(),
        ..api::AgentCheck::default()
    }
}

async fn list(call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let mut filtering = Filtering::of(&call, &HEALTH_CHECKS).await.map_err(|error| {
        // Consul leaves the introduction out here when the language is right and the fields are not.
        if error.is_misfit() { Refused::internal(error.reason().to_owned()) } else { error.into() }
    })?;
    // Copies, which are cheap, so that the agent is not held up while they are encoded.
    let (services, checks) = agent(&call)?.look(|machine| (machine.services().clone(), machine.checks().clone()));
    own_list(call, checks.len(), move |server, pretty| {
        let mut passing = BTreeMap::new();
        for (id, entry) in &checks {
            let check = view(&services, entry, &server.settings.node_name);
            if filtering.passes(&check)? {
                passing.insert(&**id, check);
            }
        }
        Ok(encode::json(&passing, pretty))
    })
    .await
}

async fn register(mut call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let body: api::AgentCheckDefinition = decode(&mut call).await?;
    agent(&call)?.register_check(body).await?;
    Ok(done())
}

async fn deregister(call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    agent(&call)?.deregister_check(&call.rest_text()).await?;
    Ok(done())
}

async fn told(call: Call, status: CheckStatus) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let note = call.parameters.first("note").into_owned();
    agent(&call)?.update_ttl(&call.rest_text(), status, note).await?;
    Ok(done())
}

async fn update(mut call: Call) -> Result<Outcome, Refused> {
    let body: api::CheckUpdate = decode(&mut call).await?;
    let Some(status) = CheckStatus::from_word(&body.status) else {
        return Err(Refused::bad_request(format!("Invalid check status: '{}'", body.status)));
    };
    call.refuse_namespace()?;
    agent(&call)?.update_ttl(&call.rest_text(), status, body.output).await?;
    Ok(done())
}
