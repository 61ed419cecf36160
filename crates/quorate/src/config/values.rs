//! Values: from the tree of a file to those of entries, and whether they are of the kind that their key takes.

use quorate_hcl::Kind as Tree;
use serde_json::Value;

use super::Kind;

/// A value without its lines. A number that is whole is one however it was written.
pub(super) fn json(value: &quorate_hcl::Value) -> Value {
    match &value.kind {
        Tree::Null => Value::Null,
        Tree::Bool(is) => (*is).into(),
        Tree::Integer(number) => (*number).into(),
        Tree::Float(number) if number.fract() == 0.0 && number.abs() < FLOAT_EXACT_MAX => (*number as i64).into(),
        Tree::Float(number) => (*number).into(),
        Tree::Text(text) => text.as_str().into(),
        Tree::List(list) => list.iter().map(json).collect(),
        Tree::Object(object) => object
            .members
            .iter()
            .map(|member| (member.key.clone(), json(&member.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// Below this a float holds every whole number: 2 to the power of 53.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The value as its key takes it; an error says what it must be. A list of one stands for its element where no list is
/// wanted, as in Consul, whose other language writes groups as lists.
pub(super) fn checked(kind: Kind, value: Value) -> Result<Value, &'static str> {
    let value = match value {
        Value::Array(mut list) if list.len() == 1 && !matches!(kind, Kind::List | Kind::Any) => list.remove(0),
        other => other,
    };
    let (fits, must_be) = match kind {
        Kind::Bool => (value.is_boolean(), "true or false"),
        Kind::Int => (value.is_i64() || value.is_u64(), "a whole number"),
        Kind::Float => (value.is_number(), "a number"),
        Kind::Text => (value.is_string(), "a text"),
        Kind::List => (all_texts(value.as_array()), "a list of texts"),
        Kind::TextMap => (all_texts(value.as_object().map(serde_json::Map::values)), "an object of texts"),
        Kind::Any => (true, ""),
    };
    if fits || value.is_null() { Ok(value) } else { Err(must_be) }
}

fn all_texts<'a>(values: Option<impl IntoIterator<Item = &'a Value>>) -> bool {
    values.is_some_and(|values| values.into_iter().all(Value::is_string))
}

/// Whether a value asks for something: false, zero, empty and negative numbers, which mean off, do not.
pub(super) fn asks(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_on) => *is_on,
        Value::Number(number) => number.as_f64().is_some_and(|number| number > 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => map.values().any(asks),
    }
}
