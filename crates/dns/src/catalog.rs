//! What the catalog says: which instances are in service, and where a node or an instance is.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use domain::base::iana::Rtype;
use quorate_state::{CheckStatus, Node, Service, State};

/// An instance in service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instance<'s> {
    pub(crate) node: &'s Node,
    pub(crate) service: &'s Service,
    /// Whether a check of it or of its node warns.
    pub(crate) is_warning: bool,
}

/// The same, to keep.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) node: Arc<Node>,
    pub(crate) service: Arc<Service>,
    /// Whether a check of it or of its node warns.
    pub(crate) is_warning: bool,
}

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'s> {
    Address(IpAddr),
    /// A host name.
    Name(&'s str),
}

/// The kinds of address that a question can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
    Any,
}

impl Family {
    /// The addresses that answer a question of this type.
    pub(crate) fn of(kind: Rtype) -> Self {
        match kind {
            Rtype::A => Self::V4,
            Rtype::AAAA => Self::V6,
            _ => Self::Any,
        }
    }

    /// Whether an address is of the family.
    pub(crate) fn has(self, address: IpAddr) -> bool {
        match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
            Self::Any => true,
        }
    }

    /// The names under which addresses of the family are tagged, those that win first: so it is in Consul.
    fn tags(self) -> &'static [&'static str] {
        match self {
            Self::V4 => &["lan_ipv4"],
            Self::V6 => &["lan_ipv6"],
            Self::Any => &["lan_ipv6", "lan_ipv4"],
        }
    }
}

/// The instances of a service that are in service, by node and id: those of which no check is critical and, with
/// `only_passing`, none warns, the checks of their node included.
pub(crate) fn in_service<'s>(state: &'s State, name: &str, tag: Option<&str>, only_passing: bool) -> Vec<Instance<'s>> {
    let instances = judged(state, name, tag, only_passing);
    instances.map(|(node, service, is_warning)| Instance { node, service, is_warning }).collect()
}

/// The same, to keep.
pub(crate) fn found_in_service(state: &State, name: &str, tag: Option<&str>, only_passing: bool) -> Vec<Found> {
    let instances = judged(state, name, tag, only_passing);
    instances
        .map(|(node, service, is_warning)| Found { node: node.clone(), service: service.clone(), is_warning })
        .collect()
}

/// Instances in service, each with whether a check warns.
fn judged<'s, 'n>(
    state: &'s State,
    name: &'n str,
    tag: Option<&'n str>,
    only_passing: bool,
) -> impl Iterator<Item = (&'s Arc<Node>, &'s Arc<Service>, bool)> + use<'s, 'n> {
    let worst_taken = if only_passing { CheckStatus::Passing } else { CheckStatus::Warning };
    let has_tag = move |service: &Service| tag.is_none_or(|tag| service.tags.iter().any(|known| is_same(known, tag)));
    let instances = state.instances(name).filter(move |(_, service)| has_tag(service));
    instances.filter_map(move |(node, service)| {
        let checks = state.checks_of_node(&node.name).chain(state.checks_of_instance(&node.name, &service.id));
        let mut worst = CheckStatus::Passing;
        for check in checks {
            worst = worst.max(check.status);
            if worst > worst_taken {
                return None;
            }
        }
        Some((node, service, worst == CheckStatus::Warning))
    })
}

/// Whether two names are the same, by the rule of the state: other letters than ASCII's have no case in DNS, but in the
/// catalog they do.
fn is_same(known: &str, asked: &str) -> bool {
    known.eq_ignore_ascii_case(asked) || (!known.is_ascii() && known.to_lowercase() == asked.to_lowercase())
}

impl<'s> From<&'s Found> for Instance<'s> {
    fn from(found: &'s Found) -> Self {
        Self { node: &found.node, service: &found.service, is_warning: found.is_warning }
    }
}

impl<'s> Instance<'s> {
    /// Where the instance is: at its own address if it has one, or where its node is. `None` if nobody said.
    pub(crate) fn place(&self, family: Family) -> Option<Place<'s>> {
        let tagged = |tag: &str| Some(self.service.tagged_addresses.get(tag)?.address.as_str());
        place(&self.service.address, family, tagged).or_else(|| node_place(self.node, family))
    }

    /// Whether this place is the one that its node's name leads to.
    pub(crate) fn is_at_node(&self, place: Place<'_>) -> bool {
        let is_own = self.service.address.is_empty() && self.service.tagged_addresses.is_empty();
        match place {
            Place::Address(address) => is_own && parsed(&self.node.address) == Some(address),
            Place::Name(_) => false,
        }
    }

    /// How much traffic it wants now.
    pub(crate) fn weight(&self) -> u16 {
        let weights = self.service.weights;
        let weight = if self.is_warning { weights.warning } else { weights.passing };
        weight.clamp(0, u16::MAX.into()) as u16
    }

    /// Its port; 0 for none and for one that is no port.
    pub(crate) fn port(&self) -> u16 {
        u16::try_from(self.service.port).unwrap_or(0)
    }
}

/// Where a node is.
pub(crate) fn node_place(node: &Node, family: Family) -> Option<Place<'_>> {
    let tagged = |tag: &str| node.tagged_addresses.get(tag).map(String::as_str);
    place(&node.address, family, tagged)
}

/// The address that is tagged for the family, or else the one given, whatever its family.
fn place<'s>(text: &'s str, family: Family, tagged: impl Fn(&str) -> Option<&'s str>) -> Option<Place<'s>> {
    let of_family = family.tags().iter().filter_map(|tag| parsed(tagged(tag)?)).find(|found| family.has(*found));
    match of_family.or_else(|| parsed(text)) {
        Some(address) => Some(Place::Address(address)),
        None => (!text.is_empty()).then_some(Place::Name(text)),
    }
}

/// The address that a text says. One of IPv4 in the clothes of IPv6 (`::ffff:10.0.0.1`), as programs that listen on both
/// families tell it, is one of IPv4: so clients reach it.
fn parsed(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// A node's metadata as texts, each once: a key that begins with `rfc1035-` says that its value stands alone.
pub(crate) fn meta_texts(meta: &BTreeMap<String, String>) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    const ALONE: &str = "rfc1035-";
    let mut alone = HashSet::new();
    meta.iter().filter_map(move |(key, value)| {
        let is_alone = key.get(..ALONE.len()).is_some_and(|start| start.eq_ignore_ascii_case(ALONE));
        match is_alone {
            true => alone.insert(value).then(|| value.into()),
            false => Some(format!("{}={value}", quoted(key)).into()),
        }
    })
}

/// A key as RFC 1464 has it: an equals sign, a quote and space at either end are quoted by a grave accent.
fn quoted(key: &str) -> String {
    let inner = key.trim_matches([' ', '\t']);
    let start = key.len() - key.trim_start_matches([' ', '\t']).len();
    let mut quoted = String::with_capacity(key.len());
    for (place, letter) in key.char_indices() {
        let is_outer = !(start..start + inner.len()).contains(&place);
        if matches!(letter, '=' | '`') || is_outer {
            quoted.push('`');
        }
        quoted.push(letter);
    }
    quoted
}
