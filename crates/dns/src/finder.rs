//! What finds an answer: the zone, the state, what recursors said, and what was found so far.
//!
//! [`answer`](crate::answer) asks by it what a name has, and [`follow`](crate::follow) where a name leads.

use std::collections::HashSet;

use domain::base::iana::Rcode;
use quorate_state::State;

use crate::catalog::{self, Found, Instance};
use crate::foreign::Foreign;
use crate::random::Shuffle;
use crate::record::{Data, Owner, Record};
use crate::zone::{Domain, Zone};

/// Where the name that an answer leads to leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// To what was asked for, or to where that has to be asked.
    Somewhere,
    /// To a name of the zone that has nothing of the type.
    NoData,
    /// To a name of the zone that does not exist.
    NoName,
    /// Outside, where recursors said this.
    Outside(Rcode),
}

/// Finds answers in one state.
pub(crate) struct Finder<'s, 'r> {
    pub(crate) zone: &'s Zone,
    /// The name of the zone that was asked by.
    pub(crate) domain: &'s Domain,
    pub(crate) state: &'s State,
    /// What recursors said of names outside.
    pub(crate) foreign: &'s Foreign,
    pub(crate) random: &'r mut Shuffle,
    /// The instances in service of the service asked for, if they are known already.
    pub(crate) known: Option<&'s [Found]>,
    /// The most answers that are worth finding: no message takes more.
    pub(crate) answers_max: usize,
    /// Names outside that the answer leads to and nobody asked about yet.
    pub(crate) unresolved: Vec<&'s str>,
    /// The records of others that the answer has, by owner, type and data: each is told once (RFC 2181, 5).
    pub(crate) told: HashSet<(&'s [u8], u16, &'s [u8])>,
    /// Where the name asked for leads if it is the name of another.
    pub(crate) end: End,
}

impl<'s, 'r> Finder<'s, 'r> {
    pub(crate) fn new(
        (zone, domain): (&'s Zone, &'s Domain),
        (state, foreign): (&'s State, &'s Foreign),
        random: &'r mut Shuffle,
        known: Option<&'s [Found]>,
        answers_max: usize,
    ) -> Self {
        let (unresolved, told, end) = (Vec::new(), HashSet::new(), End::Somewhere);
        Self { zone, domain, state, foreign, random, known, answers_max, unresolved, told, end }
    }

    /// A record.
    pub(crate) fn record(&self, owner: Owner<'s>, ttl: u32, data: Data<'s>) -> Record<'s> {
        Record { owner, ttl, data }
    }

    /// How long an answer about a node may be kept, in seconds.
    pub(crate) fn node_ttl(&self) -> u32 {
        self.zone.settings.node_ttl_seconds
    }

    /// The instances of a service that are in service.
    pub(crate) fn in_service(&self, name: &str, tag: Option<&str>) -> Vec<Instance<'s>> {
        catalog::in_service(self.state, name, tag, self.zone.settings.only_passing)
    }
}
