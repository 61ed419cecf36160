//! Whether values are what they must be: of each key of the configuration, and of those of the blocks that define services,
//! checks and watches.
//!
//! A value is checked against its [`Kind`] and comes out with the keys of blocks in the one spelling that the tables have,
//! so that whoever reads it need know no other; the line of everything in it is kept. A mistake is told with the line and
//! the path of the very element or member.

use std::path::Path;

use quorate_base::duration::GoDuration;
use quorate_hcl::{Kind as Tree, Member, Object, Value};

use super::kind::{Field, Kind};
use super::{ConfigError, suggestions};

/// Checks a value of a file. `path` is how messages name it.
pub(crate) fn checked(file: &Path, path: &str, kind: Kind, value: Value) -> Result<Value, ConfigError> {
    Checker { file }.value(path, kind, value)
}

/// An error at a line of a file.
pub(super) fn error_at(file: &Path, line: usize, problem: std::fmt::Arguments<'_>) -> ConfigError {
    ConfigError(format!("{}:{line}: {problem}", file.display()))
}

/// The keys of an object that were met so far, in lower case, with their lines. None may be given twice, in whatever
/// spelling: one of the two would be lost without a word.
#[derive(Default)]
pub(super) struct Given(Vec<(String, usize)>);

impl Given {
    /// Takes one more key; `path` is how messages name it.
    pub(super) fn add(&mut self, file: &Path, path: &str, key: String, member: &Member) -> Result<(), ConfigError> {
        let before = self.0.iter().find(|(known, _)| *known == key).map(|(_, line)| *line);
        if let Some(line) = member.earlier_line.or(before) {
            return Err(error_at(file, member.line, format_args!("{path:?} was given in line {line} already")));
        }
        self.0.push((key, member.line));
        Ok(())
    }
}

struct Checker<'a> {
    file: &'a Path,
}

