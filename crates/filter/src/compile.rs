//! An [`Expression`] and a [`Schema`] to a [`Predicate`], or to the reason why they do not fit each other.

use crate::expression::{Comparison, Expression, Test};
use crate::go_regex;
use crate::go_text::{parse_bool, parse_int, quote};
use crate::pattern::Pattern;
use crate::predicate::{PlaceTest, Predicate, Step};
use crate::schema::{Entered, Kind, Schema};

/// Patterns in one filter. Each takes some work to compile and, in an evaluation, a cache of its own; Consul has no such
/// limit.
pub(crate) const PATTERNS_MAX: usize = 32;

/// Why an expression does not fit a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Where the comparison at fault begins, in bytes.
    pub(crate) offset: usize,
    /// Consul's words for it.
    pub(crate) reason: String,
}

/// Resolves the whole expression; gives it with the patterns that it names by number. The first comparison at fault, from
/// left to right, decides the error.
pub(crate) fn compile(expression: &Expression, schema: &Schema) -> Result<(Predicate, Vec<Pattern>), Misfit> {
    let mut compiler = Compiler { schema, patterns: Vec::new(), limits: go_regex::Limits::default() };
    let predicate = compiler.predicate(expression)?;
    Ok((predicate, compiler.patterns))
}

struct Compiler<'a> {
    schema: &'a Schema,
    patterns: Vec<Pattern>,
    /// What the patterns to come may still take.
    limits: go_regex::Limits,
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
        Ok(Predicate::Place { path: path.into(), negated: comparison.negated, test })
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
                Entered::Key(_) => path.push(Step::Key(as_key(part))),
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
            (Test::Equal(value), Kind::String) => Ok(PlaceTest::EqualText((&**value).into())),
            (Test::Equal(value), Kind::Int) => parse_int(value)
                .map(PlaceTest::EqualInt)
                .map_err(|why| not_converted(value, format!("strconv.ParseInt: parsing {}: {why}", quoted(value)))),
            (Test::Equal(value), Kind::Bool) => parse_bool(value)
                .map(PlaceTest::EqualBool)
                .map_err(|why| not_converted(value, format!("strconv.ParseBool: parsing {}: {why}", quoted(value)))),
            (Test::Contains(value), Kind::String) => Ok(PlaceTest::HoldsText((&**value).into())),
            (Test::Contains(value), Kind::Strings) => Ok(PlaceTest::HasItem((&**value).into())),
            (Test::Contains(value), Kind::Map(_)) => Ok(PlaceTest::HasKey(as_key(value))),
            (Test::Matches(value), Kind::String) => self.pattern(value).map(PlaceTest::Matches),
            (Test::Empty, Kind::Strings | Kind::Map(_) | Kind::Records(_)) => Ok(PlaceTest::Empty),
            _ => Err(format!(
                "Invalid match operator \"{}\" for selector {}",
                comparison.operator_name(),
                quoted_selector(&comparison.selector)
            )),
        }
    }

    /// Compiles a pattern; gives its number.
    fn pattern(&mut self, pattern: &[u8]) -> Result<usize, String> {
        if self.patterns.len() == PATTERNS_MAX {
            return Err(format!("Number of regular expressions exceeds the limit ({PATTERNS_MAX})"));
        }
        let compiled = go_regex::compile(pattern, &mut self.limits)
            .map_err(|why| format!("Failed to compile regular expression {}: {why}", quoted(pattern)))?;
        self.patterns.push(compiled);
        Ok(self.patterns.len() - 1)
    }
}

/// A key of a map, which is text.
fn as_key(bytes: &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(bytes).ok().map(Into::into)
}

fn quoted(bytes: &[u8]) -> String {
    quote(bytes, "\\\"")
}

/// A selector in error texts: its parts with dots between, however they were written.
fn quoted_selector(parts: &[Vec<u8>]) -> String {
    quoted(&parts.join(&b'.'))
}
