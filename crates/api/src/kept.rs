//! Parts of a registration that the server keeps as JSON text and gives back as they came.
//!
//! Proxies, `Connect` and check definitions mean nothing to the catalog, but clients read them back in the form in which
//! Consul writes them. So a body is decoded into the typed part `T`, which checks and normalises it, and what is kept is
//! the text of that; an answer then carries the text without decoding it.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The text of a `T`, or nothing for `T`'s default.
pub struct Kept<'a, T> {
    text: Cow<'a, str>,
    part: PhantomData<fn() -> T>,
}

impl<'a, T> Kept<'a, T> {
    /// A part as the state keeps it; an empty text stands for the default.
    pub fn from_text(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), part: PhantomData }
    }

    /// As [`Self::from_text`], of a text that is nobody else's.
    pub fn from_owned_text(text: String) -> Self {
        Self { text: Cow::Owned(text), part: PhantomData }
    }

    /// The text to keep.
    pub fn into_text(self) -> String {
        self.text.into_owned()
    }

    /// Whether this is the default, which needs no text.
    pub fn is_default(&self) -> bool {
        self.text.is_empty()
    }

    /// The text that is kept; empty for the default.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl<T: Serialize + Default> Kept<'static, T> {
    /// Keeps a part.
    pub fn new(part: &T) -> Result<Self, serde_json::Error> {
        let text = serde_json::to_string(part)?;
        let text = if text == serde_json::to_string(&T::default())? { Cow::Borrowed("") } else { Cow::Owned(text) };
        Ok(Self { text, part: PhantomData })
    }
}

impl<T: for<'de> Deserialize<'de> + Default> Kept<'_, T> {
    /// The typed part.
    pub fn part(&self) -> Result<T, serde_json::Error> {
        if self.text.is_empty() { Ok(T::default()) } else { serde_json::from_str(&self.text) }
    }
}

impl<T: Serialize + Default> Serialize for Kept<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.text.is_empty() {
            return T::default().serialize(serializer);
        }
        let raw: &RawValue = serde_json::from_str(&self.text).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Serialize + Default> Deserialize<'de> for Kept<'_, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let part = T::deserialize(deserializer)?;
        Kept::new(&part).map_err(serde::de::Error::custom)
    }
}

impl<T> Default for Kept<'_, T> {
    fn default() -> Self {
        Self { text: Cow::Borrowed(""), part: PhantomData }
    }
}

impl<T> Clone for Kept<'_, T> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), part: PhantomData }
    }
}

impl<T> std::fmt::Debug for Kept<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kept").field(&self.text).finish()
    }
}

impl<T> PartialEq for Kept<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for Kept<'_, T> {}
