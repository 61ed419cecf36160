//! Keys and values: `/v1/kv`.

use std::borrow::Cow;

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{Engine as _, alphabet};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::wire::is_empty;

/// One key with its value, as `GET /v1/kv/KEY` lists it and as a transaction gives it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct KvPair<'a> {
    /// How often the key's lock was acquired.
    pub lock_index: u64,
    /// The key. Bytes that are not UTF-8 are shown as U+FFFD, as Go shows them.
    pub key: Cow<'a, str>,
    /// The client's own number.
    pub flags: u64,
    /// The value; `null` if it has no bytes or is not shown.
    pub value: Option<Bytes64<'a>>,
    /// The id of the session that holds the lock; left out if there is none.
    #[serde(skip_serializing_if = "is_empty")]
    pub session: Cow<'a, str>,
    /// The index of the write that created the key.
    pub create_index: u64,
    /// The index of the last write.
    pub modify_index: u64,
}

impl<'a> KvPair<'a> {
    /// The value for [`Self::value`]: `null` stands for no bytes.
    pub fn value_of(bytes: &'a [u8]) -> Option<Bytes64<'a>> {
        (!bytes.is_empty()).then_some(Bytes64(Cow::Borrowed(bytes)))
    }

    /// The bytes of the value.
    pub fn value_bytes(&self) -> &[u8] {
        self.value.as_ref().map_or(&[], |value| &value.0)
    }
}

/// Bytes that JSON carries as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes64<'a>(pub Cow<'a, [u8]>);

/// Values up to this many bytes are encoded on the stack; most are small (configuration, locks, counters).
const STACK_VALUE_BYTES_MAX: usize = 384;

impl Serialize for Bytes64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stack = [0; STACK_VALUE_BYTES_MAX.div_ceil(3) * 4];
        if self.0.len() > STACK_VALUE_BYTES_MAX {
            return serializer.serialize_str(&STANDARD.encode(&self.0));
        }
        let length = STANDARD.encode_slice(&self.0, &mut stack).map_err(serde::ser::Error::custom)?;
        let text = std::str::from_utf8(&stack[..length]).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Bytes64<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Bytes64Visitor).map(|bytes| Self(Cow::Owned(bytes)))
    }
}

/// Reads base64, and a list of numbers as Go does.
struct Bytes64Visitor;

impl<'de> Visitor<'de> for Bytes64Visitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        self.visit_bytes(text.as_bytes())
    }

    fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Vec<u8>, E> {
        decode_base64(text).map_err(|offset| E::custom(format_args!("illegal base64 data at input byte {offset}")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

/// Decodes padded base64 as Go does: line breaks are passed over, and the bits behind the last byte may be any. The error
/// is the byte where Go sees it.
pub fn decode_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let joined: Cow<'_, [u8]> = match text.iter().any(is_break) {
        true => text.iter().copied().filter(|byte| !is_break(byte)).collect::<Vec<_>>().into(),
        false => text.into(),
    };
    LENIENT.decode(&joined).map_err(|_| corrupt_at(text))
}

/// Base64 whose last bits may be any.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

fn is_break(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Where Go sees the error in a text that is not base64. It reads groups of four: in one that ends early the error is at
/// its start, in one that is wrong at the wrong byte.
fn corrupt_at(text: &[u8]) -> usize {
    let mut bytes = text.iter().copied().enumerate().filter(|(_, byte)| !is_break(byte));
    loop {
        for position in 0..4 {
            match bytes.next() {
                None => return text.len() - position,
                Some((_, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/')) => {}
                Some((at, b'=')) if position == 2 => {
                    return match bytes.next() {
                        None => text.len(),
                        Some((_, b'=')) => bytes.next().map_or(text.len(), |(behind, _)| behind),
                        Some((other, _)) => other.saturating_sub(1).max(at),
                    };
                }
                Some((_, b'=')) if position == 3 => return bytes.next().map_or(text.len(), |(behind, _)| behind),
                Some((at, _)) => return at,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_written_as_consul_writes_it() {
        let mut pair = KvPair { key: "a/b".into(), create_index: 8, modify_index: 9, ..KvPair::default() };
        pair.value = KvPair::value_of(b"hello");
        assert_eq!(
            serde_json::to_string(&pair).unwrap(),
            r#"{"LockIndex":0,"Key":"a/b","Flags":0,"Value":"aGVsbG8=","CreateIndex":8,"ModifyIndex":9}"#
        );
        pair.value = KvPair::value_of(b"");
        pair.session = "s".into();
        let text = serde_json::to_string(&pair).unwrap();
        assert_eq!(
            text,
            r#"{"LockIndex":0,"Key":"a/b","Flags":0,"Value":null,"Session":"s","CreateIndex":8,"ModifyIndex":9}"#
        );
        assert_eq!(serde_json::from_str::<KvPair<'static>>(&text).unwrap(), pair);
    }

    #[test]
    fn values_of_all_lengths_read_back() {
        for length in (0..12).chain([383, 384, 385, 4096]) {
            let bytes: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let text = serde_json::to_string(&Bytes64(Cow::Borrowed(&bytes))).unwrap();
            assert_eq!(serde_json::from_str::<Bytes64<'static>>(&text).unwrap().0, bytes, "{length}");
        }
    }

    #[test]
    fn base64_is_read_as_go_reads_it() {
        for text in ["YWJ=", "YW==", "YW=\n=", "Y\nW==", "YR==", "YWK=", "YQ==\n", ""] {
            assert!(decode_base64(text.as_bytes()).is_ok(), "{text:?}");
        }
        for (text, at) in [
            ("!!", 0),
            ("YWJj!", 4),
            ("YWJ", 0),
            ("YW", 0),
            ("Y", 0),
            ("YW=", 3),
            ("Y===", 1),
            ("YQ=a", 2),
            ("YQ==YQ==", 4),
            ("YWJj=", 4),
            ("=", 0),
            ("====", 0),
            ("YWJjZ", 4),
            ("YQ==x", 4),
            ("ab=$", 2),
        ] {
            assert_eq!(decode_base64(text.as_bytes()), Err(at), "{text:?}");
        }
    }
}
