//! Regular expressions as Go writes them (RE2's syntax), compiled by the parts of the `regex` crate.
//!
//! The two engines find the same matches in linear time; their syntaxes differ in small things. So a pattern is read
//! here by Go's rules and written again in the crate's syntax, token by token, with every literal character spelled so
//! that neither can mistake it. What this takes care of:
//!
//! - `\d`, `\s`, `\w` and `\b` are about ASCII in Go, and `\s` has no vertical tab.
//! - `{`, `}`, `]`, `&&`, `--`, `~~` and `[` in a class are literal where they mean nothing else; so is a backslash
//!   with any ASCII punctuation (`\<`).
//! - `\Q...\E`, octal escapes, `\p{^Greek}` and repeated flags. A repetition behind flags repeats what is before them.
//! - What Go refuses is refused, with Go's error text: repeated repetition (`a**`), counts above 1000 and nested counts
//!   whose product is, look-around, backreferences, unknown escapes and flags.
//!
//! What remains different: names of Unicode classes also include those that only the crate knows (`\p{Alphabetic}`);
//! and patterns that take more than [`Limits`] together or nest deeper than [`GROUP_DEPTH_MAX`] are refused, where Go
//! allows 128 MB and a depth of 1000.

use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::syntax;

use crate::pattern::Pattern;
use class::class;
use repeat::Counts;

mod class;
mod repeat;
#[cfg(test)]
mod tests;

/// The memory that the compiled patterns of one filter may take together. Ordinary patterns take a few kB; counted
/// Unicode classes take the most.
pub(crate) const COMPILED_BYTES_MAX: usize = 1024 * 1024;

/// Groups inside one another in a pattern. Go's limit is 1000; here each costs the compiler some stack.
const GROUP_DEPTH_MAX: usize = 100;

/// The characters that the classes of one filter's patterns may have together; a class counts as often as it is written.
/// Without regard to case each character of a class is looked up, which takes 13 ms for all there are.
const CLASS_POINTS_MAX: usize = 8 * 0x11_0000;

/// What the patterns of one filter that are still to be compiled may take.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    bytes: usize,
    points: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: COMPILED_BYTES_MAX, points: CLASS_POINTS_MAX }
    }
}

/// Why a pattern is not one, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {what}: `{fragment}`")]
pub(crate) struct PatternError {
    what: &'static str,
    fragment: String,
}

type Translated<T> = Result<T, PatternError>;

fn refused<T>(what: &'static str, fragment: impl Into<String>) -> Translated<T> {
    Err(PatternError { what, fragment: fragment.into() })
}

/// Compiles a pattern of Go's syntax.
pub(crate) fn compile(pattern: &[u8], limits: &mut Limits) -> Translated<Pattern> {
    let pattern = std::str::from_utf8(pattern)
        .or_else(|error| refused("invalid UTF-8", String::from_utf8_lossy(&pattern[error.valid_up_to()..])))?;
    // A group can hold an alternation of sequences of repetitions, and a class at the bottom.
    let nesting = 4 * GROUP_DEPTH_MAX as u32 + 8;
    let syntax = syntax::Config::new().utf8(false).nest_limit(nesting);
    let tree = syntax::parse_with(&translate(pattern, &mut limits.points)?, &syntax)
        .or_else(|_| refused("invalid or unsupported Perl syntax", pattern))?;
    let config =
        thompson::Config::new().utf8(false).which_captures(WhichCaptures::None).nfa_size_limit(Some(limits.bytes));
    let compiled = thompson::Compiler::new().configure(config).build_from_hir(&tree).ok();
    let Some(compiled) = compiled.and_then(|nfa| Pattern::new(nfa).ok()) else {
        return refused("expression too large", pattern);
    };
    match limits.bytes.checked_sub(compiled.weight_bytes()) {
        Some(left) => limits.bytes = left,
        None => return refused("expression too large", pattern),
    }
    Ok(compiled)
}

/// The same pattern in the syntax of the `regex` crate.
fn translate(pattern: &str, points: &mut usize) -> Translated<String> {
    let mut translator = Translator {
        whole: pattern,
        rest: pattern,
        output: String::new(),
        flags: String::new(),
        counts: Counts::default(),
        repetition: None,
        points,
    };
    while !translator.rest.is_empty() {
        translator.token()?;
    }
    if translator.counts.depth() > 0 { refused("missing closing )", pattern) } else { Ok(translator.output) }
}

/// What a class is written as.
#[derive(Default)]
struct Written {
    text: String,
    /// How many characters are in the classes of it.
    points: usize,
}

struct Translator<'a, 'l> {
    whole: &'a str,
    /// What is not read yet.
    rest: &'a str,
    /// What has been written so far.
    output: String,
    /// The groups that are open, and what is repeated in them.
    counts: Counts,
    /// Flags that have been read and wait for the next thing that is no repetition.
    flags: String,
    /// The repetition that has just been read, and all behind it.
    repetition: Option<&'a str>,
    /// The characters that classes may still have.
    points: &'l mut usize,
}

