//! From a packet to its answer: the whole of the core behind one function.

use domain::base::iana::{Class, Rcode, Rtype};
use quorate_state::State;

use crate::cache::Cache;
use crate::finder::Finder;
use crate::foreign::Foreign;
use crate::name::{Lookup, Text};
use crate::query::{BAD_VERSION, Query, Unreadable};
use crate::random::Shuffle;
use crate::record::Answer;
use crate::wire_name::wire_of_text;
use crate::write::{self, Frame};
use crate::zone::Zone;

/// How a packet came, which bounds how large its answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer is written.
    Answered(Asked),
    /// It gets no answer: it is no query.
    Ignored,
    /// It is about the rest of the world and goes to a recursor as it is.
    Forward,
    /// The answer leads to these names outside; with what a recursor says of them it is to be asked for again. What is
    /// written is the answer without that.
    Resolve(Vec<String>),
}

/// What a question was about, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A name.
    Name,
    /// The name of an address.
    Address,
    /// Nothing that could be looked up.
    Nothing,
}

/// Answers packets, one after the other. What it keeps between them makes no difference but in time.
pub struct Responder {
    zone: Zone,
    random: Shuffle,
    cache: Cache,
}

impl Responder {
    /// A responder of a zone, with its randomness.
    pub fn new(zone: Zone, random: Shuffle) -> Self {
        Self { zone, random, cache: Cache::new() }
    }

    /// The zone that it answers for.
    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Has it answer for another zone. What it kept was found by the settings of the old one.
    pub(crate) fn set_zone(&mut self, zone: Zone) {
        self.zone = zone;
        self.cache.clear();
    }

    /// Answers a packet from a state. `out` is emptied and filled with the answer, unless that is [`Outcome::Ignored`] or
    /// [`Outcome::Forward`]. Never panics, whatever the packet is.
    pub fn respond(
        &mut self,
        state: &State,
        packet: &[u8],
        transport: Transport,
        foreign: &Foreign,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let query = match Query::read(packet) {
            Ok(query) => query,
            Err(Unreadable::Ignored) => return Outcome::Ignored,
            Err(Unreadable::Refused(head, code)) => {
                write::write_refusal(head, code.to_int(), out);
                return Outcome::Answered(Asked::Nothing);
            }
        };
        let zone = &self.zone;
        let text = Text::of_wire(query.name);
        let (lookup, domain) = text.lookup(zone);
        // The index rises with each change, as the serial number of a zone must.
        let serial = state.index() as u32;
        let frame = Frame { zone, domain, query: &query, serial, is_udp: transport == Transport::Udp };
        if !query.is_question() {
            frame.write(&Answer::code(Rcode::NOTIMP), out);
            return Outcome::Answered(Asked::Nothing);
        }
        if let Some(edns) = query.edns.filter(|edns| edns.version > 0) {
            frame.write_bad_version(edns, BAD_VERSION, out);
            return Outcome::Answered(Asked::Nothing);
        }
        if !matches!(query.class, Class::IN | Class::ANY) || lookup == Lookup::Outside {
            return outside(&frame, out);
        }
        let known = match lookup {
            Lookup::Service { name, tag } => {
                self.cache.in_service(state, text.as_bytes(), name, tag, zone.settings.only_passing)
            }
            _ => None,
        };
        let random = &mut self.random;
        let mut finder = Finder::new((zone, domain), (state, foreign), random, known, frame.answers_max());
        let (answer, asked) = match lookup {
            Lookup::Reverse(address) => match finder.reverse(address, query.kind) {
                Some(answer) => (answer, Asked::Address),
                None => return outside(&frame, out),
            },
            // The zone is given to nobody as a whole.
            _ if matches!(query.kind, Rtype::AXFR | Rtype::IXFR) => {
                (Answer { is_authoritative: true, ..Answer::code(Rcode::NOTIMP) }, Asked::Nothing)
            }
            lookup => (finder.answer(lookup, query.kind), Asked::Name),
        };
        frame.write(&answer, out);
        let unresolved = finder.unresolved;
        if !unresolved.is_empty() && zone.has_recursors() {
            return Outcome::Resolve(unresolved.into_iter().map(str::to_owned).collect());
        }
        Outcome::Answered(asked)
    }
}

/// The way of a question about the rest of the world.
fn outside(frame: &Frame<'_>, out: &mut Vec<u8>) -> Outcome {
    if frame.zone.has_recursors() {
        return Outcome::Forward;
    }
    frame.write(&Answer::code(Rcode::REFUSED), out);
    Outcome::Answered(Asked::Nothing)
}

/// Writes the answer that there was none to be had (SERVFAIL). Nothing is written for what is no query.
pub(crate) fn respond_failure(zone: &Zone, packet: &[u8], transport: Transport, out: &mut Vec<u8>) {
    out.clear();
    let Ok(query) = Query::read(packet) else { return };
    let is_udp = transport == Transport::Udp;
    let frame = Frame { zone, domain: &zone.domain, query: &query, serial: 0, is_udp };
    frame.write(&Answer::code(Rcode::SERVFAIL), out);
}

/// The largest answer that the sender of a packet takes.
pub(crate) fn answer_bytes_max(zone: &Zone, packet: &[u8], transport: Transport) -> usize {
    let Ok(query) = Query::read(packet) else { return 0 };
    let is_udp = transport == Transport::Udp;
    Frame { zone, domain: &zone.domain, query: &query, serial: 0, is_udp }.bytes_max()
}

/// Writes the answer that there is more than fits, and none of it.
pub(crate) fn respond_cut(zone: &Zone, packet: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let Ok(query) = Query::read(packet) else { return };
    let frame = Frame { zone, domain: &zone.domain, query: &query, serial: 0, is_udp: true };
    frame.write_cut(out);
}

/// The types that a recursor is asked for where an answer to this packet leads outside.
pub(crate) fn outside_kinds(packet: &[u8]) -> &'static [Rtype] {
    match Query::read(packet).map(|query| query.kind) {
        Ok(Rtype::A) => &[Rtype::A],
        Ok(Rtype::AAAA) => &[Rtype::AAAA],
        _ => &[Rtype::A, Rtype::AAAA],
    }
}

/// A query for a name, as a recursor takes it; `None` for a name that DNS can't carry.
pub(crate) fn outside_query(name: &str, kind: Rtype) -> Option<Vec<u8>> {
    /// What fits through nearly every network in one piece, as the DNS Flag Day of 2020 has it.
    const ANSWER_BYTES_MAX: u16 = 1_232;
    let mut query = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    query.extend(wire_of_text(name.strip_suffix('.').unwrap_or(name))?);
    for number in [kind.to_int(), Class::IN.to_int()] {
        query.extend(number.to_be_bytes());
    }
    query.push(0);
    query.extend(Rtype::OPT.to_int().to_be_bytes());
    query.extend(ANSWER_BYTES_MAX.to_be_bytes());
    query.extend([0; 6]);
    Some(query)
}
