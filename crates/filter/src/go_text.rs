//! Go's way with text, where clients can see it: quoting in error texts, string literals, numbers and booleans.

use std::fmt::Write as _;

/// Go's `%q`: the text between double quotes, with what does not print escaped. `quote_mark` is written for a double
/// quote inside.
pub(crate) fn quote(bytes: &[u8], quote_mark: &str) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_escaped(&mut quoted, character, quote_mark);
        }
        for byte in chunk.invalid() {
            let _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

fn push_escaped(quoted: &mut String, character: char, quote_mark: &str) {
    let code = u32::from(character);
    let _ = match character {
        '"' => quoted.write_str(quote_mark),
        '\\' => quoted.write_str("\\\\"),
        '\x07' => quoted.write_str("\\a"),
        '\x08' => quoted.write_str("\\b"),
        '\x0c' => quoted.write_str("\\f"),
        '\n' => quoted.write_str("\\n"),
        '\r' => quoted.write_str("\\r"),
        '\t' => quoted.write_str("\\t"),
        '\x0b' => quoted.write_str("\\v"),
        _ if is_printable(character) => quoted.write_char(character),
        _ if code < 0x80 => write!(quoted, "\\x{code:02x}"),
        _ if code < 0x1_0000 => write!(quoted, "\\u{code:04x}"),
        _ => write!(quoted, "\\U{code:08x}"),
    };
}

/// Whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols and the ASCII space. Those
/// are the ones that `escape_debug` leaves alone behind another character (in front it also escapes combining marks).
fn is_printable(character: char) -> bool {
    match character {
        ' '..='~' => true,
        _ => {
            let mut buffer = [b'a', 0, 0, 0, 0];
            let length = 1 + character.encode_utf8(&mut buffer[1..]).len();
            std::str::from_utf8(&buffer[..length]).is_ok_and(|pair| pair.escape_debug().nth(1) == Some(character))
        }
    }
}

/// What stands between the quotes of a double-quoted Go string literal. Nothing if Go calls that a syntax error.
pub(crate) fn unquote(inner: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(character) = rest.chars().next() {
        match character {
            '\n' | '"' => return None,
            '\\' => rest = unescape(&rest[1..], &mut bytes)?,
            _ => {
                let (plain, after) = rest.split_at(character.len_utf8());
                bytes.extend_from_slice(plain.as_bytes());
                rest = after;
            }
        }
    }
    Some(bytes)
}

/// Reads one escape, whose backslash is already gone; gives what follows it.
fn unescape<'a>(text: &'a str, bytes: &mut Vec<u8>) -> Option<&'a str> {
    let number = |digits_from: usize, count: usize, radix: u32| {
        let digits = text.get(digits_from..digits_from + count)?;
        digits.chars().all(|c| c.is_digit(radix)).then_some(())?;
        Some((u32::from_str_radix(digits, radix).ok()?, &text[digits_from + count..]))
    };
    let plain = match text.as_bytes().first()? {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' => b'\\',
        b'x' => {
            let (value, rest) = number(1, 2, 16)?;
            bytes.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        b'0'..=b'7' => {
            let (value, rest) = number(0, 3, 8)?;
            bytes.push(u8::try_from(value).ok()?);
            return Some(rest);
        }
        letter @ (b'u' | b'U') => {
            let (value, rest) = number(1, if *letter == b'u' { 4 } else { 8 }, 16)?;
            bytes.extend_from_slice(char::from_u32(value)?.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(rest);
        }
        _ => return None,
    };
    bytes.push(plain);
    Some(&text[1..])
}

/// Why a text is not the number or boolean that a field needs, in the words of Go's strconv.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConversionError {
    #[error("invalid syntax")]
    Syntax,
    #[error("value out of range")]
    Range,
}

/// Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &[u8]) -> Result<bool, ConversionError> {
    match text {
        b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => Ok(true),
        b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => Ok(false),
        _ => Err(ConversionError::Syntax),
    }
}

