//! JSON that is kept as text, written into an answer that is indented.
//!
//! The text has no spaces between its tokens, since it was encoded here. Each token is handed to the formatter of the
//! answer, so that it comes out as if its value had been encoded in its place.

use std::io;

use serde_json::ser::Formatter;

/// Writes a text of JSON token by token.
pub(super) fn write<F: Formatter, W: ?Sized + io::Write>(
    formatter: &mut F,
    writer: &mut W,
    text: &str,
) -> io::Result<()> {
    let mut walk = Walk { formatter, writer, open: Vec::new() };
    let mut rest = text;
    while !rest.is_empty() {
        let (token, behind) = rest.split_at(token_length(rest));
        walk.token(token)?;
        rest = behind;
    }
    Ok(())
}

/// How long the first token is: a string, a mark, or a number or word.
fn token_length(text: &str) -> usize {
    let is_mark = |byte: u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',');
    let bytes = text.as_bytes();
    if bytes[0] == b'"' {
        let mut is_escaped = false;
        let end = bytes[1..].iter().position(|byte| {
            let ends = *byte == b'"' && !is_escaped;
            is_escaped = *byte == b'\\' && !is_escaped;
            ends
        });
        return end.map_or(bytes.len(), |at| at + 2);
    }
    if is_mark(bytes[0]) { 1 } else { bytes.iter().position(|byte| is_mark(*byte)).unwrap_or(bytes.len()) }
}

/// A list or an object that is not closed yet.
struct Open {
    is_object: bool,
    /// Whether it has nothing in it so far.
    is_empty: bool,
    /// Whether a key of the object is awaited, not its value.
    at_key: bool,
}

struct Walk<'a, F, W: ?Sized> {
    formatter: &'a mut F,
    writer: &'a mut W,
    open: Vec<Open>,
}

impl<F: Formatter, W: ?Sized + io::Write> Walk<'_, F, W> {
    fn token(&mut self, token: &str) -> io::Result<()> {
        match token {
            "{" | "[" => {
                self.before_value()?;
                let is_object = token == "{";
                self.open.push(Open { is_object, is_empty: true, at_key: is_object });
                if is_object {
                    self.formatter.begin_object(self.writer)
                } else {
                    self.formatter.begin_array(self.writer)
                }
            }
            "}" | "]" => self.close(),
            "," => {
                self.end_value()?;
                if let Some(open) = self.open.last_mut() {
                    open.at_key = open.is_object;
                }
                Ok(())
            }
            ":" => {
                self.formatter.end_object_key(self.writer)?;
                self.formatter.begin_object_value(self.writer)
            }
            scalar => {
                self.before_value()?;
                self.formatter.write_string_fragment(self.writer, scalar)
            }
        }
    }

    /// What comes before a key of an object, or before a value of a list.
    fn before_value(&mut self) -> io::Result<()> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let is_first = std::mem::replace(&mut open.is_empty, false);
        if open.at_key {
            open.at_key = false;
            self.formatter.begin_object_key(self.writer, is_first)
        } else if open.is_object {
            Ok(())
        } else {
            self.formatter.begin_array_value(self.writer, is_first)
        }
    }

    fn end_value(&mut self) -> io::Result<()> {
        match self.open.last() {
            Some(open) if open.is_object => self.formatter.end_object_value(self.writer),
            Some(_) => self.formatter.end_array_value(self.writer),
            None => Ok(()),
        }
    }

    fn close(&mut self) -> io::Result<()> {
        if self.open.last().is_some_and(|open| !open.is_empty) {
            self.end_value()?;
        }
        match self.open.pop() {
            Some(open) if open.is_object => self.formatter.end_object(self.writer),
            _ => self.formatter.end_array(self.writer),
        }
    }
}
