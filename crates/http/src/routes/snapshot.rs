//! The whole state as an archive: `/v1/snapshot`.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use quorate_node::{Body, Consistency, Reply, RestoreError};

use super::{Action, Doing};
use crate::ask;
use crate::body::Pace;
use crate::call::Call;
use crate::reply::{self, Outcome, Refused};

pub(super) const GET: Action = Action::Do(|call| Box::pin(save(call)) as Doing);
pub(super) const PUT: Action = Action::Do(|call| Box::pin(restore(call)) as Doing);

async fn save(call: Call) -> Result<Outcome, Refused> {
    let consistency = if call.parameters.has("stale") { Consistency::STALE } else { Consistency::Default };
    let archive = match call.serve_now(Body::Save(consistency)).await? {
        Reply::Archive(archive) => archive,
        other => return Err(ask::unexpected(&other)),
    };
    let mut reply = hyper::Response::new(reply::Body::Pieces(archive.pieces));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    ask::show_freshness(&mut reply, archive.index, archive.freshness);
    Ok(Outcome::Ready(reply))
}

async fn restore(mut call: Call) -> Result<Outcome, Refused> {
    let mut restore = call.server.node.restore_archive(&call.parameters.first("dc"), call.caller(), call.peer)?;
    let mut pace = Pace::new(call.server.settings.stall_timeout);
    let fed: Result<(), Refused> = async {
        while let Some(piece) = pace.next_piece(&mut call.body).await? {
            restore.feed(&piece).await?;
        }
        Ok(restore.finish().await?)
    }
    .await;
    match fed {
        Ok(()) => Ok(Outcome::Ready(reply::whole(StatusCode::OK, Bytes::new()))),
        Err(refused) => {
            drop(restore);
            call.discard_rest().await;
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
