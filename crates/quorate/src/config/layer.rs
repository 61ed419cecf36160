//! A file taken apart: an [`Entry`] for each key, and the definitions of services, checks and watches.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_hcl::{Kind as Tree, Member, Object, Value};

use super::definition::{Definition, DefinitionKind};
use super::shape::{self, Given};
use super::{ConfigError, Entry, Origin, Treatment, Warning, keys, suggestions};

/// What one file says.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) entries: Vec<Entry>,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) warnings: Vec<Warning>,
}

/// Takes a file apart.
pub(super) fn of(file: &Path, values: Object) -> Result<Layer, ConfigError> {
    let mut reader = Reader { file: Arc::new(file.to_owned()), layer: Layer::default() };
    reader.members("", values)?;
    reader.rename();
    Ok(reader.layer)
}

struct Reader {
    file: Arc<PathBuf>,
    layer: Layer,
}

impl Reader {
    fn members(&mut self, group: &str, object: Object) -> Result<(), ConfigError> {
        let mut given = Given::default();
        for member in object.members {
            let path = if group.is_empty() { member.key.clone() } else { format!("{group}.{}", member.key) };
            // A dot stands between group and key in messages alone.
            if member.key.contains('.') {
                return Err(self.unknown(&path, member.line));
            }
            given.add(&self.file, &path, member.key.to_ascii_lowercase(), &member)?;
            match keys::find(&path) {
                Some(key) => self.key(key, member)?,
                None if keys::is_group(&path) => self.group(&path, member.value)?,
                None => return Err(self.unknown(&path, member.line)),
            }
        }
        Ok(())
    }

    /// A group is one object, or `null`; in HCL the one object in a list.
    fn group(&mut self, path: &str, value: Value) -> Result<(), ConfigError> {
        match value.kind {
            Tree::Null => Ok(()),
            Tree::Object(object) => self.members(path, object),
            Tree::List(list) => match <[Value; 1]>::try_from(list) {
                Ok([only]) => self.group(path, only),
                Err(list) if list.is_empty() => Err(self.no_object(path, value.line)),
                Err(list) => Err(shape::several(&self.file, path, &list)),
            },
            _ => Err(self.no_object(path, value.line)),
        }
    }

    fn key(&mut self, key: &'static super::Key, member: Member) -> Result<(), ConfigError> {
        let value = shape::checked(&self.file, key.path, key.kind, member.value)?;
        match DefinitionKind::of_key(key.path) {
            Some(kind) => self.define(key.path, kind, value),
            None => self.entry(key, member.line, &value),
        }
        Ok(())
    }

    fn define(&mut self, key: &str, kind: DefinitionKind, value: Value) {
        let (is_list, defined) = match value.kind {
            Tree::List(list) => (true, list),
            _ => (false, vec![value]),
        };
        for (position, one) in defined.into_iter().enumerate() {
            let path = if is_list { format!("{key}[{position}]") } else { key.to_owned() };
            if let Tree::Object(values) = one.kind {
                self.layer.definitions.push(Definition { kind, file: self.file.clone(), path, line: one.line, values });
            }
        }
    }

    fn entry(&mut self, key: &'static super::Key, line: usize, value: &Value) {
        // `null` says nothing.
        if matches!(value.kind, Tree::Null) {
            return;
        }
        let origin = |line| Origin::File(self.file.clone(), line, key.path);
        let mut parts = BTreeMap::new();
        match &value.kind {
            Tree::List(list) => {
                let texts = list.iter().filter_map(|one| match &one.kind {
                    Tree::Text(text) => Some((text.clone(), origin(one.line))),
                    _ => None,
                });
                parts.extend(texts);
            }
            Tree::Object(object) => {
                parts.extend(object.members.iter().map(|member| (member.key.clone(), origin(member.line))));
            }
            _ => {}
        }
        let entry = Entry { parts, ..Entry::new(key, shape::json(value), origin(line)) };
        self.layer.entries.push(entry);
    }

    /// Lets entries with an old name stand for the new one, unless the file has that too.
    fn rename(&mut self) {
        let entries = std::mem::take(&mut self.layer.entries);
        let given: Vec<&str> = entries.iter().map(|entry| entry.key.path).collect();
        for mut entry in entries {
            if let Treatment::Renamed(now) = entry.key.treatment {
                match keys::find(now) {
                    Some(key) if !given.contains(&now) => entry.key = key,
                    _ => {
                        let text = format!("it is an old name and gives way to {now:?}, which the file has, too");
                        self.layer.warnings.push(Warning::of(&entry, text));
                        continue;
                    }
                }
            }
            self.layer.entries.push(entry);
        }
    }

    fn unknown(&self, path: &str, line: usize) -> ConfigError {
        shape::error_at(&self.file, line, format_args!("unknown key {path:?}{}", suggestions::at_top(path)))
    }

    fn no_object(&self, path: &str, line: usize) -> ConfigError {
        shape::error_at(&self.file, line, format_args!("{path:?} must be an object"))
    }
}
