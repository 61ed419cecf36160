//! Regular expressions as Go writes them (RE2's syntax), run by the `regex` crate.
//!
//! The two engines find the same matches in linear time; their syntaxes differ in small things. So a pattern is read
//! here by Go's rules and written again in the crate's syntax, token by token, with every literal character spelled so
//! that neither can mistake it. What this takes care of:
//!
//! - `\d`, `\s`, `\w` and `\b` are about ASCII in Go, and `\s` has no vertical tab.
//! - `{`, `}`, `]`, `&&`, `--`, `~~` and `[` in a class are literal where they mean nothing else; so is a backslash
//!   with any ASCII punctuation (`\<`).
//! - `\Q...\E`, octal escapes, `\p{^Greek}` and repeated flags. A repetition behind flags repeats what is before them.
//! - What Go refuses is refused, with Go's error text: repeated repetition (`a**`), counts above 1000, also as the product
//!   of counts inside one another, look-around, backreferences, unknown escapes and flags.
//!
//! What remains different: names of Unicode classes also include those that only the crate knows (`\p{Alphabetic}`);
//! and a pattern that takes more than [`COMPILED_BYTES_MAX`](crate::COMPILED_BYTES_MAX) with the others of its filter or nests deeper than [`GROUP_DEPTH_MAX`] is refused, where
//! Go allows 128 MB and a depth of 1000.

use regex::bytes::{Regex, RegexBuilder};

use class::class;

use crate::budget::{Budget, OverBudget};

mod class;
#[cfg(test)]
mod tests;

/// The highest count in a repetition, which is Go's limit.
const COUNT_MAX: u32 = 1000;

/// Groups inside one another in a pattern. Go's limit is 1000; here each costs the compiler some stack.
const GROUP_DEPTH_MAX: u32 = 100;

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

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) regex: Regex,
    /// The least of [`SIZES`] that it fits in.
    pub(crate) compiled_bytes: usize,
}

/// The sizes that a pattern is tried to be compiled in, since the library does not say how large it has become.
const SIZES: [usize; 5] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// What the engines keep for each thread on which a pattern runs, for a small pattern.
const CACHE_BYTES: usize = 16 << 10;

impl Pattern {
    /// Whether it matches somewhere in a text.
    pub(crate) fn matches(&self, text: &[u8], budget: &mut Budget) -> Result<bool, OverBudget> {
        budget.take(self.steps(text))?;
        Ok(self.regex.is_match(text))
    }

    /// How many steps it takes to look for a match in a text. A small pattern becomes an automaton that takes one for
    /// each byte. A large one becomes too many states for that, and then each byte takes a look at all that are live.
    fn steps(&self, text: &[u8]) -> u64 {
        let size = (self.compiled_bytes / SIZES[0]) as u64;
        (text.len() as u64 + 1).saturating_mul(size * size)
    }

    /// About how many bytes it holds, with the cache of one thread.
    pub(crate) fn weight_bytes(&self) -> usize {
        2 * self.compiled_bytes + CACHE_BYTES
    }
}

/// Compiles a pattern of Go's syntax, if it then takes no more bytes than that.
pub(crate) fn compile(pattern: &[u8], bytes_max: usize) -> Translated<Pattern> {
    let pattern = std::str::from_utf8(pattern)
        .or_else(|error| refused("invalid UTF-8", String::from_utf8_lossy(&pattern[error.valid_up_to()..])))?;
    let translated = translate(pattern)?;
    for size in SIZES.into_iter().filter(|size| *size <= bytes_max) {
        let built = RegexBuilder::new(&translated)
            .size_limit(size)
            .dfa_size_limit(size.max(CACHE_BYTES))
            // A group can hold an alternation of sequences of repetitions, and a class at the bottom.
            .nest_limit(4 * GROUP_DEPTH_MAX + 8)
            .build();
        match built {
            Ok(regex) => return Ok(Pattern { regex, compiled_bytes: size }),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(_) => return refused("invalid or unsupported Perl syntax", pattern),
        }
    }
    refused("expression too large", pattern)
}

/// The same pattern in the syntax of the `regex` crate.
fn translate(pattern: &str) -> Translated<String> {
    let mut translator = Translator {
        whole: pattern,
        rest: pattern,
        output: String::new(),
        flags: String::new(),
        groups: Vec::new(),
        counts: 1,
        operand: false,
        operand_counts: 1,
        repetition: None,
    };
    while !translator.rest.is_empty() {
        translator.token()?;
    }
    if !translator.groups.is_empty() { refused("missing closing )", pattern) } else { Ok(translator.output) }
}

struct Translator<'a> {
    whole: &'a str,
    /// What is not read yet.
    rest: &'a str,
    /// What has been written so far.
    output: String,
    /// The groups that are open, each with [`Self::counts`] of what it stands in.
    groups: Vec<u32>,
    /// The largest product of repetition counts inside one another, in the innermost open group so far.
    counts: u32,
    /// Flags that have been read and wait for the next thing that is no repetition.
    flags: String,
    /// Whether there is something that a repetition could repeat.
    operand: bool,
    /// The product of counts inside of that.
    operand_counts: u32,
    /// The repetition that has just been read, and all behind it.
    repetition: Option<&'a str>,
}