impl<'a> Translator<'a, '_> {
    fn token(&mut self) -> Translated<()> {
        let before = self.repetition.take();
        let Some(first) = self.rest.chars().next() else { return Ok(()) };
        match (first, self.rest) {
            ('*' | '+' | '?', _) => self.repeat(1, None, before),
            ('{', text) => match repeat::count(text) {
                None => self.literal('{', 1),
                Some((length, Some(count))) => self.repeat(length, Some(count), before),
                Some((length, None)) => refused("invalid repeat count", &text[..length]),
            },
            ('(', text) if text.starts_with("(?P<") || text.starts_with("(?<") => self.open_named_group(),
            ('(', text) if text.starts_with("(?") => self.flags(),
            ('(', _) => {
                self.copy(1);
                self.open()
            }
            (')', _) if self.counts.depth() == 0 => refused("unexpected )", self.whole),
            (')', _) => {
                self.copy(1);
                self.counts.close();
                Ok(())
            }
            ('|', _) => {
                self.copy(1);
                self.counts.end_operand();
                Ok(())
            }
            ('^' | '$' | '.', _) => {
                self.copy(1);
                Ok(())
            }
            ('[', text) => {
                let mut written = Written::default();
                let behind = class(text, &mut written)?;
                self.write(&written.text, behind);
                self.take_points(written.points)
            }
            ('\\', _) => self.escape(),
            _ => self.literal(first, first.len_utf8()),
        }
    }

    /// Writes something that can be repeated, and goes on at `behind`.
    fn write(&mut self, written: &str, behind: &'a str) {
        self.output.push_str(&std::mem::take(&mut self.flags));
        self.output.push_str(written);
        self.rest = behind;
        self.counts.operand();
    }

    /// Takes over the next bytes as they are.
    fn copy(&mut self, length: usize) {
        let (taken, behind) = self.rest.split_at(length);
        self.write(taken, behind);
    }

    fn literal(&mut self, character: char, length: usize) -> Translated<()> {
        let mut written = String::new();
        push_literal(&mut written, character);
        self.write(&written, &self.rest[length..]);
        Ok(())
    }

    /// A repetition of `length` bytes, with its count if it has one, perhaps followed by the mark that makes it
    /// reluctant.
    fn repeat(&mut self, length: usize, count: Option<repeat::Count>, before: Option<&'a str>) -> Translated<()> {
        let length = length + usize::from(self.rest[length..].starts_with('?'));
        let here = self.rest;
        if let Some(doubled) = before {
            return refused("invalid nested repetition operator", &doubled[..doubled.len() - here.len() + length]);
        }
        if !self.counts.has_operand() {
            return refused("missing argument to repetition operator", &here[..length]);
        }
        if count.is_some_and(|count| !self.counts.repeat(count)) {
            return refused("invalid repeat count", &here[..length]);
        }
        // Straight to the output, so that it comes before flags that wait.
        self.output.push_str(&here[..length]);
        self.rest = &here[length..];
        self.repetition = Some(here);
        Ok(())
    }

    fn open(&mut self) -> Translated<()> {
        self.counts.open();
        if self.counts.depth() > GROUP_DEPTH_MAX {
            return refused("expression nests too deeply", self.whole);
        }
        Ok(())
    }

    /// Names do not matter to a filter, so the group is written without its name.
    fn open_named_group(&mut self) -> Translated<()> {
        let Some(end) = self.rest.find('>') else {
            return refused("invalid named capture", self.rest);
        };
        let name = self.rest[..end].split_once('<').map_or("", |(_, name)| name);
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return refused("invalid named capture", &self.rest[..=end]);
        }
        self.write("(", &self.rest[end + 1..]);
        self.open()
    }

    /// `(?flags)`, `(?flags-flags:` and so on. A flag is written once, as on or off, whatever came last.
    fn flags(&mut self) -> Translated<()> {
        const FLAGS: [char; 4] = ['i', 'm', 's', 'U'];
        let mut settings: [Option<bool>; 4] = [None; 4];
        let mut turn = true;
        let mut turned = false;
        for (index, character) in self.rest.char_indices().skip(2) {
            let behind = index + character.len_utf8();
            match (character, FLAGS.iter().position(|flag| *flag == character)) {
                (_, Some(flag)) => (settings[flag], turned) = (Some(turn), true),
                ('-', _) if turn => (turn, turned) = (false, false),
                (':' | ')', _) if turn || turned => {
                    let named = |on: bool| -> String {
                        FLAGS
                            .iter()
                            .zip(settings)
                            .filter(|(_, setting)| *setting == Some(on))
                            .map(|(flag, _)| flag)
                            .collect()
                    };
                    return self.set_flags(&named(true), &named(false), character, &self.rest[behind..]);
                }
                _ => return refused("invalid or unsupported Perl syntax", &self.rest[..behind]),
            }
        }
        refused("invalid or unsupported Perl syntax", self.rest)
    }

    fn set_flags(&mut self, on: &str, off: &str, terminator: char, behind: &'a str) -> Translated<()> {
        let dash = if off.is_empty() { "" } else { "-" };
        if terminator == ':' {
            self.write(&format!("(?{on}{dash}{off}:"), behind);
            return self.open();
        }
        if !(on.is_empty() && off.is_empty()) {
            self.flags.push_str(&format!("(?{on}{dash}{off})"));
        }
        self.rest = behind;
        Ok(())
    }

    fn escape(&mut self) -> Translated<()> {
        let text = self.rest;
        let mut written = Written::default();
        let behind = match text.as_bytes().get(1) {
            Some(b'A' | b'z') => {
                written.text.push_str(&text[..2]);
                &text[2..]
            }
            Some(b'b' | b'B') => {
                written.text.push_str(&format!("(?-u:{})", &text[..2]));
                &text[2..]
            }
            Some(b'Q') => {
                let (quoted, behind) = text[2..].split_once(r"\E").unwrap_or((&text[2..], ""));
                quoted.chars().for_each(|character| push_literal(&mut written.text, character));
                behind
            }
            _ => match class::shorthand(text, &mut written)? {
                Some(behind) => behind,
                None => {
                    let (character, behind) = escaped_character(text)?;
                    push_literal(&mut written.text, character);
                    behind
                }
            },
        };
        match written.text.is_empty() {
            true => self.rest = behind,
            false => self.write(&written.text, behind),
        }
        self.take_points(written.points)
    }

    fn take_points(&mut self, points: usize) -> Translated<()> {
        match self.points.checked_sub(points) {
            Some(left) => *self.points = left,
            None => return refused("expression too large", self.whole),
        }
        Ok(())
    }
}

