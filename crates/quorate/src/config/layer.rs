//! A file taken apart: an [`Entry`] for each key, and the definitions of services, checks and watches.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use quorate_hcl::{Kind as ValueKind, Member, Object, Value};

use super::definitions::{Definition, DefinitionKind};
use super::shape::{self, Shape};
use super::{ConfigError, Entry, Kind, Origin, Treatment, blocks, keys, values};

/// What one file says.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) entries: Vec<Entry>,
    pub(crate) definitions: Vec<Definition>,
    pub(crate) warnings: Vec<String>,
}

/// Takes a file apart.
pub(super) fn of(file: &Path, values: Object) -> Result<Layer, ConfigError> {
    let mut reader = Reader { file: Rc::new(file.to_owned()), layer: Layer::default() };
    reader.members("", values)?;
    reader.rename();
    Ok(reader.layer)
}

struct Reader {
    file: Rc<PathBuf>,
    layer: Layer,
}

impl Reader {
    fn members(&mut self, group: &str, object: Object) -> Result<(), ConfigError> {
        for member in object.members {
            let path = if group.is_empty() { member.key.clone() } else { format!("{group}.{}", member.key) };
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
            ValueKind::Null => Ok(()),
            ValueKind::Object(object) => self.members(path, object),
            ValueKind::List(list) => match <[Value; 1]>::try_from(list) {
                Ok([only]) => self.group(path, only),
                Err(list) => {
                    let line = list.get(1).map_or(value.line, |second| second.line);
                    Err(self.error(line, format_args!("{path:?} must be one object, and there are {}", list.len())))
                }
            },
            _ => Err(self.error(value.line, format_args!("{path:?} must be an object"))),
        }
    }

    fn key(&mut self, key: &'static super::Key, member: Member) -> Result<(), ConfigError> {
        let definitions = match key.path {
            "service" => Some((DefinitionKind::Service, Shape::Block(&blocks::SERVICE))),
            "services" => Some((DefinitionKind::Service, Shape::Blocks(&blocks::SERVICE))),
            "check" => Some((DefinitionKind::Check, Shape::Block(&blocks::CHECK))),
            "checks" => Some((DefinitionKind::Check, Shape::Blocks(&blocks::CHECK))),
            "watches" => Some((DefinitionKind::Watch, Shape::Blocks(&blocks::WATCH))),
            _ => None,
        };
        match definitions {
            Some((kind, shape)) => self.define(key.path, kind, &shape, member),
            None => self.entry(key, member),
        }
    }

    fn define(&mut self, path: &str, kind: DefinitionKind, shape: &Shape, member: Member) -> Result<(), ConfigError> {
        let checked = shape::checked(&self.file, path, shape, member.value)?;
        let defined = match checked.kind {
            ValueKind::List(list) => list,
            _ => vec![checked],
        };
        for one in defined {
            if let ValueKind::Object(values) = one.kind {
                self.layer.definitions.push(Definition { kind, file: self.file.clone(), line: one.line, values });
            }
        }
        Ok(())
    }

    fn entry(&mut self, key: &'static super::Key, member: Member) -> Result<(), ConfigError> {
        let origin = Origin::File(self.file.clone(), member.line, key.path);
        let value = match key.kind {
            Kind::Any => shape::checked(&self.file, key.path, blocks::shape_of(key.path), member.value)?,
            _ => member.value,
        };
        let mut entry = Entry { key, value: values::json(&value), origin };
        entry.value = values::checked(key.kind, entry.value.take())
            .map_err(|must_be| ConfigError(format!("{} must be {must_be}", entry.culprit())))?;
        // `null` says nothing.
        if !entry.value.is_null() {
            self.layer.entries.push(entry);
        }
        Ok(())
    }

    /// Lets entries with an old name stand for the new one, unless the file has that too.
    fn rename(&mut self) {
        let entries = std::mem::take(&mut self.layer.entries);
        let given: Vec<&str> = entries.iter().map(|entry| entry.key.path).collect();
        for mut entry in entries {
            if let Treatment::Renamed(now) = entry.key.treatment {
                self.layer.warnings.push(format!("{} is an old name; write {now:?}", entry.culprit()));
                match keys::find(now) {
                    Some(key) if !given.contains(&now) => entry.key = key,
                    _ => continue,
                }
            }
            self.layer.entries.push(entry);
        }
    }

    fn unknown(&self, path: &str, line: usize) -> ConfigError {
        let suggestion = keys::nearest(path).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        self.error(line, format_args!("unknown key {path:?}{suggestion}"))
    }

    fn error(&self, line: usize, problem: std::fmt::Arguments<'_>) -> ConfigError {
        ConfigError(format!("{}:{line}: {problem}", self.file.display()))
    }
}
