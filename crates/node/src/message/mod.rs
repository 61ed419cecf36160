//! The bytes of requests and replies between servers.
//!
//! A message starts with [`MESSAGE_VERSION`] and the format of the values in it, which are laid out as they are in
//! commands; a reply is in the format of its request. An error in a reply keeps what the asker acts on: whether a write may
//! have taken place, who leads, whether to come again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use quorate_base::account::NoRoom;
use quorate_consensus::{LogId, Member, Outcome, Progress, ProposeError, Role};
use quorate_state::*;

use crate::codec::wire::{
    Inexpressible, Malformed, Reader, Wire, Writer, put_bytes, wire_enum, wire_field, wire_struct,
};
use crate::codec::{FORMAT_NEWEST, Format, known};
use crate::error::{ReadError, Refusal};
use crate::events::{Event, EventList};
use crate::freshness::{Consistency, Freshness};
use crate::question::{
    Answer, FilterText, HealthQuestion, Indexed, Instance, NodeEntries, NodeMeta, NodeServices, Question, Tags, Wanted,
};
use crate::request::{Answered, Ask, AskEvents, Body, Caller, Knowing, Proposal, Reply, Request, Wait};
use crate::status::{Counts, Server, Status};
use crate::txn::{Txn, TxnAnswer};
use crate::watch::TooManyWatches;

/// The version of what stands around the values of a message, the only one so far.
const MESSAGE_VERSION: u8 = 1;
/// The longest message in bytes: what a server holds of one at most. Well above the largest transaction, and above what
/// most answers take; a list that is longer is asked of the leader itself.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Why a message was not made of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsendable {
    /// It is too long.
    #[error("it takes {bytes} bytes to send, and the limit is {MESSAGE_BYTES_MAX}")]
    TooLong {
        /// How many it takes.
        bytes: usize,
    },
    /// It has something that the format has no place for.
    #[error(transparent)]
    Inexpressible(#[from] Inexpressible),
}

/// A request as it is sent to a server that knows this format.
pub fn encode_request(request: &Request, format: Format) -> Result<Bytes, Unsendable> {
    encode(format, |out| request.put(out))
}

/// The request that `bytes` hold, and the format for its reply.
pub fn decode_request(bytes: &[u8]) -> Result<(Request, Format), Malformed> {
    let (reader, format) = begin(bytes)?;
    Ok((reader.last()?, format))
}

/// A reply as it is sent. One that is too long, or that can't be sent in one piece, becomes an error that says so.
pub fn encode_reply(reply: &Result<Reply, Refusal>, format: Format) -> Bytes {
    let refusal = match reply {
        Ok(Reply::Archive(_)) => Refusal::Other("an archive can't be sent in one piece".to_owned()),
        Ok(reply) => match encode(format, |out| tagged(REPLY, reply, out)) {
            Ok(bytes) => return bytes,
            Err(error) => Refusal::Other(format!("the answer can't be sent to the server that was asked: {error}")),
        },
        Err(refusal) => refusal.clone(),
    };
    // An error is short, and every format has a place for it.
    encode(format, |out| tagged(REFUSAL, &refusal, out)).unwrap_or_default()
}

/// The reply that `bytes` hold.
pub fn decode_reply(bytes: &[u8]) -> Result<Result<Reply, Refusal>, Malformed> {
    let (mut reader, _) = begin(bytes)?;
    match reader.byte()? {
        REPLY => Ok(Ok(reader.last()?)),
        REFUSAL => Ok(Err(reader.last()?)),
        tag => Err(Malformed::Tag(tag)),
    }
}

/// How many bytes a question takes to send, as a measure of what it takes to keep.
pub(crate) fn question_bytes(question: &Question) -> usize {
    let mut bytes = Vec::new();
    question.put(&mut Writer::new(&mut bytes, FORMAT_NEWEST));
    bytes.len()
}

const REPLY: u8 = 1;
const REFUSAL: u8 = 2;

