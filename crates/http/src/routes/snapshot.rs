//! The whole state as an archive: `/v1/snapshot`.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use quorate_node::{Consistency, RestoreError};

use super::{Action, Doing, Outcome};
use crate::reply::{self, Body, Refused};
use crate::request::{self, Call};

pub(super) const GET: Action = Action::Do(|call| Box::pin(save(call)) as Doing);
pub(super) const PUT: Action = Action::Do(|call| Box::pin(restore(call)) as Doing);

async fn save(call: Call) -> Result<Outcome, Refused> {
    call.refuse_other_datacenter()?;
    let consistency = if call.parameters().has("stale") { Consistency::Stale } else { Consistency::Default };
    let freshness = call.server.node.ready(consistency).await?;
    let index = call.server.node.state().index().max(1);
    let pieces = call.server.node.save_archive(&call.server.settings.quorate_version);
    let mut reply = hyper::Response::new(Body::Pieces(pieces));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(reply::INDEX, HeaderValue::from(index));
    let known = if freshness.known_leader { "true" } else { "false" };
    headers.insert(reply::KNOWN_LEADER, HeaderValue::from_static(known));
    headers.insert(reply::LAST_CONTACT, HeaderValue::from(freshness.last_contact_ms));
    headers.insert(reply::QUERY_BACKEND, HeaderValue::from_static("blocking-query"));
    Ok(Outcome::Ready(reply))
}

async fn restore(mut call: Call) -> Result<Outcome, Refused> {
    call.refuse_other_datacenter()?;
    let mut restore = call.server.node.restore_archive();
    let stall_timeout = call.server.settings.stall_timeout;
    let fed: Result<(), Refused> = async {
        while let Some(piece) = request::next_piece(&mut call.body, stall_timeout).await? {
            restore.feed(&piece).await?;
        }
        Ok(restore.finish().await?)
    }
    .await;
    match fed {
        Ok(()) => Ok(Outcome::Ready(reply::whole(StatusCode::OK, Bytes::new()))),
        Err(refused) => {
            call.discard_rest().await;
            restore.abandon().await;
            Err(refused)
        }
    }
}

impl From<RestoreError> for Refused {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Propose(error) => error.into(),
            other => Self::internal(format!("failed to restore the snapshot: {other}")),
        }
    }
}
