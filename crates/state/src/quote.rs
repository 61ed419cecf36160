//! Text in quotes the way Go's `%q` writes it, which the error texts that clients know use.

use std::fmt::Write;

/// The bytes in double quotes. What can't be printed is escaped; what is no UTF-8 is escaped byte by byte.
pub(crate) fn quote(bytes: impl AsRef<[u8]>) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.as_ref().utf8_chunks() {
        chunk.valid().chars().for_each(|character| push(character, &mut out));
        for byte in chunk.invalid() {
            let _infallible = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

fn push(character: char, out: &mut String) {
    let escape = match character {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\x07' => "\\a",
        '\x08' => "\\b",
        '\x0c' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\x0b' => "\\v",
        '\'' => "'",
        other if other.escape_debug().len() == 1 => return out.push(other),
        other => {
            let code = u32::from(other);
            let _infallible = match code {
                0..=0x7f => write!(out, "\\x{code:02x}"),
                0x80..=0xffff => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
            return;
        }
    };
    out.push_str(escape);
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quotes_as_go_does() {
        assert_eq!(quote("plain/key's"), r#""plain/key's""#);
        assert_eq!(quote("a\"b\\c\n\t\0\x7f"), r#""a\"b\\c\n\t\x00\x7f""#);
        assert_eq!(quote(b"\xffok\xc3"), r#""\xffok\xc3""#);
        assert_eq!(quote("é日\u{200b}\u{e000}"), "\"é日\\u200b\\ue000\"");
    }
}
