//! The primitives of the layout, and how structs and enums are made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_state::{FORMAT_NEWEST, Format};
use uuid::Uuid;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end in the middle of something.
    #[error("cut short")]
    Short,
    /// There are bytes behind the end.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// A number that does not fit its place.
    #[error("a number out of range")]
    Number,
    /// A text that is not UTF-8.
    #[error("a text that is not UTF-8")]
    Text,
    /// A tag that this version does not know.
    #[error("the unknown tag {0}")]
    Tag(u8),
    /// A format that this version does not know.
    #[error(
        "format {found}, and this Quorate reads formats up to {FORMAT_NEWEST}; start the version of Quorate that wrote \
         it, or a later one"
    )]
    Newer {
        /// The format it is in.
        found: Format,
    },
}

/// A value holds something that the format it should be written in has no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this needs format {needed}, and format {format} is written until every server of the cluster runs a version of \
     Quorate that knows format {needed}"
)]
pub struct Inexpressible {
    /// The oldest format that has a place for it.
    pub needed: Format,
    /// The format it should have been written in.
    pub format: Format,
}

/// Something with a place in the layout.
pub(crate) trait Wire: Sized {
    /// Appends its bytes.
    fn put(&self, out: &mut Writer<'_>);
    /// Takes it off the front.
    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Bytes being put together in a format.
pub(crate) struct Writer<'a> {
    format: Format,
    bytes: &'a mut Vec<u8>,
    /// The oldest format that has a place for all that was written, if this one has not.
    needed: Option<Format>,
}

impl<'a> Writer<'a> {
    /// Appends to `bytes`.
    pub(crate) fn new(bytes: &'a mut Vec<u8>, format: Format) -> Self {
        Self { format, bytes, needed: None }
    }

    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether this format has what exists since that one.
    pub(crate) fn knows(&self, since: Format) -> bool {
        self.format >= since
    }

    /// Notes that there is something to write that exists since that format only.
    pub(crate) fn need(&mut self, since: Format) {
        if !self.knows(since) {
            self.needed = self.needed.max(Some(since));
        }
    }

    /// Whether all of it could be written. If not, the bytes are worth nothing.
    pub(crate) fn finish(self) -> Result<(), Inexpressible> {
        match self.needed {
            None => Ok(()),
            Some(needed) => Err(Inexpressible { needed, format: self.format }),
        }
    }
}

/// Bytes of a format being taken apart from the front.
pub(crate) struct Reader<'a> {
    format: Format,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], format: Format) -> Self {
        Self { format, rest: bytes }
    }

    /// Whether this format has what exists since that one.
    pub(crate) fn knows(&self, since: Format) -> bool {
        self.format >= since
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next byte, left where it is.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (front, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(front)
    }

    /// A length, which can't be larger than what is left: each thing counted takes at least one byte.
    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::take(self)?;
        if count > self.rest.len() { Err(Malformed::Short) } else { Ok(count) }
    }

    fn counted_bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.count()?;
        self.bytes(count)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.counted_bytes()?).map_err(|_| Malformed::Text)
    }

    /// A value that must end where the bytes end.
    pub(crate) fn last<T: Wire>(mut self) -> Result<T, Malformed> {
        let value = T::take(&mut self)?;
        if self.rest.is_empty() { Ok(value) } else { Err(Malformed::Trailing(self.rest.len())) }
    }
}

impl Wire for u64 {
    fn put(&self, out: &mut Writer<'_>) {
        let mut left = *self;
        while left >= 0x80 {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = from.byte()?;
            if shift == 63 && byte > 1 {
                return Err(Malformed::Number);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::Number)
    }
}

impl Wire for u8 {
    fn put(&self, out: &mut Writer<'_>) {
        out.push(*self);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        from.byte()
    }
}

impl Wire for usize {
    fn put(&self, out: &mut Writer<'_>) {
        (*self as u64).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::try_from(u64::take(from)?).map_err(|_| Malformed::Number)
    }
}

impl Wire for i64 {
    /// Zigzag, so that small numbers of either sign are short.
    fn put(&self, out: &mut Writer<'_>) {
        (((*self << 1) ^ (*self >> 63)) as u64).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let zigzag = u64::take(from)?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Writer<'_>) {
        out.push(u8::from(*self));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(Malformed::Tag(tag)),
        }
    }
}

