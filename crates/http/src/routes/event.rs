//! User events: `/v1/event/`.
//!
//! The index of a list is made from the id of its last event, so it is no order: a client that has seen it waits until it
//! is another one.

use bytes::Bytes;
use hyper::header::HeaderValue;
use quorate_agent::machine::{ServiceEntry, Services};
use quorate_api as api;
use quorate_filter::{Budget, OverBudget, Pattern};
use quorate_node::{AskEvents, Body, Event, EventList, Refusal, Reply as NodeReply, Request, Served, Wait};

use super::{Action, Doing};
use crate::ask;
use crate::call::Call;
use crate::reply::{self, Outcome, Refused, Reply};

pub(super) const FIRE: Action = Action::Do(|call| Box::pin(fire(call)) as Doing);
pub(super) const LIST: Action = Action::Do(|call| Box::pin(list(call)) as Doing);

/// The largest event: Consul's, whose gossip carries it in a packet. Counted are the name with its prefix, what it
/// carries, its filters and some bytes around them.
const EVENT_BYTES_MAX: usize = 512;
/// The prefix of the name in gossip, and the id, field names and lengths around the rest.
const EVENT_OVERHEAD_BYTES: usize = 13 + 55;
/// The version of the form that clients see.
const FORM_VERSION: u64 = 1;

async fn fire(mut call: Call) -> Result<Outcome, Refused> {
    let name = call.named("Missing name")?;
    let payload = match call.has_sized_body() {
        true => call.take_json_body().await?,
        false => Bytes::new(),
    };
    let parameter = |name| call.parameters.first(name).into_owned();
    let event = Event {
        id: call.server.node.host().random.uuid(),
        name,
        payload: payload.to_vec(),
        node_filter: parameter("node"),
        service_filter: parameter("service"),
        tag_filter: parameter("tag"),
        lamport_time: 0,
    };
    let reply = call.json(&view(&event));
    let is_for_this_agent = looked_at(&call, &event).await?;
    call.serve_now(Body::Fire { event, is_for_this_agent }).await?;
    Ok(Outcome::Ready(reply))
}

/// What an event's filters are matched with: this agent.
struct Agent {
    node: String,
    services: Services,
}

/// Refuses an event that is none, and finds out whether it is meant for this agent. Filters are compiled and matched elsewhere:
/// a short one can take long.
async fn looked_at(call: &Call, event: &Event) -> Result<bool, Refused> {
    let local = call.server.local.as_ref();
    let agent = Agent {
        node: call.server.settings.node_name.clone(),
        services: local.map(|local| local.agent.look(|machine| machine.services().clone())).unwrap_or_default(),
    };
    if event.node_filter.is_empty() && event.service_filter.is_empty() && event.tag_filter.is_empty() {
        return agent.is_meant_by(event);
    }
    let _turn = call.server.large.turn().await;
    let event = event.clone();
    let looked_at = call.server.elsewhere(move || agent.is_meant_by(&event)).await;
    looked_at.unwrap_or_else(|| Err(Refused::internal("the server is stopping")))
}

impl Agent {
    fn is_meant_by(&self, event: &Event) -> Result<bool, Refused> {
        if !event.tag_filter.is_empty() && event.service_filter.is_empty() {
            return Err(Refused::internal("Cannot provide tag filter without service filter"));
        }
        let node = pattern("node", &event.node_filter)?;
        let service = pattern("service", &event.service_filter)?;
        let tag = pattern("tag", &event.tag_filter)?;
        check_size(event)?;
        let mut budget = Budget::default();
        self.has(node, service, tag, &mut budget).map_err(|error| Refused::bad_request(error.to_string()))
    }

    /// Whether its name matches, and the name of one of its services with one of its tags; no pattern matches everything.
    fn has(
        &self,
        node: Option<Pattern>,
        service: Option<Pattern>,
        tag: Option<Pattern>,
        budget: &mut Budget,
    ) -> Result<bool, OverBudget> {
        if let Some(node) = node
            && !node.matches(&self.node, budget)?
        {
            return Ok(false);
        }
        let Some(service) = service else { return Ok(true) };
        for ServiceEntry { service: own, .. } in self.services.values() {
            if !service.matches(&own.name, budget)? {
                continue;
            }
            let Some(tag) = &tag else { return Ok(true) };
            for own in &own.tags {
                if tag.matches(own, budget)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// A filter of an event; none if its text is empty.
fn pattern(what: &str, text: &str) -> Result<Option<Pattern>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    Pattern::parse(text).map(Some).map_err(|error| Refused::internal(format!("Invalid {what} filter: {error}")))
}

fn check_size(event: &Event) -> Result<(), Refused> {
    let texts = [&event.name, &event.node_filter, &event.service_filter, &event.tag_filter];
    let bytes = texts.iter().map(|text| text.len()).sum::<usize>() + event.payload.len() + EVENT_OVERHEAD_BYTES;
    if bytes > EVENT_BYTES_MAX {
        let text = "error broadcasting event: user event exceeds configured limit of 512 bytes before encoding";
        return Err(Refused::internal(text));
    }
    Ok(())
}

fn view(event: &Event) -> api::UserEvent<'_> {
    api::UserEvent {
        id: event.id.to_string().into(),
        name: (&*event.name).into(),
        payload: api::KvPair::value_of(&event.payload),
        node_filter: (&*event.node_filter).into(),
        service_filter: (&*event.service_filter).into(),
        tag_filter: (&*event.tag_filter).into(),
        version: FORM_VERSION,
        lamport_time: event.lamport_time,
    }
}

async fn list(call: Call) -> Result<Outcome, Refused> {
    let options = call.options()?;
    let is_waiting = options.index > 0 && !call.server.is_draining();
    let wait = is_waiting.then(|| Wait { seen: options.index, at_most: call.server.longest_wait(options.wait) });
    let body = Body::Events(AskEvents { name: (&*call.parameters.first("name")).into(), wait });
    // Events are each agent's own, so the datacenter is passed over.
    let request = Request { datacenter: "".into(), caller: call.caller(), client: call.peer, body };
    Ok(match call.server.node.serve(request).await {
        Served::Now(reply) => Outcome::Ready(listed(&call, reply)),
        Served::Later(waiting) => Outcome::Parked(Box::pin(async move { listed(&call, waiting.reply().await) })),
    })
}

fn listed(call: &Call, reply: Result<NodeReply, Refusal>) -> Reply {
    let EventList { index, events } = match reply {
        Ok(NodeReply::Events(list)) => list,
        Ok(other) => return ask::unexpected(&other).into_reply(),
        Err(refusal) => return Refused::from(refusal).into_reply(),
    };
    let views: Vec<_> = events.iter().map(view).collect();
    let mut reply = call.json(&views);
    reply.headers_mut().insert(reply::INDEX, HeaderValue::from(index));
    reply
}
