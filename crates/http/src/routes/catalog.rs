//! Nodes and services: `/v1/catalog/`.

use hyper::header::{AGE, HeaderValue};
use quorate_api as api;
use quorate_node::{Body, Proposal, Question, Reply};
use quorate_state::Operation;

use super::{Action, Doing, narrowing, registration};
use crate::ask::{self, Ask};
use crate::call::Call;
use crate::measure::{Timer, Timers};
use crate::options::Options;
use crate::render::Form;
use crate::reply::{self, Outcome, Refused};

pub(super) const REGISTER: Action = Action::Do(|call| Box::pin(register(call)) as Doing);
pub(super) const DEREGISTER: Action = Action::Do(|call| Box::pin(deregister(call)) as Doing);
pub(super) const DATACENTERS: Action = Action::Do(|call| Box::pin(datacenters(call)) as Doing);
pub(super) const NODES: Action = Action::Ask(ask_nodes);
pub(super) const SERVICES: Action = Action::Ask(ask_services);
pub(super) const SERVICE: Action = Action::Ask(ask_service);
pub(super) const NODE: Action = Action::Ask(ask_node);
pub(super) const NODE_SERVICES: Action = Action::Ask(ask_node_services);

fn ask_nodes(call: &Call) -> Result<Ask, Refused> {
    call.refuse_partition()?;
    let options = call.options()?;
    let question = Question::Nodes { meta: narrowing::node_meta(call)?, filter: narrowing::filter(call) };
    Ok(Ask { question, options, form: Form::Nodes })
}

fn ask_services(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let question = Question::Services { meta: narrowing::node_meta(call)?, filter: narrowing::filter(call) };
    Ok(Ask { question, options, form: Form::Services })
}

fn ask_service(call: &Call) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let service = call.named("Missing service name")?.into();
    let (tags, meta) = (narrowing::tags(call)?, narrowing::node_meta(call)?);
    let question = Question::Instances { service, tags, meta, filter: narrowing::filter(call) };
    Ok(Ask { question, options, form: Form::Instances })
}

fn ask_node(call: &Call) -> Result<Ask, Refused> {
    ask_services_of_node(call, Form::NodeServices)
}

fn ask_node_services(call: &Call) -> Result<Ask, Refused> {
    ask_services_of_node(call, Form::NodeServiceList)
}

fn ask_services_of_node(call: &Call, form: Form) -> Result<Ask, Refused> {
    call.refuse_namespace()?;
    let options = call.options()?;
    let node = call.named("Missing node name")?.into();
    Ok(Ask { question: Question::NodeServices { node, filter: narrowing::filter(call) }, options, form })
}

async fn register(mut call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let body: api::Registration = registration::decode(&mut call).await?;
    if !body.peer_name.is_empty() {
        return Err(Refused::internal("cannot register requests with PeerName in them"));
    }
    let datacenter = body.datacenter.clone();
    let operation = Operation::Register(Box::new(registration::registration(body)?));
    propose(&call, &datacenter, operation, |timers| &timers.catalog_register).await
}

async fn deregister(mut call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let body: api::Deregistration = registration::decode(&mut call).await?;
    let api::Deregistration { datacenter, node, service_id, check_id, .. } = body;
    let what = quorate_state::Deregistration { node, service_id, check_id };
    propose(&call, &datacenter, Operation::Deregister(what), |timers| &timers.catalog_deregister).await
}

async fn propose(
    call: &Call,
    datacenter: &str,
    operation: Operation,
    timer: fn(&Timers) -> &Timer,
) -> Result<Outcome, Refused> {
    let _timer = timer(&call.server.timers).start();
    let body = Body::Propose(Proposal { operation, term: None });
    let reply = call.serve_in(datacenter, body).await.reply().await?;
    super::done(super::written(reply)?)?;
    Ok(Outcome::Ready(call.json(&true)))
}

async fn datacenters(call: Call) -> Result<Outcome, Refused> {
    let options = Options::of_freshness(&call.parameters, &call.head.headers)?;
    let names = match call.serve_in("", Body::Datacenters).await.reply().await? {
        Reply::Datacenters(names) => names,
        other => return Err(ask::unexpected(&other)),
    };
    let mut reply = call.json(&names);
    if options.cached {
        reply.headers_mut().insert(reply::X_CACHE, HeaderValue::from_static("HIT"));
        reply.headers_mut().insert(AGE, HeaderValue::from_static("0"));
    }
    Ok(Outcome::Ready(reply))
}
