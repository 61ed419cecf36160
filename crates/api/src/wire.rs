//! What several wire types share: the tests for leaving a field out, and durations as clients write them.

use quorate_base::duration::GoDuration;
use serde::de::{Deserializer, Error, Visitor};

/// Whether a number is left out.
pub(crate) fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

/// Whether a flag is left out.
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

/// Whether a text is left out.
pub(crate) fn is_empty(text: &str) -> bool {
    text.is_empty()
}

/// What a client may write where a duration is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum DurationInput {
    /// Nothing, or a JSON type that Consul passes over in silence.
    Absent,
    /// A number; its unit is the field's affair.
    Number(f64),
    /// Go's form, `"15.0s"`.
    Text(GoDuration),
}

impl DurationInput {
    /// The duration with numbers taken as nanoseconds, as Go's own decoding does. Zero if absent.
    pub(crate) fn nanoseconds(self) -> GoDuration {
        match self {
            Self::Absent => GoDuration(0),
            // The conversion of a float that does not fit saturates here and is undefined in Go.
            Self::Number(number) => GoDuration(number as i64),
            Self::Text(duration) => duration,
        }
    }
}

impl<'de> serde::Deserialize<'de> for DurationInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DurationVisitor)
    }
}

struct DurationVisitor;

impl<'de> Visitor<'de> for DurationVisitor {
    type Value = DurationInput;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a duration")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<DurationInput, E> {
        GoDuration::parse(text).map(DurationInput::Text).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<DurationInput, E> {
        Ok(DurationInput::Number(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<DurationInput, E> {
        Ok(DurationInput::Number(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<DurationInput, E> {
        Ok(DurationInput::Number(number as f64))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<DurationInput, E> {
        Ok(DurationInput::Absent)
    }

    fn visit_unit<E: Error>(self) -> Result<DurationInput, E> {
        Ok(DurationInput::Absent)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<DurationInput, A::Error> {
        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(DurationInput::Absent)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<DurationInput, A::Error> {
        while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
        Ok(DurationInput::Absent)
    }
}

/// A field that reads as a duration of nanoseconds or Go's form.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<GoDuration, D::Error> {
    <DurationInput as serde::Deserialize>::deserialize(deserializer).map(DurationInput::nanoseconds)
}

/// A duration written in Go's form.
pub(crate) fn duration_text<S: serde::Serializer>(duration: &GoDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(duration)
}

/// A duration written as a number of nanoseconds.
pub(crate) fn duration_ns<S: serde::Serializer>(duration: &GoDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(duration.0)
}
