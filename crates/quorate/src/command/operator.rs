//! `operator raft list-peers`.

use super::connect::{client, query};
use super::output::{Failure, columns, print};
use crate::flags::ListPeersFlags;

/// Prints the servers that agree on the state.
pub(super) async fn list_peers(flags: &ListPeersFlags) -> Result<(), Failure> {
    let client = client(&flags.http, None)?;
    let failed = "Error getting peers: Failed to retrieve raft configuration";
    let configuration = client.raft_configuration(&query(&flags.http)).await.map_err(Failure::of(failed))?;
    let heading = ["Node", "ID", "Address", "State", "Voter", "RaftProtocol"].map(str::to_owned).to_vec();
    let servers = configuration.servers.into_iter().map(|server| {
        let state = if server.leader { "leader" } else { "follower" };
        let protocol = if server.protocol_version.is_empty() { "<=1" } else { &server.protocol_version };
        let cells = [&server.node, &server.id, &server.address, state, &server.voter.to_string(), protocol];
        cells.map(str::to_owned).to_vec()
    });
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(servers).collect();
    print(columns(&rows, "", 2))
}
