//! What recursors said of names outside of the zone that an answer leads to.

use std::collections::BTreeMap;

use domain::base::iana::Rtype;
use domain::base::message::Message;
use domain::base::name::{ParsedName, ToName as _};
use domain::base::rdata::UnknownRecordData;
use domain::rdata::Cname;

/// The most records of one name that are passed on; a set larger than that is no address of a service.
const RECORDS_MAX: usize = 64;

/// Records by the name that was asked about.
#[derive(Clone, Debug, Default)]
pub struct Foreign(BTreeMap<String, Vec<ForeignRecord>>);

/// A record of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignRecord {
    /// Its owner as it stands in a message, written out.
    pub(crate) owner: Vec<u8>,
    pub(crate) ttl: u32,
    pub(crate) kind: u16,
    /// Its data, with names written out.
    pub(crate) data: Vec<u8>,
}

impl ForeignRecord {
    /// Whether the record is part of an answer to a question of this type.
    pub(crate) fn answers(&self, kind: Rtype) -> bool {
        self.kind == Rtype::CNAME.to_int() || kind == Rtype::ANY || self.kind == kind.to_int()
    }
}

impl Foreign {
    /// What was said of a name; `None` if nobody was asked.
    pub(crate) fn of(&self, name: &str) -> Option<&[ForeignRecord]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// Notes that a name was asked about, also if no answer came.
    pub fn note_asked(&mut self, name: &str) {
        self.0.entry(name.to_owned()).or_default();
    }

    /// Keeps the addresses, and the names that lead to them, of the answer of a recursor. What can't be read is left out.
    pub fn note(&mut self, name: &str, message: &[u8]) {
        let records = self.0.entry(name.to_owned()).or_default();
        let Ok(message) = Message::from_slice(message) else { return };
        let Ok(section) = message.answer() else { return };
        for record in section.flatten() {
            if records.len() == RECORDS_MAX {
                return;
            }
            let (owner, ttl, kind) = (record.owner().to_vec().into_octets(), record.ttl().as_secs(), record.rtype());
            let address_bytes = if kind == Rtype::A { 4 } else { 16 };
            let data = match kind {
                Rtype::A | Rtype::AAAA => record
                    .into_record::<UnknownRecordData<&[u8]>>()
                    .ok()
                    .flatten()
                    .map(|record| record.data().data().to_vec())
                    .filter(|data| data.len() == address_bytes),
                Rtype::CNAME => record
                    .into_record::<Cname<ParsedName<&[u8]>>>()
                    .ok()
                    .flatten()
                    .map(|record| record.data().cname().to_vec().into_octets()),
                _ => None,
            };
            let Some(data) = data else { continue };
            let record = ForeignRecord { owner, ttl, kind: kind.to_int(), data };
            // The names on the way come with the addresses of either family.
            if !records.contains(&record) {
                records.push(record);
            }
        }
    }
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
        assert_eq!(foreign.of("a").map(<[_]>::len), Some(1));
        assert_eq!(foreign.of("b"), None);
    }
}
