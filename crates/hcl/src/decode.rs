//! From items to values: what is written several times is joined, by the rules of HCL 1's decoder for untyped values.
//!
//! An object within an object becomes a list of one object, so that the next of the same name has a place. An object
//! within a list is an object.

use std::collections::BTreeMap;

use crate::error::{Error, Problem};
use crate::hcl::{Item, Key, Node, Shape};
use crate::value::{Kind, Member, Object, Value};

/// The object of these items.
pub(crate) fn object(items: Vec<Item>) -> Result<Object, Error> {
    let mut object = Object::default();
    let mut positions = BTreeMap::new();
    for item in items {
        let mut keys = item.keys.into_iter();
        let Some(key) = keys.next() else { continue };
        let value = member_value(keys.rev(), item.node)?;
        match positions.get(&key.name).and_then(|position: &usize| object.members.get_mut(*position)) {
            Some(known) => join(known, key, value)?,
            None => {
                positions.insert(key.name.clone(), object.members.len());
                object.members.push(Member { key: key.name, line: key.place.line, earlier_line: None, value });
            }
        }
    }
    Ok(object)
}

/// The value of a member: an object for each label around it, the last label first, and each object in a list.
fn member_value(labels: impl Iterator<Item = Key>, node: Node) -> Result<Value, Error> {
    let line = node.place.line;
    let mut value = match node.shape {
        Shape::Object(items) => listed(line, object(items)?),
        _ => element(node)?,
    };
    for label in labels {
        let member = Member { key: label.name, line: label.place.line, earlier_line: None, value };
        value = listed(label.place.line, Object { members: vec![member] });
    }
    Ok(value)
}

fn listed(line: usize, object: Object) -> Value {
    Value { line, kind: Kind::List(vec![Value { line, kind: Kind::Object(object) }]) }
}

/// The value of an element of a list.
fn element(node: Node) -> Result<Value, Error> {
    let kind = match node.shape {
        Shape::Literal(kind) => kind,
        Shape::Object(items) => Kind::Object(object(items)?),
        Shape::List(nodes) => Kind::List(nodes.into_iter().map(element).collect::<Result<_, _>>()?),
    };
    Ok(Value { line: node.place.line, kind })
}

/// Joins a value to the one that its key has already.
fn join(known: &mut Member, key: Key, value: Value) -> Result<(), Error> {
    match (&mut known.value.kind, value.kind) {
        // The first ones stay where they are, and keep their lines.
        (Kind::List(known), Kind::List(more)) => known.extend(more),
        (before, now) if std::mem::discriminant(before) == std::mem::discriminant(&now) => {
            *before = now;
            known.earlier_line = Some(known.line);
            known.line = key.place.line;
            known.value.line = value.line;
        }
        (before, now) => {
            let (before, now) = (before.name(), now.name());
            return Err(key.place.error(Problem::Conflict { key: key.name, before, now }));
        }
    }
    Ok(())
}
