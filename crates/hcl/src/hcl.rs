//! The grammar of HCL 1: words to items.
//!
//! ```text
//! file   = { item [","] }
//! item   = key { key } object | key "=" value
//! key    = name | text
//! value  = literal | text | object | list
//! object = "{" { item [","] } "}"
//! list   = "[" { element } "]"        commas stand between elements; none is needed behind a list, and more do no harm
//! ```

use crate::DEPTH_MAX;
use crate::cursor::{Cursor, Place};
use crate::error::{Error, Problem};
use crate::token::{self, Token, Word};
use crate::value::Kind;

/// A key with its labels, and what they stand for.
#[derive(Debug)]
pub(crate) struct Item {
    /// One or more.
    pub(crate) keys: Vec<Key>,
    pub(crate) node: Node,
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) name: String,
}

/// What was written for a value.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) shape: Shape,
}

#[derive(Debug)]
pub(crate) enum Shape {
    Literal(Kind),
    Object(Vec<Item>),
    List(Vec<Node>),
}

/// Reads a whole text.
pub(crate) fn parse(text: &str) -> Result<Vec<Item>, Error> {
    // The ends of lines of other systems mean the same.
    let text = text.replace("\r\n", "\n");
    let mut reader = Reader { cursor: Cursor::new(&text), depth: 0 };
    let (items, _) = reader.items(&Word::End, "a key or the end of the file")?;
    Ok(items)
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    depth: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Token, Error> {
        token::next(&mut self.cursor)
    }

    /// Takes items up to `end`.
    fn items(&mut self, end: &Word, expected: &'static str) -> Result<(Vec<Item>, Token), Error> {
        let mut items = Vec::new();
        let mut token = self.next()?;
        while token.word != *end {
            items.push(self.item(token, expected)?);
            token = self.next()?;
            if token.word == Word::Sign(',') {
                token = self.next()?;
            }
        }
        Ok((items, token))
    }

    fn item(&mut self, first: Token, expected: &'static str) -> Result<Item, Error> {
        let mut keys = vec![key(first, expected)?];
        loop {
            let token = self.next()?;
            match token.word {
                Word::Sign('=') if keys.len() > 1 => return Err(token.place.error(Problem::LabelledAssignment)),
                Word::Sign('=') => {
                    let token = self.next()?;
                    return Ok(Item { keys, node: self.value(token)? });
                }
                Word::Sign('{') => return Ok(Item { keys, node: self.object(token.place)? }),
                _ => keys.push(key(token, "\"=\" or \"{\" behind a key")?),
            }
        }
    }

    fn value(&mut self, token: Token) -> Result<Node, Error> {
        let literal = |kind| Ok(Node { place: token.place, shape: Shape::Literal(kind) });
        match token.word {
            Word::Literal(kind) => literal(kind),
            Word::Text(text) => literal(Kind::Text(text)),
            Word::Sign('{') => self.object(token.place),
            Word::Sign('[') => self.list(token.place),
            _ => Err(token.place.error(Problem::Expected { expected: "a value", found: token.word.found() })),
        }
    }

    fn object(&mut self, place: Place) -> Result<Node, Error> {
        self.deeper(place, |reader| {
            let (items, _) = reader.items(&Word::Sign('}'), "a key or \"}\"")?;
            Ok(Shape::Object(items))
        })
    }

    fn list(&mut self, place: Place) -> Result<Node, Error> {
        self.deeper(place, |reader| {
            let mut elements = Vec::new();
            let mut needs_comma = false;
            loop {
                let token = reader.next()?;
                match token.word {
                    Word::Sign(']') => return Ok(Shape::List(elements)),
                    Word::Sign(',') => needs_comma = false,
                    word if needs_comma => {
                        let problem = Problem::Expected { expected: "\",\" or \"]\"", found: word.found() };
                        return Err(token.place.error(problem));
                    }
                    _ => {
                        let element = reader.value(token)?;
                        needs_comma = !matches!(element.shape, Shape::List(_));
                        elements.push(element);
                    }
                }
            }
        })
    }

    fn deeper(&mut self, place: Place, read: impl FnOnce(&mut Self) -> Result<Shape, Error>) -> Result<Node, Error> {
        if self.depth == DEPTH_MAX {
            return Err(place.error(Problem::Depth));
        }
        self.depth += 1;
        let shape = read(self)?;
        self.depth -= 1;
        Ok(Node { place, shape })
    }
}

fn key(token: Token, expected: &'static str) -> Result<Key, Error> {
    match token.word {
        Word::Name(name) | Word::Text(name) => Ok(Key { place: token.place, name }),
        word => Err(token.place.error(Problem::Expected { expected, found: word.found() })),
    }
}
