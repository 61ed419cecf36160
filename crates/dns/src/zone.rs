//! The zone: the settings in the form in which answers need them.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::settings::Settings;
use crate::wire_name::wire_of_text;

/// The settings, compiled. Cheap to clone; shared by all threads.
#[derive(Clone, Debug)]
pub struct Zone(Arc<Compiled>);

/// What a [`Zone`] knows.
#[derive(Debug)]
pub struct Compiled {
    pub(crate) domain: Domain,
    pub(crate) alt_domain: Option<Domain>,
    /// In lower case: of ASCII alone, as a question's name is folded (RFC 4343).
    pub(crate) datacenter: String,
    pub(crate) settings: Settings,
    /// Whole names in lower case, sorted.
    exact_ttls: Vec<(String, u32)>,
    /// Beginnings in lower case, the longest first.
    prefix_ttls: Vec<(String, u32)>,
}

impl std::ops::Deref for Zone {
    type Target = Compiled;

    fn deref(&self) -> &Compiled {
        &self.0
    }
}

/// A setting that is no name of DNS.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no name that DNS can carry")]
pub struct BadName(pub String);

impl Zone {
    /// Compiles the settings.
    pub fn new(settings: Settings) -> Result<Self, BadName> {
        let mut exact_ttls = Vec::new();
        let mut prefix_ttls = Vec::new();
        for (pattern, seconds) in &settings.service_ttl_seconds {
            let pattern = pattern.to_ascii_lowercase();
            match pattern.strip_suffix('*') {
                Some(prefix) => prefix_ttls.push((prefix.to_owned(), *seconds)),
                None => exact_ttls.push((pattern, *seconds)),
            }
        }
        exact_ttls.sort();
        prefix_ttls.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self(Arc::new(Compiled {
            domain: Domain::new(&settings.domain)?,
            alt_domain: settings.alt_domain.as_deref().map(Domain::new).transpose()?,
            datacenter: settings.datacenter.to_ascii_lowercase(),
            exact_ttls,
            prefix_ttls,
            settings,
        })))
    }
}

impl Zone {
    /// Whether the two are one and not only alike.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The zone as it is now. A question asks it without a lock, and is answered by one zone from beginning to end.
#[derive(Debug)]
pub(crate) struct CurrentZone(ArcSwap<Compiled>);

impl CurrentZone {
    pub(crate) fn new(zone: Zone) -> Self {
        Self(ArcSwap::new(zone.0))
    }

    pub(crate) fn get(&self) -> Zone {
        Zone(self.0.load_full())
    }

    /// Has all questions from now on answered by this zone.
    pub(crate) fn set(&self, zone: Zone) {
        self.0.store(zone.0);
    }

    /// Whether this zone is the one; it costs less than to get it.
    pub(crate) fn is(&self, zone: &Zone) -> bool {
        Arc::ptr_eq(&self.0.load(), &zone.0)
    }
}

impl Compiled {
    /// How long an answer about a service may be kept, in seconds; the name is in lower case.
    pub(crate) fn service_ttl(&self, name: &str) -> u32 {
        if let Ok(place) = self.exact_ttls.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            return self.exact_ttls[place].1;
        }
        self.prefix_ttls.iter().find(|(prefix, _)| name.starts_with(prefix.as_str())).map_or(0, |(_, seconds)| *seconds)
    }

    /// The names of the zone, the longer one first: one may be an end of the other.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &Domain> {
        let is_longer = |alt: &&Domain| alt.text.len() > self.domain.text.len();
        let alt = self.alt_domain.as_ref();
        alt.filter(is_longer).into_iter().chain([&self.domain]).chain(alt.filter(|alt| !is_longer(alt)))
    }

    /// Whether questions about the rest of the world can be passed on.
    pub(crate) fn has_recursors(&self) -> bool {
        !self.settings.recursors.is_empty()
    }
}

/// The name of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    /// In lower case, without the last dot.
    text: String,
    wire: Vec<u8>,
}

impl Domain {
    fn new(text: &str) -> Result<Self, BadName> {
        let lower = text.trim_matches('.').to_ascii_lowercase();
        let wire = wire_of_text(&lower).ok_or_else(|| BadName(text.to_owned()))?;
        Ok(Self { text: lower, wire })
    }

    /// The name as it stands in a message.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// What stands before the zone in a name in lower case, joined by dots; `None` for a name outside.
    pub(crate) fn before<'a>(&self, name: &'a [u8]) -> Option<&'a [u8]> {
        let before = name.strip_suffix(self.text.as_bytes())?;
        if before.is_empty() { Some(before) } else { before.strip_suffix(b".") }
    }
}
