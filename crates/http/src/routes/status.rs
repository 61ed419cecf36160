//! Who leads, and who takes part: `/v1/status/` and `/v1/operator/raft/configuration`.

use quorate_api as api;

use super::{Action, Doing, Outcome};
use crate::reply::Refused;
use crate::request::{self, Call};

pub(super) const LEADER: Action = Action::Do(|call| Box::pin(leader(call)) as Doing);
pub(super) const PEERS: Action = Action::Do(|call| Box::pin(peers(call)) as Doing);
pub(super) const RAFT_CONFIGURATION: Action = Action::Do(|call| Box::pin(raft_configuration(call)) as Doing);

/// The version of Consul's Raft protocol whose ways this is: servers are known by id.
const PROTOCOL_VERSION: &str = "3";

fn check_options(call: &Call) -> Result<(), Refused> {
    if call.options()?.other_datacenter { Err(request::no_path()) } else { Ok(()) }
}

async fn leader(call: Call) -> Result<Outcome, Refused> {
    check_options(&call)?;
    let status = call.server.node.status();
    let address = status.leader().map_or("", |leader| &*leader.address);
    Ok(Outcome::Ready(call.json(address)))
}

async fn peers(call: Call) -> Result<Outcome, Refused> {
    check_options(&call)?;
    let status = call.server.node.status();
    let addresses: Vec<&str> = status.servers.iter().map(|server| &*server.address).collect();
    Ok(Outcome::Ready(call.json(&addresses)))
}

async fn raft_configuration(call: Call) -> Result<Outcome, Refused> {
    let options = call.options()?;
    if options.other_datacenter {
        return Err(request::no_path());
    }
    call.server.node.ready(options.consistency).await?;
    let status = call.server.node.status();
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
