//! Configuration files: JSON with Consul's key names.
//!
//! A file is taken apart into one [`Entry`] per key, with the line it stands on. Directories are read one level deep, by
//! file name. What is no JSON and no key is an error; a file whose name ends in neither `.json` nor `.hcl` is passed over
//! with a warning, unless `-config-format` says what it is.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{ConfigError, Entry, Origin, keys, values};

/// What files are, whatever their names say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// What their names say.
    ByName,
    /// JSON.
    Json,
}

pub(super) const NO_HCL: &str = "HCL is not served yet; write the same keys as JSON";

impl Format {
    /// What `-config-format` says.
    pub(super) fn from_flag(flag: Option<&str>) -> Result<Self, ConfigError> {
        match flag {
            None | Some("") => Ok(Self::ByName),
            Some("json") => Ok(Self::Json),
            Some("hcl") => Err(ConfigError(format!("-config-format=hcl: {NO_HCL}"))),
            Some(other) => Err(ConfigError(format!("-config-format={other}: it must be json"))),
        }
    }
}

/// The entries of a file, or of all files in a directory: one layer for each file.
pub(super) fn read_path(
    path: &Path,
    format: Format,
    warnings: &mut Vec<String>,
) -> Result<Vec<Vec<Entry>>, ConfigError> {
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

/// The entries of a file; none if it is passed over.
fn read_file(path: &Path, format: Format, warnings: &mut Vec<String>) -> Result<Option<Vec<Entry>>, ConfigError> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    if format == Format::ByName && extension == Some("hcl") {
        return Err(ConfigError(format!("{}: {NO_HCL} in a file that ends in .json", path.display())));
    }
    if format == Format::ByName && extension != Some("json") {
        warnings.push(format!("{}: passed over, since its name does not end in .json", path.display()));
        return Ok(None);
    }
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError(format!("{}: {error}", path.display())))?;
    parse(path, &text).map(Some)
}

/// The entries of a file with this text.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let mut parser = Parser { path: Rc::new(path.to_owned()), text, entries: Vec::new() };
    if text.trim().is_empty() {
        // Consul takes an empty file for one without keys.
        return Ok(parser.entries);
    }
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| parser.syntax(&error))?;
    parser.group("", whole)?;
    Ok(parser.entries)
}

struct Parser<'a> {
    path: Rc<PathBuf>,
    text: &'a str,
    entries: Vec<Entry>,
}

impl<'a> Parser<'a> {
    /// Takes apart the object `raw`, which stands for the group `group`.
    fn group(&mut self, group: &str, raw: &'a RawValue) -> Result<(), ConfigError> {
        for (name, raw) in self.members(group, raw)? {
            let path = if group.is_empty() { name.into_owned() } else { format!("{group}.{name}") };
            match keys::find(&path) {
                Some(key) => self.entry(key, raw)?,
                None if keys::is_group(&path) => self.group(&path, raw)?,
                None => return Err(self.unknown(&path, raw)),
            }
        }
        Ok(())
    }

    /// The members of an object, in the order of the file; of the one object in a list of one; of `null`, none.
    fn members(&self, group: &str, raw: &'a RawValue) -> Result<Vec<Member<'a>>, ConfigError> {
        let parsed = match raw.get().as_bytes().first() {
            Some(b'n') => return Ok(Vec::new()),
            Some(b'[') => serde_json::from_str::<[&'a RawValue; 1]>(raw.get())
                .and_then(|[only]| serde_json::from_str::<Members<'a>>(only.get())),
            _ => serde_json::from_str::<Members<'a>>(raw.get()),
        };
        let place = self.place(raw);
        match parsed {
            Ok(Members(members)) => Ok(members),
            Err(_) if group.is_empty() => Err(ConfigError(format!("{place}: the file must be a JSON object"))),
            Err(_) => Err(ConfigError(format!("{place}: {group:?} must be an object"))),
        }
    }

    fn entry(&mut self, key: &'static super::Key, raw: &'a RawValue) -> Result<(), ConfigError> {
        let origin = Origin::File(self.path.clone(), self.line(raw));
        let value: Value = serde_json::from_str(raw.get()).map_err(|error| self.syntax(&error))?;
        let mut entry = Entry { key, value, origin };
        entry.value = values::checked(key.kind, entry.value.take())
            .map_err(|must_be| ConfigError(format!("{} must be {must_be}", entry.culprit())))?;
        // `null` says nothing.
        if !entry.value.is_null() {
            self.entries.push(entry);
        }
        Ok(())
    }

    fn unknown(&self, path: &str, raw: &RawValue) -> ConfigError {
        let suggestion = keys::nearest(path).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        ConfigError(format!("{}: unknown key {path:?}{suggestion}", self.place(raw)))
    }

    fn syntax(&self, error: &serde_json::Error) -> ConfigError {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        ConfigError(format!("{}:{}:{}: {message}", self.path.display(), error.line(), error.column()))
    }

    fn place(&self, raw: &RawValue) -> String {
        format!("{}:{}", self.path.display(), self.line(raw))
    }

    /// The line on which a part of the text begins.
    fn line(&self, raw: &RawValue) -> usize {
        let offset = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// A name with the text of its value, which still lies in the file's text.
type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// The members of an object.
struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<Member<'de>>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((Cow::Owned(name), value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Self)
    }
}