fn encode(format: Format, put: impl FnOnce(&mut Writer<'_>)) -> Result<Bytes, Unsendable> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend([MESSAGE_VERSION, format]);
    let mut writer = Writer::new(&mut bytes, format);
    put(&mut writer);
    writer.finish()?;
    if bytes.len() > MESSAGE_BYTES_MAX { Err(Unsendable::TooLong { bytes: bytes.len() }) } else { Ok(bytes.into()) }
}

/// The values of a message, and their format.
fn begin(bytes: &[u8]) -> Result<(Reader<'_>, Format), Malformed> {
    let [version, format, values @ ..] = bytes else { return Err(Malformed::Short) };
    if *version != MESSAGE_VERSION {
        return Err(Malformed::Tag(*version));
    }
    Ok((Reader::new(values, known(*format)?), *format))
}

wire_struct!(Request { datacenter, caller, client, body });
wire_enum!(Body {
    1 = Propose(proposal),
    2 = Txn(txn),
    3 = Ask(ask),
    4 = RenewSession(id),
    5 = Fire { event, is_for_this_agent },
    6 = Events(ask),
    7 = Save(consistency),
    8 = Status(knowing),
    9 = Counts,
    10 = Datacenters,
});
wire_struct!(Proposal { operation, term });
wire_struct!(Ask { question, consistency, wait });
wire_struct!(Wait { seen, at_most });
wire_struct!(AskEvents { name, wait });
wire_enum!(Knowing { 1 = Local, 2 = After(consistency) });
wire_enum!(Consistency { 1 = Default, 2 = Consistent, 3 = Stale(age_max) });
wire_struct!(EventList { index, events });
wire_struct!(Txn { operations, places, incomplete, unknown_verbs, writes, consistency });
wire_struct!(TxnAnswer { outcome, freshness });
wire_struct!(TxnError { operation, reason });
wire_enum!(TxnResult { 1 = Key(key, entry, shown), 2 = Node(node), 3 = Service(service), 4 = Check(check) });
wire_enum!(ValueShown { 1 = Yes, 2 = No });
wire_struct!(Freshness { known_leader, last_contact_ms });
wire_enum!(Question {
    1 = Key(key),
    2 = Keys(prefix),
    3 = KeyNames { prefix, separator },
    4 = Nodes { meta, filter },
    5 = Services { meta, filter },
    6 = Instances { service, tags, meta, filter },
    7 = NodeServices { node, filter },
    8 = NodeChecks { node, filter },
    9 = ServiceChecks { service, meta, filter },
    10 = ChecksIn { status, meta, filter },
    11 = Health(question),
    12 = NodeEntries(node),
    13 = Session(id),
    14 = NodeSessions(node),
    15 = Sessions,
});
wire_struct!(HealthQuestion { service, tags, only_passing, is_imported, meta, filter });
wire_enum!(Wanted { 1 = Any, 2 = In(status), 3 = Unknown });
wire_enum!(Answer {
    1 = Key(entry),
    2 = Keys(keys),
    3 = Names(names),
    4 = Nodes(nodes),
    5 = Services(services),
    6 = Instances(instances),
    7 = NodeServices(node),
    8 = Checks(checks),
    9 = Health(instances),
    10 = NodeEntries(entries),
    11 = Sessions(sessions),
});
wire_struct!(Indexed { index, answer });
wire_struct!(NodeServices { node, has_services, services });
wire_struct!(Instance { node, service, checks });
wire_struct!(NodeEntries { node, services, checks });
wire_enum!(Response { 1 = Done, 2 = Flag(flag), 3 = Session(id), 4 = Txn(outcome), 5 = Refused(refusal) });
wire_enum!(Refusal {
    1 = NoPath,
    2 = NotWritten(error),
    3 = NotRead(error),
    4 = Filter(text),
    5 = TooCostly(text),
    6 = Other(text),
    7 = NoRoom(error),
});
wire_enum!(NoRoom { 1 = InTotal { bytes, limit }, 2 = InShare { bytes, limit } });
wire_enum!(ReadError { 1 = NoLeader, 2 = NotLeader { leader }, 3 = TooManyWatches(error), 4 = Stopped(reason) });
wire_struct!(TooManyWatches { limit });
wire_struct!(Member { name, address });
wire_enum!(Outcome { 1 = Unchanged, 2 = Unknown });
wire_struct!(Counts { keys, nodes, services, instances });
wire_struct!(Status { id, name, datacenter, role, term, format_newest, servers, progress, fatal, disk_full });
wire_struct!(Server { id, name, address, leader, voter });
wire_enum!(Role { 1 = Learner, 2 = Follower, 3 = Candidate, 4 = Leader, 5 = Stopped });
wire_struct!(Progress { last_log, committed, applied, snapshot, purged });
wire_struct!(LogId { term, index });

impl Wire for Event {
    fn put(&self, out: &mut Writer<'_>) {
        let Self { id, name, payload, node_filter, service_filter, tag_filter, lamport_time } = self;
        id.put(out);
        put_bytes(payload, out);
        [name, node_filter, service_filter, tag_filter].into_iter().for_each(|text| text.put(out));
        lamport_time.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (id, payload) = (Wire::take(from)?, Box::<[u8]>::take(from)?.into_vec());
        let (name, node_filter) = (Wire::take(from)?, Wire::take(from)?);
        let (service_filter, tag_filter) = (Wire::take(from)?, Wire::take(from)?);
        Ok(Self { id, name, payload, node_filter, service_filter, tag_filter, lamport_time: Wire::take(from)? })
    }
}

impl Wire for quorate_state::Refusal {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Self::InvalidSession(session) => {
                out.push(1);
                session.put(out);
            }
            Self::Invalid(reason) => {
                out.push(2);
                reason.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            1 => Self::InvalidSession(Wire::take(from)?),
            2 => Self::Invalid(Wire::take(from)?),
            tag => return Err(Malformed::Tag(tag)),
        })
    }
}

