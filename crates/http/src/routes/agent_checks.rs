//! The agent's checks: `/v1/agent/checks` and `/v1/agent/check/...`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quorate_agent::machine::{CheckEntry, Machine};
use quorate_api as api;
use quorate_filter::{self as filter, Filter, Place, Select};
use quorate_state::CheckStatus;

use super::agent_services::{agent, decode, done};
use super::filtering::Filtering;
use super::{Action, Doing, Outcome};
use crate::reply::Refused;
use crate::request::Call;

pub(super) const LIST: Action = Action::Do(|call| Box::pin(list(call)) as Doing);
pub(super) const REGISTER: Action = Action::Do(|call| Box::pin(register(call)) as Doing);
pub(super) const DEREGISTER: Action = Action::Do(|call| Box::pin(deregister(call)) as Doing);
pub(super) const PASS: Action = Action::Do(|call| Box::pin(told(call, CheckStatus::Passing)) as Doing);
pub(super) const WARN: Action = Action::Do(|call| Box::pin(told(call, CheckStatus::Warning)) as Doing);
pub(super) const FAIL: Action = Action::Do(|call| Box::pin(told(call, CheckStatus::Critical)) as Doing);
pub(super) const UPDATE: Action = Action::Do(|call| Box::pin(update(call)) as Doing);

/// A check as the agent lists it.
fn view<'a>(machine: &'a Machine, entry: &'a CheckEntry, node: &'a str) -> api::AgentCheck<'a> {
    let definition = &entry.definition;
    let service = machine.services().get(&*definition.service_id).map(|entry| &entry.service);
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

/// A check as a filter sees it: the fields of what [`view`] makes.
#[derive(Clone, Copy)]
struct Listed<'a> {
    machine: &'a Machine,
    entry: &'a CheckEntry,
    node: &'a str,
}

impl<'a> Select<'a> for Listed<'a> {
    fn field(self, name: &'static str) -> Place<'a, Self> {
        let definition = &self.entry.definition;
        let service = || self.machine.services().get(&*definition.service_id).map(|entry| &entry.service);
        match name {
            "Node" => Place::Text(self.node),
            "CheckID" => Place::Text(&definition.id),
            "Name" => Place::Text(&definition.name),
            "Status" => Place::Text(self.entry.status.as_str()),
            "Notes" => Place::Text(&definition.notes),
            "Output" => Place::Text(&self.entry.output),
            "ServiceID" => Place::Text(&definition.service_id),
            "ServiceName" => service().map_or(Place::Nothing, |service| Place::Text(&service.name)),
            "ServiceTags" => service().map_or(Place::Nothing, |service| Place::Strings(&service.tags)),
            "Type" => Place::Text(definition.check.kind()),
            "Interval" => Place::Text(&definition.interval_text),
            "Timeout" => Place::Text(&definition.timeout_text),
            _ => Place::Nothing,
        }
    }
}

async fn list(call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let (filtering, refused) = Filtering::of(&call, &filter::HEALTH_CHECKS);
    if let Some(mut refused) = refused {
        let text = call.parameters().first_bytes("filter");
        if let Err(error) = Filter::parse(&*text, &filter::HEALTH_CHECKS)
            && error.is_misfit()
        {
            // Consul leaves the introduction out here when the language is right and the fields are not.
            refused.text = error.reason().to_owned().into();
        }
        return Err(refused);
    }
    let node = &call.server.settings.node_name;
    let reply = agent(&call)?.look(|machine| {
        let mut sieve = filtering.sieve();
        let entries = machine.checks().iter().filter(|(_, entry)| sieve.passes(Listed { machine, entry, node }));
        let passing: BTreeMap<_, _> = entries.map(|(id, entry)| (&**id, view(machine, entry, node))).collect();
        sieve.finish(()).map(|()| call.json(&passing))
    })?;
    Ok(Outcome::Ready(reply))
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
    let note = call.parameters().first("note").into_owned();
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
