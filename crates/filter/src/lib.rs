//! The `filter` parameter: a boolean expression that decides which results an answer keeps.
//!
//! `Service.Meta["version"] == "2" and not (Checks.Status != passing)`
//!
//! A filter is parsed by `grammar` to an `expression`, checked against the `schema` of the endpoint's results and
//! resolved by `compile`, and run as a `predicate` over results, which show their fields by [`Select`]. The language is the one that
//! Consul 1.13.9 understands (go-bexpr 0.1.2), with its error texts, and with what is odd about it:
//!
//! - A comparison on a list of records holds if it does for one of them, also with `!=`; on an empty list none holds.
//! - On a map's key that is not there, `!=`, `not in`, `is empty`, `matches` and `not matches` hold.
//! - Only lists and maps can be `empty`.
//!
//! Everything here is pure.
//!
//! **Bounds.** [`TEXT_BYTES_MAX`] on the text, 64 levels of nesting, 32 patterns, [`COMPILED_BYTES_MAX`] on all of them
//! together when compiled, and a [`Budget`] on what one question may cost: a pattern runs in time linear in the text
//! *and* in its own size, so that a short filter over a long text can take as long as its writer likes.

mod budget;
mod compile;
mod endpoints;
mod expression;
mod go_regex;
mod go_text;
mod grammar;
mod predicate;
mod schema;
mod select;
mod syntax_error;
#[cfg(test)]
mod tests;

pub use endpoints::{AGENT_MEMBERS, CATALOG_NODE, CATALOG_NODES, CATALOG_SERVICE, HEALTH_CHECKS, HEALTH_SERVICE};
pub use schema::Schema;

use std::sync::Arc;

pub use budget::{Budget, OverBudget};
pub use compile::COMPILED_BYTES_MAX;
pub use select::{Place, Records, Select};

use predicate::Predicate;

/// The longest filter: as long as a request's target may be.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A filter, ready to run over results of the schema it was parsed for. Clones share it.
#[derive(Clone, Debug)]
pub struct Filter {
    predicate: Arc<Predicate>,
    weight_bytes: usize,
}

impl Filter {
    /// Whether a text may have patterns, which take up to some 10 ms to compile.
    pub fn may_have_patterns(text: &[u8]) -> bool {
        memchr::memmem::find(text, b"matches").is_some()
    }

    /// Reads a filter, as it stands in the query once percent escapes are undone. The empty text is a filter that
    /// everything passes.
    pub fn parse(text: impl AsRef<[u8]>, schema: &Schema) -> Result<Self, FilterError> {
        let bytes = text.as_ref();
        if bytes.len() > TEXT_BYTES_MAX {
            let reason = format!("Filter of {} bytes exceeds the limit of {TEXT_BYTES_MAX} bytes", bytes.len());
            return Err(FilterError { offset: TEXT_BYTES_MAX, reason, is_misfit: false });
        }
        if bytes.is_empty() {
            return Ok(Self { predicate: Arc::new(Predicate::All(Vec::new())), weight_bytes: 0 });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| FilterError::encoding(bytes, error.valid_up_to()))?;
        let expression = grammar::parse(text)?;
        let compiled = compile::compile(&expression, schema)?;
        Ok(Self { predicate: Arc::new(compiled.predicate), weight_bytes: text.len() + compiled.weight_bytes })
    }

    /// Whether a result of the endpoint passes. An error if finding out would take more than is left of the budget.
    pub fn matches(&self, result: &impl Select, budget: &mut Budget) -> Result<bool, OverBudget> {
        self.predicate.holds(result, budget)
    }

    /// About how many bytes the filter holds, with what its patterns need while they run.
    pub fn weight_bytes(&self) -> usize {
        self.weight_bytes
    }
}

/// A regular expression of Go's syntax by itself.
#[derive(Clone, Debug)]
pub struct Pattern(go_regex::Pattern);

impl Pattern {
    /// Compiles one. The error is in Go's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        go_regex::compile(text.as_bytes(), COMPILED_BYTES_MAX).map(Self).map_err(|error| error.to_string())
    }

    /// Whether it matches somewhere in a text.
    pub fn matches(&self, text: &str, budget: &mut Budget) -> Result<bool, OverBudget> {
        self.0.matches(text.as_bytes(), budget)
    }
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