impl Checker<'_> {
    fn value(&self, path: &str, kind: Kind, value: Value) -> Result<Value, ConfigError> {
        let line = value.line;
        let value = unwrapped(kind, value);
        let checked = match (kind, value.kind) {
            (_, Tree::Null) => Tree::Null,
            (Kind::Any, tree) => tree,
            (Kind::Bool, tree @ Tree::Bool(_)) => tree,
            (Kind::Int, Tree::Float(number)) if is_whole(number) => Tree::Integer(number as i64),
            (Kind::Int, tree @ Tree::Integer(_)) => tree,
            (Kind::Float, tree @ (Tree::Integer(_) | Tree::Float(_))) => tree,
            (Kind::Text, tree @ Tree::Text(_)) => tree,
            (Kind::Duration, Tree::Text(text)) => self.duration(path, line, text)?,
            (Kind::List, Tree::List(list)) => self.list(path, Kind::Text, list)?,
            (Kind::TextMap, Tree::Object(object)) => self.map(path, Kind::Text, object)?,
            (Kind::TextsMap, Tree::Object(object)) => self.map(path, Kind::List, object)?,
            (Kind::BlockMap(fields), Tree::Object(object)) => self.map(path, Kind::Block(fields), object)?,
            (Kind::AnyObject, tree @ Tree::Object(_)) => tree,
            (Kind::Block(fields), Tree::Object(object)) => Tree::Object(self.block(path, fields, object)?),
            (Kind::Blocks(fields), Tree::List(list)) => self.list(path, Kind::Block(fields), list)?,
            (kind, Tree::List(list)) if kind.is_object() && list.len() > 1 => return Err(self.several(path, &list)),
            (kind, _) => return Err(self.error(line, format_args!("{path:?} must be {}", kind.must_be()))),
        };
        Ok(Value { line, kind: checked })
    }

    fn duration(&self, path: &str, line: usize, text: String) -> Result<Tree, ConfigError> {
        match GoDuration::parse(&text) {
            Ok(_) => Ok(Tree::Text(text)),
            Err(problem) => Err(self.error(line, format_args!("{path:?}: {problem}"))),
        }
    }

    fn list(&self, path: &str, kind: Kind, list: Vec<Value>) -> Result<Tree, ConfigError> {
        let elements = list.into_iter().enumerate();
        let checked = elements.map(|(position, one)| self.value(&format!("{path}[{position}]"), kind, one));
        Ok(Tree::List(checked.collect::<Result<_, _>>()?))
    }

    fn map(&self, path: &str, kind: Kind, mut object: Object) -> Result<Tree, ConfigError> {
        for member in &mut object.members {
            let path = format!("{path}.{}", member.key);
            // The names are the operator's: only the same one is given twice.
            Given::default().add(self.file, &path, String::new(), member)?;
            let value = std::mem::replace(&mut member.value, Value { line: member.line, kind: Tree::Null });
            member.value = self.value(&path, kind, value)?;
        }
        Ok(Tree::Object(object))
    }

    /// An object with known keys only. A key has precedence over its alias, wherever each stands.
    fn block(&self, path: &str, fields: &[Field], object: Object) -> Result<Object, ConfigError> {
        let mut given = Given::default();
        let mut checked: Vec<(bool, Member)> = Vec::new();
        for member in object.members {
            let key = member.key.to_ascii_lowercase();
            let Some(field) = fields.iter().find(|field| field.name == key || (field.alias == key && !key.is_empty()))
            else {
                return Err(self.unknown(path, fields, &member));
            };
            let (is_alias, path) = (field.name != key, format!("{path}.{}", field.name));
            given.add(self.file, &path, key, &member)?;
            let value = self.value(&path, field.kind, member.value)?;
            let member = Member { key: field.name.to_owned(), line: member.line, earlier_line: None, value };
            match checked.iter_mut().find(|(_, known)| known.key == member.key) {
                Some(known) if known.0 || !is_alias => *known = (is_alias, member),
                Some(_) => {}
                None => checked.push((is_alias, member)),
            }
        }
        Ok(Object { members: checked.into_iter().map(|(_, member)| member).collect() })
    }

    fn unknown(&self, path: &str, fields: &[Field], member: &Member) -> ConfigError {
        let suggestion = suggestions::in_block(path, fields, &member.key);
        let key = format!("{path}.{}", member.key);
        self.error(member.line, format_args!("unknown key {key:?}{suggestion}"))
    }

    /// Several objects where one is taken: HCL makes a list of blocks with one name.
    fn several(&self, path: &str, list: &[Value]) -> ConfigError {
        several(self.file, path, list)
    }

    fn error(&self, line: usize, problem: std::fmt::Arguments<'_>) -> ConfigError {
        error_at(self.file, line, problem)
    }
}

/// Several objects where one is taken, which HCL makes of blocks with one name; the error is at the second.
pub(super) fn several(file: &Path, path: &str, list: &[Value]) -> ConfigError {
    let line = list.get(1).map_or(1, |second| second.line);
    let hint = match path {
        "service" => "; write services = [{ ... }, { ... }]",
        "check" => "; write checks = [{ ... }, { ... }]",
        _ => "",
    };
    error_at(file, line, format_args!("{path:?} must be one object, and there are {}{hint}", list.len()))
}

/// A value without its lines. A number that is whole is one however it was written.
pub(super) fn json(value: &Value) -> serde_json::Value {
    match &value.kind {
        Tree::Null => serde_json::Value::Null,
        Tree::Bool(is) => (*is).into(),
        Tree::Integer(number) => (*number).into(),
        Tree::Float(number) if is_whole(*number) => (*number as i64).into(),
        Tree::Float(number) => (*number).into(),
        Tree::Text(text) => text.as_str().into(),
        Tree::List(list) => list.iter().map(json).collect(),
        Tree::Object(object) => object
            .members
            .iter()
            .map(|member| (member.key.clone(), json(&member.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

/// Below this a float holds every whole number: 2 to the power of 53.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() < FLOAT_EXACT_MAX
}

/// A list of one stands for its element where no list is wanted, as in Consul: HCL writes objects so.
fn unwrapped(kind: Kind, value: Value) -> Value {
    match (kind, value) {
        (Kind::List | Kind::Blocks(_) | Kind::Any, value) => value,
        (_, Value { line, kind: Tree::List(mut list) }) if list.len() == 1 => {
            list.pop().unwrap_or(Value { line, kind: Tree::Null })
        }
        (_, value) => value,
    }
}
