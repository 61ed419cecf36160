//! The tree of values.

/// A value and the line it begins on.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Counted from 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// JSON's `null`; HCL has none.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without fraction and exponent that fits.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// An object.
    Object(Object),
}

/// An object: its members in the order in which their keys first appear.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// No two have the same key.
    pub members: Vec<Member>,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// As it was written, without quotes.
    pub key: String,
    /// The line of the key, counted from 1; of the last one, if it was given again.
    pub line: usize,
    /// The line where an equal key was given before with a value that this one replaced, if there is one.
    pub earlier_line: Option<usize>,
    /// Its value.
    pub value: Value,
}

impl Object {
    /// The member with exactly this key.
    pub fn get(&self, key: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.key == key)
    }
}

impl Kind {
    /// What a message calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}
