//! Answers: what is looked up, found in the catalog and put into records.
//!
//! A name of the zone that does not exist is answered NXDOMAIN, one that has nothing of the type asked for with no
//! record at all (RFC 2308's NODATA); both carry the SOA record, whose time says how long that may be kept. A service
//! of which no instance is in service does not exist: so it is in Consul, and clients take it for that.

use std::collections::HashSet;

use domain::base::iana::{Rcode, Rtype};
use quorate_state::Node;

use crate::catalog::{self, Family, Instance, Place};
use crate::finder::{End, Finder};
use crate::follow::FOLLOWED_MAX;
use crate::name::{Lookup, Target};
use crate::record::{Answer, Data, Owner, Record};
use crate::wire_name::WireName;

/// The service that the servers themselves register.
const SERVERS: &str = "consul";
/// The most servers that are told as name servers, as in Consul: with their addresses they fit into 512 bytes.
const NAME_SERVERS_MAX: usize = 3;

impl<'s> Finder<'s, '_> {
    /// The answer to a question about this name.
    pub(crate) fn answer(&mut self, lookup: Lookup<'_>, kind: Rtype) -> Answer<'s> {
        let mut answer = Answer::empty();
        self.end = End::Somewhere;
        let exists = match lookup {
            Lookup::Apex => self.apex(kind, &mut answer),
            Lookup::NameServer => self.name_server(kind, &mut answer),
            Lookup::Parent => true,
            Lookup::Node(name) => self.node(name, kind, &mut answer),
            Lookup::Service { name, tag } => self.service(name, tag, kind, &mut answer),
            Lookup::Address(address) => {
                if Family::of(kind).has(address) && matches!(kind, Rtype::A | Rtype::AAAA | Rtype::ANY) {
                    answer.answers.push(self.record(Owner::Question, self.node_ttl(), Data::Address(address)));
                }
                true
            }
            Lookup::Nothing | Lookup::Outside | Lookup::Reverse(_) => false,
        };
        // The code speaks of the name that the last one leads to (RFC 6604).
        answer.rcode = match self.end {
            End::Outside(rcode) => rcode,
            End::NoName => Rcode::NXDOMAIN,
            _ if exists => Rcode::NOERROR,
            _ => Rcode::NXDOMAIN,
        };
        if answer.answers.is_empty() || matches!(self.end, End::NoData | End::NoName) {
            answer.authority = vec![self.soa()];
        }
        answer
    }

    /// The name of the node or, if there is none, of the service at an address; `None` if nothing is there that DNS has
    /// a name for.
    pub(crate) fn reverse(&mut self, address: std::net::IpAddr, kind: Rtype) -> Option<Answer<'s>> {
        let nodes = self.state.nodes_at(address).map(|node| Target::Node(&node.name));
        let services = self.state.services_at(address).map(|service| Target::Service(&service.name));
        let target = nodes.chain(services).find(|target| self.is_writable(*target))?;
        let mut answer = Answer::empty();
        // The name is there for the other types, too, and has nothing of them.
        if matches!(kind, Rtype::PTR | Rtype::ANY) {
            answer.answers.push(self.record(Owner::Question, self.node_ttl(), Data::Ptr(target)));
        }
        Some(answer)
    }

    fn soa(&self) -> Record<'s> {
        self.record(Owner::Zone, self.zone.settings.soa.min_ttl, Data::Soa)
    }

    fn apex(&mut self, kind: Rtype, answer: &mut Answer<'s>) -> bool {
        let is_any = kind == Rtype::ANY;
        if is_any || kind == Rtype::SOA {
            answer.answers.push(self.soa());
        }
        for node in self.servers() {
            let record = self.record(Owner::Zone, self.node_ttl(), Data::Ns(Target::Node(&node.name)));
            let place = catalog::node_place(node, Family::Any);
            let owner = if is_any || kind == Rtype::NS {
                answer.answers.push(record);
                Owner::Target(answer.answers.len() - 1)
            } else if kind == Rtype::SOA {
                answer.authority.push(record);
                Owner::NameServer(answer.authority.len() - 1)
            } else {
                continue;
            };
            if let Some(Place::Address(address)) = place {
                answer.additional.push(self.record(owner, self.node_ttl(), Data::Address(address)));
            }
        }
        true
    }

    /// `ns` of the zone stands for all servers.
    fn name_server(&mut self, kind: Rtype, answer: &mut Answer<'s>) -> bool {
        let family = Family::of(kind);
        if !matches!(kind, Rtype::A | Rtype::AAAA | Rtype::ANY) {
            return true;
        }
        for node in self.servers() {
            match catalog::node_place(node, family) {
                Some(Place::Address(address)) if family.has(address) => {
                    answer.answers.push(self.record(Owner::Question, self.node_ttl(), Data::Address(address)));
                }
                _ => {}
            }
        }
        true
    }

    /// Servers whose names DNS can carry, a few in a random order.
    fn servers(&mut self) -> Vec<&'s Node> {
        let instances = catalog::in_service(self.state, SERVERS, None, false);
        let mut nodes: Vec<&Node> = instances.iter().map(|instance| instance.node).collect();
        nodes.retain(|node| self.is_writable(Target::Node(&node.name)));
        nodes.dedup_by_key(|node| &node.name);
        self.random.shuffle(&mut nodes);
        nodes.truncate(NAME_SERVERS_MAX);
        nodes
    }

    fn node(&mut self, name: &str, kind: Rtype, answer: &mut Answer<'s>) -> bool {
        let Some(node) = self.state.node(name) else { return false };
        let ttl = self.node_ttl();
        let has_texts = kind == Rtype::TXT && !node.meta.is_empty();
        if let Some(place) = self.node_place(node, Family::of(kind)).filter(|_| !has_texts) {
            self.place(place, kind, ttl, answer);
        }
        let into = match kind {
            Rtype::TXT if !has_texts => return true,
            Rtype::TXT | Rtype::ANY => &mut answer.answers,
            _ if !answer.answers.is_empty() && self.zone.settings.node_meta_txt => &mut answer.additional,
            _ => return true,
        };
        into.extend(catalog::meta_texts(&node.meta).map(|text| Record {
            owner: Owner::Question,
            ttl,
            data: Data::Txt(text),
        }));
        true
    }

    /// The answer that is one place: its address, or its name and where that leads.
    fn place(&mut self, place: Place<'s>, kind: Rtype, ttl: u32, answer: &mut Answer<'s>) {
        match place {
            Place::Address(address) => {
                if matches!(kind, Rtype::A | Rtype::AAAA | Rtype::ANY) && Family::of(kind).has(address) {
                    answer.answers.push(self.record(Owner::Question, ttl, Data::Address(address)));
                }
            }
            Place::Name(name) => {
                if !self.is_writable(Target::Text(name)) {
                    return;
                }
                answer.answers.push(self.record(Owner::Question, ttl, Data::Cname(Target::Text(name))));
                // It is the answer for any type (RFC 1034, 3.6.2); where it leads is looked up for those that have an end.
                if matches!(kind, Rtype::A | Rtype::AAAA | Rtype::ANY) {
                    self.end = self.follow(name, kind, Owner::Target(0), &mut answer.answers, 0);
                }
            }
        }
    }

    /// Whether DNS can carry a name.
    fn is_writable(&self, target: Target<'s>) -> bool {
        WireName::of(target, self.zone, self.domain).is_some()
    }

    fn service(&mut self, name: &str, tag: Option<&str>, kind: Rtype, answer: &mut Answer<'s>) -> bool {
        let mut instances: Vec<Instance<'s>> = match self.known {
            Some(known) => known.iter().map(Instance::from).collect(),
            None => self.in_service(name, tag),
        };
        if instances.is_empty() {
            // Below a protocol are the names of all services in the form of RFC 2782, so it exists (RFC 8020).
            return tag.is_none() && name.starts_with('_');
        }
        let ttl = self.zone.service_ttl(name);
        self.random.shuffle(&mut instances);
        match kind {
            Rtype::SRV => self.instances(&instances, ttl, answer),
            _ => self.addresses(&instances, kind, ttl, answer),
        }
        true
    }

    /// The addresses of instances, each once, as many as are wanted. Names can't stand beside addresses, nor beside each
    /// other: if there are only names, the first is the answer.
    fn addresses(&mut self, instances: &[Instance<'s>], kind: Rtype, ttl: u32, answer: &mut Answer<'s>) {
        let family = Family::of(kind);
        let limit = match self.zone.settings.a_record_limit {
            0 => usize::MAX,
            limit => limit,
        };
        let is_wanted = matches!(kind, Rtype::A | Rtype::AAAA | Rtype::ANY);
        let (mut known, mut name, mut has_address) = (HashSet::new(), None, false);
        for instance in instances {
            let Some(place) = self.place_of(instance, family) else { continue };
            let address = match place {
                Place::Address(address) => address,
                Place::Name(text) => {
                    name.get_or_insert(text);
                    continue;
                }
            };
            has_address = true;
            if known.len() == limit {
                break;
            }
            if !is_wanted {
                break;
            }
            if !family.has(address) || !known.insert(address) {
                continue;
            }
            if known.len() > self.answers_max {
                answer.is_partial = true;
                break;
            }
            answer.answers.push(self.record(Owner::Question, ttl, Data::Address(address)));
        }
        if let Some(name) = name.filter(|_| !has_address) {
            self.place(Place::Name(name), kind, ttl, answer);
        }
    }

    /// The SRV records of instances, with the addresses of their targets.
    fn instances(&mut self, instances: &[Instance<'s>], ttl: u32, answer: &mut Answer<'s>) {
        // Instances on one node at one port are one target; those at several ports share what belongs to the target.
        let (mut known, mut targets) = (HashSet::new(), HashSet::new());
        for instance in instances {
            let Some(place) = self.place_of(instance, Family::Any) else { continue };
            let Some(target) = self.target(instance, place) else { continue };
            let (weight, port) = (instance.weight(), instance.port());
            if !known.insert((port, target)) {
                continue;
            }
            let number = answer.answers.len();
            if number == self.answers_max {
                answer.is_partial = true;
                return;
            }
            answer.answers.push(self.record(Owner::Question, ttl, Data::Srv { weight, port, target }));
            if !targets.insert(target) {
                if let Place::Address(address) = place {
                    answer.additional.push(self.record(Owner::TargetAgain(number), ttl, Data::Address(address)));
                }
                continue;
            }
            match place {
                Place::Address(address) => {
                    answer.additional.push(self.record(Owner::Target(number), ttl, Data::Address(address)));
                }
                Place::Name(name) => {
                    self.follow(name, Rtype::ANY, Owner::Target(number), &mut answer.additional, FOLLOWED_MAX);
                }
            }
            if matches!(target, Target::Node(_)) && self.zone.settings.node_meta_txt {
                answer.additional.extend(catalog::meta_texts(&instance.node.meta).map(|text| Record {
                    owner: Owner::Target(number),
                    ttl,
                    data: Data::Txt(text),
                }));
            }
        }
    }

    /// The name that stands for an instance in an SRV record: its node's, or one made of its address if that is its own
    /// or if DNS can't carry its node's name.
    fn target(&self, instance: &Instance<'s>, place: Place<'s>) -> Option<Target<'s>> {
        let writable = |target: Target<'s>| self.is_writable(target).then_some(target);
        match place {
            Place::Name(name) => writable(Target::Text(name)),
            Place::Address(address) if instance.is_at_node(place) => {
                writable(Target::Node(&instance.node.name)).or(Some(Target::Address(address)))
            }
            Place::Address(address) => Some(Target::Address(address)),
        }
    }
}
