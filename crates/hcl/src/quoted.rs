//! Texts: HCL's in quotes and as heredocs, JSON's in quotes.

use crate::cursor::Cursor;
use crate::error::{Error, Problem};

/// Takes an HCL text, from its opening quote on. Within `${` and `}` everything is text, quotes, ends of lines and escapes
/// included; the escapes must be right nevertheless.
pub(crate) fn hcl(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let start = *cursor;
    cursor.next();
    let mut bytes = Vec::new();
    let mut braces = 0;
    loop {
        let before = *cursor;
        match cursor.next() {
            None | Some('\0') => return start.error(Problem::QuoteEnd),
            Some('\n') if braces == 0 => return start.error(Problem::QuoteEnd),
            Some('"') if braces == 0 => break,
            Some('$') if braces == 0 && cursor.eat("{") => braces = 1,
            Some('{') if braces > 0 => braces += 1,
            Some('}') if braces > 0 => braces -= 1,
            Some('\\') => {
                let byte_or_char = escape(cursor, &before)?;
                if braces == 0 {
                    byte_or_char.push(&mut bytes);
                    continue;
                }
            }
            Some(_) => {}
        }
        bytes.extend_from_slice(cursor.since(&before).as_bytes());
    }
    String::from_utf8(bytes).or_else(|_| start.error(Problem::Utf8))
}

/// What an escape stands for.
enum Escaped {
    Byte(u8),
    Char(char),
}

impl Escaped {
    fn push(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Byte(byte) => bytes.push(byte),
            Self::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Takes an escape behind its backslash, which stands at `start`.
fn escape(cursor: &mut Cursor<'_>, start: &Cursor<'_>) -> Result<Escaped, Error> {
    let letter = cursor.next();
    let escaped = match letter {
        Some('a') => Some(Escaped::Byte(7)),
        Some('b') => Some(Escaped::Byte(8)),
        Some('f') => Some(Escaped::Byte(12)),
        Some('n') => Some(Escaped::Byte(b'\n')),
        Some('r') => Some(Escaped::Byte(b'\r')),
        Some('t') => Some(Escaped::Byte(b'\t')),
        Some('v') => Some(Escaped::Byte(11)),
        Some('\\') => Some(Escaped::Byte(b'\\')),
        Some('"') => Some(Escaped::Byte(b'"')),
        Some(first @ '0'..='7') => {
            let rest = digits(cursor, 2, 8);
            let value = rest.map(|rest| (u32::from(first) - u32::from('0')) * 64 + rest);
            value.and_then(|value| u8::try_from(value).ok()).map(Escaped::Byte)
        }
        Some('x') => digits(cursor, 2, 16).and_then(|value| u8::try_from(value).ok()).map(Escaped::Byte),
        Some('u') => digits(cursor, 4, 16).map(character).map(Escaped::Char),
        Some('U') => digits(cursor, 8, 16).filter(|code| *code <= 0x0010_FFFF).map(character).map(Escaped::Char),
        _ => None,
    };
    escaped.ok_or_else(|| start.place.error(Problem::Escape(cursor.since(start).to_owned())))
}

/// A lone half of a surrogate pair is no character; like Go, this takes the one that stands for such.
fn character(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Takes exactly so many digits.
fn digits(cursor: &mut Cursor<'_>, count: usize, radix: u32) -> Option<u32> {
    let mut value = 0;
    for _ in 0..count {
        let digit = cursor.peek()?.to_digit(radix)?;
        cursor.next();
        value = value * radix + digit;
    }
    Some(value)
}

/// Takes a heredoc. `<<END` gives its lines as they are. `<<-END` takes away from each the space that stands before the
/// last line's word, if all lines have that.
pub(crate) fn heredoc(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let start = *cursor;
    let is_opened = cursor.eat("<<");
    let is_indented = is_opened && cursor.eat("-");
    let anchor = cursor.take(|c| c == '_' || c.is_alphabetic() || c.is_numeric());
    if !is_opened || anchor.is_empty() || !cursor.eat("\n") {
        return start.error(Problem::HeredocStart);
    }
    let content = *cursor;
    loop {
        let before = *cursor;
        let Some(line) = cursor.line() else { return start.error(Problem::HeredocEnd(anchor.to_owned())) };
        let is_last =
            line.trim_start_matches(is_space).strip_prefix(anchor).is_some_and(|rest| rest.chars().all(|c| c == '\r'));
        if is_last {
            let space = &line[..line.len() - line.trim_start_matches(is_space).len()];
            let lines = before.since(&content);
            return Ok(if is_indented { unindented(lines, space) } else { format!("{lines}{space}") });
        }
    }
}

/// What a regular expression's `[[:space:]]` matches within a line.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\x0b' | '\x0c')
}

fn unindented(lines: &str, space: &str) -> String {
    let all: Option<Vec<&str>> = lines.split_inclusive('\n').map(|line| line.strip_prefix(space)).collect();
    all.map_or_else(|| lines.to_owned(), |lines| lines.concat())
}

/// Takes a JSON text, from its opening quote on.
pub(crate) fn json(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let start = *cursor;
    cursor.next();
    let mut text = String::new();
    loop {
        let before = *cursor;
        match cursor.next() {
            None => return start.error(Problem::QuoteEnd),
            Some('"') => return Ok(text),
            Some('\\') => text.push(json_escape(cursor, &before)?),
            Some(control) if control < ' ' => return before.error(Problem::Control),
            Some(other) => text.push(other),
        }
    }
}

fn json_escape(cursor: &mut Cursor<'_>, start: &Cursor<'_>) -> Result<char, Error> {
    let escaped = match cursor.next() {
        Some(same @ ('"' | '\\' | '/')) => Some(same),
        Some('b') => Some('\x08'),
        Some('f') => Some('\x0c'),
        Some('n') => Some('\n'),
        Some('r') => Some('\r'),
        Some('t') => Some('\t'),
        Some('u') => digits(cursor, 4, 16).map(|unit| paired(cursor, unit)),
        _ => None,
    };
    escaped.ok_or_else(|| start.place.error(Problem::Escape(cursor.since(start).to_owned())))
}

/// The character of a UTF-16 unit, with the second half of the pair if it follows.
fn paired(cursor: &mut Cursor<'_>, unit: u32) -> char {
    let mut ahead = *cursor;
    if (0xD800..0xDC00).contains(&unit)
        && ahead.eat("\\u")
        && let Some(low @ 0xDC00..=0xDFFF) = digits(&mut ahead, 4, 16)
    {
        *cursor = ahead;
        return character(0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
    }
    character(unit)
}
