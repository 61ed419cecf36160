//! An [`Expression`] and a [`Schema`] to a [`Predicate`], or to the reason why they do not fit each other.

use crate::expression::{Comparison, Expression, Test};
use crate::go_regex::{self, Pattern};
use crate::go_text::{parse_bool, parse_int, quote};
use crate::predicate::{PlaceTest, Predicate, Step};
use crate::schema::{Entered, Kind, Schema};

/// Patterns in one filter. With the limit on each pattern's size this bounds what one request can make the server
/// compile; Consul has no such limit.
pub(crate) const PATTERNS_MAX: usize = 32;

/// Why an expression does not fit a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Where the comparison at fault begins, in bytes.
    pub(crate) offset: usize,
    /// Consul's words for it.
    pub(crate) reason: String,
}

/// The memory that all patterns of one filter may take when compiled. Ordinary patterns take a few kB; counted Unicode
/// classes take the most.
pub const COMPILED_BYTES_MAX: usize = 1024 * 1024;

/// A filter's predicate, and about how many bytes its patterns hold.
pub(crate) struct Compiled {
    pub(crate) predicate: Predicate,
    pub(crate) weight_bytes: usize,
}

/// Resolves the whole expression. The first comparison at fault, from left to right, decides the error.
pub(crate) fn compile(expression: &Expression, schema: &Schema) -> Result<Compiled, Misfit> {
    let mut compiler = Compiler { schema, patterns: 0, compiled_bytes: 0, weight_bytes: 0 };
    let predicate = compiler.predicate(expression)?;
    Ok(Compiled { predicate, weight_bytes: compiler.weight_bytes })
}

struct Compiler<'a> {
    schema: &'a Schema,
    patterns: usize,
    /// What the patterns so far take, which counts against [`COMPILED_BYTES_MAX`].
    compiled_bytes: usize,
    weight_bytes: usize,
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

    fn pattern(&mut self, pattern: &[u8]) -> Result<Pattern, String> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(format!("Number of regular expressions exceeds the limit ({PATTERNS_MAX})"));
        }
        let pattern = go_regex::compile(pattern, COMPILED_BYTES_MAX.saturating_sub(self.compiled_bytes))
            .map_err(|why| format!("Failed to compile regular expression {}: {why}", quoted(pattern)))?;
        self.compiled_bytes += pattern.compiled_bytes;
        self.weight_bytes += pattern.weight_bytes();
        Ok(pattern)
    }
}

fn quoted(bytes: &[u8]) -> String {
    quote(bytes, "\\\"")
}

/// A selector in error texts: its parts with dots between, however they were written.
fn quoted_selector(parts: &[Vec<u8>]) -> String {
    quoted(&parts.join(&b'.'))
}
