//! Sessions: `/v1/session`.

use std::borrow::Cow;

use quorate_base::duration::GoDuration;
use serde::{Deserialize, Serialize};

use crate::wire::DurationInput;

/// A session as it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Session<'a> {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: Cow<'a, str>,
    /// A name for people.
    pub name: Cow<'a, str>,
    /// The node it lives on.
    pub node: Cow<'a, str>,
    /// How long a key that it lost can't be acquired, in nanoseconds.
    pub lock_delay: i64,
    /// What happens to its keys when it ends: `release` or `delete`.
    pub behavior: Cow<'a, str>,
    /// Its time-to-live as the client wrote it; empty for none.
    #[serde(rename = "TTL")]
    pub ttl: Cow<'a, str>,
    /// The checks of its node that end it.
    pub node_checks: Option<Cow<'a, [String]>>,
    /// The checks of services that end it.
    pub service_checks: Option<Cow<'a, [ServiceCheck]>>,
    /// More checks of its node that end it, if its creator used their older name.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub checks: Cow<'a, [String]>,
    /// The index of its creation.
    pub create_index: u64,
    /// The same.
    pub modify_index: u64,
}

/// A check of a service that ends a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "structs.ServiceCheck", rename_all = "PascalCase", default)]
pub struct ServiceCheck {
    /// The check's id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its namespace; none but the default exists.
    pub namespace: String,
}

/// The answer to creating a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionCreated<'a> {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: Cow<'a, str>,
}

/// The body of `PUT /v1/session/create`. A field that is absent takes the default named there.
///
/// Unknown fields are passed over, unlike in the other bodies: Consul does so here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename = "struct { LockDelay interface {}; *structs.Alias } loose", rename_all = "PascalCase", default)]
pub struct SessionCreate {
    /// Ignored on creation; Consul accepts the field.
    #[serde(rename = "ID", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// A name for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The node it lives on; by default the agent's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How long a key that it lost can't be acquired; 15 s by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_delay: Option<LockDelay>,
    /// `release` (the default) or `delete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<String>,
    /// The time-to-live in Go's form; none by default.
    #[serde(rename = "TTL", skip_serializing_if = "String::is_empty")]
    pub ttl: String,
    /// The checks of its node that end it; `["serfHealth"]` by default. `null` is none, as `[]` is.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub node_checks: Option<Option<Vec<String>>>,
    /// The checks of services that end it; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_checks: Option<Vec<ServiceCheck>>,
    /// The older name of `NodeChecks`.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub checks: Option<Option<Vec<String>>>,
}

/// A list that was given, be it `null`. What was not given keeps its default.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Vec<String>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A lock delay as clients write it: Go's form, or a number that means seconds if it is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockDelay(pub GoDuration);

/// Below it a number can't be meant as nanoseconds, and is taken as seconds.
const LOCK_DELAY_NS_MIN: i64 = 1000;

impl<'de> Deserialize<'de> for LockDelay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let GoDuration(number) = DurationInput::deserialize(deserializer)?.nanoseconds();
        let is_seconds = number < LOCK_DELAY_NS_MIN;
        Ok(Self(GoDuration(if is_seconds { number.saturating_mul(GoDuration::SECOND.0) } else { number })))
    }
}

impl Serialize for LockDelay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
