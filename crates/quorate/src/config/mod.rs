//! The configuration of an agent: from what was typed and what files say to what it means.
//!
//! - [`keys`]: every key that Consul 1.13 knows, and what becomes of it here;
//! - [`mod@file`]: files in HCL and JSON and directories of them, as values with their lines;
//! - [`mod@kind`], [`blocks`]: what values must be; [`shape`] checks them; [`suggestions`]: what was perhaps meant;
//! - [`layer`]: a file as [`Entry`]s with their place, and each [`definition`] of a service, check or watch;
//! - [`definitions`], [`watches`]: what those mean, all together;
//! - [`template`]: addresses that depend on the machine;
//! - [`merge`]: Consul's rules for values that are given more than once;
//! - [`settings`]: what all of it means, checked, with nothing started yet.
//!
//! Every mistake is one line that names the culprit: a file with its line and key, or a flag.

mod blocks;
pub(crate) mod definition;
pub(crate) mod definitions;
mod entry;
pub(crate) mod file;
pub(crate) mod keys;
mod kind;
mod layer;
pub(crate) mod merge;
pub(crate) mod network;
pub(crate) mod settings;
mod shape;
mod sources;
pub(crate) mod suggestions;
pub(crate) mod template;
pub(crate) mod watches;

#[cfg(test)]
mod documentation;
#[cfg(test)]
mod tests;

use std::path::Path;

pub(crate) use self::entry::{Entry, Origin, Warning};
pub(crate) use self::keys::{Key, Treatment};
pub(crate) use self::kind::Kind;
pub(crate) use self::settings::Settings;
pub(crate) use self::sources::Sources;

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
) -> Result<Vec<definition::Definition>, ConfigError> {
    let layers = file::read_path(path, file::Format::ByName, passed_over)?;
    Ok(layers.into_iter().flat_map(|layer| layer.definitions).collect())
}

/// Reads the files that the sources name and works out what everything means on this machine.
pub(crate) fn read(sources: Sources, machine: &network::Machine) -> Result<Configuration, ConfigError> {
    read_for(Purpose::Start, sources, machine)
}

/// The same for another purpose than a start.
pub(crate) fn read_for(
    purpose: Purpose,
    sources: Sources,
    machine: &network::Machine,
) -> Result<Configuration, ConfigError> {
    if let Some(extra) = sources.extra.first() {
        return Err(ConfigError(format!("{extra:?}: an agent takes flags and no arguments")));
    }
    let mut passed_over = Vec::new();
    let format = file::Format::from_flag(sources.config_format.as_deref())?;
    let mut files = Vec::new();
    for path in &sources.config_paths {
        files.extend(file::read_path(path, format, &mut passed_over)?);
    }
    let mut fragments = Vec::new();
    for fragment in &sources.hcl {
        fragments.push(file::parse(Path::new("-hcl"), file::Format::Hcl, fragment)?);
    }
    let mut definitions = Vec::new();
    let mut warnings: Vec<Warning> = passed_over.into_iter().map(Warning::new).collect();
    for layer in files.iter_mut().chain(&mut fragments) {
        definitions.append(&mut layer.definitions);
        warnings.append(&mut layer.warnings);
    }
    let entries = |layers: Vec<layer::Layer>| layers.into_iter().map(|layer| layer.entries).collect();
    let mut merged = merge::merge(entries(files), sources.entries, entries(fragments));
    network::expand_templates(&mut merged, machine)?;
    let given = settings::Given { merged: &merged, is_dev: sources.is_dev, purpose, machine };
    let settings = settings::resolve(given, definitions, warnings)?;
    Ok(Configuration { settings, merged })
}
