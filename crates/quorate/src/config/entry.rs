//! A value that was given for a key, and where: what messages about it begin with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::keys::Key;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of a file, counted from 1, and the name of the key there.
    File(Arc<PathBuf>, usize, &'static str),
    /// A flag, by its name without dashes.
    Flag(&'static str),
}

/// A value for a key.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: &'static Key,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// Where elements of a list and members of a map come from, if not from there, too.
    pub(crate) parts: BTreeMap<String, Origin>,
}

impl Entry {
    /// A value from one place.
    pub(crate) fn new(key: &'static Key, value: Value, origin: Origin) -> Self {
        Self { key, value, origin, parts: BTreeMap::new() }
    }

    /// How a message names it: `a.json:3: "ports.http"` or `-http-port`.
    pub(crate) fn culprit(&self) -> String {
        self.origin.to_string()
    }

    /// The same of an element of its list or a member of its map.
    pub(crate) fn culprit_of(&self, part: &str) -> String {
        self.parts.get(part).unwrap_or(&self.origin).to_string()
    }

    /// Its old name, if it was given by that.
    pub(crate) fn old_name(&self) -> Option<&'static str> {
        match &self.origin {
            Origin::File(_, _, name) if *name != self.key.path => Some(name),
            _ => None,
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, line, name) => write!(f, "{}:{line}: {name:?}", path.display()),
            Self::Flag(name) => write!(f, "-{name}"),
        }
    }
}

/// What the operator should know: one line, and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Warning {
    pub(crate) origin: Option<Origin>,
    pub(crate) text: String,
}

impl Warning {
    /// A warning about no place.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { origin: None, text: text.into() }
    }

    /// A warning about an entry, which it begins with.
    pub(crate) fn of(entry: &Entry, problem: impl std::fmt::Display) -> Self {
        Self { origin: Some(entry.origin.clone()), text: format!("{}: {problem}", entry.culprit()) }
    }

    /// Their lines: first what is about no place, then by files and lines, then what is about flags.
    pub(super) fn lines(mut warnings: Vec<Self>) -> Vec<String> {
        warnings.sort_by_key(|warning| match &warning.origin {
            None => (0, PathBuf::new(), 0),
            Some(Origin::File(path, line, _)) => (1, path.to_path_buf(), *line),
            Some(Origin::Flag(_)) => (2, PathBuf::new(), 0),
        });
        warnings.into_iter().map(|warning| warning.text).collect()
    }
}
