//! The words of HCL.

use crate::cursor::{Cursor, Place};
use crate::error::{Error, Problem};
use crate::value::Kind;
use crate::{number, quoted};

/// A word and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) place: Place,
    pub(crate) word: Word,
}

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Word {
    /// A name without quotes.
    Name(String),
    /// A text in quotes; it can be a key as well.
    Text(String),
    /// Any other value that is neither object nor list.
    Literal(Kind),
    /// One of `{}[],=`.
    Sign(char),
    /// The end of the text.
    End,
}

impl Word {
    /// How a message says that it was found.
    pub(crate) fn found(&self) -> String {
        match self {
            Self::Name(name) => format!("{name:?}"),
            Self::Text(_) => "a text".to_owned(),
            Self::Literal(kind) => kind.name().to_owned(),
            Self::Sign(sign) => format!("{sign:?}"),
            Self::End => "the end of the file".to_owned(),
        }
    }
}

/// Takes the next word, with the space and comments before it.
pub(crate) fn next(cursor: &mut Cursor<'_>) -> Result<Token, Error> {
    skip(cursor)?;
    let place = cursor.place;
    let word = match cursor.peek() {
        None => Word::End,
        Some('"') => Word::Text(quoted::hcl(cursor)?),
        Some('<') => Word::Literal(Kind::Text(quoted::heredoc(cursor)?)),
        Some(sign @ ('{' | '}' | '[' | ']' | ',' | '=')) => {
            cursor.next();
            Word::Sign(sign)
        }
        Some(c) if is_name_start(c) => name(cursor),
        Some(c) if c.is_ascii_digit() || begins_number(cursor.rest) => Word::Literal(number::hcl(cursor)?),
        Some(c) => return cursor.error(Problem::Character(c)),
    };
    Ok(Token { place, word })
}

/// Whether this is a minus sign or a point with a digit behind it.
fn begins_number(text: &str) -> bool {
    text.strip_prefix(['-', '.']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn is_name_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn name(cursor: &mut Cursor<'_>) -> Word {
    match cursor.take(|c| is_name_start(c) || c.is_numeric() || c == '-' || c == '.') {
        "true" => Word::Literal(Kind::Bool(true)),
        "false" => Word::Literal(Kind::Bool(false)),
        name => Word::Name(name.to_owned()),
    }
}

/// Takes space and comments.
fn skip(cursor: &mut Cursor<'_>) -> Result<(), Error> {
    loop {
        cursor.take(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
        let start = *cursor;
        if cursor.eat("#") || cursor.eat("//") {
            cursor.take(|c| c != '\n');
        } else if cursor.eat("/*") {
            while !cursor.eat("*/") {
                if cursor.next().is_none() {
                    return start.error(Problem::CommentEnd);
                }
            }
        } else if cursor.peek() == Some('/') {
            return cursor.error(Problem::Slash);
        } else {
            return Ok(());
        }
    }
}
