//! Texts and numbers as Go's standard library reads and writes them, whose words clients know.

use crate::path;

/// Reads an unsigned number as Go's `strconv.ParseUint` in base 10, with its errors.
pub(crate) fn parse_unsigned(text: &str) -> Result<u64, String> {
    let error = |what: &str| format!("strconv.ParseUint: parsing {}: {what}", go_quoted(text));
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(error("invalid syntax"));
    }
    text.parse().map_err(|_| error("value out of range"))
}

/// Reads a truth value as Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A text in quotes, as Go's `%q` writes it.
pub(crate) fn go_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if path::is_printable_char(c) => quoted.push(c),
            c if u32::from(c) > 0xffff => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_their_errors_are_gos() {
        assert_eq!(parse_unsigned("18446744073709551615"), Ok(u64::MAX));
        for (text, what) in [
            ("", r#"parsing "": invalid syntax"#),
            ("+1", r#"parsing "+1": invalid syntax"#),
            ("-1", r#"parsing "-1": invalid syntax"#),
            ("1_0", r#"parsing "1_0": invalid syntax"#),
            ("18446744073709551616", r#"parsing "18446744073709551616": value out of range"#),
        ] {
            assert_eq!(parse_unsigned(text), Err(format!("strconv.ParseUint: {what}")));
        }
    }

    #[test]
    fn quotes_as_go_quotes() {
        assert_eq!(go_quoted("a\"\\\n\u{1}é\u{200b}\u{7f}"), r#""a\"\\\n\x01é\u200b\x7f""#);
    }
}
