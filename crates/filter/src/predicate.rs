//! A filter ready to run: selectors resolved to paths, values converted, patterns compiled.
//!
//! Evaluation fails only for want of budget: whatever else could go wrong has been refused when the filter was compiled.

use memchr::memmem;

use crate::budget::{Budget, OverBudget};
use crate::go_regex::Pattern;
use crate::select::{Place, Select};

/// What a filter asks of one result.
#[derive(Clone, Debug)]
pub(crate) enum Predicate {
    /// One of them holds.
    Any(Vec<Predicate>),
    /// Each of them holds. None at all is a filter that everything passes.
    All(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
    /// A test of one place.
    Place {
        /// How to get there from the result.
        path: Vec<Step>,
        /// Whether the test must fail there.
        negated: bool,
        /// What to test.
        test: PlaceTest,
    },
}

/// One step further into a result.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Into a field of a record.
    Field(&'static str),
    /// Into each of a list: the whole comparison holds if it does for one of them.
    Each,
    /// To a map's value. `None` is a key that is not UTF-8, and so in no map.
    Key(Option<String>),
}

/// A test of what stands at the end of a path.
#[derive(Clone, Debug)]
pub(crate) enum PlaceTest {
    /// The text is this one.
    EqualText(Vec<u8>),
    /// The number is this one.
    EqualInt(i64),
    /// The truth value is this one.
    EqualBool(bool),
    /// The text holds this one somewhere.
    HoldsText(Vec<u8>),
    /// The list has this text as an item.
    HasItem(Vec<u8>),
    /// The map has this key.
    HasKey(Vec<u8>),
    /// A part of the text matches the pattern.
    Matches(Pattern),
    /// The list or map has nothing in it.
    Empty,
}

impl Predicate {
    /// Whether a result passes.
    pub(crate) fn holds(&self, result: &dyn Select, budget: &mut Budget) -> Result<bool, OverBudget> {
        match self {
            Self::Any(terms) => {
                for term in terms {
                    if term.holds(result, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::All(terms) => {
                for term in terms {
                    if !term.holds(result, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Not(operand) => Ok(!operand.holds(result, budget)?),
            Self::Place { path, negated, test } => holds_at(path, *negated, test, Place::Record(result), budget),
        }
    }
}

/// Follows a path and tests what it leads to.
fn holds_at(
    path: &[Step],
    negated: bool,
    test: &PlaceTest,
    place: Place<'_>,
    budget: &mut Budget,
) -> Result<bool, OverBudget> {
    budget.take(1)?;
    let Some((step, rest)) = path.split_first() else {
        return Ok(test.holds(place, budget)? != negated);
    };
    match step {
        Step::Field(name) => match &place {
            Place::Record(record) => holds_at(rest, negated, test, record.field(name), budget),
            Place::Made(record) => holds_at(rest, negated, test, record.field(name), budget),
            Place::Json(value) => holds_at(rest, negated, test, value.field(name), budget),
            _ => holds_at(rest, negated, test, Place::Nothing, budget),
        },
        Step::Each => {
            for item in place.list() {
                if holds_at(rest, negated, test, Place::Record(&*item), budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Step::Key(key) => match key.as_deref().and_then(|key| of_key(&place, key)) {
            Some(value) => holds_at(rest, negated, test, value, budget),
            None => Ok(test.holds_without_key(negated)),
        },
    }
}

/// The value of a map's key.
fn of_key<'a>(place: &'a Place<'_>, key: &str) -> Option<Place<'a>> {
    match place {
        Place::TextMap(map) => map.get(key).map(|text| Place::Text(text)),
        Place::Map(map) => map.record(key).map(Place::Made),
        Place::Json(value) => value.get(key).map(Place::Json),
        _ => None,
    }
}

impl PlaceTest {
    /// The outcome where a map on the way does not have the key asked for. Nothing equals or is in what is not there,
    /// and it is empty. That it matches every pattern, and also fails to match every pattern, is Consul's doing.
    fn holds_without_key(&self, negated: bool) -> bool {
        match self {
            Self::Matches(_) => true,
            Self::Empty => !negated,
            _ => negated,
        }
    }

    fn holds(&self, place: Place<'_>, budget: &mut Budget) -> Result<bool, OverBudget> {
        Ok(match self {
            Self::EqualText(wanted) => place.text() == wanted,
            Self::EqualInt(wanted) => place.int() == *wanted,
            Self::EqualBool(wanted) => place.bool() == *wanted,
            Self::HoldsText(wanted) => {
                budget.take(place.text().len() as u64)?;
                memmem::find(place.text(), wanted).is_some()
            }
            Self::HasItem(wanted) => {
                let mut texts = 0;
                let found = place.texts().inspect(|_| texts += 1).any(|text| text.as_bytes() == wanted);
                budget.take(texts)?;
                found
            }
            Self::HasKey(wanted) => std::str::from_utf8(wanted).is_ok_and(|key| place.has_key(key)),
            Self::Matches(pattern) => pattern.matches(place.text(), budget)?,
            Self::Empty => place.holds_nothing(),
        })
    }
}
