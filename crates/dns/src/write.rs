//! Writes an answer: records to bytes, as many as the client takes.
//!
//! The names of an answer nearly all stand in it already: as the question, as an end of it, or as the target of an
//! answer. So there is no table of names to search, and a record costs its bytes. The target of an SRV record is written
//! out, as RFC 2782 has it.
//!
//! Each SRV record comes with the address of its target, also where several have the same: some clients (HAProxy) take one
//! address for each and no more. An answer that is too large loses its texts first, and then all addresses but the first of
//! each target. In a datagram it then loses answers from its end, each with the
//! addresses that belong to it: a client has use for both or asks once more. Over a connection there is no larger one to
//! ask for, so addresses go before answers do. If nothing is left that was asked for, the message says that it was cut.

use std::net::IpAddr;

use domain::base::iana::{Class, Rcode, Rtype};

use crate::name::Target;
use crate::query::{CLIENT_SUBNET, Edns, HEADER_BYTES, Head, Query};
use crate::record::{Answer, Data, Owner, Record};
use crate::wire_name::WireName;
use crate::zone::{Domain, Zone};

/// The largest offset that a pointer can lead to, RFC 1035.
const POINTER_MAX: usize = 0x3fff;
/// Where the number of questions stands.
const QUESTIONS: std::ops::Range<usize> = 4..6;
/// What marks a pointer.
const POINTER: u16 = 0xc000;
/// The payload of answers that any client takes, RFC 1035.
pub(crate) const PLAIN_UDP_BYTES_MAX: usize = 512;
/// The largest message over TCP, whose length is a 16-bit number.
pub(crate) const TCP_BYTES_MAX: usize = 65_535;
/// The most that fits into a datagram of IPv4 behind its headers.
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// The number and the length of an option of EDNS.
const OPTION_HEAD_BYTES: usize = 4;

/// Which additional records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    All,
    /// All but texts.
    Addresses,
    /// Each address once.
    Once,
    /// Those of them that fit.
    Fitting,
}

impl Beside {
    fn takes(self, record: &Record<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Addresses => !matches!(record.data, Data::Txt(_)),
            Self::Once | Self::Fitting => {
                !matches!(record.data, Data::Txt(_)) && !matches!(record.owner, Owner::TargetAgain(_))
            }
        }
    }
}

/// What an answer is written for.
pub(crate) struct Frame<'a> {
    pub(crate) zone: &'a Zone,
    /// The name of the zone that was asked by.
    pub(crate) domain: &'a Domain,
    pub(crate) query: &'a Query<'a>,
    /// The serial number of the zone.
    pub(crate) serial: u32,
    pub(crate) is_udp: bool,
}

