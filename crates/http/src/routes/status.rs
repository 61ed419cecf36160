//! Who leads, and who takes part: `/v1/status/` and `/v1/operator/raft/configuration`.

use quorate_api as api;
use quorate_node::{Body, Knowing, Reply, Status};

use super::{Action, Doing};
use crate::ask;
use crate::call::Call;
use crate::reply::{Outcome, Refused};

pub(super) const LEADER: Action = Action::Do(|call| Box::pin(leader(call)) as Doing);
pub(super) const PEERS: Action = Action::Do(|call| Box::pin(peers(call)) as Doing);
pub(super) const RAFT_CONFIGURATION: Action = Action::Do(|call| Box::pin(raft_configuration(call)) as Doing);

/// The version of Consul's Raft protocol whose ways this is: servers are known by id.
const PROTOCOL_VERSION: &str = "3";

/// What this node knows of its own cluster, whatever datacenter the query names.
pub(super) async fn own_status(call: &Call) -> Result<Box<Status>, Refused> {
    status_in(call.serve_in("", Body::Status(Knowing::Local)).await.reply().await?)
}

/// What is known in the datacenter that the query names.
async fn status(call: &Call, knowing: Knowing) -> Result<Box<Status>, Refused> {
    status_in(call.serve_now(Body::Status(knowing)).await?)
}

fn status_in(reply: Reply) -> Result<Box<Status>, Refused> {
    match reply {
        Reply::Status(status) => Ok(status),
        other => Err(ask::unexpected(&other)),
    }
}

async fn leader(call: Call) -> Result<Outcome, Refused> {
    call.options()?;
    let status = status(&call, Knowing::Local).await?;
    let address = status.leader().map_or("", |leader| &*leader.address);
    Ok(Outcome::Ready(call.json(address)))
}

async fn peers(call: Call) -> Result<Outcome, Refused> {
    call.options()?;
    let status = status(&call, Knowing::Local).await?;
    let addresses: Vec<&str> = status.servers.iter().map(|server| &*server.address).collect();
    Ok(Outcome::Ready(call.json(&addresses)))
}

async fn raft_configuration(call: Call) -> Result<Outcome, Refused> {
    let options = call.options()?;
    let status = status(&call, Knowing::After(options.consistency)).await?;
    let servers = status.servers.iter().map(|server| api::RaftServer {
        id: server.id.to_string().into(),
        node: (&*server.name).into(),
        address: (&*server.address).into(),
        leader: server.leader,
        protocol_version: PROTOCOL_VERSION.into(),
        voter: server.voter,
    });
    let configuration = api::RaftConfiguration { servers: servers.collect(), index: 0 };
    Ok(Outcome::Ready(call.json(&configuration)))
}
