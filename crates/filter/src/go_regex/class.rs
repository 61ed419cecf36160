//! Character classes: `[...]`, and the shorthands that stand for one.

use memchr::memmem;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::{Translated, Written, escaped_character, push_literal, refused};

/// The classes that Go names in brackets of their own, as in `[[:alpha:]]`. The crate has the same ones.
const NAMED: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// What a named class costs besides the characters in it.
const NAMED_POINTS: usize = 1024;

/// How many characters a class has, and some for looking it up.
fn points(class: &Hir) -> usize {
    let characters = match class.kind() {
        HirKind::Class(Class::Unicode(class)) => class.ranges().iter().map(|range| range.len()).sum(),
        _ => 0,
    };
    NAMED_POINTS + characters
}

/// Reads a class in brackets and writes it; gives what follows.
pub(super) fn class<'a>(text: &'a str, output: &mut Written) -> Translated<&'a str> {
    let mut rest = &text[1..];
    output.text.push('[');
    if let Some(behind) = rest.strip_prefix('^') {
        output.text.push('^');
        rest = behind;
    }
    // A bracket that comes first is a literal one.
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        rest = match item(rest, output)? {
            Some(behind) => behind,
            None => range(text, rest, output)?,
        };
    }
    output.text.push(']');
    Ok(&rest[1..])
}

/// Reads a class within a class; nothing if there is none.
fn item<'a>(text: &'a str, output: &mut Written) -> Translated<Option<&'a str>> {
    let inner = text.strip_prefix("[:");
    if let Some((inner, length)) = inner.and_then(|inner| Some((inner, memmem::find(inner.as_bytes(), b":]")?))) {
        let (name, behind) = (&inner[..length], &inner[length + 2..]);
        if !NAMED.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return refused("invalid character class range", format!("[:{name}:]"));
        }
        output.text.push_str(&format!("[:{name}:]"));
        return Ok(Some(behind));
    }
    shorthand(text, output)
}

/// Reads one character or a range of them.
fn range<'a>(whole: &str, text: &'a str, output: &mut Written) -> Translated<&'a str> {
    let (low, mut rest) = class_character(whole, text)?;
    push_literal(&mut output.text, low);
    let mut high = low;
    if rest.len() >= 2 && rest.starts_with('-') && !rest.starts_with("-]") {
        let behind;
        (high, behind) = class_character(whole, &rest[1..])?;
        if high < low {
            return refused("invalid character class range", &text[..text.len() - behind.len()]);
        }
        output.text.push('-');
        push_literal(&mut output.text, high);
        rest = behind;
    }
    output.points += (u32::from(high) - u32::from(low)) as usize;
    Ok(rest)
}

fn class_character<'a>(whole: &str, text: &'a str) -> Translated<(char, &'a str)> {
    let mut characters = text.chars();
    match characters.next() {
        None => refused("missing closing ]", whole),
        Some('\\') => escaped_character(text),
        Some(character) => Ok((character, characters.as_str())),
    }
}

/// Reads `\d` and its like, or a Unicode class, and writes it as a class of its own; gives what follows. Nothing if the
/// text begins with something else.
pub(super) fn shorthand<'a>(text: &'a str, output: &mut Written) -> Translated<Option<&'a str>> {
    let Some(rest) = text.strip_prefix('\\') else { return Ok(None) };
    output.text.push_str(match rest.as_bytes().first() {
        Some(b'd') => "[0-9]",
        Some(b'D') => "[^0-9]",
        Some(b's') => r"[\t\n\f\r ]",
        Some(b'S') => r"[^\t\n\f\r ]",
        Some(b'w') => "[0-9A-Za-z_]",
        Some(b'W') => "[^0-9A-Za-z_]",
        Some(b'p' | b'P') => return unicode_class(text, output),
        _ => return Ok(None),
    });
    Ok(Some(&rest[1..]))
}

/// `\pL`, `\p{Greek}`, `\P{Greek}` or `\p{^Greek}`.
fn unicode_class<'a>(text: &'a str, output: &mut Written) -> Translated<Option<&'a str>> {
    let unknown = |fragment: &str| refused("invalid character class range", fragment);
    let Some(initial) = text[2..].chars().next() else {
        return unknown(text);
    };
    let (name, length) = match initial {
        '{' => match text.find('}') {
            None => return unknown(text),
            Some(close) => (&text[3..close], close + 1),
        },
        _ => (&text[2..2 + initial.len_utf8()], 2 + initial.len_utf8()),
    };
    let (name, inverted) = name.strip_prefix('^').map_or((name, false), |rest| (rest, true));
    let letter = if (text.as_bytes()[1] == b'P') == inverted { 'p' } else { 'P' };
    let well_formed = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ".contains(&b));
    let written = format!("\\{letter}{{{name}}}");
    // The crate knows the names, and this is the way to ask it for one alone.
    let Some(class) = well_formed.then(|| regex_syntax::parse(&written).ok()).flatten() else {
        return unknown(&text[..length]);
    };
    output.points += points(&class);
    output.text.push_str(&written);
    Ok(Some(&text[length..]))
}
