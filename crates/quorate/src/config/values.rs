//! Whether a value is of the kind that its key takes.

use serde_json::Value;

use super::Kind;

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
