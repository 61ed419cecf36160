//! The characters of a JSON string, with U+FFFD for what is none, as Go has it.

/// What stands between the quotes, unescaped. The text must have been checked.
pub(super) fn unescaped(text: &[u8]) -> String {
    let mut unescaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(backslash) = rest.iter().position(|byte| *byte == b'\\') {
        push_bytes(&mut unescaped, &rest[..backslash]);
        rest = push_escape(&mut unescaped, &rest[backslash + 1..]);
    }
    push_bytes(&mut unescaped, rest);
    unescaped
}

/// Each byte that is not part of a character becomes one U+FFFD.
fn push_bytes(unescaped: &mut String, mut bytes: &[u8]) {
    while let Err(error) = std::str::from_utf8(bytes) {
        let (valid, behind) = bytes.split_at(error.valid_up_to());
        unescaped.push_str(&String::from_utf8_lossy(valid));
        unescaped.push(char::REPLACEMENT_CHARACTER);
        bytes = &behind[1..];
    }
    unescaped.push_str(&String::from_utf8_lossy(bytes));
}

/// Takes what stands behind a backslash; gives what follows.
fn push_escape<'a>(unescaped: &mut String, escape: &'a [u8]) -> &'a [u8] {
    let Some((code, rest)) = escape.split_first() else { return escape };
    let plain = match code {
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return push_unit(unescaped, rest),
        other => *other as char,
    };
    unescaped.push(plain);
    rest
}

/// Takes one UTF-16 unit, or two where they are halves of one character.
fn push_unit<'a>(unescaped: &mut String, digits: &'a [u8]) -> &'a [u8] {
    let Some(first) = unit(digits) else { return digits };
    let rest = &digits[4..];
    let second = rest.strip_prefix(b"\\u").and_then(unit);
    let mut pair = char::decode_utf16([first].into_iter().chain(second));
    let (character, is_pair) = match pair.next() {
        Some(Ok(character)) => (character, character.len_utf16() == 2),
        _ => (char::REPLACEMENT_CHARACTER, false),
    };
    unescaped.push(character);
    if is_pair { &rest[6..] } else { rest }
}

fn unit(digits: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}
