//! The agent's services: `/v1/agent/services`, `/v1/agent/service/...` and `/v1/agent/maintenance`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use quorate_agent::machine::ServiceEntry;
use quorate_agent::{Agent, AgentError};
use quorate_api as api;
use quorate_api::go_json;
use quorate_filter::CATALOG_NODE;
use quorate_state::Service;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::filtering::{Filtering, own_list};
use super::{Action, Doing};
use crate::call::Call;
use crate::encode;
use crate::go;
use crate::options::Options;
use crate::reply::{self, Outcome, Refused, Reply};
use crate::shared::stopping;
use crate::views;

pub(super) const LIST: Action = Action::Do(|call| Box::pin(list(call)) as Doing);
pub(super) const ONE: Action = Action::Do(|call| Box::pin(one(call)) as Doing);
pub(super) const REGISTER: Action = Action::Do(|call| Box::pin(register(call)) as Doing);
pub(super) const DEREGISTER: Action = Action::Do(|call| Box::pin(deregister(call)) as Doing);
pub(super) const MAINTENANCE: Action = Action::Do(|call| Box::pin(maintenance(call)) as Doing);
pub(super) const NODE_MAINTENANCE: Action = Action::Do(|call| Box::pin(node_maintenance(call)) as Doing);

/// The agent that this server speaks for.
pub(super) fn agent(call: &Call) -> Result<Agent, Refused> {
    let local = call.server.local.as_ref();
    local.map(|local| local.agent.clone()).ok_or_else(|| Refused::internal("this server has no agent"))
}

impl From<AgentError> for Refused {
    fn from(error: AgentError) -> Self {
        let text = match &error {
            AgentError::UnknownService(id) => format!(
                "Unknown service ID {}. Ensure that the service ID is passed, not the service name.",
                go::go_quoted(id)
            ),
            AgentError::UnknownCheck(id) => format!(
                "Unknown check ID {}. Ensure that the check ID is passed, not the check name.",
                go::go_quoted(id)
            ),
            other => other.to_string(),
        };
        match error {
            AgentError::Definition(_) | AgentError::Protected(_) => Self::bad_request(text),
            AgentError::UnknownService(_) | AgentError::UnknownCheck(_) | AgentError::NoService(_) => {
                Self::not_found(text)
            }
            AgentError::TooMany(_) => Self::overloaded(text),
            AgentError::NotTtl(_) | AgentError::RemoteScripts | AgentError::Scripts | AgentError::NotKept(_) => {
                Self::internal(text)
            }
        }
    }
}

/// Reads the body of a registration with the agent.
pub(super) async fn decode<T: DeserializeOwned>(call: &mut Call) -> Result<T, Refused> {
    let body = call.take_json_body().await?;
    go_json::from_slice(&body).map_err(|error| Refused::bad_request(format!("Request decode failed: {error}")))
}

/// The answer to what is done.
pub(super) fn done() -> Outcome {
    Outcome::Ready(reply::whole(StatusCode::OK, Bytes::new()))
}

/// The kinds of services that are shown with a proxy's part, also where there is nothing in it.
const IS_PROXY: [&str; 4] = ["connect-proxy", "mesh-gateway", "terminating-gateway", "ingress-gateway"];

/// What is kept of a proxy as the agent tells it.
fn proxy(kept: &str) -> api::Kept<'_, api::ConnectProxy> {
    let part = api::Kept::<api::ConnectProxy>::from_text(kept).part().unwrap_or_default();
    api::Kept::from_owned_text(serde_json::to_string(&part.of_agent()).unwrap_or_default())
}

/// A service as the agent tells it.
pub(super) fn view<'a>(service: &'a Service, datacenter: &'a str) -> api::AgentService<'a> {
    api::AgentService {
        kind: (&*service.kind).into(),
        id: (&*service.id).into(),
        service: (&*service.name).into(),
        tags: (&*service.tags).into(),
        meta: Cow::Borrowed(&service.meta),
        port: service.port,
        ports: api::Kept::from_text(&service.ports),
        address: (&*service.address).into(),
        socket_path: (&*service.socket_path).into(),
        tagged_addresses: views::address_map(&service.tagged_addresses),
        weights: views::weights(service.weights),
        enable_tag_override: service.enable_tag_override,
        content_hash: "".into(),
        proxy: IS_PROXY.contains(&&*service.kind).then(|| proxy(&service.proxy)),
        connect: (!service.connect.is_empty()).then(|| api::Kept::from_text(&service.connect)),
        ai: api::Kept::from_text(&service.ai),
        datacenter: datacenter.into(),
        locality: api::Kept::from_text(&service.locality),
    }
}

