//! Records and answers as they are put together, before they are bytes.

use std::borrow::Cow;
use std::net::IpAddr;

use domain::base::iana::{Rcode, Rtype};

use crate::name::Target;

/// A resource record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) owner: Owner<'a>,
    pub(crate) ttl: u32,
    pub(crate) data: Data<'a>,
}

impl Record<'_> {
    /// Whether it is a name that leads on.
    pub(crate) fn is_cname(&self) -> bool {
        match self.data {
            Data::Cname(_) => true,
            Data::Foreign(kind, _) => kind == Rtype::CNAME.to_int(),
            _ => false,
        }
    }
}

/// Whose record it is. Names that stand in the message already are named by where they stand, and so cost two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner<'a> {
    /// The name asked for.
    Question,
    /// The zone.
    Zone,
    /// The name that the answer of this number leads to.
    Target(usize),
    /// The same, of a record that another answer which leads there has brought already.
    TargetAgain(usize),
    /// The name that the record of this number in the authority section leads to.
    NameServer(usize),
    /// A name as it stands in a message.
    Wire(&'a [u8]),
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data<'a> {
    /// An `A` or an `AAAA` record.
    Address(IpAddr),
    Cname(Target<'a>),
    Ns(Target<'a>),
    Ptr(Target<'a>),
    Srv {
        weight: u16,
        port: u16,
        target: Target<'a>,
    },
    Txt(Cow<'a, str>),
    /// The zone's SOA.
    Soa,
    /// A record that a recursor gave: its type and its data with all names written out.
    Foreign(u16, &'a [u8]),
}

/// The records of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) rcode: Rcode,
    /// Whether it is the zone's own word.
    pub(crate) is_authoritative: bool,
    pub(crate) answers: Vec<Record<'a>>,
    /// Whether there are more answers, which were left out since no message could take them.
    pub(crate) is_partial: bool,
    pub(crate) authority: Vec<Record<'a>>,
    pub(crate) additional: Vec<Record<'a>>,
}

impl Answer<'_> {
    /// An answer of the zone without a record yet.
    pub(crate) fn empty() -> Self {
        Self {
            rcode: Rcode::NOERROR,
            is_authoritative: true,
            answers: Vec::new(),
            is_partial: false,
            authority: Vec::new(),
            additional: Vec::new(),
        }
    }

    /// An answer that is only a code and not the zone's.
    pub(crate) fn code(rcode: Rcode) -> Self {
        Self { rcode, is_authoritative: false, ..Self::empty() }
    }
}
