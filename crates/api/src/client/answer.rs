//! What a read gives back beside its value.

use std::time::Duration;

use hyper::HeaderMap;

/// A value with what the server's headers say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer<T> {
    /// The value.
    pub value: T,
    /// The index to wait beyond for a change; 0 if the server gave none.
    pub index: u64,
    /// Whether the server knows a leader.
    pub known_leader: bool,
    /// How old the server's state may be.
    pub last_contact: Duration,
}

impl<T> Answer<T> {
    /// The same answer with another value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Answer<U> {
        let Self { value, index, known_leader, last_contact } = self;
        Answer { value: convert(value), index, known_leader, last_contact }
    }

    pub(super) fn new(value: T, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let number = |name: &str| text(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        Self {
            value,
            index: number("x-consul-index"),
            known_leader: text("x-consul-knownleader") == Some("true"),
            last_contact: Duration::from_millis(number("x-consul-lastcontact")),
        }
    }
}
