//! What narrows a list: `filter`, `node-meta` and `tag`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use hyper::StatusCode;
use quorate_filter::{Exhausted, Filter, Run, STEPS_MAX, Schema, Select};

use crate::answers::{Content, Encoded};
use crate::reply::Refused;
use crate::request::Call;

/// How many `tag` parameters a request may have, and how many `node-meta`. Each costs a look at every instance or node;
/// people use one or two.
const REPEATS_MAX: usize = 64;

/// Filters whose cost for a byte may be above this are evaluated where long work is done: one comparison of a pattern can
/// be enough to stop everything else.
const SHORT_STEPS_PER_BYTE: u64 = 64;

/// A filter as it was asked for; without one everything passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Filtering(Option<Filter>);

impl Filtering {
    /// The filter of a request, or the empty one with why it can't be read.
    pub(crate) fn of(call: &Call, schema: &'static Schema) -> (Self, Option<Refused>) {
        let text = call.parameters().first_bytes("filter");
        if text.is_empty() {
            return (Self::default(), None);
        }
        match Filter::parse(&*text, schema) {
            Ok(filter) => (Self(Some(filter)), None),
            Err(error) => (Self::default(), Some(Refused::internal(error.to_string()))),
        }
    }

    /// Whether nothing is filtered out.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether even a few entries can take long.
    pub(crate) fn is_long(&self) -> bool {
        self.0.as_ref().is_some_and(|filter| filter.cost_per_byte() > SHORT_STEPS_PER_BYTE)
    }

    /// Begins an evaluation.
    pub(crate) fn sieve(&self) -> Sieve {
        Sieve { run: self.0.as_ref().map(|filter| filter.run(STEPS_MAX)), exhausted: None }
    }
}

/// One evaluation of a filter. Once its steps are used up nothing passes any more, and the answer is a refusal.
#[derive(Debug)]
pub(crate) struct Sieve {
    run: Option<Run>,
    exhausted: Option<Exhausted>,
}

impl Sieve {
    /// Whether an element passes.
    pub(crate) fn passes<'a>(&mut self, element: impl Select<'a>) -> bool {
        let Some(run) = &mut self.run else { return true };
        if self.exhausted.is_some() {
            return false;
        }
        run.passes(element).unwrap_or_else(|exhausted| {
            self.exhausted = Some(exhausted);
            false
        })
    }

    /// What was made of the elements that passed, unless not all could be looked at.
    pub(crate) fn finish<T>(self, made: T) -> Result<T, Exhausted> {
        self.exhausted.map_or(Ok(made), Err)
    }

    /// The answer made of the elements that passed.
    pub(crate) fn encoded(self, json: Vec<u8>) -> Encoded {
        self.finish(json).map_or_else(
            |exhausted| Encoded {
                status: StatusCode::BAD_REQUEST,
                content: Content::Text,
                body: Bytes::from(exhausted.to_string()),
            },
            Encoded::json,
        )
    }
}

impl From<Exhausted> for Refused {
    fn from(exhausted: Exhausted) -> Self {
        Self::bad_request(exhausted.to_string())
    }
}

/// The values of a parameter that may be repeated.
fn repeated<'a>(call: &'a Call, name: &'a str) -> Result<Vec<Cow<'a, str>>, Refused> {
    let values: Vec<_> = call.parameters().all(name).take(REPEATS_MAX + 1).collect();
    if values.len() > REPEATS_MAX {
        let text = format!("Number of ?{name} parameters exceeds the limit of {REPEATS_MAX}");
        return Err(Refused::bad_request(text));
    }
    Ok(values)
}

/// What a node's meta data must have: `node-meta=key:value`, all of them; of a key given twice the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NodeMeta(BTreeMap<String, String>);

impl NodeMeta {
    pub(crate) fn of(call: &Call) -> Result<Self, Refused> {
        let pairs = repeated(call, "node-meta")?.into_iter().map(|pair| {
            let (key, value) = pair.split_once(':').unwrap_or((&*pair, ""));
            (key.to_owned(), value.to_owned())
        });
        Ok(Self(pairs.collect()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, meta: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, value)| meta.get(key) == Some(value))
    }
}

/// The tags that an instance must have, all of them, without regard to case: in lower case, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tags(Box<[String]>);

impl Tags {
    pub(crate) fn of(call: &Call) -> Result<Self, Refused> {
        Ok(Self::new(repeated(call, "tag")?.iter().map(|tag| tag.to_lowercase()).collect()))
    }

    fn new(mut tags: Vec<String>) -> Self {
        tags.sort_unstable();
        tags.dedup();
        Self(tags.into())
    }

    /// Looks at each of an instance's tags once, however many are wanted.
    pub(crate) fn matches(&self, tags: &[String]) -> bool {
        const _: () = assert!(REPEATS_MAX <= u64::BITS as usize, "each wanted tag has its bit");
        let mut missing = self.0.len();
        let mut seen = 0_u64;
        for tag in tags {
            if missing == 0 {
                break;
            }
            let tag = lower_case(tag);
            let Ok(place) = self.0.binary_search_by(|wanted| wanted.as_str().cmp(&tag)) else { continue };
            missing -= usize::from(seen & (1 << place) == 0);
            seen |= 1 << place;
        }
        missing == 0
    }
}

/// A text in lower case; most are already, and not copied.
fn lower_case(text: &str) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_lower { text.into() } else { text.to_lowercase().into() }
}

#[cfg(test)]
mod tests;
