//! What narrows a list: `filter`, `node-meta` and `tag`.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;

use crate::filter::{Filter, Schema};
use crate::reply::Refused;
use crate::request::Call;

/// A filter as it was asked for; two are the same if their texts are. The empty one lets everything pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filtering {
    text: Box<[u8]>,
    filter: Option<Arc<Filter>>,
}

impl Filtering {
    /// The filter of a request, or the empty one with why it can't be read.
    pub(crate) fn of(call: &Call, schema: &Schema) -> (Self, Option<Refused>) {
        let text = call.parameters().first_bytes("filter");
        if text.is_empty() {
            return (Self::default(), None);
        }
        match Filter::parse(&*text, schema) {
            Ok(filter) => (Self { text: (&*text).into(), filter: Some(Arc::new(filter)) }, None),
            Err(error) => (Self::default(), Some(Refused::internal(error.to_string()))),
        }
    }

    /// Whether nothing is filtered out.
    pub(crate) fn is_empty(&self) -> bool {
        self.filter.is_none()
    }

    /// Whether an element passes. It is only converted if there is a filter.
    pub(crate) fn passes<T: Serialize>(&self, element: &T) -> bool {
        let Some(filter) = &self.filter else { return true };
        // What the wire shows always converts.
        serde_json::to_value(element).is_ok_and(|element| filter.matches(&element))
    }
}

impl PartialEq for Filtering {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Filtering {}

impl Hash for Filtering {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// What a node's meta data must have: `node-meta=key:value`, all of them; of a key given twice the last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NodeMeta(BTreeMap<String, String>);

impl NodeMeta {
    pub(crate) fn of(call: &Call) -> Self {
        let pairs = call.parameters().all("node-meta").map(|pair| {
            let (key, value) = pair.split_once(':').unwrap_or((&*pair, ""));
            (key.to_owned(), value.to_owned())
        });
        Self(pairs.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn matches(&self, meta: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, value)| meta.get(key) == Some(value))
    }
}

/// The tags that an instance must have, all of them, without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tags(Vec<String>);

impl Tags {
    pub(crate) fn of(call: &Call) -> Self {
        Self(call.parameters().all("tag").map(|tag| tag.to_lowercase()).collect())
    }

    pub(crate) fn matches(&self, tags: &[String]) -> bool {
        self.0.iter().all(|wanted| tags.iter().any(|tag| tag.to_lowercase() == *wanted))
    }
}