impl Wire for ProposeError {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Self::NotLeader { leader } => {
                out.push(1);
                leader.put(out);
            }
            Self::Overloaded { limit, unit } => {
                out.push(if *unit == BYTES { 3 } else { 2 });
                limit.put(out);
            }
            Self::TooLarge { bytes, limit } => {
                out.push(4);
                bytes.put(out);
                limit.put(out);
            }
            Self::DiskFull { reason } => {
                out.push(5);
                reason.put(out);
            }
            Self::LeadershipLost => out.push(6),
            Self::Timeout { waited_ms } => {
                out.push(7);
                waited_ms.put(out);
            }
            Self::Stopped { reason, outcome } => {
                out.push(8);
                reason.put(out);
                outcome.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            1 => Self::NotLeader { leader: Wire::take(from)? },
            2 => Self::Overloaded { limit: Wire::take(from)?, unit: "proposals" },
            3 => Self::Overloaded { limit: Wire::take(from)?, unit: BYTES },
            4 => Self::TooLarge { bytes: Wire::take(from)?, limit: Wire::take(from)? },
            5 => Self::DiskFull { reason: Wire::take(from)? },
            6 => Self::LeadershipLost,
            7 => Self::Timeout { waited_ms: Wire::take(from)? },
            8 => Self::Stopped { reason: Wire::take(from)?, outcome: Wire::take(from)? },
            tag => return Err(Malformed::Tag(tag)),
        })
    }
}

/// What [`ProposeError::Overloaded`] counts, if not proposals.
const BYTES: &str = "bytes";

