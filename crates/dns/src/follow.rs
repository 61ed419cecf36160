//! Where names lead: an address in the catalog may be a name, of the zone or outside, and that the name of another.

use domain::base::iana::Rtype;
use quorate_state::Node;

use crate::catalog::{self, Family, Instance, Place};
use crate::finder::{End, Finder};
use crate::name::{Lookup, Target, Text};
use crate::record::{Data, Owner, Record};
use crate::wire_name::WireName;

/// How many names within the zone are followed one after the other.
pub(crate) const FOLLOWED_MAX: usize = 3;

impl<'s> Finder<'s, '_> {
    /// Puts what a name leads to into `records`, as its `owner`. Names that lead to names are followed on, up to a depth.
    pub(crate) fn follow(
        &mut self,
        name: &'s str,
        kind: Rtype,
        owner: Owner<'s>,
        records: &mut Vec<Record<'s>>,
        depth: usize,
    ) -> End {
        let Some(wire) = WireName::of(Target::Text(name), self.zone, self.domain) else { return End::Somewhere };
        let text = Text::of_wire(wire.as_bytes());
        let (lookup, _) = text.lookup(self.zone);
        if matches!(lookup, Lookup::Outside | Lookup::Reverse(_)) {
            return self.follow_outside((name, wire.as_bytes()), kind, records, depth);
        }
        let family = Family::of(kind);
        let Some((places, ttl)) = self.places(lookup, family) else { return End::NoName };
        let mut addresses = addresses(&places, family);
        if let Some(name) = addresses.is_empty().then(|| names(&places).next()).flatten() {
            let data = Data::Cname(Target::Text(name));
            // A name may lead back to itself; its client finds out.
            if depth >= FOLLOWED_MAX || records.iter().any(|record| record.data == data) {
                return End::Somewhere;
            }
            records.push(self.record(owner, ttl, data));
            let owner = Owner::Target(records.len() - 1);
            return self.follow(name, kind, owner, records, depth + 1);
        }
        let end = if addresses.is_empty() { End::NoData } else { End::Somewhere };
        self.random.shuffle(&mut addresses);
        records.extend(addresses.into_iter().map(|address| Record { owner, ttl, data: Data::Address(address) }));
        end
    }

    /// Puts what recursors said of a name into `records`; it is noted as open if they were not asked yet. A name that leads
    /// back into the zone is followed on.
    fn follow_outside(
        &mut self,
        (name, wire): (&'s str, &[u8]),
        kind: Rtype,
        records: &mut Vec<Record<'s>>,
        depth: usize,
    ) -> End {
        let Some(chain) = self.foreign.chain(name, wire, kind) else {
            if !self.unresolved.contains(&name) {
                self.unresolved.push(name);
            }
            return End::Somewhere;
        };
        for found in chain.records {
            let owner = Owner::Wire(&found.owner);
            let record = self.record(owner, found.ttl, Data::Foreign(found.kind, &found.data));
            // Names outside may lead to the same one.
            if self.told.insert((&found.owner, found.kind, &found.data)) {
                records.push(record);
            }
        }
        match chain.end {
            Some((text, wire)) if depth <= FOLLOWED_MAX && self.is_in_zone(wire) => {
                self.follow(text, kind, Owner::Wire(wire), records, depth + 1)
            }
            _ => End::Outside(chain.rcode),
        }
    }

    fn is_in_zone(&self, wire: &[u8]) -> bool {
        !matches!(Text::of_wire(wire).lookup(self.zone).0, Lookup::Outside | Lookup::Reverse(_))
    }

    /// Where an instance is. One whose address is the name of its own service would lead to itself: its node is where it is.
    pub(crate) fn place_of(&self, instance: &Instance<'s>, family: Family) -> Option<Place<'s>> {
        let service = &instance.service.name;
        let is_itself = |lookup: Lookup<'_>| matches!(lookup, Lookup::Service { name, tag: None } if name.eq_ignore_ascii_case(service));
        let place = instance.place(family)?;
        if !self.leads_to(place, is_itself) {
            return Some(place);
        }
        self.node_place(instance.node, family).filter(|place| !self.leads_to(*place, is_itself))
    }

    /// Where a node is, unless its address is its own name.
    pub(crate) fn node_place(&self, node: &'s Node, family: Family) -> Option<Place<'s>> {
        let is_itself =
            |lookup: Lookup<'_>| matches!(lookup, Lookup::Node(name) if name.eq_ignore_ascii_case(&node.name));
        catalog::node_place(node, family).filter(|place| !self.leads_to(*place, is_itself))
    }

    /// Whether a place is the name of something in the zone.
    fn leads_to(&self, place: Place<'_>, is_it: impl Fn(Lookup<'_>) -> bool) -> bool {
        let Place::Name(name) = place else { return false };
        let wire = WireName::of(Target::Text(name), self.zone, self.domain);
        wire.is_some_and(|wire| is_it(Text::of_wire(wire.as_bytes()).lookup(self.zone).0))
    }

    /// Where what is looked up is, and how long that may be kept; `None` if it does not exist.
    pub(crate) fn places(&self, lookup: Lookup<'_>, family: Family) -> Option<(Vec<Place<'s>>, u32)> {
        match lookup {
            Lookup::Node(name) => {
                let place = self.node_place(self.state.node(name)?, family);
                Some((place.into_iter().collect(), self.node_ttl()))
            }
            Lookup::Service { name, tag } => {
                let instances = self.in_service(name, tag);
                let places: Vec<_> = instances.iter().filter_map(|instance| self.place_of(instance, family)).collect();
                (!instances.is_empty()).then(|| (places, self.zone.service_ttl(name)))
            }
            Lookup::Address(address) => Some((vec![Place::Address(address)], self.node_ttl())),
            Lookup::Nothing => None,
            _ => Some((Vec::new(), 0)),
        }
    }
}

/// The addresses of a family among places, each once, sorted.
fn addresses(places: &[Place<'_>], family: Family) -> Vec<std::net::IpAddr> {
    let mut addresses: Vec<_> = places
        .iter()
        .filter_map(|place| match place {
            Place::Address(address) if family.has(*address) => Some(*address),
            _ => None,
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// The names among places.
fn names<'p, 's>(places: &'p [Place<'s>]) -> impl Iterator<Item = &'s str> + use<'p, 's> {
    places.iter().filter_map(|place| match place {
        Place::Name(name) => Some(*name),
        Place::Address(_) => None,
    })
}
