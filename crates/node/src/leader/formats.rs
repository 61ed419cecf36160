//! Going over to a newer format once every member reads it.

use std::time::Duration;

use quorate_consensus::{BoxFuture, Member, NodeId};
use quorate_state::{Format, Operation, Response};
use tracing::{info, warn};

use super::{Duty, Leader, interval};
use crate::message;
use crate::request::{Body, Knowing, Reply, Request};

/// How often the leader asks members that read only older formats. An upgrade takes minutes.
const GRANULARITY: Duration = Duration::from_secs(10);
/// How long a member may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Activates the newest format that all members read, so that the leader writes nothing that one of them does not know.
pub(super) struct ActivateFormats;

impl Duty for ActivateFormats {
    fn run(&self, leader: Leader) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut round = interval(GRANULARITY);
            while leader.node().published().format() < leader.node().format_newest() {
                round.tick().await;
                if let Some(format) = newest_of_all(&leader).await
                    && format > leader.node().published().format()
                {
                    activate(&leader, format).await;
                }
            }
        })
    }
}

/// The newest format that every member reads; `None` if one of them does not answer.
async fn newest_of_all(leader: &Leader) -> Option<Format> {
    let members = leader.node().consensus().status().borrow().members.members.clone();
    let mut newest = leader.node().format_newest();
    for (id, member) in members.iter().filter(|(id, _)| **id != leader.node().id()) {
        newest = newest.min(newest_of(leader, *id, member).await?);
    }
    Some(newest)
}

async fn newest_of(leader: &Leader, id: NodeId, member: &Member) -> Option<Format> {
    let request = Request::local(Body::Status(Knowing::Local));
    let request = message::encode_request(&request, leader.node().published().format()).ok()?;
    let reply = leader.node().peers()?.ask(id, member, request, PATIENCE).await.ok()?;
    match message::decode_reply(&reply) {
        Ok(Ok(Reply::Status(status))) => Some(status.format_newest),
        _ => None,
    }
}

async fn activate(leader: &Leader, format: Format) {
    match leader.propose(&Operation::ActivateFormat(format)).await {
        Ok(Response::Refused(refusal)) => warn!(format, %refusal, "the format could not be activated"),
        Ok(_) => info!(format, "all servers read this format: it is written from now on"),
        Err(error) => warn!(format, %error, "the format could not be activated yet"),
    }
}
