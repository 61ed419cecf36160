//! JSON as Go's encoder writes it, so that answers are the same bytes that clients have always got.
//!
//! Two things differ from what `serde_json` writes by itself: `<`, `>`, `&`, U+2028 and U+2029 are escaped, so that an
//! answer can stand in a web page; and an indented answer uses four spaces and ends with a line feed.

mod kept;

use std::cell::RefCell;
use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// Encodes a value. Types of the wire always encode: their keys are texts and their numbers finite.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T, pretty: bool) -> Vec<u8> {
    // Most answers are one small object; what is larger grows by doubling.
    let mut out = Vec::with_capacity(512);
    let written = match pretty {
        false => value.serialize(&mut serde_json::Serializer::with_formatter(
            &mut out,
            Escaping { inner: CompactFormatter, indents: false },
        )),
        true => {
            let formatter = Escaping { inner: PrettyFormatter::with_indent(b"    "), indents: true };
            let written = value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter));
            out.push(b'\n');
            written
        }
    };
    if let Err(error) = written {
        // Only a part kept as text that is no JSON can lead here, and no request can bring that in.
        tracing::error!(%error, "an answer could not be encoded");
    }
    out
}

/// Encodes a list without gathering its elements first.
pub(crate) fn list<T: Serialize>(elements: impl Iterator<Item = T>, pretty: bool) -> Vec<u8> {
    struct List<I>(RefCell<I>);

    impl<I: Iterator<Item = T>, T: Serialize> Serialize for List<I> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(&mut *self.0.borrow_mut())
        }
    }

    json(&List(RefCell::new(elements)), pretty)
}

/// The text that Go shows for bytes that may not be UTF-8: one U+FFFD for each byte that is not.
pub(crate) fn text_of(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text.into()
}

/// A formatter that escapes what Go escapes.
struct Escaping<F> {
    inner: F,
    indents: bool,
}

/// The two characters above ASCII that Go escapes, U+2028 and U+2029, start with these bytes.
const SEPARATOR_START: [u8; 2] = [0xe2, 0x80];

impl<F> Escaping<F> {
    /// The length of the first character to escape, and where it is.
    fn find(bytes: &[u8]) -> Option<(usize, usize)> {
        let suspects = bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'<' | b'>' | b'&' | 0xe2));
        for (at, byte) in suspects {
            if *byte != 0xe2 {
                return Some((at, 1));
            }
            if bytes[at..].starts_with(&SEPARATOR_START) && matches!(bytes.get(at + 2), Some(0xa8 | 0xa9)) {
                return Some((at, 3));
            }
        }
        None
    }
}

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment.as_bytes();
        while let Some((at, length)) = Self::find(rest) {
            writer.write_all(&rest[..at])?;
            writer.write_all(match &rest[at..at + length] {
                b"<" => b"\\u003c",
                b">" => b"\\u003e",
                b"&" => b"\\u0026",
                [.., 0xa8] => b"\\u2028",
                _ => b"\\u2029",
            })?;
            rest = &rest[at + length..];
        }
        writer.write_all(rest)
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.indents {
            return kept::write(self, writer, fragment);
        }
        // What has to be escaped can only be inside of strings.
        self.write_string_fragment(writer, fragment)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.inner.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.inner.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_go_escapes() {
        let text = "<a href=\"x\">&\u{2028}\u{2029}€\u{7f}\u{1}\n";
        let expected = r#""\u003ca href=\"x\"\u003e\u0026\u2028\u2029€"#.to_owned() + "\u{7f}" + r#"\u0001\n""#;
        assert_eq!(String::from_utf8(json(text, false)).unwrap(), expected);
    }

    #[test]
    fn indents_as_go_indents() {
        let value = serde_json::json!({"a": [1, {"b": []}], "c": {}});
        let expected =
            "{\n    \"a\": [\n        1,\n        {\n            \"b\": []\n        }\n    ],\n    \"c\": {}\n}\n";
        assert_eq!(String::from_utf8(json(&value, true)).unwrap(), expected);
        assert_eq!(json("x", true), b"\"x\"\n");
    }

    #[test]
    fn kept_parts_are_written_as_if_they_were_encoded() {
        let value = serde_json::json!({
            "a": [1.5, {"b": [], "c": {}, "": "x,]}:\"\\"}, [[null]], true, "<&>\u{2028}"], "d": {"e": -1e9, "f": ""}
        });
        let raw = serde_json::value::RawValue::from_string(value.to_string()).unwrap();
        for pretty in [false, true] {
            let text = String::from_utf8(json(&[&raw], pretty)).unwrap();
            assert_eq!(text, String::from_utf8(json(&[&value], pretty)).unwrap());
        }
        for scalar in ["\"x\"", "5", "null", "[]", "{}"] {
            let raw = serde_json::value::RawValue::from_string(scalar.to_owned()).unwrap();
            assert_eq!(String::from_utf8(json(&raw, true)).unwrap(), format!("{scalar}\n"));
        }
    }

    #[test]
    fn bytes_that_are_not_text_show_one_by_one() {
        assert_eq!(text_of(b"a\xff\xe2\x80b"), "a\u{fffd}\u{fffd}\u{fffd}b");
    }
}
