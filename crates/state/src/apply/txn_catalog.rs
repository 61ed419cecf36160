//! The verbs of a transaction on nodes, services and checks.

use std::sync::Arc;

use crate::apply::Outcome;
use crate::effects::Effects;
use crate::quote::quote;
use crate::{CatalogVerb, Check, Index, Node, Service, Stamp, State, TxnResult};

impl State {
    pub(super) fn txn_node(&mut self, verb: CatalogVerb, node: Node, effects: &mut Effects) -> Outcome<Vec<TxnResult>> {
        let stale = |verb: &str| Err(format!("failed to {verb} node {}, index is stale", quote(&node.name)));
        let old = self.catalog.node(&node.name).map(|old| old.stamp);
        match verb {
            CatalogVerb::Get => return self.txn_node_get(&node),
            CatalogVerb::Cas(index) if !may_write(old, index) => return stale("set"),
            CatalogVerb::DeleteCas(index) if !may_delete(old, index) => return stale("delete"),
            CatalogVerb::Delete | CatalogVerb::DeleteCas(_) => {
                self.remove_node(&node.name, effects);
                return Ok(Vec::new());
            }
            CatalogVerb::Set | CatalogVerb::Cas(_) => {}
        }
        self.put_node(node.clone(), effects)?;
        Ok(self.named(&node).map(|node| TxnResult::Node(node.clone())).into_iter().collect())
    }

    pub(super) fn txn_node_get(&self, node: &Node) -> Outcome<Vec<TxnResult>> {
        match self.named(node) {
            Some(found) => Ok(vec![TxnResult::Node(found.clone())]),
            None => Err(format!("node {} doesn't exist", quote(&node.name))),
        }
    }

    /// The node that an operation names: by its id if it gives one, else by its name.
    fn named(&self, node: &Node) -> Option<&Arc<Node>> {
        if node.id.is_empty() {
            return self.catalog.node(&node.name);
        }
        self.catalog.nodes_by_id_prefix(&node.id).next()
    }

    pub(super) fn txn_service(
        &mut self,
        verb: CatalogVerb,
        service: Service,
        effects: &mut Effects,
    ) -> Outcome<Vec<TxnResult>> {
        let (node, id) = (service.node.clone(), service.id.clone());
        let stale = |verb: &str| {
            Err(format!("failed to {verb} service {} on node {}, index is stale", quote(&id), quote(&node)))
        };
        let old = self.catalog.service(&node, &id).map(|old| old.stamp);
        match verb {
            CatalogVerb::Get => return self.txn_service_get(&service),
            CatalogVerb::Cas(index) if !may_write(old, index) => return stale("set"),
            CatalogVerb::DeleteCas(index) if !may_delete(old, index) => return stale("delete"),
            CatalogVerb::Delete | CatalogVerb::DeleteCas(_) => {
                self.remove_service(&node, &id, effects);
                return Ok(Vec::new());
            }
            CatalogVerb::Set | CatalogVerb::Cas(_) => {}
        }
        self.put_service(service, effects)?;
        let now = self.catalog.service(&node, &id);
        Ok(now.map(|service| TxnResult::Service(service.clone())).into_iter().collect())
    }

    pub(super) fn txn_service_get(&self, service: &Service) -> Outcome<Vec<TxnResult>> {
        match self.catalog.service(&service.node, &service.id) {
            Some(found) => Ok(vec![TxnResult::Service(found.clone())]),
            None => Err(format!("service {} on node {} doesn't exist", quote(&service.id), quote(&service.node))),
        }
    }

    pub(super) fn txn_check(
        &mut self,
        verb: CatalogVerb,
        check: Check,
        effects: &mut Effects,
    ) -> Outcome<Vec<TxnResult>> {
        let (node, id) = (check.node.clone(), check.id.clone());
        let stale =
            |verb: &str| Err(format!("failed to {verb} check {} on node {}, index is stale", quote(&id), quote(&node)));
        let old = self.catalog.check(&node, &id).map(|old| old.stamp);
        match verb {
            CatalogVerb::Get => return self.txn_check_get(&check),
            CatalogVerb::Cas(index) if !may_write(old, index) => return stale("set"),
            CatalogVerb::DeleteCas(index) if !may_delete(old, index) => return stale("delete"),
            CatalogVerb::Delete | CatalogVerb::DeleteCas(_) => {
                self.remove_check(&node, &id, effects);
                return Ok(Vec::new());
            }
            CatalogVerb::Set | CatalogVerb::Cas(_) => {}
        }
        self.put_check(check, effects)?;
        let now = self.catalog.check(&node, &id);
        Ok(now.map(|check| TxnResult::Check(check.clone())).into_iter().collect())
    }

    pub(super) fn txn_check_get(&self, check: &Check) -> Outcome<Vec<TxnResult>> {
        match self.catalog.check(&check.node, &check.id) {
            Some(found) => Ok(vec![TxnResult::Check(found.clone())]),
            None => Err(format!("check {} on node {} doesn't exist", quote(&check.id), quote(&check.node))),
        }
    }
}

/// Whether an entry may be written that was last changed at that index; 0: that is not there.
fn may_write(old: Option<Stamp>, index: Index) -> bool {
    old.map_or(0, |stamp| stamp.modified) == index
}

/// Whether an entry may be deleted: it is there and was last changed at that index.
fn may_delete(old: Option<Stamp>, index: Index) -> bool {
    old.is_some_and(|stamp| stamp.modified == index)
}