impl Wire for Reply {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Self::Written(response) => tagged(1, response, out),
            Self::Txn(answer) => tagged(2, answer, out),
            // Whether it is shared or kept is of no use elsewhere.
            Self::Answered(Answered { answer, freshness, .. }) => {
                tagged(3, answer, out);
                freshness.put(out);
            }
            Self::Session(session) => tagged(4, session, out),
            Self::Done => out.push(5),
            Self::Events(events) => tagged(6, events, out),
            Self::Status(status) => tagged(7, status, out),
            Self::Counts(counts) => tagged(8, counts, out),
            Self::Datacenters(names) => tagged(9, names, out),
            Self::Archive(_) => out.push(ARCHIVE),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            1 => Self::Written(Wire::take(from)?),
            2 => Self::Txn(Wire::take(from)?),
            3 => Self::Answered(Answered {
                answer: Wire::take(from)?,
                freshness: Wire::take(from)?,
                is_shared: false,
                is_kept: false,
            }),
            4 => Self::Session(Wire::take(from)?),
            5 => Self::Done,
            6 => Self::Events(Wire::take(from)?),
            7 => Self::Status(Wire::take(from)?),
            8 => Self::Counts(Wire::take(from)?),
            9 => Self::Datacenters(Wire::take(from)?),
            tag => return Err(Malformed::Tag(tag)),
        })
    }
}

/// Stands for an archive, which is never sent so and never read back.
const ARCHIVE: u8 = 255;

fn tagged(tag: u8, value: &impl Wire, out: &mut Writer<'_>) {
    out.push(tag);
    value.put(out);
}

impl Wire for Caller {
    fn put(&self, out: &mut Writer<'_>) {
        self.token().unwrap_or("").to_owned().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self::with_token(&String::take(from)?))
    }
}

impl Wire for IpAddr {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Self::V4(address) => {
                out.push(4);
                address.octets().into_iter().for_each(|byte| out.push(byte));
            }
            Self::V6(address) => {
                out.push(6);
                address.octets().into_iter().for_each(|byte| out.push(byte));
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            4 => Ok(octets::<4>(from)?.into()),
            6 => Ok(octets::<16>(from)?.into()),
            tag => Err(Malformed::Tag(tag)),
        }
    }
}

fn octets<const COUNT: usize>(from: &mut Reader<'_>) -> Result<[u8; COUNT], Malformed> {
    let mut octets = [0; COUNT];
    for octet in &mut octets {
        *octet = from.byte()?;
    }
    Ok(octets)
}

impl Wire for Duration {
    /// In microseconds.
    fn put(&self, out: &mut Writer<'_>) {
        u64::try_from(self.as_micros()).unwrap_or(u64::MAX).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        u64::take(from).map(Self::from_micros)
    }
}

impl Wire for FilterText {
    fn put(&self, out: &mut Writer<'_>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self::new(&Box::<[u8]>::take(from)?))
    }
}

impl Wire for NodeMeta {
    fn put(&self, out: &mut Writer<'_>) {
        self.0.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Wire::take(from).map(Self)
    }
}

impl Wire for Tags {
    fn put(&self, out: &mut Writer<'_>) {
        self.iter().map(Box::<str>::from).collect::<Vec<_>>().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let tags = Vec::<Box<str>>::take(from)?;
        Ok(Self::new(tags.iter().map(|tag| &**tag)))
    }
}

impl Wire for BTreeMap<Box<str>, BTreeSet<Box<str>>> {
    fn put(&self, out: &mut Writer<'_>) {
        self.len().put(out);
        for (name, tags) in self {
            name.put(out);
            tags.len().put(out);
            tags.iter().for_each(|tag| tag.put(out));
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let tags = |from: &mut Reader<'_>| -> Result<BTreeSet<_>, _> {
            (0..from.count()?).map(|_| Box::<str>::take(from)).collect()
        };
        (0..from.count()?).map(|_| Ok((Box::<str>::take(from)?, tags(from)?))).collect()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Writer<'_>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok((Wire::take(from)?, Wire::take(from)?))
    }
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    fn put(&self, out: &mut Writer<'_>) {
        match self {
            Ok(value) => tagged(1, value, out),
            Err(error) => tagged(2, error, out),
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match from.byte()? {
            1 => Ok(Wire::take(from)?),
            2 => Err(Wire::take(from)?),
            tag => return Err(Malformed::Tag(tag)),
        })
    }
}

#[cfg(test)]
mod tests;
