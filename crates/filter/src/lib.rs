//! The `filter` parameter: a boolean expression that decides which results an answer keeps.
//!
//! `Service.Meta["version"] == "2" and not (Checks.Status != passing)`
//!
//! A filter is parsed by `grammar` to an `expression`, checked against the `schema` of the endpoint's results and
//! resolved by `compile`, and run as a `predicate` over borrowed values ([`Select`]). The language is the one that
//! Consul 1.13.9 understands (go-bexpr 0.1.2), with its error texts, and with what is odd about it:
//!
//! - A comparison on a list of records holds if it does for one of them, also with `!=`; on an empty list none holds.
//! - On a map's key that is not there, `!=`, `not in`, `is empty`, `matches` and `not matches` hold.
//! - Only lists and maps can be `empty`.
//!
//! Everything here is pure: no task, socket, file, clock or randomness.
//!
//! **Bounds.** On a filter: [`TEXT_BYTES_MAX`], 64 levels of nesting, 32 patterns, and 1 MiB for all of its patterns
//! together when compiled ([`Filter::weight_bytes`] is what it holds). On an evaluation: the steps of its [`Run`]. The
//! cost of a comparison grows with the text, and that of a pattern with text and pattern, as in Go; `go_regex` tells what
//! differs.

mod compile;
mod endpoints;
mod expression;
mod go_regex;
mod go_text;
mod grammar;
mod pattern;
mod predicate;
mod run;
mod schema;
mod select;
mod steps;
mod syntax_error;
#[cfg(test)]
mod tests;

pub use endpoints::{AGENT_MEMBERS, CATALOG_NODE, CATALOG_NODES, CATALOG_SERVICE, HEALTH_CHECKS, HEALTH_SERVICE};
pub use run::Run;
pub use schema::Schema;
pub use select::{Place, Select};
pub use steps::{Exhausted, STEPS_MAX};

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pattern::Pattern;
use predicate::Predicate;

/// The longest filter: as long as a request's target may be.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A filter, ready to run over results of the schema it was parsed for. Two are equal if their texts and schemas are.
/// Cloning is cheap.
#[derive(Clone)]
pub struct Filter(Arc<Parsed>);

struct Parsed {
    text: Box<[u8]>,
    schema: &'static Schema,
    predicate: Predicate,
    patterns: Vec<Pattern>,
}

impl Filter {
    /// Reads a filter, as it stands in the query once percent escapes are undone. The empty text is a filter that
    /// everything passes.
    pub fn parse(text: impl AsRef<[u8]>, schema: &'static Schema) -> Result<Self, FilterError> {
        let bytes = text.as_ref();
        if bytes.len() > TEXT_BYTES_MAX {
            let reason = format!("Filter of {} bytes exceeds the limit of {TEXT_BYTES_MAX} bytes", bytes.len());
            return Err(FilterError { offset: TEXT_BYTES_MAX, reason, is_misfit: false });
        }
        let (predicate, patterns) = if bytes.is_empty() {
            (Predicate::All(Vec::new()), Vec::new())
        } else {
            let text = std::str::from_utf8(bytes).map_err(|error| FilterError::encoding(bytes, error.valid_up_to()))?;
            compile::compile(&grammar::parse(text)?, schema)?
        };
        Ok(Self(Arc::new(Parsed { text: bytes.into(), schema, predicate, patterns })))
    }

    /// What it was read from.
    pub fn text(&self) -> &[u8] {
        &self.0.text
    }

    /// The type of the results that it runs over.
    pub fn schema(&self) -> &'static Schema {
        self.0.schema
    }

    /// Whether everything passes because nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.0.text.is_empty()
    }

    /// The memory that it takes for as long as it or a clone of it is kept. What an evaluation takes besides goes with
    /// the evaluation: see [`Run`].
    pub fn weight_bytes(&self) -> usize {
        let Parsed { text, predicate, patterns, .. } = &*self.0;
        let compiled: usize = patterns.iter().map(|pattern| size_of::<Pattern>() + pattern.weight_bytes()).sum();
        size_of::<Parsed>() + text.len() + predicate.weight_bytes() + compiled
    }

    /// The most steps that a byte of the results' texts can cost. Without patterns it is the number of comparisons; a
    /// pattern costs one step for most bytes, but for each it can be made to cost a fixed multiple of its size.
    pub fn cost_per_byte(&self) -> u64 {
        self.0.predicate.cost_per_byte(&self.0.patterns)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&String::from_utf8_lossy(self.text())).field(&self.schema().name).finish()
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.0.schema == other.0.schema && self.0.text == other.0.text
    }
}

impl Eq for Filter {}

impl Hash for Filter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.schema.hash(state);
        self.0.text.hash(state);
    }
}

/// The steps that matching one name or tag against a pattern may take; more than any name of reasonable length needs.
const NAME_STEPS_MAX: u64 = 100_000_000;

/// Whether a regular expression of Go's syntax matches somewhere in a text; the error is in Go's words.
pub fn matches_pattern(pattern: &str, text: &str) -> Result<bool, String> {
    let pattern = go_regex::compile(pattern.as_bytes(), &mut Default::default()).map_err(|error| error.to_string())?;
    let mut steps = steps::Steps::new(NAME_STEPS_MAX);
    pattern.is_match(text.as_bytes(), &mut pattern.cache(), &mut steps).map_err(|error| error.to_string())
}

/// Why a text is no filter for an endpoint. Consul answers these with status 500, and the error's text as the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Failed to create boolean expression evaluator: {reason}")]
pub struct FilterError {
    offset: usize,
    reason: String,
    is_misfit: bool,
}

impl FilterError {
    /// Where the text is at fault, in bytes from its beginning. The texts of syntax errors tell it too.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Whether the text is of the language, but does not fit the endpoint's results.
    pub fn is_misfit(&self) -> bool {
        self.is_misfit
    }

    /// The error without its introduction, as Consul words it where it serves `health/service` from its cache
    /// (`?cached`, and blocking queries).
    pub fn reason(&self) -> &str {
        &self.reason
    }

    fn encoding(text: &[u8], offset: usize) -> Self {
        let valid = String::from_utf8_lossy(&text[..=offset]);
        let reason = format!("{}: invalid encoding", syntax_error::position(&valid, offset));
        Self { offset, reason, is_misfit: false }
    }
}

impl From<syntax_error::SyntaxError> for FilterError {
    fn from(error: syntax_error::SyntaxError) -> Self {
        Self { offset: error.offset, reason: error.reason, is_misfit: false }
    }
}

impl From<compile::Misfit> for FilterError {
    fn from(misfit: compile::Misfit) -> Self {
        Self { offset: misfit.offset, reason: misfit.reason, is_misfit: true }
    }
}
