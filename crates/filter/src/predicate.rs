//! A filter ready to run: selectors resolved to paths, values converted, patterns compiled.
//!
//! Evaluation fails only when its steps are used up: whatever else could go wrong has been refused when the filter was
//! compiled.

use std::ops::ControlFlow;

use memchr::memmem;
use regex_automata::hybrid::dfa::Cache;
use serde_json::Value;

use crate::pattern::Pattern;
use crate::select::{Place, Select};
use crate::steps::{Exhausted, ITEM_STEPS, JSON_BYTE_STEPS, KEY_STEPS, SELECTOR_STEPS, Steps};

/// What a filter asks of one result.
#[derive(Debug)]
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
        path: Box<[Step]>,
        /// Whether the test must fail there.
        negated: bool,
        /// What to test.
        test: PlaceTest,
    },
}

/// One step further into a result.
#[derive(Debug)]
pub(crate) enum Step {
    /// Into a field of a record.
    Field(&'static str),
    /// Into each of a list: the whole comparison holds if it does for one of them.
    Each,
    /// To a map's value. `None` is a key that is not UTF-8, and so in no map.
    Key(Option<Box<str>>),
}

/// A test of what stands at the end of a path.
#[derive(Debug)]
pub(crate) enum PlaceTest {
    /// The text is this one.
    EqualText(Box<[u8]>),
    /// The number is this one.
    EqualInt(i64),
    /// The truth value is this one.
    EqualBool(bool),
    /// The text holds this one somewhere.
    HoldsText(Box<[u8]>),
    /// The list has this text as an item.
    HasItem(Box<[u8]>),
    /// The map has this key. `None` is one that is not UTF-8, and so in no map.
    HasKey(Option<Box<str>>),
    /// A part of the text matches the pattern of this number.
    Matches(usize),
    /// The list or map has nothing in it.
    Empty,
}

impl Predicate {
    /// The memory that it takes, its own size apart.
    pub(crate) fn weight_bytes(&self) -> usize {
        match self {
            Self::Any(terms) | Self::All(terms) => {
                let inner: usize = terms.iter().map(Self::weight_bytes).sum();
                terms.capacity() * size_of::<Self>() + inner
            }
            Self::Not(operand) => size_of::<Self>() + operand.weight_bytes(),
            Self::Place { path, test, .. } => {
                let keys = path.iter().map(|step| match step {
                    Step::Key(Some(key)) => key.len(),
                    _ => 0,
                });
                size_of_val(&**path) + keys.sum::<usize>() + test.weight_bytes()
            }
        }
    }

    /// The most steps that one byte of text can cost in all comparisons together.
    pub(crate) fn cost_per_byte(&self, patterns: &[Pattern]) -> u64 {
        match self {
            Self::Any(terms) | Self::All(terms) => terms.iter().map(|term| term.cost_per_byte(patterns)).sum(),
            Self::Not(operand) => operand.cost_per_byte(patterns),
            Self::Place { test: PlaceTest::Matches(number), .. } => patterns[*number].state_steps() + 1,
            Self::Place { .. } => 1,
        }
    }
}

impl PlaceTest {
    fn weight_bytes(&self) -> usize {
        match self {
            Self::EqualText(text) | Self::HoldsText(text) | Self::HasItem(text) => text.len(),
            Self::HasKey(key) => key.as_ref().map_or(0, |key| key.len()),
            Self::EqualInt(_) | Self::EqualBool(_) | Self::Matches(_) | Self::Empty => 0,
        }
    }

    /// The outcome where a map on the way does not have the key asked for. Nothing equals or is in what is not there,
    /// and it is empty. That it matches every pattern, and also fails to match every pattern, is Consul's doing.
    fn holds_without_key(&self, negated: bool) -> bool {
        match self {
            Self::Matches(_) => true,
            Self::Empty => !negated,
            _ => negated,
        }
    }
}

/// What an evaluation works with.
pub(crate) struct Evaluation<'f> {
    pub(crate) patterns: &'f [Pattern],
    /// For each pattern what its searches have built so far.
    pub(crate) caches: &'f mut [Option<Cache>],
    pub(crate) steps: &'f mut Steps,
}

