//! Request paths as Go's server sees them: which are refused, which are sent elsewhere, and what they decode to.
//!
//! A path is judged in its raw (percent-encoded) form and used in its decoded form, as in Go: `/v1/kv/a//b` is sent to
//! `/v1/kv/a/b`, while `/v1/kv/a%2F%2Fb` names the key `a//b`.

use std::borrow::Cow;

/// A percent escape that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenEscape;

/// Decodes the percent escapes of a path. A `+` stays a `+`.
pub fn decode(raw: &[u8]) -> Result<Cow<'_, [u8]>, BrokenEscape> {
    if !raw.contains(&b'%') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            decoded.push(escaped_byte(rest).ok_or(BrokenEscape)?);
            rest = &rest[3..];
        } else {
            decoded.push(*first);
            rest = after;
        }
    }
    Ok(Cow::Owned(decoded))
}

/// The byte that the escape at the front of `text` stands for.
pub(crate) fn escaped_byte(text: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    match text {
        [b'%', high, low, ..] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    }
}

/// Whether each character of a decoded path can be printed, in the sense of Go's `unicode.IsPrint`. Bytes that are not
/// UTF-8 can: Go reads each as U+FFFD.
pub(crate) fn is_printable(path: &[u8]) -> bool {
    if path.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return true;
    }
    path.utf8_chunks().flat_map(|chunk| chunk.valid().chars()).all(is_printable_char)
}

pub(crate) fn is_printable_char(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // The standard library keeps the same table for its debug form: letters, marks, numbers, punctuation and symbols.
    // Combining marks are escaped only at the start of a text, hence the letter in front.
    let mut text = [0; 5];
    text[0] = b'a';
    let length = c.encode_utf8(&mut text[1..]).len();
    std::str::from_utf8(&text[..=length]).is_ok_and(|text| text.escape_debug().nth(1) == Some(c))
}

/// The clean form of a raw path if it is not clean: without empty, `.` and `..` parts, with its trailing slash kept.
pub fn cleaned(path: &str) -> Option<String> {
    if path.starts_with('/') && !has_unclean_part(path) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let mut clean = String::with_capacity(path.len() + 1);
    for part in &parts {
        clean.push('/');
        clean.push_str(part);
    }
    if clean.is_empty() || path.ends_with('/') {
        clean.push('/');
    }
    (clean != path).then_some(clean)
}

fn has_unclean_part(path: &str) -> bool {
    // The first part, before the leading slash, is empty in every path; so is the last behind a trailing slash.
    let bytes = path.as_bytes();
    bytes.windows(2).any(|pair| pair[0] == b'/' && matches!(pair[1], b'/' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_decode_once() {
        for (raw, decoded) in
            [("a+b", &b"a+b"[..]), ("a%2Fb", b"a/b"), ("%252f", b"%2f"), ("%ff%00", b"\xff\0"), ("", b"")]
        {
            assert_eq!(decode(raw.as_bytes()).unwrap(), decoded, "{raw}");
        }
        for raw in ["%", "%2", "%zz", "a%2", "%%41"] {
            assert_eq!(decode(raw.as_bytes()), Err(BrokenEscape), "{raw}");
        }
    }

    #[test]
    fn printable_is_what_go_prints() {
        for text in ["/v1/kv/a b", "/é", "/日本", "/e\u{301}", "/€", "/😀", "/\"'\\"] {
            assert!(is_printable(text.as_bytes()), "{text:?}");
        }
        assert!(is_printable(b"/\xff"));
        for text in ["/\0", "/\t", "/\n", "/\u{7f}", "/\u{a0}", "/\u{200b}", "/\u{feff}", "/\u{2028}", "/\u{e000}"] {
            assert!(!is_printable(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn unclean_paths_have_a_clean_form() {
        for (path, clean) in [
            ("//v1/kv/a", "/v1/kv/a"),
            ("/v1/./kv/../kv/a", "/v1/kv/a"),
            ("/v1/kv/a//", "/v1/kv/a/"),
            ("/..", "/"),
            ("/v1/kv/a/..", "/v1/kv"),
            ("", "/"),
            ("v1", "/v1"),
        ] {
            assert_eq!(cleaned(path).as_deref(), Some(clean), "{path}");
        }
        for path in ["/", "/v1/kv/a", "/v1/kv/", "/v1/kv/.hidden", "/v1/kv/...", "/v1/kv/a%2F%2Fb"] {
            assert_eq!(cleaned(path), None, "{path}");
        }
    }
}
