//! What went wrong while a filter was read, and where: the material of Consul's syntax errors.
//!
//! Consul's grammar tries alternatives and goes back. When all of them fail, its error names the farthest position that
//! any of them reached and everything that would have been welcome there; unless some alternative recognised a mistake
//! (an open quote, say), in which case the error is the list of those mistakes and nothing else. Mistakes stay, even
//! when the alternative that saw them was given up or the text as a whole was read to its end.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How many mistakes an error lists; each takes a look at the text before it.
const MISTAKES_MAX: usize = 100;

/// What has been seen so far. It only grows, and is not taken back with the input.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The farthest offset at which something was missing.
    farthest: usize,
    /// What would have been welcome there, as error texts write it.
    expected: BTreeSet<&'static str>,
    /// Whether the end of the text would have been welcome there.
    end_expected: bool,
    /// The recognised mistakes, in the order of their discovery.
    mistakes: Vec<Mistake>,
    /// How many parentheses and `not`s the parser is inside of.
    pub(crate) depth: usize,
}

/// A mistake that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// Where it was noticed, in bytes.
    pub(crate) offset: usize,
    /// The rule that noticed it, by its name in error texts.
    pub(crate) rule: &'static str,
    /// What it is.
    pub(crate) text: &'static str,
}

impl Progress {
    /// Notes that `wanted` would have been welcome at `offset` and was not there.
    pub(crate) fn missed(&mut self, offset: usize, wanted: &'static str) {
        if self.reaches(offset) {
            self.expected.insert(wanted);
        }
    }

    /// Notes that the text could have ended at `offset` and did not.
    pub(crate) fn missed_end(&mut self, offset: usize) {
        if self.reaches(offset) {
            self.end_expected = true;
        }
    }

    /// Notes a mistake, once. Those past [`MISTAKES_MAX`] are not listed.
    pub(crate) fn mistake(&mut self, mistake: Mistake) {
        if self.mistakes.len() < MISTAKES_MAX && !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
    }

    fn reaches(&mut self, offset: usize) -> bool {
        if offset > self.farthest {
            self.farthest = offset;
            self.expected.clear();
            self.end_expected = false;
        }
        offset == self.farthest
    }

    /// The mistakes as an error, if there are any.
    pub(crate) fn mistakes(&self, text: &str) -> Option<SyntaxError> {
        let first = self.mistakes.first()?;
        let mut reason = String::new();
        for mistake in &self.mistakes {
            let separator = if reason.is_empty() { "" } else { "\n" };
            let at = position(text, mistake.offset);
            let _ = write!(reason, "{separator}{at}: rule \"{}\": {}", mistake.rule, mistake.text);
        }
        Some(SyntaxError { offset: first.offset, reason })
    }

    /// What was missing at the farthest position, as an error.
    pub(crate) fn expectation(&self, text: &str) -> SyntaxError {
        let mut expected: Vec<&str> = self.expected.iter().copied().collect();
        if self.end_expected {
            expected.push("EOF");
        }
        let list = match expected.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, before)) => format!("{} or {last}", before.join(", ")),
            None => String::new(),
        };
        let at = position(text, self.farthest);
        SyntaxError { offset: self.farthest, reason: format!("{at}: no match found, expected: {list}") }
    }
}

/// Why a text is no filter expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// The first place at fault, in bytes.
    pub(crate) offset: usize,
    /// The whole of it in Consul's words, one line per mistake.
    pub(crate) reason: String,
}

/// A place as error texts write it: `line:column (offset)`. Lines count from 1, columns in characters from 1, the
/// offset in bytes from 0. A line break counts as column 0 of the line that it begins.
pub(crate) fn position(text: &str, offset: usize) -> String {
    let through = text[offset..].chars().next().map_or(offset, |c| offset + c.len_utf8());
    let seen = &text[..through];
    let line = 1 + seen.matches('\n').count();
    let line_begin = seen.rfind('\n').map_or(0, |at| at + 1);
    let past_end = usize::from(through == offset);
    let column = if line == 1 && offset == 0 { 1 } else { seen[line_begin..].chars().count() + past_end };
    format!("{line}:{column} ({offset})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_characters_and_bytes() {
        let text = "é a\nbc";
        let positions = [(0, "1:1 (0)"), (2, "1:2 (2)"), (4, "2:0 (4)"), (5, "2:1 (5)"), (7, "2:3 (7)")];
        for (offset, expected) in positions {
            assert_eq!(position(text, offset), expected);
        }
        assert_eq!(position("", 0), "1:1 (0)");
    }
}