impl Frame<'_> {
    /// How large the message may be.
    pub(crate) fn bytes_max(&self) -> usize {
        if !self.is_udp {
            return TCP_BYTES_MAX;
        }
        let taken = self.query.edns.map_or(0, |edns| usize::from(edns.size));
        taken.clamp(PLAIN_UDP_BYTES_MAX, DATAGRAM_BYTES_MAX)
    }

    /// The most answers that are worth finding: as many as may be told, or as could fit.
    pub(crate) fn answers_max(&self) -> usize {
        /// A pointer to the name, the record's head, and an address.
        const RECORD_BYTES_MIN: usize = 16;
        match self.zone.settings.udp_answer_limit {
            limit @ 1.. if self.is_udp && self.bytes_max() == PLAIN_UDP_BYTES_MAX => limit,
            _ => self.bytes_max() / RECORD_BYTES_MIN,
        }
    }

    /// Writes the message into `out`, which is emptied first.
    pub(crate) fn write(&self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        let bytes_max = self.bytes_max();
        let wanted = self.wanted(answer);
        for beside in [Beside::All, Beside::Addresses, Beside::Once] {
            self.write_part(answer, wanted, beside, out);
            if out.len() <= bytes_max {
                return;
            }
        }
        let beside = if self.is_udp { Beside::Once } else { Beside::Fitting };
        // The largest number of answers that fits lies in `fitting..too_many`.
        let (mut fitting, mut too_many) = (0, wanted + usize::from(!self.is_udp));
        while too_many - fitting > 1 {
            let middle = fitting.midpoint(too_many);
            self.write_part(answer, middle, beside, out);
            if out.len() <= bytes_max { fitting = middle } else { too_many = middle }
        }
        if fitting > 0 {
            return self.write_part(answer, fitting, beside, out);
        }
        self.write_part(answer, wanted.min(1), Beside::Fitting, out);
        if out.len() > bytes_max {
            self.write_cut_part(answer, 0, Beside::Fitting, out);
        }
    }

    /// How many answers may be told. The names that lead to them are no answers, as many as they are.
    fn wanted(&self, answer: &Answer<'_>) -> usize {
        let names = answer.answers.iter().take_while(|record| record.is_cname()).count();
        answer.answers.len().min(names.saturating_add(self.answers_max()))
    }

    /// Whether the message with the first so many answers has to say that there are more: if that is wanted, and always if
    /// only names are left that lead to them.
    fn is_cut(&self, answer: &Answer<'_>, answers: usize) -> bool {
        let (told, left) = answer.answers.split_at(answers);
        let has_nothing = || !left.is_empty() && told.iter().all(Record::is_cname);
        (!left.is_empty() || answer.is_partial) && self.zone.settings.enable_truncate || has_nothing()
    }

    fn write_part(&self, answer: &Answer<'_>, answers: usize, beside: Beside, out: &mut Vec<u8>) {
        self.write_sections(answer, answers, beside, self.is_cut(answer, answers), out);
    }

    fn write_cut_part(&self, answer: &Answer<'_>, answers: usize, beside: Beside, out: &mut Vec<u8>) {
        self.write_sections(answer, answers, beside, true, out);
    }

    /// Writes the message with the first so many answers.
    fn write_sections(&self, answer: &Answer<'_>, answers: usize, beside: Beside, is_cut: bool, out: &mut Vec<u8>) {
        let mut writer = Writer::new(self, out);
        writer.head(answer, is_cut);
        let mut counts = [0; 3];
        for record in &answer.answers[..answers] {
            let place = writer.record(record);
            counts[0] += u16::from(place.is_some());
            writer.targets.push(place);
        }
        for record in &answer.authority {
            let place = writer.record(record);
            counts[1] += u16::from(place.is_some());
            writer.name_servers.push(place);
        }
        let room = self.bytes_max().saturating_sub(self.edns_bytes());
        for record in &answer.additional {
            if !beside.takes(record) {
                continue;
            }
            let start = writer.out.len();
            // An address whose answer was cut is of no use, and `record` finds no place for it.
            let place = writer.record(record);
            if beside == Beside::Fitting && writer.out.len() > room {
                writer.out.truncate(start);
                break;
            }
            counts[2] += u16::from(place.is_some());
        }
        if let Some(edns) = self.query.edns {
            writer.edns(edns, 0);
            counts[2] += 1;
        }
        writer.counts(counts);
    }

    /// Writes a message that says that all was cut.
    pub(crate) fn write_cut(&self, out: &mut Vec<u8>) {
        self.write_cut_part(&Answer::code(Rcode::NOERROR), 0, Beside::All, out);
    }

    /// How many bytes the record of EDNS takes at the end of the message.
    fn edns_bytes(&self) -> usize {
        /// An empty name, type, size, code, version, bits and length.
        const RECORD_BYTES: usize = 11;
        let option_bytes = |edns: Edns<'_>| edns.subnet.map_or(0, |subnet| OPTION_HEAD_BYTES + subnet.len());
        self.query.edns.map_or(0, |edns| RECORD_BYTES + option_bytes(edns))
    }

    /// Writes the answer to a version of EDNS that is not spoken here.
    pub(crate) fn write_bad_version(&self, edns: Edns<'_>, code: u16, out: &mut Vec<u8>) {
        let mut writer = Writer::new(self, out);
        writer.head(&Answer::code(Rcode::NOERROR), false);
        writer.edns(edns, (code >> 4) as u8);
        writer.counts([0, 0, 1]);
    }
}

/// Writes an answer that is a header and a code, to a message that was not understood.
pub(crate) fn write_refusal(head: Head, code: u8, out: &mut Vec<u8>) {
    out.clear();
    header(head, HeaderBits { rcode: code, ..HeaderBits::default() }, out);
}

/// The bits of a header that the answer decides.
#[derive(Clone, Copy, Debug, Default)]
struct HeaderBits {
    is_authoritative: bool,
    is_cut: bool,
    is_recursion_available: bool,
    rcode: u8,
}

