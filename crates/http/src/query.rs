//! The query part of a request's target, read as Go's `net/url` reads it, once for each request.

use std::borrow::Cow;

use crate::path::escaped_byte;

/// The parameters of a request, decoded, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    pairs: Vec<Parameter>,
}

/// A name and a value.
type Parameter = (Box<[u8]>, Box<[u8]>);

/// A query with a broken percent escape, or with a `;`, which Go refuses because proxies disagree on its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedQuery;

impl Parameters {
    /// Reads a raw query.
    pub fn parse(raw: &str) -> Result<Self, MalformedQuery> {
        let pairs = raw.as_bytes().split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
            Ok((decoded(name)?, decoded(value)?))
        });
        Ok(Self { pairs: pairs.collect::<Result<_, _>>()? })
    }

    /// Names and values in their order; bytes that are not UTF-8 read as U+FFFD. A name without a value has an empty one.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.pairs.iter().map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.pairs.iter().filter(move |(other, _)| **other == *name.as_bytes()).map(|(_, value)| &**value)
    }

    /// The values of a parameter, in their order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        self.values(name).map(String::from_utf8_lossy)
    }

    /// The first value of a parameter; empty if it has none or is absent.
    pub fn first(&self, name: &str) -> Cow<'_, str> {
        String::from_utf8_lossy(self.first_bytes(name))
    }

    /// As [`Self::first`], as bytes.
    pub fn first_bytes(&self, name: &str) -> &[u8] {
        let found = self.pairs.iter().find(|(other, _)| **other == *name.as_bytes());
        found.map_or(&[], |(_, value)| value)
    }

    /// Whether a parameter is there, with a value or without.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(other, _)| **other == *name.as_bytes())
    }

    /// All parameters, sorted by name and encoded anew, as Go's `Values.Encode` writes them.
    pub fn encoded(&self) -> String {
        let mut pairs: Vec<_> = self.pairs.iter().collect();
        pairs.sort_by(|left, right| left.0.cmp(&right.0));
        let mut text = String::new();
        for (name, value) in pairs {
            if !text.is_empty() {
                text.push('&');
            }
            encode(name, &mut text);
            text.push('=');
            encode(value, &mut text);
        }
        text
    }
}

/// The bytes that an encoded part stands for.
fn decoded(raw: &[u8]) -> Result<Box<[u8]>, MalformedQuery> {
    if !raw.iter().any(|byte| matches!(byte, b'%' | b'+' | b';')) {
        return Ok(raw.into());
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut at = 0;
    while at < raw.len() {
        match raw[at] {
            b';' => return Err(MalformedQuery),
            b'%' => {
                decoded.push(escaped_byte(&raw[at..]).ok_or(MalformedQuery)?);
                at += 2;
            }
            b'+' => decoded.push(b' '),
            byte => decoded.push(byte),
        }
        at += 1;
    }
    Ok(decoded.into())
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
        assert_eq!(parameters.first_bytes("c"), b"\xff");
        assert_eq!(parameters.encoded(), "=x&a=1&a=2+%2B&a=3&b=&c=%FF");
    }

    #[test]
    fn refuses_what_go_refuses() {
        for raw in ["%zz", "a=%4", "a;b", "a=1&b=2%"] {
            assert_eq!(Parameters::parse(raw).map(|_| ()), Err(MalformedQuery), "{raw}");
        }
    }
}