async fn list(call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let mut filtering = Filtering::of(&call, &CATALOG_NODE).await?;
    // A copy, which is cheap, so that the agent is not held up while it is encoded.
    let services = agent(&call)?.look(|machine| machine.services().clone());
    own_list(call, services.len(), move |server, pretty| {
        let mut passing = BTreeMap::new();
        for (id, entry) in &services {
            let service = view(&entry.service, server.node.datacenter());
            if filtering.passes(&service)? {
                passing.insert(&**id, service);
            }
        }
        Ok(encode::json(&passing, pretty))
    })
    .await
}

/// A hash (FNV-1a) of what is told of a service, as it stands in the header.
fn content_hash(service: &api::AgentService<'_>) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let text = serde_json::to_vec(service).unwrap_or_default();
    let hash = text.iter().fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    format!("{hash:x}")
}

/// A service with its hash, or the refusal if there is none.
fn found(call: &Call, agent: &Agent, id: &str) -> Result<(String, Reply), Refused> {
    let datacenter = call.server.node.datacenter();
    agent.look(|machine| {
        let Some(ServiceEntry { service, .. }) = machine.services().get(id) else {
            return Err(Refused::not_found(format!("unknown service ID: {id}")));
        };
        let mut service = view(service, datacenter);
        let hash = content_hash(&service);
        service.content_hash = (&*hash).into();
        let mut reply = call.json(&service);
        if let Ok(value) = HeaderValue::from_str(&hash) {
            reply.headers_mut().insert(reply::CONTENT_HASH, value);
        }
        Ok((hash, reply))
    })
}

async fn one(call: Call) -> Result<Outcome, Refused> {
    let options = Options::of_waiting(&call.parameters)?;
    call.refuse_namespace()?;
    let agent = agent(&call)?;
    let id = call.rest_text().into_owned();
    let seen = call.parameters.first("hash").into_owned();
    let mut changes = agent.changes();
    changes.mark_unchanged();
    let (hash, reply) = found(&call, &agent, &id)?;
    if hash != seen {
        return Ok(Outcome::Ready(reply));
    }
    let place = call.server.node.wait_place(call.peer)?;
    let deadline = Instant::now() + call.server.longest_wait(options.wait);
    Ok(Outcome::Parked(Box::pin(async move {
        let _place = place;
        let mut draining = call.server.draining.subscribe();
        loop {
            let ended = tokio::select! {
                changed = changes.changed() => changed.is_err(),
                () = tokio::time::sleep_until(deadline) => true,
                () = stopping(&mut draining) => true,
            };
            match found(&call, &agent, &id) {
                Ok((hash, _)) if !ended && hash == seen => {}
                Ok((_, reply)) => return reply,
                Err(refused) => return refused.into_reply(),
            }
        }
    })))
}

async fn register(mut call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let body: api::ServiceDefinition = decode(&mut call).await?;
    let replace = {
        let parameters = &call.parameters;
        let value = parameters.first("replace-existing-checks");
        parameters.has("replace-existing-checks") && (value.is_empty() || value == "true")
    };
    agent(&call)?.register_service(body, replace).await?;
    Ok(done())
}

async fn deregister(call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    agent(&call)?.deregister_service(&call.rest_text()).await?;
    Ok(done())
}

/// Whether maintenance is to begin.
fn enabled(call: &Call) -> Result<bool, Refused> {
    let parameters = &call.parameters;
    if !parameters.has("enable") {
        return Err(Refused::bad_request("Missing value for enable"));
    }
    let value = parameters.first("enable");
    go::parse_bool(&value)
        .ok_or_else(|| Refused::bad_request(format!("Invalid value for enable: {}", go::go_quoted(&value))))
}

async fn maintenance(call: Call) -> Result<Outcome, Refused> {
    let id = call.named("Missing service ID")?;
    let enable = enabled(&call)?;
    call.refuse_namespace()?;
    let reason = call.parameters.first("reason").into_owned();
    agent(&call)?.service_maintenance(&id, enable.then_some(&reason)).await?;
    Ok(done())
}

async fn node_maintenance(call: Call) -> Result<Outcome, Refused> {
    let enable = enabled(&call)?;
    let reason = call.parameters.first("reason").into_owned();
    agent(&call)?.node_maintenance(enable.then_some(&reason)).await?;
    Ok(done())
}
