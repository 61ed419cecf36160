//! A filter as it was written: the tree that the grammar gives, and its canonical text.
//!
//! Nothing here knows which selectors exist; [`super::compile`] checks that against a schema. Values and the parts of a
//! selector are bytes, not text, since a quoted string may hold any byte (`"\xff"`).

use std::fmt;

use crate::go_text::quote;

/// A filter expression.
///
/// `Any` and `All` have two or more terms. `Not` never holds another `Not`: two of them cancel out when parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    /// True if one of the terms is: `a or b or c`.
    Any(Vec<Expression>),
    /// True if each term is: `a and b and c`.
    All(Vec<Expression>),
    /// True if the operand is not.
    Not(Box<Expression>),
    /// One selector put to one test.
    Comparison(Comparison),
}

/// One selector put to one test.
#[derive(Clone, Debug, Eq)]
pub(crate) struct Comparison {
    /// The parts of the selector, from the outside in: `Service.Meta["a b"]` has three. Never empty, and the first part
    /// is an identifier.
    pub(crate) selector: Vec<Vec<u8>>,
    /// Whether the test was asked for with a `not` of its own, as in `!=` or `is not empty`.
    pub(crate) negated: bool,
    /// The question asked.
    pub(crate) test: Test,
    /// Where the comparison begins in the text it was parsed from, in bytes.
    pub(crate) offset: usize,
}

/// Equal when they mean the same, wherever they were written.
impl PartialEq for Comparison {
    fn eq(&self, other: &Self) -> bool {
        self.selector == other.selector && self.negated == other.negated && self.test == other.test
    }
}

/// The question that a comparison asks of what it selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    /// `selector == value`
    Equal(Vec<u8>),
    /// `value in selector`, or `selector contains value`
    Contains(Vec<u8>),
    /// `selector matches value`
    Matches(Vec<u8>),
    /// `selector is empty`
    Empty,
}

impl Comparison {
    /// The name by which error texts call this comparison's operator.
    pub(crate) fn operator_name(&self) -> &'static str {
        match (&self.test, self.negated) {
            (Test::Equal(_), false) => "Equal",
            (Test::Equal(_), true) => "Not Equal",
            (Test::Contains(_), false) => "In",
            (Test::Contains(_), true) => "Not In",
            (Test::Matches(_), false) => "Matches",
            (Test::Matches(_), true) => "Not Matches",
            (Test::Empty, false) => "Is Empty",
            (Test::Empty, true) => "Is Not Empty",
        }
    }
}

/// Whether a selector's part can be written after a dot.
fn is_identifier(part: &[u8]) -> bool {
    part.first().is_some_and(u8::is_ascii_alphabetic) && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// A string literal. A quoted string of this grammar cannot hold its own quote, not even escaped.
fn literal(bytes: &[u8]) -> String {
    quote(bytes, "\\x22")
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, terms: &[Self], word: &str, loosest: bool| {
            for (position, term) in terms.iter().enumerate() {
                if position > 0 {
                    f.write_str(word)?;
                }
                match term {
                    Self::Any(_) => write!(f, "({term})")?,
                    Self::All(_) if !loosest => write!(f, "({term})")?,
                    _ => write!(f, "{term}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::Any(terms) => joined(f, terms, " or ", true),
            Self::All(terms) => joined(f, terms, " and ", false),
            Self::Not(operand) if matches!(**operand, Self::Comparison(_)) => write!(f, "not {operand}"),
            Self::Not(operand) => write!(f, "not ({operand})"),
            Self::Comparison(comparison) => comparison.fmt(f),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value stands first here: in `not contains "x"` the selector would be read as the operator `not`.
        if let Test::Contains(value) = &self.test {
            write!(f, "{}{}", literal(value), if self.negated { " not in " } else { " in " })?;
        }
        for (position, part) in self.selector.iter().enumerate() {
            match (position, is_identifier(part)) {
                (0, _) => write!(f, "{}", String::from_utf8_lossy(part))?,
                (_, true) => write!(f, ".{}", String::from_utf8_lossy(part))?,
                (_, false) => write!(f, "[{}]", literal(part))?,
            }
        }
        match (&self.test, self.negated) {
            (Test::Equal(value), false) => write!(f, " == {}", literal(value)),
            (Test::Equal(value), true) => write!(f, " != {}", literal(value)),
            (Test::Matches(value), false) => write!(f, " matches {}", literal(value)),
            (Test::Matches(value), true) => write!(f, " not matches {}", literal(value)),
            (Test::Empty, false) => f.write_str(" is empty"),
            (Test::Empty, true) => f.write_str(" is not empty"),
            (Test::Contains(_), _) => Ok(()),
        }
    }
}
