//! What recursors said of names outside of the zone that an answer leads to.

use std::collections::{BTreeMap, HashSet};

use domain::base::ParsedRecord;
use domain::base::iana::{Rcode, Rtype};
use domain::base::message::Message;
use domain::base::name::{ParsedName, ToName as _};
use domain::base::rdata::UnknownRecordData;
use domain::rdata::Cname;

use crate::name::Text;

/// The most records of one name that are kept: no message has more.
const RECORDS_MAX: usize = 4_096;
/// The most names that lead on to others, one after the other.
const CHAIN_MAX: usize = 16;

/// What was said, by the name that was asked about.
#[derive(Clone, Debug, Default)]
pub struct Foreign(BTreeMap<String, Said>);

/// What was said of one name.
#[derive(Clone, Debug, Default)]
struct Said {
    records: Vec<ForeignRecord>,
    /// What the answers were, the worst for the one who asked; nothing if none came.
    rcode: Option<Rcode>,
}

/// A record of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignRecord {
    /// Its owner as it stands in a message, written out.
    pub(crate) owner: Vec<u8>,
    pub(crate) ttl: u32,
    pub(crate) kind: u16,
    /// Its data, with names written out.
    pub(crate) data: Vec<u8>,
    /// The name that a CNAME leads to, in lower case and joined by dots, unless that does not say it all.
    target: Option<String>,
}

impl ForeignRecord {
    fn is_cname(&self) -> bool {
        self.kind == Rtype::CNAME.to_int()
    }
}

/// Where a name outside leads.
pub(crate) struct Chain<'f> {
    /// The names on the way, and the records of the type asked for at its end.
    pub(crate) records: Vec<&'f ForeignRecord>,
    /// The name at the end, and how it stands in a message, if it is another than the one asked about.
    pub(crate) end: Option<(&'f str, &'f [u8])>,
    /// What recursors said; `SERVFAIL` if they said nothing.
    pub(crate) rcode: Rcode,
}

impl Foreign {
    /// Where a name leads, as it stands in a message; `None` if nobody was asked. Records that do not belong to it are left
    /// out: a recursor has no say about other names.
    pub(crate) fn chain(&self, name: &str, wire: &[u8], kind: Rtype) -> Option<Chain<'_>> {
        let said = self.0.get(name)?;
        let mut chain = Chain { records: Vec::new(), end: None, rcode: said.rcode.unwrap_or(Rcode::SERVFAIL) };
        let mut owner = wire;
        let of = |owner: &[u8], record: &&ForeignRecord| record.owner.eq_ignore_ascii_case(owner);
        while chain.records.len() < CHAIN_MAX
            && let Some(cname) = said.records.iter().find(|record| record.is_cname() && of(owner, record))
        {
            owner = &cname.data;
            chain.records.push(cname);
            chain.end = cname.target.as_deref().map(|text| (text, cname.data.as_slice()));
        }
        let is_asked = |record: &&ForeignRecord| kind == Rtype::ANY || record.kind == kind.to_int();
        let at_end = said.records.iter().filter(|record| !record.is_cname() && of(owner, record));
        chain.records.extend(at_end.filter(is_asked));
        Some(chain)
    }

    /// Notes that a name was asked about, also if no answer came.
    pub fn note_asked(&mut self, name: &str) {
        self.0.entry(name.to_owned()).or_default();
    }

    /// Keeps the addresses, and the names that lead to them, of the answer of a recursor. What can't be read is left out.
    pub fn note(&mut self, name: &str, message: &[u8]) {
        let said = self.0.entry(name.to_owned()).or_default();
        let Ok(message) = Message::from_slice(message) else { return };
        if said.rcode.is_none_or(|rcode| rcode == Rcode::NOERROR) {
            said.rcode = Some(message.header().rcode());
        }
        let Ok(section) = message.answer() else { return };
        let known: HashSet<_> =
            said.records.iter().map(|record| (record.owner.clone(), record.kind, record.data.clone())).collect();
        let room = RECORDS_MAX.saturating_sub(said.records.len());
        // The names on the way come with the addresses of either family.
        let is_new = |record: &ForeignRecord| {
            known.is_empty() || !known.contains(&(record.owner.clone(), record.kind, record.data.clone()))
        };
        said.records.extend(section.flatten().filter_map(read).filter(is_new).take(room));
    }
}

/// A record, if it is an address or a name that leads on.
fn read(record: ParsedRecord<'_, [u8]>) -> Option<ForeignRecord> {
    let (owner, ttl, kind) = (record.owner().to_vec().into_octets(), record.ttl().as_secs(), record.rtype());
    let mut target = None;
    let data = match kind {
        Rtype::A | Rtype::AAAA => {
            let address_bytes = if kind == Rtype::A { 4 } else { 16 };
            let record = record.into_record::<UnknownRecordData<&[u8]>>().ok()??;
            Some(record.data().data().to_vec()).filter(|data| data.len() == address_bytes)?
        }
        Rtype::CNAME => {
            let record = record.into_record::<Cname<ParsedName<&[u8]>>>().ok()??;
            let data = record.data().cname().to_vec().into_octets();
            target = Text::of_wire(&data).plain().map(str::to_owned);
            data
        }
        _ => return None,
    };
    Some(ForeignRecord { owner, ttl, kind: kind.to_int(), data, target })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_wrong_length_is_left_out() {
        let header = b"\0\x01\x81\x80\0\0\0\x02\0\0\0\0";
        let short = b"\x01a\0\0\x01\0\x01\0\0\0\x05\0\0";
        let whole = b"\x01a\0\0\x01\0\x01\0\0\0\x05\0\x04\xc0\0\x02\x01";
        let mut foreign = Foreign::default();
        foreign.note("a", &[&header[..], short, whole].concat());
        let count = |name| foreign.chain(name, b"\x01A\0", Rtype::A).map(|chain| chain.records.len());
        assert_eq!((count("a"), count("b")), (Some(1), None));
    }
}
