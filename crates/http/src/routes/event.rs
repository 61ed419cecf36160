//! User events: `/v1/event/`.
//!
//! The index of a list is made from the id of its last event, so it is no order: a client that has seen it waits until it
//! is another one.

use bytes::Bytes;
use hyper::header::HeaderValue;
use quorate_api as api;
use quorate_node::{Event, Woken};
use quorate_state::{Key, Topic};

use super::{Action, Doing, Outcome};
use crate::questions::{Place, deadline};
use crate::reply::{self, Refused, Reply};
use crate::request::Call;
use crate::server::stopping;

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
    let parameter = |name| call.parameters().first(name).into_owned();
    let event = Event {
        id: call.server.node.host().random.uuid(),
        name,
        payload: payload.to_vec(),
        node_filter: parameter("node"),
        service_filter: parameter("service"),
        tag_filter: parameter("tag"),
        lamport_time: 0,
    };
    check(&event)?;
    call.refuse_other_datacenter()?;
    let reply = call.json(&view(&event));
    if is_for_this_agent(&event, &call) {
        call.server.node.keep_event(event);
    }
    Ok(Outcome::Ready(reply))
}

fn check(event: &Event) -> Result<(), Refused> {
    if !event.tag_filter.is_empty() && event.service_filter.is_empty() {
        return Err(Refused::internal("Cannot provide tag filter without service filter"));
    }
    for (what, pattern) in
        [("node", &event.node_filter), ("service", &event.service_filter), ("tag", &event.tag_filter)]
    {
        if let Err(error) = quorate_filter::matches_pattern(pattern, "") {
            return Err(Refused::internal(format!("Invalid {what} filter: {error}")));
        }
    }
    let texts = [&event.name, &event.node_filter, &event.service_filter, &event.tag_filter];
    let bytes = texts.iter().map(|text| text.len()).sum::<usize>() + event.payload.len() + EVENT_OVERHEAD_BYTES;
    if bytes > EVENT_BYTES_MAX {
        let text = "error broadcasting event: user event exceeds configured limit of 512 bytes before encoding";
        return Err(Refused::internal(text));
    }
    Ok(())
}

/// Whether an event is meant for this agent: by its name, and by one of its services.
fn is_for_this_agent(event: &Event, call: &Call) -> bool {
    let matches = |pattern: &str, text: &str| quorate_filter::matches_pattern(pattern, text) == Ok(true);
    if !event.node_filter.is_empty() && !matches(&event.node_filter, &call.server.settings.node_name) {
        return false;
    }
    if event.service_filter.is_empty() {
        return true;
    }
    let Some(local) = &call.server.local else { return false };
    local.agent.look(|machine| {
        machine.services().values().map(|entry| &entry.service).any(|service| {
            let has_tag = || service.tags.iter().any(|tag| matches(&event.tag_filter, tag));
            matches(&event.service_filter, &service.name) && (event.tag_filter.is_empty() || has_tag())
        })
    })
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
    let mut seen = call.server.node.events_seen();
    seen.mark_unchanged();
    let listed = Listed::now(&call);
    if options.index == 0 || listed.index != options.index {
        return Ok(Outcome::Ready(listed.reply));
    }
    let place = Place::take(&call.server)?;
    let deadline = deadline(&call.server, options.wait);
    // No command writes the empty key: only the replacement of the whole state wakes this.
    let mut restores = call.server.node.watch(&[Topic::Key(Key::from(&b""[..]))])?;
    Ok(Outcome::Parked(Box::pin(async move {
        let mut draining = call.server.draining.subscribe();
        loop {
            let ended = tokio::select! {
                changed = seen.changed() => changed.is_err(),
                woken = restores.changed() => woken == Woken::Replaced,
                () = tokio::time::sleep_until(deadline) => true,
                () = stopping(&mut draining) => true,
            };
            let listed = Listed::now(&call);
            if ended || listed.index != options.index {
                drop(place);
                return listed.reply;
            }
        }
    })))
}

/// The list as it is at a moment.
struct Listed {
    index: u64,
    reply: Reply,
}

impl Listed {
    fn now(call: &Call) -> Self {
        let name = call.parameters().first("name");
        let mut events = call.server.node.events();
        events.retain(|event| name.is_empty() || event.name == name);
        let index = events.last().map_or(1, |event| index_of(event.id));
        let views: Vec<_> = events.iter().map(view).collect();
        let mut reply = call.json(&views);
        reply.headers_mut().insert(reply::INDEX, HeaderValue::from(index));
        Self { index, reply }
    }
}

/// The two halves of an id, one upon the other.
fn index_of(id: uuid::Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    (high ^ low).max(1)
}
