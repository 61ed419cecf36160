//! Finds the Go name of a type by offering its visitor a value and noting what it asks for.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The name of the list type that this visitor makes.
pub(super) fn list_type<'de, V: Visitor<'de>>(visitor: V) -> String {
    match visitor.visit_seq(Elements) {
        Ok(_) => "[]interface {}".to_owned(),
        Err(Asked(name)) => format!("[]{name}"),
    }
}

/// The name of the map type that this visitor makes.
pub(super) fn map_type<'de, V: Visitor<'de>>(visitor: V) -> String {
    match visitor.visit_map(Elements) {
        Ok(_) => "map[string]interface {}".to_owned(),
        Err(Asked(name)) => format!("map[string]{name}"),
    }
}

/// The name of a container without what serde needs to know of it.
pub(super) fn container_type(name: &str) -> &str {
    name.trim_end_matches(" loose")
}

/// The probe's result travels as an error: nothing is ever made.
#[derive(Debug)]
struct Asked(String);

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Asked {}

impl Error for Asked {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// A list or map whose first element tells its type.
struct Elements;

impl<'de> SeqAccess<'de> for Elements {
    type Error = Asked;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Asked> {
        seed.deserialize(Probe).map(Some)
    }
}

impl<'de> MapAccess<'de> for Elements {
    type Error = Asked;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Asked> {
        seed.deserialize(serde::de::value::StrDeserializer::new("")).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Asked> {
        seed.deserialize(Probe)
    }
}

struct Probe;

/// Answers each listed question with the Go type that it asks for.
macro_rules! asks_for {
    ($($method:ident => $name:literal,)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
            Err(Asked($name.to_owned()))
        })*
    };
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    asks_for! {
        deserialize_any => "interface {}",
        deserialize_bool => "bool",
        deserialize_i64 => "int",
        deserialize_u64 => "uint64",
        deserialize_u8 => "uint8",
        deserialize_f64 => "float64",
        deserialize_str => "string",
        deserialize_string => "string",
        deserialize_bytes => "[]uint8",
        deserialize_byte_buf => "[]uint8",
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_some(self).map_err(|Asked(name)| Asked(format!("*{name}")))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        Err(Asked(list_type(visitor)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        Err(Asked(map_type(visitor)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(container_type(name).to_owned()))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, _: V) -> Result<V::Value, Asked> {
        Err(Asked(name.to_owned()))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u16 u32 u128 f32 char unit unit_struct tuple tuple_struct enum identifier ignored_any
    }
}