/// Writes the header of an answer, without a record yet.
fn header(head: Head, bits: HeaderBits, out: &mut Vec<u8>) {
    let bit = |is_set: bool, place: u8| u8::from(is_set) << place;
    let first = bit(true, 7)
        | head.opcode.to_int() << 3
        | bit(bits.is_authoritative, 2)
        | bit(bits.is_cut, 1)
        | bit(head.is_recursion_desired, 0);
    let second = bit(bits.is_recursion_available, 7) | bit(head.is_checking_disabled, 4) | (bits.rcode & 15);
    out.extend_from_slice(&head.id.to_be_bytes());
    out.extend_from_slice(&[first, second]);
    out.resize(HEADER_BYTES, 0);
}

struct Writer<'w> {
    frame: &'w Frame<'w>,
    out: &'w mut Vec<u8>,
    /// Where the names in the data of the answers stand, by their number.
    targets: Vec<Option<usize>>,
    /// The same for the authority section.
    name_servers: Vec<Option<usize>>,
}

impl<'w> Writer<'w> {
    fn new(frame: &'w Frame<'w>, out: &'w mut Vec<u8>) -> Self {
        out.clear();
        Self { frame, out, targets: Vec::new(), name_servers: Vec::new() }
    }

    /// The header and the question as it was asked.
    fn head(&mut self, answer: &Answer<'_>, is_cut: bool) {
        let query = self.frame.query;
        let bits = HeaderBits {
            is_authoritative: answer.is_authoritative,
            is_cut,
            is_recursion_available: self.frame.zone.has_recursors(),
            rcode: answer.rcode.to_int(),
        };
        header(query.head, bits, self.out);
        self.out[QUESTIONS].copy_from_slice(&1u16.to_be_bytes());
        self.out.extend_from_slice(query.name);
        self.number(query.kind.to_int());
        self.number(query.class.to_int());
    }

    /// The numbers of records of the three sections.
    fn counts(&mut self, counts: [u16; 3]) {
        for (section, count) in counts.into_iter().enumerate() {
            self.out[6 + 2 * section..8 + 2 * section].copy_from_slice(&count.to_be_bytes());
        }
    }

