//! What a filter runs over: values that show it their fields without being copied.
//!
//! A caller lists the records, maps and lists of its domain in one small `Copy` type of references, usually an enum, and
//! implements [`Select`] for it. What it answers for a field must be of the kind that the filter's schema gives that
//! field; [`Place::Nothing`] always is.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::Value;

/// A record, a map or a list that lives for `'a`. Each answers those of the questions that make sense for it; the
/// defaults are those of a value in which nothing is.
pub trait Select<'a>: Copy {
    /// What stands in a record's field.
    fn field(self, _name: &'static str) -> Place<'a, Self> {
        Place::Nothing
    }

    /// What stands in a map at a key; `None` if the map does not have that key.
    fn key(self, _key: &str) -> Option<Place<'a, Self>> {
        None
    }

    /// Shows the items of a list, in any order, until `visit` has seen enough.
    fn each(self, _visit: &mut dyn FnMut(Place<'a, Self>) -> ControlFlow<()>) {}

    /// Whether nothing is in a map or list.
    fn is_empty(self) -> bool {
        true
    }
}

/// What stands where a selector leads.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a, R> {
    /// The zero value of whatever kind is expected: `""`, 0, `false`, an empty list, an empty map or a record of zero
    /// values.
    Nothing,
    /// A text.
    Text(&'a str),
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A list of texts.
    Strings(&'a [String]),
    /// A map from texts to texts.
    Texts(&'a BTreeMap<String, String>),
    /// Anything else that can be entered.
    Inner(R),
    /// A record that is kept as JSON. It is read each time a filter enters it, since few do. The empty text, like any
    /// that is no JSON, stands for [`Self::Nothing`].
    Json(&'a str),
}

impl<'a> From<&'a Value> for Place<'a, &'a Value> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Int(number.as_i64().unwrap_or_default()),
            Value::String(text) => Self::Text(text),
            Value::Array(_) | Value::Object(_) => Self::Inner(value),
        }
    }
}

/// JSON as such: what is missing has its type's zero value.
impl<'a> Select<'a> for &'a Value {
    fn field(self, name: &'static str) -> Place<'a, Self> {
        self.get(name).map_or(Place::Nothing, Place::from)
    }

    fn key(self, key: &str) -> Option<Place<'a, Self>> {
        self.get(key).map(Place::from)
    }

    fn each(self, visit: &mut dyn FnMut(Place<'a, Self>) -> ControlFlow<()>) {
        let mut items = self.as_array().into_iter().flatten();
        let _ = items.try_for_each(|item| visit(item.into()));
    }

    fn is_empty(self) -> bool {
        match self {
            Value::Array(items) => items.is_empty(),
            Value::Object(entries) => entries.is_empty(),
            _ => true,
        }
    }
}
