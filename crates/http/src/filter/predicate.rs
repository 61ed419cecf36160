//! A filter ready to run: selectors resolved to paths, values converted, patterns compiled.
//!
//! Evaluation never fails: whatever could go wrong has been refused when the filter was compiled.

use regex::bytes::Regex;
use serde_json::Value;

/// What a filter asks of one result.
#[derive(Clone, Debug)]
pub(super) enum Predicate {
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
pub(super) enum Step {
    /// Into a field of a record.
    Field(&'static str),
    /// Into each of a list: the whole comparison holds if it does for one of them.
    Each,
    /// To a map's value. `None` is a key that is not UTF-8, and so in no map.
    Key(Option<String>),
}

/// A test of what stands at the end of a path.
#[derive(Clone, Debug)]
pub(super) enum PlaceTest {
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
    Matches(Regex),
    /// The list or map has nothing in it.
    Empty,
}

impl Predicate {
    /// Whether a result passes.
    pub(super) fn holds(&self, result: &Value) -> bool {
        match self {
            Self::Any(terms) => terms.iter().any(|term| term.holds(result)),
            Self::All(terms) => terms.iter().all(|term| term.holds(result)),
            Self::Not(operand) => !operand.holds(result),
            Self::Place { path, negated, test } => holds_at(path, *negated, test, Some(result)),
        }
    }
}

/// Follows a path and tests what it leads to. `None` stands for what JSON leaves out because it is its type's zero
/// value.
fn holds_at(path: &[Step], negated: bool, test: &PlaceTest, place: Option<&Value>) -> bool {
    match path.split_first() {
        None => test.holds(place) != negated,
        Some((Step::Field(name), rest)) => holds_at(rest, negated, test, place.and_then(|value| value.get(name))),
        Some((Step::Each, rest)) => place
            .and_then(Value::as_array)
            .is_some_and(|items| items.iter().any(|item| holds_at(rest, negated, test, Some(item)))),
        Some((Step::Key(key), rest)) => match key.as_ref().and_then(|key| place?.get(key)) {
            Some(value) => holds_at(rest, negated, test, Some(value)),
            None => test.holds_without_key(negated),
        },
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

    fn holds(&self, place: Option<&Value>) -> bool {
        let text = || place.and_then(Value::as_str).unwrap_or_default().as_bytes();
        match self {
            Self::EqualText(wanted) => text() == wanted,
            Self::EqualInt(wanted) => place.and_then(Value::as_i64).unwrap_or_default() == *wanted,
            Self::EqualBool(wanted) => place.and_then(Value::as_bool).unwrap_or_default() == *wanted,
            Self::HoldsText(wanted) => wanted.is_empty() || text().windows(wanted.len()).any(|part| part == wanted),
            Self::HasItem(wanted) => place
                .and_then(Value::as_array)
                .is_some_and(|items| items.iter().any(|item| item.as_str().is_some_and(|i| i.as_bytes() == wanted))),
            Self::HasKey(wanted) => place
                .and_then(Value::as_object)
                .is_some_and(|map| std::str::from_utf8(wanted).is_ok_and(|key| map.contains_key(key))),
            Self::Matches(pattern) => pattern.is_match(text()),
            Self::Empty => match place {
                Some(Value::Array(items)) => items.is_empty(),
                Some(Value::Object(map)) => map.is_empty(),
                _ => true,
            },
        }
    }
}
