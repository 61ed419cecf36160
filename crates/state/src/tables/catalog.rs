//! Nodes, services and checks, with the indices that questions about them need.

use std::sync::Arc;

use crate::tables::{Lookup, Name, Names, Set, Table, fold};
use crate::{Check, CheckStatus, Node, Service};

/// The catalog family. All names in keys are folded, but those of `names`.
///
/// - A service's node is in `nodes`; a check's too, and its service, if it names one, is in `services`.
/// - All tables but `nodes`, `services` and `checks` are those three seen from another side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Catalog {
    nodes: Table<Name, Arc<Node>>,
    /// Names by id.
    node_ids: Table<Name, Name>,
    /// By node and id.
    services: Table<Names<2>, Arc<Service>>,
    /// By name, node and id.
    instances: Set<Names<3>>,
    /// How many instances have a name, under the empty tag's `None`, and how many of these have a tag. Names and tags
    /// are as registered: `Web` and `web` are listed as two.
    names: Table<(Name, Option<Name>), usize>,
    /// By node and id.
    checks: Table<Names<2>, Arc<Check>>,
    /// By node, service id (empty for the node's own) and id.
    checks_by_instance: Set<Names<3>>,
    /// By service name, node and id.
    checks_by_service: Set<Names<3>>,
    checks_by_status: Set<(CheckStatus, Names<2>)>,
}

impl Catalog {
    /// The node of that name.
    pub(crate) fn node(&self, name: &str) -> Option<&Arc<Node>> {
        self.nodes.get(&*fold(name))
    }

    /// The node of that id.
    pub(crate) fn node_by_id(&self, id: &str) -> Option<&Arc<Node>> {
        self.nodes.get(self.node_ids.get(&*fold(id))?)
    }

    /// The nodes whose id starts so, in the order of their ids.
    pub(crate) fn nodes_by_id_prefix(&self, prefix: &str) -> impl Iterator<Item = &Arc<Node>> + use<'_> {
        let prefix = fold(prefix).into_owned();
        self.node_ids
            .from(&*prefix.clone())
            .take_while(move |(id, _)| id.starts_with(&prefix))
            .filter_map(|(_, name)| self.nodes.get(name))
    }

    /// All nodes, by name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> + use<'_> {
        self.nodes.values()
    }

    /// A service of a node.
    pub(crate) fn service(&self, node: &str, id: &str) -> Option<&Arc<Service>> {
        self.services.get(&Lookup([&fold(node), &fold(id)]))
    }

    /// The services of a node, by id.
    pub(crate) fn services_on(&self, node: &str) -> impl Iterator<Item = &Arc<Service>> + use<'_> {
        let node = fold(node).into_owned();
        self.services
            .from(&Lookup([&node, ""]))
            .take_while(move |(key, _)| *key.0[0] == *node)
            .map(|(_, service)| service)
    }

    /// All services, by node and id.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Arc<Service>> + use<'_> {
        self.services.values()
    }

    /// The instances of a service, by node and id.
    pub(crate) fn instances(&self, name: &str) -> impl Iterator<Item = (&Arc<Node>, &Arc<Service>)> + use<'_> {
        let name = fold(name).into_owned();
        self.instances.from(&Lookup([&name, "", ""])).take_while(move |(key, ())| *key.0[0] == *name).filter_map(
            |(key, ())| {
                let [_, node, id] = &key.0;
                Some((self.nodes.get(node)?, self.services.get(&Lookup([node, id]))?))
            },
        )
    }

    /// The names of services and, after each, its tags; sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, Option<&str>)> + use<'_> {
        self.names.iter().map(|((name, tag), _)| (&**name, tag.as_deref()))
    }

    /// A check of a node.
    pub(crate) fn check(&self, node: &str, id: &str) -> Option<&Arc<Check>> {
        self.checks.get(&Lookup([&fold(node), &fold(id)]))
    }

    /// The checks of a node and of its services, by id.
    pub(crate) fn checks_on(&self, node: &str) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        let node = fold(node).into_owned();
        self.checks.from(&Lookup([&node, ""])).take_while(move |(key, _)| *key.0[0] == *node).map(|(_, check)| check)
    }

    /// The checks of an instance, or those of the node itself if the id is empty; by id.
    pub(crate) fn checks_of(&self, node: &str, service: &str) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        let (node, service) = (fold(node).into_owned(), fold(service).into_owned());
        self.checks_by_instance
            .from(&Lookup([&node, &service, ""]))
            .take_while(move |(key, ())| *key.0[0] == *node && *key.0[1] == *service)
            .filter_map(|(key, ())| self.checks.get(&Lookup([&key.0[0], &key.0[2]])))
    }

    /// The checks of all instances of a service, by node and id.
    pub(crate) fn checks_of_service(&self, name: &str) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        let name = fold(name).into_owned();
        self.checks_by_service
            .from(&Lookup([&name, "", ""]))
            .take_while(move |(key, ())| *key.0[0] == *name)
            .filter_map(|(key, ())| self.checks.get(&Lookup([&key.0[1], &key.0[2]])))
    }

    /// All checks, by node and id.
    pub(crate) fn checks(&self) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.checks.values()
    }

    /// The checks in a state, by node and id.
    pub(crate) fn checks_in(&self, status: CheckStatus) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.checks_by_status
            .from(&(status, Names::new(["", ""])))
            .take_while(move |((other, _), ())| *other == status)
            .filter_map(|((_, key), ())| self.checks.get(key))
    }
}
