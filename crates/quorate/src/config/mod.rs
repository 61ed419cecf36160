//! The configuration of an agent: from what was typed and what files say to what it means.
//!
//! - [`keys`]: every key that Consul 1.13 knows, and what becomes of it here;
//! - [`mod@file`]: files in HCL and JSON and directories of them, as values with their lines;
//! - [`layer`]: a file as [`Entry`]s with their place, and definitions of services, checks and watches;
//! - [`shape`], [`blocks`]: values that have keys of their own;
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
pub(crate) mod template;
mod values;
pub(crate) mod watches;

#[cfg(test)]
mod documentation;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

pub(crate) use self::keys::{Key, Kind, Treatment};
pub(crate) use self::settings::Settings;
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
}

impl Entry {
    /// How a message names it: `a.json:3: "ports.http"` or `-http-port`.
    pub(crate) fn culprit(&self) -> String {
        match &self.origin {
            Origin::File(path, line, name) => format!("{}:{line}: {name:?}", path.display()),
            Origin::Flag(name) => format!("-{name}"),
        }
    }
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
    if let Some(extra) = flags.extra.first() {
        return Err(ConfigError(format!("{extra:?}: an agent takes flags and no arguments")));
    }
    let mut warnings = Vec::new();
    let format = file::Format::from_flag(flags.config_format.as_deref())?;
    let mut files = Vec::new();
    for path in &flags.config_paths {
        files.extend(file::read_path(path, format, &mut warnings)?);
    }
    let mut fragments = Vec::new();
    for fragment in &flags.hcl {
        fragments.push(file::parse(Path::new("-hcl"), file::Format::Hcl, fragment)?);
    }
    let mut definitions = Vec::new();
    for layer in files.iter_mut().chain(&mut fragments) {
        definitions.append(&mut layer.definitions);
        warnings.append(&mut layer.warnings);
    }
    let entries = |layers: Vec<layer::Layer>| layers.into_iter().map(|layer| layer.entries).collect();
    let mut merged = merge::merge(entries(files), flags.entries, entries(fragments));
    network::expand_templates(&mut merged, machine)?;
    let settings = settings::resolve(&merged, flags.is_dev, machine, definitions, warnings)?;
    Ok(Configuration { settings, merged })
}