/// Writes a character that stands for itself, inside a class or not.
fn push_literal(output: &mut String, character: char) {
    if character.is_ascii() && !character.is_ascii_alphanumeric() {
        output.push_str(&format!("\\x{:02X}", u32::from(character)));
    } else {
        output.push(character);
    }
}

/// Reads a backslash and the character it stands for; gives that and what follows.
fn escaped_character(text: &str) -> Translated<(char, &str)> {
    let mut characters = text[1..].chars();
    let Some(first) = characters.next() else {
        return refused("trailing backslash at end of expression", "");
    };
    let behind = characters.as_str();
    let next_is_octal = matches!(behind.as_bytes().first(), Some(b'0'..=b'7'));
    match first {
        'a' => Ok(('\x07', behind)),
        'f' => Ok(('\x0c', behind)),
        'n' => Ok(('\n', behind)),
        'r' => Ok(('\r', behind)),
        't' => Ok(('\t', behind)),
        'v' => Ok(('\x0b', behind)),
        'x' => hexadecimal(text),
        // A single digit other than 0 would be a backreference.
        '0' => octal(text),
        '1'..='7' if next_is_octal => octal(text),
        _ if first.is_ascii() && !first.is_ascii_alphanumeric() => Ok((first, behind)),
        _ => refused("invalid escape sequence", &text[..1 + first.len_utf8()]),
    }
}

fn octal(text: &str) -> Translated<(char, &str)> {
    let length = text[1..].bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
    let code = u32::from_str_radix(&text[1..1 + length], 8).ok().and_then(char::from_u32);
    match code {
        Some(character) => Ok((character, &text[1 + length..])),
        None => refused("invalid escape sequence", &text[..1 + length]),
    }
}

/// `\x7F` or `\x{10FFFF}`. An error shows what had been read when it was noticed.
fn hexadecimal(text: &str) -> Translated<(char, &str)> {
    let mut code = 0;
    let braced = text.as_bytes().get(2) == Some(&b'{');
    let digits_at = if braced { 3 } else { 2 };
    for (count, (index, character)) in text[digits_at..].char_indices().enumerate() {
        let end = digits_at + index + character.len_utf8();
        if braced && character == '}' && count > 0 {
            return match char::from_u32(code) {
                Some(character) => Ok((character, &text[end..])),
                // Go takes surrogates for characters that no text holds; there is no way to say that here.
                None => refused("invalid escape sequence", &text[..end]),
            };
        }
        let digit = character.to_digit(16);
        // Without braces there are two digits, and Go looks at both before it judges.
        if !braced && digit.is_none() {
            let shown = if count == 0 { text[end..].chars().next().map_or(end, |c| end + c.len_utf8()) } else { end };
            return refused("invalid escape sequence", &text[..shown]);
        }
        match digit.map(|digit| code * 16 + digit) {
            Some(value) if value <= 0x10_FFFF => code = value,
            _ => return refused("invalid escape sequence", &text[..end]),
        }
        if !braced && count == 1 {
            let character = char::from_u32(code).unwrap_or_default();
            return Ok((character, &text[end..]));
        }
    }
    refused("invalid escape sequence", text)
}