impl<'a> Translator<'a> {
    fn token(&mut self) -> Translated<()> {
        let before = self.repetition.take();
        let Some(first) = self.rest.chars().next() else { return Ok(()) };
        match (first, self.rest) {
            ('*' | '+' | '?', _) => self.repeat(1, 1, before),
            ('{', text) => match count_bounds(text) {
                None => self.literal('{', 1),
                Some(Count { length, times: Some(times) }) => self.repeat(length, times, before),
                Some(Count { length, times: None }) => refused("invalid repeat count", &text[..length]),
            },
            ('(', text) if text.starts_with("(?P<") || text.starts_with("(?<") => self.open_named_group(),
            ('(', text) if text.starts_with("(?") => self.flags(),
            ('(', _) => {
                self.open()?;
                self.copy(1, false)
            }
            (')', _) => {
                let Some(outside) = self.groups.pop() else { return refused("unexpected )", self.whole) };
                let inside = std::mem::replace(&mut self.counts, outside);
                self.copy(1, true)?;
                self.counts = outside.max(inside);
                self.operand_counts = inside;
                Ok(())
            }
            ('|', _) => self.copy(1, false),
            ('^' | '$' | '.', _) => self.copy(1, true),
            ('[', text) => {
                let mut written = String::new();
                let behind = class(text, &mut written)?;
                self.write(&written, behind)
            }
            ('\\', _) => self.escape(),
            _ => self.literal(first, first.len_utf8()),
        }
    }

    /// Writes something that can be repeated, and goes on at `behind`.
    fn write(&mut self, written: &str, behind: &'a str) -> Translated<()> {
        self.output.push_str(&std::mem::take(&mut self.flags));
        self.output.push_str(written);
        self.rest = behind;
        self.operand = true;
        self.operand_counts = 1;
        Ok(())
    }

    /// Takes over the next bytes as they are. `operand` is whether they can be repeated.
    fn copy(&mut self, length: usize, operand: bool) -> Translated<()> {
        let (taken, behind) = self.rest.split_at(length);
        self.write(taken, behind)?;
        self.operand = operand;
        Ok(())
    }

    fn literal(&mut self, character: char, length: usize) -> Translated<()> {
        let mut written = String::new();
        push_literal(&mut written, character);
        self.write(&written, &self.rest[length..])
    }

    /// A repetition of `length` bytes, perhaps followed by the mark that makes it reluctant, with a count of `times`.
    fn repeat(&mut self, count_length: usize, times: u32, before: Option<&'a str>) -> Translated<()> {
        let length = count_length + usize::from(self.rest[count_length..].starts_with('?'));
        let here = self.rest;
        if let Some(doubled) = before {
            return refused("invalid nested repetition operator", &doubled[..doubled.len() - here.len() + length]);
        }
        if !self.operand {
            return refused("missing argument to repetition operator", &here[..length]);
        }
        let counts = self.operand_counts.saturating_mul(times.max(1));
        if times > 1 && counts > COUNT_MAX {
            return refused("invalid repeat count", &here[..count_length]);
        }
        self.counts = self.counts.max(counts);
        // Straight to the output, so that it comes before flags that wait.
        self.output.push_str(&here[..length]);
        self.rest = &here[length..];
        self.repetition = Some(here);
        Ok(())
    }

    fn open(&mut self) -> Translated<()> {
        self.groups.push(std::mem::replace(&mut self.counts, 1));
        if self.groups.len() > GROUP_DEPTH_MAX as usize {
            refused("expression nests too deeply", self.whole)
        } else {
            Ok(())
        }
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
        self.open()?;
        self.write("(", &self.rest[end + 1..])?;
        self.operand = false;
        Ok(())
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
            self.open()?;
            self.write(&format!("(?{on}{dash}{off}:"), behind)?;
            self.operand = false;
            return Ok(());
        }
        if !(on.is_empty() && off.is_empty()) {
            self.flags.push_str(&format!("(?{on}{dash}{off})"));
        }
        self.rest = behind;
        Ok(())
    }

    fn escape(&mut self) -> Translated<()> {
        let text = self.rest;
        match text.as_bytes().get(1) {
            Some(b'A') => self.write(r"\A", &text[2..]),
            Some(b'z') => self.write(r"\z", &text[2..]),
            Some(b'b') => self.write(r"(?-u:\b)", &text[2..]),
            Some(b'B') => self.write(r"(?-u:\B)", &text[2..]),
            Some(b'Q') => {
                let (quoted, behind) = text[2..].split_once(r"\E").unwrap_or((&text[2..], ""));
                if !quoted.is_empty() {
                    let mut written = String::new();
                    quoted.chars().for_each(|character| push_literal(&mut written, character));
                    self.write(&written, behind)?;
                }
                self.rest = behind;
                Ok(())
            }
            _ => {
                let mut written = String::new();
                if let Some(behind) = class::shorthand(text, &mut written)? {
                    return self.write(&written, behind);
                }
                let (character, behind) = escaped_character(text)?;
                self.literal(character, text.len() - behind.len())
            }
        }
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

/// A counted repetition.
struct Count {
    /// How many bytes it is written in.
    length: usize,
    /// How many times it repeats at most, or at least if there is no most; `None` if such counts are not allowed.
    times: Option<u32>,
}

/// Reads `{n}`, `{n,}` or `{n,m}`. Nothing if it is not of that form.
fn count_bounds(text: &str) -> Option<Count> {
    let close = text.find('}')?;
    let inner = &text[1..close];
    let count = |digits: &str| -> Option<u32> {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let well_formed = plain && (digits.len() == 1 || !digits.starts_with('0'));
        // Too many digits for a number is far above the limit as well.
        well_formed.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (least, most) = match inner.split_once(',') {
        None => (count(inner)?, None),
        Some((least, "")) => (count(least)?, None),
        Some((least, most)) => (count(least)?, Some(count(most)?)),
    };
    let in_bounds = least <= COUNT_MAX && most.is_none_or(|most| most <= COUNT_MAX && least <= most);
    Some(Count { length: close + 1, times: in_bounds.then_some(most.unwrap_or(least)) })
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
