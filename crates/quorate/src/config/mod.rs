//! The configuration of an agent: from what was typed and what files say to what it means.
//!
//! - [`keys`]: every key that Consul 1.13 knows, and what becomes of it here;
//! - [`mod@file`]: files in HCL and JSON and directories of them, as values with their lines;
//! - [`layer`]: a file as [`Entry`]s with their place, and definitions of services, checks and watches;
//! - [`shape`], [`blocks`]: what values must be; [`suggestions`]: what was perhaps meant;
//! - [`template`]: addresses that depend on the machine;
//! - [`merge`]: Consul's rules for values that are given more than once;
//! - [`settings`]: what all of it means, checked, with nothing started yet; [`dns`] is the part of it about DNS.
//!
//! Every mistake is one line that names the culprit: a file with its line and key, or a flag.

mod blocks;
pub(crate) mod definitions;
pub(crate) mod dns;
pub(crate) mod file;
pub(crate) mod keys;
mod layer;
pub(crate) mod merge;
pub(crate) mod network;
pub(crate) mod settings;
mod shape;
pub(crate) mod suggestions;
pub(crate) mod template;
pub(crate) mod watches;

#[cfg(test)]
mod documentation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

pub(crate) use self::keys::{Key, Treatment};
pub(crate) use self::settings::Settings;
pub(crate) use self::shape::Kind;
use crate::flags::AgentFlags;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of a file, counted from 1, and the name of the key there.
    File(Rc<PathBuf>, usize, &'static str),
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
    fn lines(mut warnings: Vec<Self>) -> Vec<String> {
        warnings.sort_by_key(|warning| match &warning.origin {
            None => (0, PathBuf::new(), 0),
            Some(Origin::File(path, line, _)) => (1, path.to_path_buf(), *line),
            Some(Origin::Flag(_)) => (2, PathBuf::new(), 0),
        });
        warnings.into_iter().map(|warning| warning.text).collect()
    }
}

/// What a configuration is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An agent that starts.
    Start,
    /// An agent that runs: it may know more services than its files.
    Reload,
    /// Nothing but to see whether it can be read: flags that are not there may say what kind of agent it is for.
    Validate,
}

/// Why an agent can't start: one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(pub(crate) String);

/// What was said, and what it means.
#[derive(Debug)]
pub(crate) struct Configuration {
    pub(crate) settings: Settings,
    /// What holds, by key.
    pub(crate) merged: merge::Merged,
}

/// The services, checks and watches that a file or the files of a directory define; also which were passed over.
pub(crate) fn definitions_of(
    path: &Path,
    passed_over: &mut Vec<String>,
) -> Result<Vec<definitions::Definition>, ConfigError> {
    let layers = file::read_path(path, file::Format::ByName, passed_over)?;
    Ok(layers.into_iter().flat_map(|layer| layer.definitions).collect())
}

/// Reads the files that the flags name and works out what everything means on this machine.
pub(crate) fn read(flags: AgentFlags, machine: &network::Machine) -> Result<Configuration, ConfigError> {
    read_for(Purpose::Start, flags, machine)
}

/// The same for another purpose than a start.
pub(crate) fn read_for(
    purpose: Purpose,
    flags: AgentFlags,
    machine: &network::Machine,
) -> Result<Configuration, ConfigError> {
    if let Some(extra) = flags.extra.first() {
        return Err(ConfigError(format!("{extra:?}: an agent takes flags and no arguments")));
    }
    let mut passed_over = Vec::new();
    let format = file::Format::from_flag(flags.config_format.as_deref())?;
    let mut files = Vec::new();
    for path in &flags.config_paths {
        files.extend(file::read_path(path, format, &mut passed_over)?);
    }
    let mut fragments = Vec::new();
    for fragment in &flags.hcl {
        fragments.push(file::parse(Path::new("-hcl"), file::Format::Hcl, fragment)?);
    }
    let mut definitions = Vec::new();
    let mut warnings: Vec<Warning> = passed_over.into_iter().map(Warning::new).collect();
    for layer in files.iter_mut().chain(&mut fragments) {
        definitions.append(&mut layer.definitions);
        warnings.append(&mut layer.warnings);
    }
    let entries = |layers: Vec<layer::Layer>| layers.into_iter().map(|layer| layer.entries).collect();
    let mut merged = merge::merge(entries(files), flags.entries, entries(fragments));
    network::expand_templates(&mut merged, machine)?;
    let given = settings::Given { merged: &merged, is_dev: flags.is_dev, purpose, machine };
    let settings = settings::resolve(given, definitions, warnings)?;
    Ok(Configuration { settings, merged })
}
