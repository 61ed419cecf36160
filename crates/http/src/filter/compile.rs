//! An [`Expression`] and a [`Schema`] to a [`Predicate`], or to the reason why they do not fit each other.

use super::expression::{Comparison, Expression, Test};
use super::go_regex;
use super::go_text::{parse_bool, parse_int, quote};
use super::predicate::{PlaceTest, Predicate, Step};
use super::schema::{Entered, Kind, Schema};

/// Patterns in one filter. With the limit on each pattern's size this bounds what one request can make the server
/// compile; Consul has no such limit.
pub(super) const PATTERNS_MAX: usize = 32;

/// Why an expression does not fit a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Where the comparison at fault begins, in bytes.
    pub(super) offset: usize,
    /// Consul's words for it.
    pub(super) reason: String,
}

/// Resolves the whole expression. The first comparison at fault, from left to right, decides the error.
pub(super) fn compile(expression: &Expression, schema: &Schema) -> Result<Predicate, Misfit> {
    Compiler { schema, patterns: 0 }.predicate(expression)
}

struct Compiler<'a> {
    schema: &'a Schema,
    patterns: usize,
}

impl Compiler<'_> {
    fn predicate(&mut self, expression: &Expression) -> Result<Predicate, Misfit> {
        let mut all =
            |terms: &[Expression]| -> Result<_, Misfit> { terms.iter().map(|term| self.predicate(term)).collect() };
        Ok(match expression {
            Expression::Any(terms) => Predicate::Any(all(terms)?),
            Expression::All(terms) => Predicate::All(all(terms)?),
            Expression::Not(operand) => Predicate::Not(Box::new(self.predicate(operand)?)),
            Expression::Comparison(comparison) => {
                self.comparison(comparison).map_err(|reason| Misfit { offset: comparison.offset, reason })?
            }
        })
    }

    fn comparison(&mut self, comparison: &Comparison) -> Result<Predicate, String> {
        let (path, kind) = self.resolve(&comparison.selector)?;
        let test = self.place_test(comparison, kind)?;
        Ok(Predicate::Place { path, negated: comparison.negated, test })
    }

    /// Follows a selector through the schema.
    fn resolve(&self, selector: &[Vec<u8>]) -> Result<(Vec<Step>, &'static Kind), String> {
        let mut path = Vec::with_capacity(selector.len());
        let mut reached: Option<&'static Kind> = None;
        for (index, part) in selector.iter().enumerate() {
            let entered = match reached {
                None => self.schema.enter(part),
                Some(kind) => kind.enter(part),
            };
            let entered =
                entered.ok_or_else(|| format!("Selector {} is not valid", quoted_selector(&selector[..=index])))?;
            match &entered {
                Entered::Field(field) => path.push(Step::Field(field.name)),
                Entered::FieldOfEach(field) => path.extend([Step::Each, Step::Field(field.name)]),
                Entered::Key(_) => path.push(Step::Key(String::from_utf8(part.clone()).ok())),
            }
            reached = Some(entered.kind());
        }
        let kind = reached.ok_or_else(|| format!("Invalid selector: {}", quoted_selector(selector)))?;
        Ok((path, kind))
    }

    /// Fits the test to what the selector leads to.
    fn place_test(&mut self, comparison: &Comparison, kind: &Kind) -> Result<PlaceTest, String> {
        let not_converted = |value: &[u8], why: String| {
            let selector = quoted_selector(&comparison.selector);
            format!("Failed to coerce value {} for selector {selector}: {why}", quoted(value))
        };
        match (&comparison.test, kind) {
            (Test::Equal(value), Kind::String) => Ok(PlaceTest::EqualText(value.clone())),
            (Test::Equal(value), Kind::Int) => parse_int(value)
                .map(PlaceTest::EqualInt)
                .map_err(|why| not_converted(value, format!("strconv.ParseInt: parsing {}: {why}", quoted(value)))),
            (Test::Equal(value), Kind::Bool) => parse_bool(value)
                .map(PlaceTest::EqualBool)
                .map_err(|why| not_converted(value, format!("strconv.ParseBool: parsing {}: {why}", quoted(value)))),
            (Test::Contains(value), Kind::String) => Ok(PlaceTest::HoldsText(value.clone())),
            (Test::Contains(value), Kind::Strings) => Ok(PlaceTest::HasItem(value.clone())),
            (Test::Contains(value), Kind::Map(_)) => Ok(PlaceTest::HasKey(value.clone())),
            (Test::Matches(value), Kind::String) => self.pattern(value).map(PlaceTest::Matches),
            (Test::Empty, Kind::Strings | Kind::Map(_) | Kind::Records(_)) => Ok(PlaceTest::Empty),
            _ => Err(format!(
                "Invalid match operator \"{}\" for selector {}",
                comparison.operator_name(),
                quoted_selector(&comparison.selector)
            )),
        }
    }

    fn pattern(&mut self, pattern: &[u8]) -> Result<regex::bytes::Regex, String> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(format!("Number of regular expressions exceeds the limit ({PATTERNS_MAX})"));
        }
        go_regex::compile(pattern)
            .map_err(|why| format!("Failed to compile regular expression {}: {why}", quoted(pattern)))
    }
}

fn quoted(bytes: &[u8]) -> String {
    quote(bytes, "\\\"")
}

/// A selector in error texts: its parts with dots between, however they were written.
fn quoted_selector(parts: &[Vec<u8>]) -> String {
    quoted(&parts.join(&b'.'))
}
