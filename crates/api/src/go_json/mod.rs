//! JSON as Go's `encoding/json` reads it, since clients of Consul rely on what that accepts.
//!
//! - Keys match fields without regard to case; of a key given twice the last counts.
//! - `null` is the zero value of any field.
//! - Text behind the first value is passed over.
//! - An unknown key is an error; in the few types where Consul passes it over, it is not.
//! - Bytes that are not UTF-8, and surrogates without their other half, become U+FFFD.
//! - Errors have Go's words, naming Go's types, because clients show and sometimes match them.
//!
//! [`from_slice`] first checks the syntax of the first value (`scan`), then runs a serde deserializer over it
//! (`decode`). What serde can't know is carried by the names of the types: a container is renamed to its Go type
//! (`structs.RegisterRequest`); a type that Go decodes by its own `UnmarshalJSON` is renamed to the anonymous type used
//! there (`struct { *structs.Alias }`), with ` loose` behind it if that passes unknown keys over. The names of types that
//! are not containers are found by asking the visitor what it would have liked (`probe`), but for the few in `names`.
//!
//! **Left out:** matching of keys by Unicode's folds beyond ASCII; nesting deeper than `scan::DEPTH_MAX`; Go's names for types
//! inside the proxy part of a service; and, of several errors in one body, Go's choice where it is not the first.

mod decode;
mod names;
mod probe;
mod scan;
mod text;

use serde::de::DeserializeOwned;

/// Reads the first JSON value in `body`.
pub fn from_slice<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let value = scan::first_value(body)?;
    T::deserialize(&mut decode::Decoder::new(value))
}

/// Why a body can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
    unknown_field: Option<String>,
}

impl Error {
    /// The key that no field has, if that is why.
    pub fn unknown_field(&self) -> Option<&str> {
        self.unknown_field.as_deref()
    }

    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), unknown_field: None }
    }

    fn no_such_field(key: &str) -> Self {
        Self { message: format!("json: unknown field {}", quoted(key)), unknown_field: Some(key.to_owned()) }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

/// A text in double quotes, as Go's `%q` writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        push_quoted(&mut quoted, c);
    }
    quoted.push('"');
    quoted
}

/// Appends one character of a quoted text.
fn push_quoted(quoted: &mut String, c: char) {
    match c {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        '\0'..='\x1f' | '\x7f' => quoted.push_str(&format!("\\x{:02x}", c as u32)),
        '\u{80}'..='\u{a0}' | '\u{ad}' => quoted.push_str(&format!("\\u{:04x}", c as u32)),
        _ => quoted.push(c),
    }
}

#[cfg(test)]
mod tests;
