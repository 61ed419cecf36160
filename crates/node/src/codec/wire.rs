//! The primitives of the layout, and how structs and enums are made of them.

use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// A layout that this version does not know.
    #[error("version {0} of the layout, which this Quorate can't read; it was written by a newer one")]
    Version(u8),
}

/// Something with a place in the layout.
pub(crate) trait Wire: Sized {
    /// Appends its bytes.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes it off the front.
    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// Bytes being taken apart from the front.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
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
    fn put(&self, out: &mut Vec<u8>) {
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

impl Wire for usize {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::try_from(u64::take(from)?).map_err(|_| Malformed::Number)
    }
}

impl Wire for i64 {
    /// Zigzag, so that small numbers of either sign are short.
    fn put(&self, out: &mut Vec<u8>) {
        (((*self << 1) ^ (*self >> 63)) as u64).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let zigzag = u64::take(from)?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }
}

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
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
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self, out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(from.counted_bytes()?.into())
    }
}

pub(crate) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    bytes.len().put(out);
    out.extend_from_slice(bytes);
}

impl Wire for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(from.text()?.to_owned())
    }
}

impl Wire for Box<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(from.text()?.into())
    }
}

impl Wire for quorate_state::Key {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(self.as_bytes(), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(from.counted_bytes()?.into())
    }
}

impl Wire for Uuid {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::from_slice(from.bytes(16)?).map_err(|_| Malformed::Short)
    }
}

impl Wire for quorate_state::SessionId {
    fn put(&self, out: &mut Vec<u8>) {
        self.get().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::new(Uuid::take(from)?).ok_or(Malformed::Number)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
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
    fn put(&self, out: &mut Vec<u8>) {
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
    fn put(&self, out: &mut Vec<u8>) {
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
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::take(from).map(Self::new)
    }
}

impl<T: Wire> Wire for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::take(from).map(Self::new)
    }
}

/// A struct whose fields follow each other in the order given.
macro_rules! wire_struct {
    ($type:ident { $($field:ident),+ $(,)? }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),+ } = self;
                $($field.put(out);)+
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                $(let $field = Wire::take(from)?;)+
                Ok(Self { $($field),+ })
            }
        }
    };
}

/// An enum: a tag byte for each variant, then its parts in order.
macro_rules! wire_enum {
    ($type:ident { $($tag:literal = $variant:ident $(( $($part:ident),+ ))? $({ $($field:ident),+ })?),+ $(,)? }) => {
        impl Wire for $type {
            fn put(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(( $($part),+ ))? $({ $($field),+ })? => {
                        out.push($tag);
                        $($($part.put(out);)+)?
                        $($($field.put(out);)+)?
                    })+
                }
            }

            fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
                match from.byte()? {
                    $($tag => {
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

pub(crate) use {wire_enum, wire_struct};
