//! Configuration files in HCL and JSON, and directories of them.
//!
//! Both languages are read to one tree of values with lines, and from there on nothing tells them apart ([`layer`]).
//! Directories are read one level deep, by file name. A file whose name ends in neither `.json` nor `.hcl` is passed over
//! with a warning, unless `-config-format` says what it is.

use std::path::{Path, PathBuf};

use super::ConfigError;
use super::layer::{self, Layer};

/// What files are, whatever their names say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// What their names say.
    ByName,
    Json,
    Hcl,
}

impl Format {
    /// What `-config-format` says.
    pub(crate) fn from_flag(flag: Option<&str>) -> Result<Self, ConfigError> {
        match flag {
            None | Some("") => Ok(Self::ByName),
            Some("json") => Ok(Self::Json),
            Some("hcl") => Ok(Self::Hcl),
            Some(other) => Err(ConfigError(format!("-config-format={other}: it must be hcl or json"))),
        }
    }

    /// What a file is; `None` if nothing tells.
    fn of(self, path: &Path) -> Option<Self> {
        match (self, path.extension().and_then(|extension| extension.to_str())) {
            (Self::ByName, Some("json")) => Some(Self::Json),
            (Self::ByName, Some("hcl")) => Some(Self::Hcl),
            (Self::ByName, _) => None,
            (told, _) => Some(told),
        }
    }
}

/// What a file says, or all files in a directory do: one layer for each file.
pub(super) fn read_path(path: &Path, format: Format, warnings: &mut Vec<String>) -> Result<Vec<Layer>, ConfigError> {
    let failed = |error: std::io::Error| ConfigError(format!("{}: {error}", path.display()));
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(read_file(path, format, warnings)?.into_iter().collect());
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for file in std::fs::read_dir(path).map_err(failed)? {
        files.push(file.map_err(failed)?.path());
    }
    files.sort();
    let mut layers = Vec::new();
    for file in files.iter().filter(|file| !file.is_dir()) {
        layers.extend(read_file(file, format, warnings)?);
    }
    Ok(layers)
}

/// What a file says; nothing if it is passed over.
fn read_file(path: &Path, format: Format, warnings: &mut Vec<String>) -> Result<Option<Layer>, ConfigError> {
    let Some(format) = format.of(path) else {
        warnings.push(format!("{}: passed over, since its name ends in neither .hcl nor .json", path.display()));
        return Ok(None);
    };
    let bytes = std::fs::read(path).map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
    parse(path, format, text(path, &bytes)?).map(Some)
}

/// The text of a file, which is UTF-8 without a mark of it.
fn text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        ConfigError(format!("{}:{line}: the text is not UTF-8 there", path.display()))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(ConfigError(format!("{}:1: a byte order mark begins the file; save it without", path.display())));
    }
    Ok(text)
}

/// What a text of a file says.
pub(super) fn parse(path: &Path, format: Format, text: &str) -> Result<Layer, ConfigError> {
    let values = match format {
        // An empty text is one without keys in HCL alone: a file of JSON that was cut off must not start an agent with
        // its defaults.
        Format::Json => quorate_hcl::parse_json(text),
        Format::Hcl | Format::ByName => quorate_hcl::parse_hcl(text),
    };
    layer::of(path, values.map_err(|error| ConfigError(format!("{}:{error}", path.display())))?)
}
