//! What a request asks beside its subject.

use std::fmt::Write as _;
use std::time::Duration;

/// Who may answer a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// The leader, by its lease.
    #[default]
    Default,
    /// Any server, with a state of some age.
    Stale,
    /// The leader, after asking the others whether it still leads.
    Consistent,
}

/// The options of a read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Who may answer.
    pub consistency: Consistency,
    /// Wait until the answer's index is above this; 0 answers at once.
    pub index: u64,
    /// Wait until the answer's hash is another one than this, on routes that have one in place of an index; empty answers
    /// at once.
    pub hash: String,
    /// How long to wait at most; the server's default if absent.
    pub wait: Option<Duration>,
    /// Only what this expression selects; empty for everything.
    pub filter: String,
    /// Only nodes with these meta data.
    pub node_meta: Vec<(String, String)>,
}

/// What must hold for a write to a key to take place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PutCondition {
    /// Nothing.
    #[default]
    None,
    /// The key was last changed at this index; 0: there is no such key.
    Cas(u64),
    /// The session can take the lock.
    Acquire(String),
    /// The session holds the lock, and gives it back.
    Release(String),
}

/// The options of a write to a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Write {
    /// A number for the client's own use.
    pub flags: u64,
    /// What must hold.
    pub condition: PutCondition,
}

/// Which keys to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delete {
    /// The key.
    Key,
    /// The key, if it was last changed at this index.
    Cas(u64),
    /// All keys that begin with it.
    Recurse,
}

/// The path and query of a URL as they are put together.
#[derive(Clone, Debug)]
pub(super) struct Target {
    text: String,
    has_query: bool,
}

impl Target {
    /// A path that needs no escapes.
    pub(super) fn new(path: &str) -> Self {
        Self { text: path.to_owned(), has_query: false }
    }

    /// Appends text to the path, with the escapes that it needs. A `/` stays one.
    pub(super) fn path(mut self, text: &str) -> Self {
        escape(&mut self.text, text, b"-._~/$&+,:;=@");
        self
    }

    pub(super) fn parameter(mut self, name: &str, value: &str) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(name);
        self.text.push('=');
        escape(&mut self.text, value, b"-._~");
        self
    }

    pub(super) fn parameter_if(self, is_given: bool, name: &str, value: &str) -> Self {
        if is_given { self.parameter(name, value) } else { self }
    }

    pub(super) fn query(self, query: &Query) -> Self {
        let target = match query.consistency {
            Consistency::Default => self,
            Consistency::Stale => self.parameter("stale", ""),
            Consistency::Consistent => self.parameter("consistent", ""),
        };
        let wait_ms = query.wait.unwrap_or_default().as_millis();
        let target = target
            .parameter_if(query.index != 0, "index", &query.index.to_string())
            .parameter_if(!query.hash.is_empty(), "hash", &query.hash)
            .parameter_if(query.wait.is_some(), "wait", &format!("{wait_ms}ms"))
            .parameter_if(!query.filter.is_empty(), "filter", &query.filter);
        query
            .node_meta
            .iter()
            .fold(target, |target, (key, value)| target.parameter("node-meta", &format!("{key}:{value}")))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Appends `text`; bytes other than letters, digits and `plain` become percent escapes.
fn escape(to: &mut String, text: &str, plain: &[u8]) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            to.push(byte as char);
        } else {
            // Writing to a String can't fail.
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_parameters_are_escaped() {
        let query = Query {
            consistency: Consistency::Stale,
            index: 7,
            hash: "1f".to_owned(),
            wait: Some(Duration::from_millis(1500)),
            filter: "Node == \"a&b\"".to_owned(),
            node_meta: vec![("k".to_owned(), "v w".to_owned())],
        };
        let target = Target::new("/v1/kv/").path("a b/?#%é:@").query(&query);
        assert_eq!(
            target.as_str(),
            "/v1/kv/a%20b/%3F%23%25%C3%A9:@?stale=&index=7&hash=1f&wait=1500ms&filter=Node%20%3D%3D%20%22a%26b%22&node-meta=k%3Av%20w"
        );
    }
}
