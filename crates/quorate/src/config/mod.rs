//! The configuration of an agent: from what was typed and what files say to what it means.
//!
//! - [`keys`]: every key that Consul 1.13 knows, and what becomes of it here;
//! - [`mod@file`]: JSON files and directories of them, as [`Entry`]s with their place;
//! - [`merge`]: Consul's rules for values that are given more than once;
//! - [`settings`]: what all of it means, checked, with nothing started yet; [`dns`] is the part of it about DNS.
//!
//! Every mistake is one line that names the culprit: a file with its line and key, or a flag.

pub(crate) mod dns;
pub(crate) mod file;
pub(crate) mod keys;
pub(crate) mod merge;
pub(crate) mod network;
pub(crate) mod settings;
mod values;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::rc::Rc;

use serde_json::Value;

pub(crate) use self::keys::{Key, Kind, Treatment};
pub(crate) use self::settings::Settings;
use crate::flags::AgentFlags;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of a file, counted from 1.
    File(Rc<PathBuf>, usize),
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
            Origin::File(path, line) => format!("{}:{line}: {:?}", path.display(), self.key.path),
            Origin::Flag(name) => format!("-{name}"),
        }
    }
}

/// Why an agent can't start: one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(pub(crate) String);

/// Reads the files that the flags name and works out what everything means on this machine.
pub(crate) fn load(flags: AgentFlags, machine: &network::Machine) -> Result<Settings, ConfigError> {
    if let Some(extra) = flags.extra.first() {
        return Err(ConfigError(format!("{extra:?}: an agent takes flags and no arguments")));
    }
    if flags.has_hcl {
        return Err(ConfigError(format!("-hcl: {}", file::NO_HCL)));
    }
    let mut warnings = Vec::new();
    let format = file::Format::from_flag(flags.config_format.as_deref())?;
    let mut layers = Vec::new();
    for path in &flags.config_paths {
        layers.extend(file::read_path(path, format, &mut warnings)?);
    }
    let merged = merge::merge(layers, flags.entries);
    settings::resolve(&merged, flags.is_dev, machine, warnings)
}
