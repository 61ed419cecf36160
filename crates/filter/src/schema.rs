//! Which selectors a result has, and what each of them leads to.

use std::hash::{Hash, Hasher};

/// The type of one result of an endpoint: a record, whose fields a filter's selectors begin with. No two have one name.
#[derive(Debug)]
pub struct Schema {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

/// A field that filters may name. It has the same name in the result's JSON; a field that is missing there has its
/// type's zero value, as JSON leaves such values out.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What a selector leads to.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Text.
    String,
    /// A signed 64-bit number.
    Int,
    /// A truth value.
    Bool,
    /// A list of texts.
    Strings,
    /// A map from texts to the kind given.
    Map(&'static Kind),
    /// A record. It can be entered, and not itself be compared with anything.
    Record(&'static [Field]),
    /// A list of records. A selector that goes on into it asks whether one of them passes.
    Records(&'static [Field]),
}

/// What goes into a selector's next part.
#[derive(Debug)]
pub(crate) enum Entered {
    /// A field of a record.
    Field(&'static Field),
    /// A field of one of a list of records.
    FieldOfEach(&'static Field),
    /// Any key of a map, whose values have this kind.
    Key(&'static Kind),
}

impl Entered {
    /// What the part leads to.
    pub(crate) fn kind(&self) -> &'static Kind {
        match self {
            Self::Field(field) | Self::FieldOfEach(field) => &field.kind,
            Self::Key(kind) => kind,
        }
    }
}

impl Kind {
    /// Follows one part of a selector. Nothing if this kind does not have it.
    pub(crate) fn enter(&self, part: &[u8]) -> Option<Entered> {
        match self {
            Self::Record(fields) => find(fields, part).map(Entered::Field),
            Self::Records(fields) => find(fields, part).map(Entered::FieldOfEach),
            Self::Map(values) => Some(Entered::Key(values)),
            Self::String | Self::Int | Self::Bool | Self::Strings => None,
        }
    }
}

fn find(fields: &'static [Field], name: &[u8]) -> Option<&'static Field> {
    fields.iter().find(|field| field.name.as_bytes() == name)
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Schema {}

impl Hash for Schema {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Schema {
    /// Follows the first part of a selector.
    pub(crate) fn enter(&self, part: &[u8]) -> Option<Entered> {
        find(self.fields, part).map(Entered::Field)
    }
}
