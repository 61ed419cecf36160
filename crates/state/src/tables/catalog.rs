//! Nodes, services and checks, with the indices that questions about them need.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::tables::{Addresses, Lookup, Name, Names, Set, Table, fold};
use crate::{Check, CheckStatus, Node, Service};

/// The catalog family. All names in keys are folded, but those of `names`.
///
/// - A service's node is in `nodes`; a check's too, and its service, if it names one, is in `services`.
/// - All tables but `nodes`, `services` and `checks` are those three seen from another side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Catalog {
    nodes: Table<Name, Arc<Node>>,
    /// By id and name. Only records that no sound state gives let two nodes have one id; the first name counts then.
    node_ids: Set<Names<2>>,
    /// By address and name.
    nodes_by_address: Addresses<Name>,
    /// By node and id.
    services: Table<Names<2>, Arc<Service>>,
    /// By name, node and id.
    instances: Set<Names<3>>,
    /// By address of its own, node and id.
    services_by_address: Addresses<Names<2>>,
    /// How many instances have a name, under `None`, and how many of them have a tag. Names and tags are as registered:
    /// `Web` and `web` are listed as two.
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
        let id = fold(id);
        let (key, ()) = self.node_ids.starting_at(&Lookup([&id, ""])).next()?;
        if key.name(0) == id { self.nodes.get(key.name(1)) } else { None }
    }

    /// The nodes whose id starts so, in the order of their ids.
    pub(crate) fn nodes_by_id_prefix(&self, prefix: &str) -> impl Iterator<Item = &Arc<Node>> + use<'_> {
        let prefix = fold(prefix).into_owned();
        self.node_ids
            .starting_at(&Lookup([&prefix, ""]))
            .take_while(move |(key, ())| key.name(0).starts_with(&prefix))
            .filter_map(|(key, ())| self.nodes.get(key.name(1)))
    }

    /// The nodes at an address, by name.
    pub(crate) fn nodes_at(&self, address: IpAddr) -> impl Iterator<Item = &Arc<Node>> + use<'_> {
        self.nodes_by_address.at(address).filter_map(|name| self.nodes.get(name))
    }

    /// How many nodes there are.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many services there are on all nodes.
    pub(crate) fn service_count(&self) -> usize {
        self.services.len()
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
            .starting_at(&Lookup([&node, ""]))
            .take_while(move |(key, _)| key.name(0) == node)
            .map(|(_, service)| service)
    }

    /// All services, by node and id.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Arc<Service>> + use<'_> {
        self.services.values()
    }

    /// The services that have this address of their own, by node and id.
    pub(crate) fn services_at(&self, address: IpAddr) -> impl Iterator<Item = &Arc<Service>> + use<'_> {
        self.services_by_address.at(address).filter_map(|key| self.services.get(key))
    }

    /// The instances of a service, by node and id.
    pub(crate) fn instances(&self, name: &str) -> impl Iterator<Item = (&Arc<Node>, &Arc<Service>)> + use<'_> {
        self.instance_keys(name).filter_map(|key| {
            let (node, id) = (key.name(1), key.name(2));
            Some((self.nodes.get(node)?, self.services.get(&Lookup([node, id]))?))
        })
    }

    /// The nodes that instances of a service are on, by name, folded, each once.
    pub(crate) fn nodes_of_service(&self, name: &str) -> impl Iterator<Item = &str> + use<'_> {
        let mut last = None;
        self.instance_keys(name).map(|key| key.name(1)).filter(move |node| last.replace(*node) != Some(*node))
    }

    fn instance_keys(&self, name: &str) -> impl Iterator<Item = &Names<3>> + use<'_> {
        let name = fold(name).into_owned();
        self.instances
            .starting_at(&Lookup([&name, "", ""]))
            .take_while(move |(key, ())| key.name(0) == name)
            .map(|(key, ())| key)
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
        self.checks
            .starting_at(&Lookup([&node, ""]))
            .take_while(move |(key, _)| key.name(0) == node)
            .map(|(_, check)| check)
    }

    /// The checks of an instance, or those of the node itself if the id is empty; by id.
    pub(crate) fn checks_of(&self, node: &str, service: &str) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        let (node, service) = (fold(node).into_owned(), fold(service).into_owned());
        self.checks_by_instance
            .starting_at(&Lookup([&node, &service, ""]))
            .take_while(move |(key, ())| key.name(0) == node && key.name(1) == service)
            .filter_map(|(key, ())| self.checks.get(&Lookup([key.name(0), key.name(2)])))
    }

    /// The checks of all instances of a service, by node and id.
    pub(crate) fn checks_of_service(&self, name: &str) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        let name = fold(name).into_owned();
        self.checks_by_service
            .starting_at(&Lookup([&name, "", ""]))
            .take_while(move |(key, ())| key.name(0) == name)
            .filter_map(|(key, ())| self.checks.get(&Lookup([key.name(1), key.name(2)])))
    }

    /// All checks, by node and id.
    pub(crate) fn checks(&self) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.checks.values()
    }

    /// The checks in a state, by node and id.
    pub(crate) fn checks_in(&self, status: CheckStatus) -> impl Iterator<Item = &Arc<Check>> + use<'_> {
        self.checks_by_status
            .starting_at(&(status, Names::new(["", ""])))
            .take_while(move |((other, _), ())| *other == status)
            .filter_map(|((_, key), ())| self.checks.get(key))
    }

    /// Puts a node in the place of the one of that name.
    pub(crate) fn put_node(&mut self, node: Arc<Node>) {
        let name: Name = fold(&node.name).into();
        let id = fold(&node.id);
        if let Some(old) = self.nodes.insert(name.clone(), node.clone()) {
            self.remove_node_indices(&name, &old);
        }
        if !id.is_empty() {
            self.node_ids.insert(Names::new([&id, &name]), ());
        }
        self.nodes_by_address.insert(&node.address, name);
    }

    /// Removes a node, on which nothing is left.
    pub(crate) fn remove_node(&mut self, name: &str) {
        let name: Name = fold(name).into();
        if let Some(old) = self.nodes.remove(&*name) {
            self.remove_node_indices(&name, &old);
        }
    }

    fn remove_node_indices(&mut self, name: &Name, old: &Node) {
        self.node_ids.remove(&Lookup([&fold(&old.id), name]));
        self.nodes_by_address.remove(&old.address, name.clone());
    }

    /// Puts a service in the place of the one of that node and id. Tells whether a name or a tag appeared or went.
    pub(crate) fn put_service(&mut self, service: Arc<Service>) -> bool {
        let key = Names::new([&fold(&service.node), &fold(&service.id)]);
        let appeared = self.add_names(&service);
        let went = match self.services.insert(key.clone(), service.clone()) {
            Some(old) => self.remove_service_indices(&key, &old),
            None => false,
        };
        self.instances.insert(instance_key(&service), ());
        self.services_by_address.insert(&service.address, key);
        appeared || went
    }

    /// Removes a service. Tells whether a name or a tag went.
    pub(crate) fn remove_service(&mut self, node: &str, id: &str) -> bool {
        let key = Names::new([&fold(node), &fold(id)]);
        let Some(old) = self.services.remove(&key) else { return false };
        self.remove_service_indices(&key, &old)
    }

    /// Removes a service from all tables but that of services. Tells whether a name or a tag went.
    fn remove_service_indices(&mut self, key: &Names<2>, old: &Service) -> bool {
        self.instances.remove(&instance_key(old));
        self.services_by_address.remove(&old.address, key.clone());
        self.remove_names(old)
    }

    /// Puts a check in the place of the one of that node and id.
    pub(crate) fn put_check(&mut self, check: Arc<Check>) {
        let key = Names::new([&fold(&check.node), &fold(&check.id)]);
        if let Some(old) = self.checks.insert(key.clone(), check.clone()) {
            self.remove_check_indices(&key, &old);
        }
        let (node, id) = (key.name(0), key.name(1));
        self.checks_by_instance.insert(Names::new([node, &fold(&check.service_id), id]), ());
        if !check.service_name.is_empty() {
            self.checks_by_service.insert(Names::new([&fold(&check.service_name), node, id]), ());
        }
        self.checks_by_status.insert((check.status, key), ());
    }

    /// Removes a check.
    pub(crate) fn remove_check(&mut self, node: &str, id: &str) {
        let key = Names::new([&fold(node), &fold(id)]);
        if let Some(old) = self.checks.remove(&key) {
            self.remove_check_indices(&key, &old);
        }
    }

    fn remove_check_indices(&mut self, key: &Names<2>, old: &Check) {
        let (node, id) = (key.name(0), key.name(1));
        self.checks_by_instance.remove(&Lookup([node, &fold(&old.service_id), id]));
        self.checks_by_service.remove(&Lookup([&fold(&old.service_name), node, id]));
        self.checks_by_status.remove(&(old.status, key.clone()));
    }

    /// Counts an instance's name and tags; tells whether one of them is new.
    fn add_names(&mut self, service: &Service) -> bool {
        let mut appeared = false;
        for key in counted_names(service) {
            let count = self.names.get(&key).copied().unwrap_or(0);
            appeared |= count == 0;
            self.names.insert(key, count + 1);
        }
        appeared
    }

    /// Takes an instance's name and tags from the counts; tells whether one of them was the last.
    fn remove_names(&mut self, service: &Service) -> bool {
        let mut went = false;
        for key in counted_names(service) {
            match self.names.get(&key).copied().unwrap_or(0) {
                0 | 1 => {
                    self.names.remove(&key);
                    went = true;
                }
                count => {
                    self.names.insert(key, count - 1);
                }
            }
        }
        went
    }
}

fn instance_key(service: &Service) -> Names<3> {
    Names::new([&fold(&service.name), &fold(&service.node), &fold(&service.id)])
}

/// What an instance counts for: its name, and its name with each tag, once.
fn counted_names(service: &Service) -> BTreeSet<(Name, Option<Name>)> {
    let name: Name = (&*service.name).into();
    let tags = service.tags.iter().map(|tag| Some(Name::from(&**tag)));
    std::iter::once(None).chain(tags).map(|tag| (name.clone(), tag)).collect()
}
