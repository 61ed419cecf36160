//! Why a text can't be read.

use crate::DEPTH_MAX;

/// Where a text can't be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {problem}")]
pub struct Error {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A character that begins nothing.
    #[error("unexpected character {0:?}")]
    Character(char),
    /// A `/` that begins no comment.
    #[error("a comment begins with \"//\" or \"/*\"")]
    Slash,
    /// A comment without its end.
    #[error("the comment has no end; it is \"*/\"")]
    CommentEnd,
    /// A text without its closing quote, which must stand on the same line.
    #[error("the text has no closing quote on its line")]
    QuoteEnd,
    /// An escape that there is not.
    #[error("{0:?} is no escape")]
    Escape(String),
    /// Escapes that give no UTF-8.
    #[error("the escapes give bytes that are not UTF-8")]
    Utf8,
    /// A control character in a JSON text.
    #[error("a control character in a text must be escaped")]
    Control,
    /// A heredoc whose anchor is missing or followed by something.
    #[error("a heredoc begins with \"<<\", a word, and the end of the line")]
    HeredocStart,
    /// A heredoc without its last line.
    #[error("the heredoc has no end, a line of {0:?} alone")]
    HeredocEnd(String),
    /// A number that is none, or too large.
    #[error("{0:?} is no number that can be held")]
    Number(String),
    /// Something else was to come.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What was to come.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// `a "b" = 1`.
    #[error("a key with labels takes an object in braces, no \"=\"")]
    LabelledAssignment,
    /// A key with a value of one kind and again of another.
    #[error("{key:?} was {before} before and is {now} here")]
    Conflict {
        /// The key.
        key: String,
        /// What it was.
        before: &'static str,
        /// What it would be.
        now: &'static str,
    },
    /// Too deep.
    #[error("more than {DEPTH_MAX} objects and lists inside one another")]
    Depth,
}