impl Evaluation<'_> {
    /// Whether a result passes.
    pub(crate) fn holds<'a, R: Select<'a>>(
        &mut self,
        predicate: &Predicate,
        result: Place<'a, R>,
    ) -> Result<bool, Exhausted> {
        match predicate {
            Predicate::Any(terms) => {
                for term in terms {
                    if self.holds(term, result)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Predicate::All(terms) => {
                for term in terms {
                    if !self.holds(term, result)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Predicate::Not(operand) => Ok(!self.holds(operand, result)?),
            Predicate::Place { path, negated, test } => self.holds_at(path, *negated, test, result),
        }
    }

    /// Follows a path and tests what it leads to.
    fn holds_at<'a, R: Select<'a>>(
        &mut self,
        path: &[Step],
        negated: bool,
        test: &PlaceTest,
        place: Place<'a, R>,
    ) -> Result<bool, Exhausted> {
        if let Place::Json(text) = place {
            self.steps.take(text.len() as u64 * JSON_BYTE_STEPS)?;
            let value: Value = serde_json::from_str(text).unwrap_or_default();
            return self.holds_at(path, negated, test, Place::from(&value));
        }
        let Some((step, rest)) = path.split_first() else {
            return Ok(self.tests(test, place)? != negated);
        };
        match step {
            Step::Field(name) => {
                self.steps.take(SELECTOR_STEPS)?;
                let field = match place {
                    Place::Inner(record) => record.field(name),
                    _ => Place::Nothing,
                };
                self.holds_at(rest, negated, test, field)
            }
            Step::Each => self.any(place, |evaluation, item| evaluation.holds_at(rest, negated, test, item)),
            Step::Key(key) => match key.as_ref().map_or(Ok(None), |key| self.at_key(place, key))? {
                Some(value) => self.holds_at(rest, negated, test, value),
                None => Ok(test.holds_without_key(negated)),
            },
        }
    }

    /// What stands in a map at a key.
    fn at_key<'a, R: Select<'a>>(&mut self, map: Place<'a, R>, key: &str) -> Result<Option<Place<'a, R>>, Exhausted> {
        self.steps.take(KEY_STEPS + key.len() as u64)?;
        Ok(match map {
            Place::Texts(map) => map.get(key).map(|text| Place::Text(text)),
            Place::Inner(map) => map.key(key),
            _ => None,
        })
    }

    /// Whether a test holds for one of a list's items.
    fn any<'a, R: Select<'a>>(
        &mut self,
        list: Place<'a, R>,
        mut test: impl FnMut(&mut Self, Place<'a, R>) -> Result<bool, Exhausted>,
    ) -> Result<bool, Exhausted> {
        let mut found = Ok(false);
        let mut visit = |item| {
            found = self.steps.take(ITEM_STEPS).and_then(|()| test(self, item));
            if found == Ok(false) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        match list {
            Place::Strings(items) => {
                let _ = items.iter().try_for_each(|item| visit(Place::Text(item)));
            }
            Place::Inner(list) => list.each(&mut visit),
            _ => {}
        }
        found
    }

    fn tests<'a, R: Select<'a>>(&mut self, test: &PlaceTest, place: Place<'a, R>) -> Result<bool, Exhausted> {
        let text = if let Place::Text(text) = place { text.as_bytes() } else { &[] };
        let number = if let Place::Int(number) = place { number } else { 0 };
        match test {
            PlaceTest::EqualText(wanted) => self.equal(text, wanted),
            PlaceTest::EqualInt(wanted) => Ok(number == *wanted),
            PlaceTest::EqualBool(wanted) => Ok(matches!(place, Place::Bool(true)) == *wanted),
            PlaceTest::HoldsText(wanted) => {
                self.steps.take_bytes(wanted)?;
                self.steps.take_bytes(text)?;
                Ok(memmem::find(text, wanted).is_some())
            }
            PlaceTest::HasItem(wanted) => self.any(place, |evaluation, item| match item {
                Place::Text(item) => evaluation.equal(item.as_bytes(), wanted),
                _ => Ok(false),
            }),
            PlaceTest::HasKey(None) => Ok(false),
            PlaceTest::HasKey(Some(key)) => Ok(self.at_key(place, key)?.is_some()),
            PlaceTest::Matches(number) => self.matches(*number, text),
            PlaceTest::Empty => Ok(match place {
                Place::Strings(items) => items.is_empty(),
                Place::Texts(map) => map.is_empty(),
                Place::Inner(inner) => inner.is_empty(),
                _ => true,
            }),
        }
    }

    /// Whether two texts are the same, which has a cost only if they are of one length.
    fn equal(&mut self, text: &[u8], wanted: &[u8]) -> Result<bool, Exhausted> {
        if text.len() != wanted.len() {
            return Ok(false);
        }
        self.steps.take_bytes(text)?;
        Ok(text == wanted)
    }

    fn matches(&mut self, number: usize, text: &[u8]) -> Result<bool, Exhausted> {
        let pattern = &self.patterns[number];
        let cache = self.caches[number].get_or_insert_with(|| pattern.cache());
        pattern.is_match(text, cache, self.steps)
    }
}
