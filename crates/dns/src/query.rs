//! Reads a query: bytes from anybody, so nothing is believed that was not looked at.

use domain::base::iana::{Class, Opcode, OptRcode, Rcode, Rtype};
use domain::base::message::Message;
use domain::base::name::{ToLabelIter as _, ToName as _};
use domain::base::rdata::UnknownRecordData;

/// The end of a message's header and the start of its question.
pub(crate) const HEADER_BYTES: usize = 12;
/// The bit of the OPT record's time to live that asks for signatures, RFC 3225.
const DNSSEC_OK: u32 = 0x8000;
/// The number of the option that carries a client's subnet, RFC 7871.
pub(crate) const CLIENT_SUBNET: u16 = 8;

/// A query with one question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a> {
    pub(crate) head: Head,
    /// The name asked for as it came, uncompressed and with its end.
    pub(crate) name: &'a [u8],
    pub(crate) kind: Rtype,
    pub(crate) class: Class,
    pub(crate) edns: Option<Edns<'a>>,
}

/// What of a query's header comes back in its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: u16,
    pub(crate) opcode: Opcode,
    pub(crate) is_recursion_desired: bool,
    pub(crate) is_checking_disabled: bool,
}

/// What the client says with EDNS, RFC 6891.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edns<'a> {
    /// How large an answer may be, as it came.
    pub(crate) size: u16,
    pub(crate) version: u8,
    /// Whether the client wants to see signatures (the DO bit); the bit comes back though there are none (RFC 3225).
    pub(crate) wants_signatures: bool,
    /// The subnet that the question is asked for, as the option's data.
    pub(crate) subnet: Option<&'a [u8]>,
}

/// Why a message is no query that can be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is too short to answer, or an answer itself: answering might never end.
    Ignored,
    /// It is answered with an error and nothing else.
    Refused(Head, Rcode),
}

impl<'a> Query<'a> {
    /// Reads a message.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let message = Message::from_slice(bytes).map_err(|_| Unreadable::Ignored)?;
        let header = message.header();
        if header.qr() {
            return Err(Unreadable::Ignored);
        }
        let head = Head {
            id: header.id(),
            opcode: header.opcode(),
            is_recursion_desired: header.rd(),
            is_checking_disabled: header.cd(),
        };
        let code = if head.opcode == Opcode::QUERY { Rcode::FORMERR } else { Rcode::NOTIMP };
        Self::read_body(message, bytes, head).ok_or(Unreadable::Refused(head, code))
    }

    /// Whether it asks for something, and is no other kind of message, such as an update.
    pub(crate) fn is_question(&self) -> bool {
        self.head.opcode == Opcode::QUERY
    }

    /// The rest of a message behind its header; `None` if it can't be understood.
    fn read_body(message: &'a Message<[u8]>, bytes: &'a [u8], head: Head) -> Option<Self> {
        let question = message.sole_question().ok()?;
        let length = usize::from(question.qname().compose_len());
        let name = bytes.get(HEADER_BYTES..HEADER_BYTES + length)?;
        // A pointer in the first name could only lead into the header, and then the name does not stand here.
        if question.qname().as_flat_slice() != Some(name) {
            return None;
        }
        let mut edns = None;
        if message.header_counts().arcount() > 0 {
            for record in message.additional().ok()? {
                let record = record.ok()?;
                if record.rtype() == Rtype::OPT {
                    if edns.is_some() {
                        return None;
                    }
                    let record = record.into_record::<UnknownRecordData<&'a [u8]>>().ok()??;
                    let bits = record.ttl().as_secs();
                    edns = Some(Edns {
                        size: record.class().to_int(),
                        version: (bits >> 16) as u8,
                        wants_signatures: bits & DNSSEC_OK != 0,
                        subnet: subnet(record.data().data())?,
                    });
                }
            }
        }
        Some(Self { head, name, kind: question.qtype(), class: question.qclass(), edns })
    }
}

/// The client's subnet among the options: `Some(None)` if there is none, `None` for one that can't be understood.
fn subnet(mut rest: &[u8]) -> Option<Option<&[u8]>> {
    while let [code_high, code_low, length_high, length_low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
        let (data, next) = after.split_at_checked(length)?;
        if u16::from_be_bytes([*code_high, *code_low]) == CLIENT_SUBNET {
            return is_subnet(data).then_some(Some(data));
        }
        rest = next;
    }
    rest.is_empty().then_some(None)
}

/// Whether these bytes are a subnet as a client may send it: as many address bytes as its prefix needs, and no bit set
/// beyond it.
fn is_subnet(data: &[u8]) -> bool {
    let &[family_high, family_low, prefix, _scope, ref address @ ..] = data else { return false };
    let bits_max = match u16::from_be_bytes([family_high, family_low]) {
        1 => 32,
        2 => 128,
        // A client may ask that its subnet be told to nobody.
        0 => 0,
        _ => return false,
    };
    let bits_beyond = match prefix % 8 {
        0 => 0,
        inside => address.last().map_or(0, |last| last << inside),
    };
    prefix <= bits_max && address.len() == usize::from(prefix).div_ceil(8) && bits_beyond == 0
}

/// The code that tells of a version of EDNS that is not spoken here.
pub(crate) const BAD_VERSION: u16 = OptRcode::BADVERS.to_int();