    fn number(&mut self, number: u16) {
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    /// Writes a record and gives the place of the name in its data, or nothing for one whose name DNS can't carry.
    fn record(&mut self, record: &Record<'_>) -> Option<usize> {
        let start = self.out.len();
        let written = self.try_record(record);
        if written.is_none() {
            self.out.truncate(start);
        }
        written
    }

    fn try_record(&mut self, record: &Record<'_>) -> Option<usize> {
        self.owner(record.owner)?;
        self.number(kind_of(&record.data).to_int());
        self.number(Class::IN.to_int());
        self.out.extend_from_slice(&record.ttl.to_be_bytes());
        self.number(0);
        let start = self.out.len();
        let name_place = self.data(&record.data)?;
        let length = u16::try_from(self.out.len() - start).ok()?;
        self.out[start - 2..start].copy_from_slice(&length.to_be_bytes());
        Some(name_place)
    }

    fn owner(&mut self, owner: Owner<'_>) -> Option<()> {
        match owner {
            Owner::Question => self.name_at(HEADER_BYTES),
            Owner::Zone => self.name(self.frame.domain.wire()),
            Owner::Target(place) | Owner::TargetAgain(place) => self.name_at((*self.targets.get(place)?)?),
            Owner::NameServer(place) => self.name_at((*self.name_servers.get(place)?)?),
            Owner::Wire(name) => self.name(name),
        }
        Some(())
    }

    /// Writes the data of a record and gives the place of the name in it.
    fn data(&mut self, data: &Data<'_>) -> Option<usize> {
        let start = self.out.len();
        match data {
            Data::Address(IpAddr::V4(address)) => self.out.extend_from_slice(&address.octets()),
            Data::Address(IpAddr::V6(address)) => self.out.extend_from_slice(&address.octets()),
            Data::Cname(target) | Data::Ns(target) | Data::Ptr(target) => {
                let name = self.wire(*target)?;
                self.name(name.as_bytes());
            }
            Data::Srv { weight, port, target } => {
                /// All instances are equal but for their weight.
                const PRIORITY: u16 = 1;
                let name = self.wire(*target)?;
                [PRIORITY, *weight, *port].into_iter().for_each(|number| self.number(number));
                self.out.extend_from_slice(name.as_bytes());
                return Some(start + 6);
            }
            Data::Txt(text) => self.texts(text.as_bytes()),
            Data::Soa => {
                let soa = self.frame.zone.settings.soa;
                for label in ["ns", "hostmaster"] {
                    let name = self.wire(Target::InZone(label))?;
                    self.name(name.as_bytes());
                }
                for number in [self.frame.serial, soa.refresh, soa.retry, soa.expire, soa.min_ttl] {
                    self.out.extend_from_slice(&number.to_be_bytes());
                }
            }
            Data::Foreign(_, bytes) => self.out.extend_from_slice(bytes),
        }
        Some(start)
    }

    /// A text, in pieces of the length that one may have.
    fn texts(&mut self, text: &[u8]) {
        const PIECE_BYTES_MAX: usize = 255;
        if text.is_empty() {
            self.out.push(0);
        }
        for piece in text.chunks(PIECE_BYTES_MAX) {
            self.out.push(piece.len() as u8);
            self.out.extend_from_slice(piece);
        }
    }

    fn wire(&self, target: Target<'_>) -> Option<WireName> {
        WireName::of(target, self.frame.zone, self.frame.domain)
    }

    /// Writes a name that stands in the message already.
    fn name_at(&mut self, place: usize) {
        if !self.frame.zone.settings.disable_compression && place <= POINTER_MAX {
            return self.number(POINTER | place as u16);
        }
        let mut place = place;
        loop {
            let length = self.out[place];
            if length >= (POINTER >> 8) as u8 {
                place = usize::from(u16::from_be_bytes([length, self.out[place + 1]]) & !POINTER);
                continue;
            }
            let end = place + 1 + usize::from(length);
            self.out.extend_from_within(place..end);
            if length == 0 {
                return;
            }
            place = end;
        }
    }

    /// Writes a name, with a pointer for the end that it has in common with the question.
    fn name(&mut self, name: &[u8]) {
        let (own, pointer) = match self.frame.zone.settings.disable_compression {
            true => (name.len(), None),
            false => common_end(name, self.frame.query.name),
        };
        self.out.extend_from_slice(&name[..own]);
        if let Some(place) = pointer {
            self.number(POINTER | (HEADER_BYTES + place) as u16);
        }
    }

    /// The answer to a client that speaks EDNS: its own size and subnet come back. The subnet had no influence on the
    /// answer, which the scope of 0 says.
    fn edns(&mut self, edns: Edns<'_>, code_high: u8) {
        self.out.push(0);
        self.number(Rtype::OPT.to_int());
        self.number(edns.size);
        self.out.extend_from_slice(&[code_high, 0, u8::from(edns.wants_signatures) << 7, 0]);
        match edns.subnet {
            Some(subnet) => {
                self.number((OPTION_HEAD_BYTES + subnet.len()) as u16);
                self.number(CLIENT_SUBNET);
                self.number(subnet.len() as u16);
                self.out.extend_from_slice(subnet);
                let scope = self.out.len() - subnet.len() + 3;
                self.out[scope] = 0;
            }
            None => self.number(0),
        }
    }
}

/// How much of `name` stands before the end that it has in common with `other`, and where in `other` that end begins.
/// Both are names as they stand in a message; an end begins with a label.
fn common_end(name: &[u8], other: &[u8]) -> (usize, Option<usize>) {
    let mut start = 0;
    while name[start] != 0 {
        let end = &name[start..];
        let place = other.len().wrapping_sub(end.len());
        if other.get(place..).is_some_and(|other_end| other_end.eq_ignore_ascii_case(end)) && is_label(other, place) {
            return (start, Some(place));
        }
        start += 1 + usize::from(name[start]);
    }
    (name.len(), None)
}

/// Whether a label of a name begins at this place.
fn is_label(name: &[u8], place: usize) -> bool {
    let mut start = 0;
    while start < place {
        start += 1 + usize::from(name[start]);
    }
    start == place
}

fn kind_of(data: &Data<'_>) -> Rtype {
    match data {
        Data::Address(IpAddr::V4(_)) => Rtype::A,
        Data::Address(IpAddr::V6(_)) => Rtype::AAAA,
        Data::Cname(_) => Rtype::CNAME,
        Data::Ns(_) => Rtype::NS,
        Data::Ptr(_) => Rtype::PTR,
        Data::Srv { .. } => Rtype::SRV,
        Data::Txt(_) => Rtype::TXT,
        Data::Soa => Rtype::SOA,
        Data::Foreign(kind, _) => Rtype::from_int(*kind),
    }
}
