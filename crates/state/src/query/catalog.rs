//! Questions about the catalog. Names match without regard to case.

use std::net::IpAddr;
use std::sync::Arc;

use crate::{Check, CheckStatus, Node, Service, State};

/// How long a text must be to be tried as the beginning of a node's id.
const NODE_ID_PREFIX_BYTES_MIN: usize = 2;

/// How many hyphens such a text may have.
const NODE_ID_HYPHENS_MAX: usize = 4;

/// The beginning of an id with its hyphens where ids have them.
fn hyphenated(prefix: &str) -> String {
    let mut text = String::with_capacity(prefix.len() + NODE_ID_HYPHENS_MAX);
    for character in prefix.chars().filter(|character| *character != '-') {
        if matches!(text.len(), 8 | 13 | 18 | 23) {
            text.push('-');
        }
        text.push(character);
    }
    text
}

impl State {
    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&Arc<Node>> {
        self.catalog.node(name)
    }

    /// The node of that id.
    pub fn node_by_id(&self, id: &str) -> Option<&Arc<Node>> {
        self.catalog.node_by_id(id)
    }

    /// The node of that name or, if there is none, the only one whose id starts so. As in 1.13.9 such a beginning is at
    /// least two characters, and of an odd number the last one is not looked at; without its hyphens, of which there
    /// are four at most wherever they stand, it must then be of an even number.
    pub fn node_by_name_or_id_prefix(&self, text: &str) -> Option<&Arc<Node>> {
        if let Some(node) = self.catalog.node(text) {
            return Some(node);
        }
        let prefix = text.get(..text.len() & !1)?;
        if prefix.len() < NODE_ID_PREFIX_BYTES_MIN {
            return None;
        }
        let hyphens = prefix.bytes().filter(|byte| *byte == b'-').count();
        if hyphens > NODE_ID_HYPHENS_MAX || (prefix.len() - hyphens) % 2 != 0 {
            return None;
        }
        let mut found = self.catalog.nodes_by_id_prefix(&hyphenated(prefix));
        found.next().filter(|_| found.next().is_none())
    }

    /// The nodes whose address is this one, however it is written; by name.
    pub fn nodes_at(&self, address: IpAddr) -> impl Iterator<Item = &Arc<Node>> + use<'_> {
        self.catalog.nodes_at(address)
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.catalog.node_count()
    }

    /// How many instances of services there are.
    pub fn instance_count(&self) -> usize {
        self.catalog.service_count()
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> + use<'_> {
        self.catalog.nodes()
    }

    /// A service of a node.
    pub fn service_on(&self, node: &str, id: &str) -> Option<&Arc<Service>> {
        self.catalog.service(node, id)
    }

    /// The services of a node, by id.
    pub fn services_on(&self, node: &str) -> impl Iterator<Item = &Arc<Service>> + use<'_> {
        self.catalog.services_on(node)
    }

    /// The instances of a service, by node and id.
    pub fn instances(&self, service_name: &str) -> impl Iterator<Item = (&Arc<Node>, &Arc<Service>)> + use<'_> {
        self.catalog.instances(service_name)
    }

    /// The services whose own address is this one, however it is written; by node and id.
    pub fn services_at(&self, address: IpAddr) -> impl Iterator<Item = &Arc<Service>> + use<'_> {
        self.catalog.services_at(address)
    }

    /// The names of services, sorted, each once; `Web` and `web` are two, as they are in 1.13.9.
    pub fn service_names(&self) -> impl Iterator<Item = &str> + use<'_> {
        self.catalog.names().filter(|(_, tag)| tag.is_none()).map(|(name, _)| name)
    }

    /// Each name of a service, once without a tag and then once with each tag that an instance has; sorted.
    pub fn service_tags(&self) -> impl Iterator<Item = (&str, Option<&str>)> + use<'_> {
        self.catalog.names()
    }

    /// All services, by node and id.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> + use<'_> {
        self.catalog.services()
    }

    /// A check of a node or of one of its services.
    pub fn check(&self, node: &str, id: &str) -> Option<&Arc<Check>> {
        self.catalog.check(node, id)
    }

    /// The checks of a node and of its services, by id.
    pub fn checks_on(&self, node: &str) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.catalog.checks_on(node)
    }

    /// The checks of a node itself, by id.
    pub fn checks_of_node(&self, node: &str) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.catalog.checks_of(node, "")
    }

    /// The checks of one instance, by id.
    pub fn checks_of_instance(&self, node: &str, service_id: &str) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.catalog.checks_of(node, service_id)
    }

    /// The checks of all instances of a service, by node and id.
    pub fn checks_of_service(&self, service_name: &str) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.catalog.checks_of_service(service_name)
    }

    /// All checks, by node and id.
    pub fn checks(&self) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.catalog.checks()
    }

    /// The checks in a state, by node and id.
    pub fn checks_in(&self, status: CheckStatus) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.catalog.checks_in(status)
    }
}
