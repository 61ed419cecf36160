//! One leader per term: a term never has two servers that lead it.

use std::collections::BTreeMap;

use quorate_node::{NodeId, Role, Rpc};

use super::{Property, View};

#[derive(Default)]
pub(super) struct OneLeader {
    by_term: BTreeMap<u64, NodeId>,
}

impl OneLeader {
    fn leads(&mut self, term: u64, id: NodeId) -> Result<(), String> {
        match *self.by_term.entry(term).or_insert(id) {
            first if first == id => Ok(()),
            first => Err(format!("term {term} is led by {first} and by {id}")),
        }
    }
}

impl Property for OneLeader {
    fn check(&mut self, view: &View<'_>) -> Result<(), String> {
        for (_, _, rpc) in view.delivered {
            if let Rpc::AppendEntries(append) = rpc {
                self.leads(append.vote.term, append.vote.node)?;
            }
        }
        for server in view.servers.iter().filter(|server| server.status.role == Role::Leader) {
            self.leads(server.status.term, server.status.id)?;
        }
        Ok(())
    }
}
