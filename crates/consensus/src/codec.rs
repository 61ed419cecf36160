//! How memberships and identities are written in log records and snapshot headers: little-endian, lengths first.
//!
//! Decoders take bytes that a disk or a peer gave, so they never panic and never trust a length.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{LogId, Member, Membership, NodeId};

/// Takes values off the front of `bytes`. Each method gives `None` once there is too little.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        Some(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn node(&mut self) -> Option<NodeId> {
        Some(NodeId::from_bytes(self.array()?))
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        Some(std::str::from_utf8(self.take(length)?).ok()?.to_owned())
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// `Some(())` if nothing is left.
    pub(crate) fn end(&self) -> Option<()> {
        self.bytes.is_empty().then_some(())
    }
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u32(out, text.len() as u32);
    out.extend_from_slice(text.as_bytes());
}

/// Writes a log id that may be absent: 1, term, index; or 0 and 16 zero bytes.
pub(crate) fn put_log_id(out: &mut Vec<u8>, id: Option<LogId>) {
    out.push(id.is_some() as u8);
    let id = id.unwrap_or(LogId { term: 0, index: 0 });
    put_u64(out, id.term);
    put_u64(out, id.index);
}

/// Reads what [`put_log_id`] wrote.
pub(crate) fn log_id(reader: &mut Reader<'_>) -> Option<Option<LogId>> {
    let present = reader.u8()?;
    let id = LogId { term: reader.u64()?, index: reader.u64()? };
    match present {
        0 => Some(None),
        1 => Some(Some(id)),
        _ => None,
    }
}

/// Writes a membership: the voter sets, each with its ids, then the members, each with id, name and address.
pub(crate) fn put_membership(out: &mut Vec<u8>, membership: &Membership) {
    put_u32(out, membership.voters.len() as u32);
    for set in &membership.voters {
        put_u32(out, set.len() as u32);
        for id in set {
            out.extend_from_slice(id.as_bytes());
        }
    }
    put_u32(out, membership.members.len() as u32);
    for (id, member) in &membership.members {
        out.extend_from_slice(id.as_bytes());
        put_text(out, &member.name);
        put_text(out, &member.address);
    }
}

/// Reads what [`put_membership`] wrote.
pub(crate) fn membership(reader: &mut Reader<'_>) -> Option<Membership> {
    let mut voters = Vec::new();
    for _ in 0..reader.u32()? {
        let mut set = BTreeSet::new();
        for _ in 0..reader.u32()? {
            set.insert(reader.node()?);
        }
        voters.push(set);
    }
    let mut members = BTreeMap::new();
    for _ in 0..reader.u32()? {
        let id = reader.node()?;
        members.insert(id, Member { name: reader.text()?, address: reader.text()? });
    }
    Some(Membership { voters, members })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_comes_back() {
        let ids: Vec<NodeId> = (1..=3).map(NodeId::from_u128).collect();
        let member = |n: u32| Member { name: format!("n{n}"), address: format!("10.0.0.{n}:8300") };
        let membership = Membership {
            voters: vec![ids[..2].iter().copied().collect(), ids.iter().copied().collect()],
            members: ids.iter().copied().zip((1..).map(member)).collect(),
        };
        let mut bytes = Vec::new();
        put_membership(&mut bytes, &membership);
        let mut reader = Reader::new(&bytes);
        assert_eq!(super::membership(&mut reader), Some(membership));
        assert!(reader.end().is_some());
        for length in 0..bytes.len() {
            assert_eq!(super::membership(&mut Reader::new(&bytes[..length])), None, "cut at {length}");
        }
    }

    #[test]
    fn a_huge_count_takes_no_memory() {
        assert_eq!(membership(&mut Reader::new(&[0xff; 64])), None);
    }
}
