//! How a result shows its fields to a filter.

use std::collections::BTreeMap;

use serde_json::Value;

/// A record whose fields can be selected by their names.
pub trait Select {
    /// What a field leads to. Filters ask only for fields of the schema that they were parsed for.
    fn field(&self, name: &'static str) -> Place<'_>;
}

/// What a selector leads to. A value that is not there reads as the zero value of its type.
pub enum Place<'a> {
    /// Nothing is there.
    Nothing,
    /// A text.
    Text(&'a str),
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A list of texts.
    Texts(&'a [String]),
    /// A map from texts to texts.
    TextMap(&'a BTreeMap<String, String>),
    /// A map from texts to records.
    Map(&'a dyn Records),
    /// A record.
    Record(&'a dyn Select),
    /// The same, made for the occasion.
    Made(Box<dyn Select + 'a>),
    /// A list of records.
    List(Box<dyn Iterator<Item = Box<dyn Select + 'a>> + 'a>),
    /// A part that is kept as JSON.
    Json(&'a Value),
}

/// A map from texts to records.
pub trait Records {
    /// The record of a key.
    fn record(&self, key: &str) -> Option<Box<dyn Select + '_>>;
    /// Whether there is none.
    fn is_empty(&self) -> bool;
}

impl Select for Value {
    fn field(&self, name: &'static str) -> Place<'_> {
        self.get(name).map_or(Place::Nothing, Place::Json)
    }
}

impl<'a> Place<'a> {
    /// The text that is there.
    pub(crate) fn text(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Json(value) => value.as_str().unwrap_or_default().as_bytes(),
            _ => &[],
        }
    }

    /// The number that is there.
    pub(crate) fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            Self::Json(value) => value.as_i64().unwrap_or_default(),
            _ => 0,
        }
    }

    /// The truth value that is there.
    pub(crate) fn bool(&self) -> bool {
        match self {
            Self::Bool(value) => *value,
            Self::Json(value) => value.as_bool().unwrap_or_default(),
            _ => false,
        }
    }

    /// The texts that are there.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let (list, json) = match self {
            Self::Texts(texts) => (*texts, &[][..]),
            Self::Json(value) => (&[][..], value.as_array().map_or(&[][..], Vec::as_slice)),
            _ => (&[][..], &[][..]),
        };
        list.iter().map(String::as_str).chain(json.iter().filter_map(Value::as_str))
    }

    /// Whether a map has a key.
    pub(crate) fn has_key(&self, key: &str) -> bool {
        match self {
            Self::TextMap(map) => map.contains_key(key),
            Self::Map(map) => map.record(key).is_some(),
            Self::Json(value) => value.as_object().is_some_and(|map| map.contains_key(key)),
            _ => false,
        }
    }

    /// Whether a list or map has nothing in it.
    pub(crate) fn holds_nothing(self) -> bool {
        match self {
            Self::Texts(texts) => texts.is_empty(),
            Self::TextMap(map) => map.is_empty(),
            Self::Map(map) => map.is_empty(),
            Self::List(mut list) => list.next().is_none(),
            Self::Json(Value::Array(items)) => items.is_empty(),
            Self::Json(Value::Object(map)) => map.is_empty(),
            _ => true,
        }
    }

    /// The records of a list.
    pub(crate) fn list(self) -> Box<dyn Iterator<Item = Box<dyn Select + 'a>> + 'a> {
        match self {
            Self::List(list) => list,
            Self::Json(Value::Array(items)) => {
                Box::new(items.iter().map(|item| Box::new(Borrowed(item)) as Box<dyn Select + 'a>))
            }
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// A part of a JSON value.
struct Borrowed<'a>(&'a Value);

impl Select for Borrowed<'_> {
    fn field(&self, name: &'static str) -> Place<'_> {
        self.0.field(name)
    }
}
