//! What values can be: the kinds of keys and of the fields of blocks, for the tables of both.

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Bool,
    /// A whole number.
    Int,
    Float,
    Text,
    /// A text that is a duration in Go's form.
    Duration,
    /// A list of texts; lists given in several places are joined.
    List,
    /// Texts by name; maps given in several places are laid over each other.
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

impl PartialEq for Kind {
    /// Two kinds of blocks are the same if they have the very same keys.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Block(a), Self::Block(b))
            | (Self::Blocks(a), Self::Blocks(b))
            | (Self::BlockMap(a), Self::BlockMap(b)) => std::ptr::eq(*a, *b),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Kind {
    /// How a message says what a value must be.
    pub(super) fn must_be(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Text => "a text",
            Self::Duration => "a duration, such as \"10s\"",
            Self::List => "a list of texts",
            Self::TextMap => "an object of texts",
            Self::TextsMap => "an object of lists of texts",
            Self::Block(_) | Self::AnyObject => "one object",
            Self::Blocks(_) => "a list of objects",
            Self::BlockMap(_) => "an object of objects",
            Self::Any => "anything",
        }
    }

    /// Whether it takes an object.
    pub(super) fn is_object(self) -> bool {
        matches!(self, Self::TextMap | Self::TextsMap | Self::Block(_) | Self::BlockMap(_) | Self::AnyObject)
    }
}

/// A key of a block.
#[derive(Debug)]
pub(crate) struct Field {
    /// In lower case.
    pub(crate) name: &'static str,
    /// Another name for it, in lower case; empty if there is none.
    pub(crate) alias: &'static str,
    pub(crate) kind: Kind,
}

pub(super) const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, alias: "", kind }
}

pub(super) const fn aliased(name: &'static str, alias: &'static str, kind: Kind) -> Field {
    Field { name, alias, kind }
}