impl Wire for Box<[u8]> {
    fn put(&self, out: &mut Writer<'_>) {
        put_bytes(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(from.counted_bytes()?.into())
    }
}

pub(crate) fn put_bytes(bytes: &[u8], out: &mut Writer<'_>) {
    bytes.len().put(out);
    out.extend_from_slice(bytes);
}

impl Wire for String {
    fn put(&self, out: &mut Writer<'_>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(from.text()?.to_owned())
    }
}

impl Wire for Box<str> {
    fn put(&self, out: &mut Writer<'_>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(from.text()?.into())
    }
}

impl Wire for Arc<str> {
    fn put(&self, out: &mut Writer<'_>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(from.text()?.into())
    }
}

impl Wire for quorate_state::Key {
    fn put(&self, out: &mut Writer<'_>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(from.counted_bytes()?.into())
    }
}

impl Wire for Uuid {
    fn put(&self, out: &mut Writer<'_>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::from_slice(from.bytes(16)?).map_err(|_| Malformed::Short)
    }
}

impl Wire for quorate_state::SessionId {
    fn put(&self, out: &mut Writer<'_>) {
        self.get().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::new(Uuid::take(from)?).ok_or(Malformed::Number)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Writer<'_>) {
        self.len().put(out);
        self.iter().for_each(|item| item.put(out));
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = from.count()?;
        // A count is only as honest as its source: items may be larger in memory than on the wire.
        let mut items = Self::with_capacity(count.min(1024));
        for _ in 0..count {
            items.push(T::take(from)?);
        }
        Ok(items)
    }
}

impl<V: Wire> Wire for BTreeMap<String, V> {
    fn put(&self, out: &mut Writer<'_>) {
        self.len().put(out);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        (0..from.count()?).map(|_| Ok((String::take(from)?, V::take(from)?))).collect()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Writer<'_>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(if bool::take(from)? { Some(T::take(from)?) } else { None })
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Writer<'_>) {
        (**self).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::take(from).map(Self::new)
    }
}

impl<T: Wire> Wire for Arc<T> {
    fn put(&self, out: &mut Writer<'_>) {
        (**self).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::take(from).map(Self::new)
    }
}

/// A struct whose fields follow each other in the order given. One that is newer says since which format it exists, and
/// which value it has in older ones: `name since 2 else String::new()`.
macro_rules! wire_struct {
    ($type:ident { $($field:ident $(since $since:literal else $absent:expr)?),+ $(,)? }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Writer<'_>) {
                let Self { $($field),+ } = self;
                $(wire_field!(put $field out $(since $since else $absent)?);)+
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                $(let $field = wire_field!(take from $(since $since else $absent)?);)+
                Ok(Self { $($field),+ })
            }
        }
    };
}

/// One field of a struct.
macro_rules! wire_field {
    (put $field:ident $out:ident) => {
        $field.put($out)
    };
    (put $field:ident $out:ident since $since:literal else $absent:expr) => {
        if $out.knows($since) {
            $field.put($out);
        } else if *$field != $absent {
            $out.need($since);
        }
    };
    (take $from:ident) => {
        Wire::take($from)?
    };
    (take $from:ident since $since:literal else $absent:expr) => {
        if $from.knows($since) { Wire::take($from)? } else { $absent }
    };
}

/// An enum: a tag byte for each variant, then its parts in order. One that is newer says since which format it exists:
/// `9 = Name(part) since 2`.
macro_rules! wire_enum {
    ($type:ident {
        $($tag:literal = $variant:ident $(( $($part:ident),+ ))? $({ $($field:ident),+ })? $(since $since:literal)?),+
        $(,)?
    }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Writer<'_>) {
                match self {
                    $(Self::$variant $(( $($part),+ ))? $({ $($field),+ })? => {
                        $(out.need($since);)?
                        out.push($tag);
                        $($($part.put(out);)+)?
                        $($($field.put(out);)+)?
                    })+
                }
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                match from.byte()? {
                    $($tag $(if from.knows($since))? => {
                        $($(let $part = Wire::take(from)?;)+)?
                        $($(let $field = Wire::take(from)?;)+)?
                        Ok(Self::$variant $(( $($part),+ ))? $({ $($field),+ })?)
                    })+
                    tag => Err(Malformed::Tag(tag)),
                }
            }
        }
    };
}

pub(crate) use {wire_enum, wire_field, wire_struct};
