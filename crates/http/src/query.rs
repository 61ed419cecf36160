//! The query part of a request's target, read as Go's `net/url` reads it.
//!
//! Nothing is decoded before it is asked for: most requests carry no parameter or one, and are answered without copying.

use std::borrow::Cow;

use crate::path::escaped_byte;

/// The parameters of a request. The text is known to be well-formed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parameters<'a> {
    raw: &'a str,
}

/// A query with a broken percent escape, or with a `;`, which Go refuses because proxies disagree on its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedQuery;

impl<'a> Parameters<'a> {
    /// Checks a raw query.
    pub fn parse(raw: &'a str) -> Result<Self, MalformedQuery> {
        let bytes = raw.as_bytes();
        let broken = |at: usize| match bytes[at] {
            b'%' => escaped_byte(&bytes[at..]).is_none(),
            byte => byte == b';',
        };
        if (0..bytes.len()).any(broken) { Err(MalformedQuery) } else { Ok(Self { raw }) }
    }

    /// Names and values in their order, decoded. A name without a value has an empty one.
    pub fn iter(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        self.raw_pairs().map(|(name, value)| (decoded(name), decoded(value)))
    }

    fn raw_pairs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.raw.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// The values of a parameter, in their order.
    pub fn all(self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        self.raw_pairs().filter(move |(other, _)| decoded(other) == name).map(|(_, value)| decoded(value))
    }

    /// The first value of a parameter; empty if it has none or is absent.
    pub fn first(self, name: &str) -> Cow<'a, str> {
        let mut values = self.raw_pairs().filter(|(other, _)| decoded(other) == name);
        values.next().map_or(Cow::Borrowed(""), |(_, value)| decoded(value))
    }

    /// As [`Self::first`], as bytes.
    pub fn first_bytes(self, name: &str) -> Cow<'a, [u8]> {
        let mut values = self.raw_pairs().filter(|(other, _)| decoded(other) == name);
        values.next().map_or(Cow::Borrowed(&[]), |(_, value)| decoded_bytes(value))
    }

    /// Whether a parameter is there, with a value or without.
    pub fn has(self, name: &str) -> bool {
        !self.raw.is_empty() && self.raw_pairs().any(|(other, _)| decoded(other) == name)
    }

    /// All parameters, sorted by name and encoded anew, as Go's `Values.Encode` writes them.
    pub fn encoded(self) -> String {
        let mut pairs: Vec<_> =
            self.raw_pairs().map(|(name, value)| (decoded_bytes(name), decoded_bytes(value))).collect();
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        let mut text = String::new();
        for (name, value) in pairs {
            if !text.is_empty() {
                text.push('&');
            }
            encode(&name, &mut text);
            text.push('=');
            encode(&value, &mut text);
        }
        text
    }
}

/// The text that an encoded one stands for; bytes that are not UTF-8 read as U+FFFD.
fn decoded(raw: &str) -> Cow<'_, str> {
    match decoded_bytes(raw) {
        Cow::Borrowed(_) => Cow::Borrowed(raw),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

fn decoded_bytes(raw: &str) -> Cow<'_, [u8]> {
    let bytes = raw.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], escaped_byte(&bytes[at..])) {
            (b'+', _) => decoded.push(b' '),
            (_, Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (byte, None) => decoded.push(byte),
        }
        at += 1;
    }
    Cow::Owned(decoded)
}

/// Encodes as Go's `QueryEscape`.
fn encode(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(char::from(*byte)),
            b' ' => text.push('+'),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_reads() {
        let parameters = Parameters::parse("a=1&b&a=2+%2B&=x&%61=3&&c=%ff").unwrap();
        assert_eq!(parameters.all("a").collect::<Vec<_>>(), ["1", "2 +", "3"]);
        assert_eq!(parameters.first("a"), "1");
        assert!(parameters.has("b") && parameters.has("") && !parameters.has("d"));
        assert_eq!(parameters.first("c"), "\u{fffd}");
        assert_eq!(&*parameters.first_bytes("c"), b"\xff");
        assert_eq!(parameters.encoded(), "=x&a=1&a=2+%2B&a=3&b=&c=%FF");
    }

    #[test]
    fn refuses_what_go_refuses() {
        for raw in ["%zz", "a=%4", "a;b", "a=1&b=2%"] {
            assert_eq!(Parameters::parse(raw).map(|_| ()), Err(MalformedQuery), "{raw}");
        }
    }
}
