//! Where a configuration is read from: what was typed, before a file is opened.

use std::path::PathBuf;

use super::Entry;

/// What was typed after `agent`.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// Whether everything is kept in memory.
    pub(crate) is_dev: bool,
    /// Files and directories, in the order given.
    pub(crate) config_paths: Vec<PathBuf>,
    /// What the files are, whatever their names say.
    pub(crate) config_format: Option<String>,
    /// Fragments of configuration in HCL.
    pub(crate) hcl: Vec<String>,
    /// Arguments, which there should be none of.
    pub(crate) extra: Vec<String>,
    /// All other flags, as entries of the configuration.
    pub(crate) entries: Vec<Entry>,
}
