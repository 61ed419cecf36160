//! Values that have a shape of their own: the blocks that define services, checks and watches, and some others.
//!
//! A value is checked against its [`Shape`] and comes out with its keys in the one spelling that the tables have, so that
//! whoever reads it need know no other; the line of everything in it is kept.

use std::path::Path;

use quorate_hcl::{Kind, Member, Object, Value};

use super::ConfigError;

/// What a value must be.
#[derive(Debug)]
pub(crate) enum Shape {
    Bool,
    /// A whole number.
    Int,
    Text,
    /// A list of texts.
    Texts,
    /// Texts by name.
    TextMap,
    /// Lists of texts by name, as of headers.
    TextsMap,
    /// An object with known keys.
    Block(&'static &'static [Field]),
    /// A list of such.
    Blocks(&'static &'static [Field]),
    /// Such by name.
    BlockMap(&'static &'static [Field]),
    /// Any object.
    AnyObject,
    /// Any value.
    Any,
}

/// A key of a block.
#[derive(Debug)]
pub(crate) struct Field {
    /// In lower case.
    pub(crate) name: &'static str,
    /// Another name for it, in lower case; empty if there is none.
    pub(crate) alias: &'static str,
    pub(crate) shape: Shape,
}

pub(super) const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, alias: "", shape }
}

pub(super) const fn aliased(name: &'static str, alias: &'static str, shape: Shape) -> Field {
    Field { name, alias, shape }
}

/// Checks a value of a file. `path` is how messages name it.
pub(crate) fn checked(file: &Path, path: &str, shape: &Shape, value: Value) -> Result<Value, ConfigError> {
    Checker { file }.value(path, shape, value)
}

struct Checker<'a> {
    file: &'a Path,
}

impl Checker<'_> {
    fn value(&self, path: &str, shape: &Shape, value: Value) -> Result<Value, ConfigError> {
        let line = value.line;
        let value = unwrapped(shape, value);
        let kind = match (shape, value.kind) {
            (_, Kind::Null) => Kind::Null,
            (Shape::Any, kind) => kind,
            (Shape::Bool, kind @ Kind::Bool(_)) => kind,
            (Shape::Int, Kind::Float(number)) if is_whole(number) => Kind::Integer(number as i64),
            (Shape::Int, kind @ Kind::Integer(_)) => kind,
            (Shape::Text, kind @ Kind::Text(_)) => kind,
            (Shape::Texts, Kind::List(list)) => {
                self.list(path, list, |path, one| self.value(path, &Shape::Text, one))?
            }
            (Shape::TextMap, Kind::Object(object)) => self.map(path, &Shape::Text, object)?,
            (Shape::TextsMap, Kind::Object(object)) => self.map(path, &Shape::Texts, object)?,
            (Shape::BlockMap(fields), Kind::Object(object)) => self.map(path, &Shape::Block(fields), object)?,
            (Shape::AnyObject, kind @ Kind::Object(_)) => kind,
            (Shape::Block(fields), Kind::Object(object)) => Kind::Object(self.block(path, fields, object)?),
            (Shape::Blocks(fields), Kind::List(list)) => {
                self.list(path, list, |path, one| self.value(path, &Shape::Block(fields), one))?
            }
            (shape, _) => return Err(self.error(line, format_args!("{path:?} must be {}", must_be(shape)))),
        };
        Ok(Value { line, kind })
    }

    fn list(
        &self,
        path: &str,
        list: Vec<Value>,
        check: impl Fn(&str, Value) -> Result<Value, ConfigError>,
    ) -> Result<Kind, ConfigError> {
        let checked = list.into_iter().enumerate().map(|(position, one)| check(&format!("{path}[{position}]"), one));
        Ok(Kind::List(checked.collect::<Result<_, _>>()?))
    }

    fn map(&self, path: &str, shape: &Shape, mut object: Object) -> Result<Kind, ConfigError> {
        for member in &mut object.members {
            let value = std::mem::replace(&mut member.value, Value { line: member.line, kind: Kind::Null });
            member.value = self.value(&format!("{path}.{}", member.key), shape, value)?;
        }
        Ok(Kind::Object(object))
    }

    /// An object with known keys only. A key has precedence over its alias, wherever each stands.
    fn block(&self, path: &str, fields: &[Field], object: Object) -> Result<Object, ConfigError> {
        let mut checked: Vec<(bool, Member)> = Vec::new();
        for member in object.members {
            let key = member.key.to_ascii_lowercase();
            let Some(field) = fields.iter().find(|field| field.name == key || (field.alias == key && !key.is_empty()))
            else {
                return Err(self.unknown(path, fields, &member));
            };
            let is_alias = field.name != key;
            let value = self.value(&format!("{path}.{}", field.name), &field.shape, member.value)?;
            let member = Member { key: field.name.to_owned(), line: member.line, value };
            match checked.iter_mut().find(|(_, known)| known.key == member.key) {
                Some(known) if known.0 || !is_alias => *known = (is_alias, member),
                Some(_) => {}
                None => checked.push((is_alias, member)),
            }
        }
        Ok(Object { members: checked.into_iter().map(|(_, member)| member).collect() })
    }

    fn unknown(&self, path: &str, fields: &[Field], member: &Member) -> ConfigError {
        let near = super::keys::nearest_of(&member.key.to_ascii_lowercase(), fields.iter().map(|field| field.name));
        let suggestion = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        let key = format!("{path}.{}", member.key);
        self.error(member.line, format_args!("unknown key {key:?}{suggestion}"))
    }

    fn error(&self, line: usize, problem: std::fmt::Arguments<'_>) -> ConfigError {
        ConfigError(format!("{}:{line}: {problem}", self.file.display()))
    }
}

fn is_whole(number: f64) -> bool {
    // Beyond that, floats skip whole numbers.
    number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0
}

/// A list of one stands for its element where no list is wanted: HCL writes objects so.
fn unwrapped(shape: &Shape, value: Value) -> Value {
    match (shape, value) {
        (Shape::Texts | Shape::Blocks(_) | Shape::Any, value) => value,
        (_, Value { line, kind: Kind::List(mut list) }) if list.len() == 1 => {
            list.pop().unwrap_or(Value { line, kind: Kind::Null })
        }
        (_, value) => value,
    }
}

fn must_be(shape: &Shape) -> &'static str {
    match shape {
        Shape::Bool => "true or false",
        Shape::Int => "a whole number",
        Shape::Text => "a text",
        Shape::Texts => "a list of texts",
        Shape::TextMap => "an object of texts",
        Shape::TextsMap => "an object of lists of texts",
        Shape::Block(_) | Shape::AnyObject => "one object",
        Shape::Blocks(_) => "a list of objects",
        Shape::BlockMap(_) => "an object of objects",
        Shape::Any => "anything",
    }
}