/// Go's `strconv.ParseInt` with base 0 and 64 bits: a prefix says the base, and digits may be set apart by underscores.
pub(crate) fn parse_int(text: &[u8]) -> Result<i64, ConversionError> {
    let text = std::str::from_utf8(text).map_err(|_| ConversionError::Syntax)?;
    let (negative, magnitude) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = parse_magnitude(magnitude)?;
    let signed = i128::from(magnitude) * if negative { -1 } else { 1 };
    i64::try_from(signed).map_err(|_| ConversionError::Range)
}

fn parse_magnitude(text: &str) -> Result<u64, ConversionError> {
    let prefix = text.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits, prefixed) = match prefix.as_deref() {
        Some("0x") => (16, &text[2..], true),
        Some("0b") => (2, &text[2..], true),
        Some("0o") => (8, &text[2..], true),
        // The leading zero is a digit of its own here: 0_7 is well formed.
        _ if text.len() > 1 && text.starts_with('0') => (8, &text[1..], true),
        _ => (10, text, false),
    };
    // An underscore stands between two digits, or between the base's prefix and a digit. Go looks at that last: a
    // number that has become too large is so whatever follows.
    let mut value: u64 = 0;
    let mut after_digit = prefixed;
    let mut underscores_fit = true;
    for character in digits.chars() {
        match (character, character.to_digit(radix)) {
            ('_', _) => {
                underscores_fit &= after_digit;
                after_digit = false;
            }
            (_, Some(digit)) => {
                after_digit = true;
                let grown = value.checked_mul(u64::from(radix)).and_then(|v| v.checked_add(u64::from(digit)));
                value = grown.ok_or(ConversionError::Range)?;
            }
            _ => return Err(ConversionError::Syntax),
        }
    }
    let well_formed = !digits.is_empty() && after_digit && underscores_fit;
    if well_formed { Ok(value) } else { Err(ConversionError::Syntax) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        let quoted = |bytes: &[u8]| quote(bytes, "\\\"");
        assert_eq!(quoted(b"a \"b\"\\\n\x00\x7f"), r#""a \"b\"\\\n\x00\x7f""#);
        assert_eq!(
            quoted("é\u{301}\u{a0}\u{200b}\u{e0001}\u{fffd}".as_bytes()),
            "\"é\u{301}\\u00a0\\u200b\\U000e0001\u{fffd}\""
        );
        assert_eq!(quoted(b"a\xff\xc3"), r#""a\xff\xc3""#);
    }

    #[test]
    fn unquotes_as_go_does() {
        assert_eq!(unquote(r"a\x41\101\u0041\U0001F600\\\t").unwrap(), "aAAA😀\\\t".as_bytes());
        assert_eq!(unquote(r"\xff\377").unwrap(), [0xff, 0xff]);
        for bad in [r"\q", r"\'", r"\x4", r"\400", r"\u004", r"\ud800", r"\U00110000", "\\", "a\nb", r"\+123", r"\x+1"]
        {
            assert_eq!(unquote(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn reads_integers_as_go_does() {
        for (text, value) in [
            ("0", 0),
            ("-12", -12),
            ("+7", 7),
            ("0x1F", 31),
            ("0b101", 5),
            ("0o17", 15),
            ("017", 15),
            ("1_000", 1000),
            ("0_7", 7),
            ("0x_1", 1),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_int(text.as_bytes()), Ok(value), "{text}");
        }
        for text in ["", "-", "_1", "1_", "1__0", "0x", "08", "1.5", "a", "0x_", "１"] {
            assert_eq!(parse_int(text.as_bytes()), Err(ConversionError::Syntax), "{text}");
        }
        let too_large = ["9223372036854775808", "-9223372036854775809", "99999999999999999999", "0xfffffffffffffffff"];
        for text in too_large.into_iter().chain(["99999999999999999999x", "_99999999999999999999"]) {
            assert_eq!(parse_int(text.as_bytes()), Err(ConversionError::Range), "{text}");
        }
    }
}
