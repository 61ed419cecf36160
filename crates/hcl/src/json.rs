//! JSON, to the same values as HCL.

use std::collections::BTreeMap;

use crate::DEPTH_MAX;
use crate::cursor::{Cursor, Place};
use crate::error::{Error, Problem};
use crate::value::{Kind, Member, Object, Value};
use crate::{number, quoted};

/// Reads a whole text, which must be an object.
pub(crate) fn parse(text: &str) -> Result<Object, Error> {
    let mut reader = Reader { cursor: Cursor::new(text), depth: 0 };
    reader.skip();
    let place = reader.cursor.place;
    let value = reader.value()?;
    reader.skip();
    if reader.cursor.peek().is_some() {
        return reader.unexpected("the end of the file");
    }
    match value.kind {
        Kind::Object(object) => Ok(object),
        Kind::Null => Ok(Object::default()),
        other => Err(place.error(Problem::Expected { expected: "an object", found: other.name().to_owned() })),
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    depth: usize,
}

impl Reader<'_> {
    fn skip(&mut self) {
        self.cursor.take(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
    }

    fn value(&mut self) -> Result<Value, Error> {
        let place = self.cursor.place;
        let kind = match self.cursor.peek() {
            Some('{') => self.deeper(place, Self::object)?,
            Some('[') => self.deeper(place, Self::list)?,
            Some('"') => Kind::Text(quoted::json(&mut self.cursor)?),
            Some('-' | '0'..='9') => number::json(&mut self.cursor)?,
            _ if self.cursor.eat("true") => Kind::Bool(true),
            _ if self.cursor.eat("false") => Kind::Bool(false),
            _ if self.cursor.eat("null") => Kind::Null,
            _ => return self.unexpected("a value"),
        };
        Ok(Value { line: place.line, kind })
    }

    fn object(&mut self) -> Result<Kind, Error> {
        let mut object = Object::default();
        let mut positions = BTreeMap::new();
        self.sequence("}", "\",\" or \"}\"", |reader| {
            let line = reader.cursor.place.line;
            if reader.cursor.peek() != Some('"') {
                return reader.unexpected("a key in quotes");
            }
            let key = quoted::json(&mut reader.cursor)?;
            reader.skip();
            if !reader.cursor.eat(":") {
                return reader.unexpected("\":\" behind a key");
            }
            reader.skip();
            let member = Member { key, line, earlier_line: None, value: reader.value()? };
            match positions.get(&member.key).and_then(|position: &usize| object.members.get_mut(*position)) {
                Some(known) => *known = Member { earlier_line: Some(known.line), ..member },
                None => {
                    positions.insert(member.key.clone(), object.members.len());
                    object.members.push(member);
                }
            }
            Ok(())
        })?;
        Ok(Kind::Object(object))
    }

    fn list(&mut self) -> Result<Kind, Error> {
        let mut elements = Vec::new();
        self.sequence("]", "\",\" or \"]\"", |reader| {
            elements.push(reader.value()?);
            Ok(())
        })?;
        Ok(Kind::List(elements))
    }

    /// Takes what stands between brackets, with commas in between.
    fn sequence(
        &mut self,
        end: &'static str,
        expected: &'static str,
        mut take: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.cursor.next();
        self.skip();
        if self.cursor.eat(end) {
            return Ok(());
        }
        loop {
            self.skip();
            take(self)?;
            self.skip();
            if self.cursor.eat(end) {
                return Ok(());
            }
            if !self.cursor.eat(",") {
                return self.unexpected(expected);
            }
        }
    }

    fn deeper(&mut self, place: Place, read: impl FnOnce(&mut Self) -> Result<Kind, Error>) -> Result<Kind, Error> {
        if self.depth == DEPTH_MAX {
            return Err(place.error(Problem::Depth));
        }
        self.depth += 1;
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn unexpected<T>(&self, expected: &'static str) -> Result<T, Error> {
        let found = self.cursor.peek().map_or_else(|| "the end of the file".to_owned(), |c| format!("{c:?}"));
        self.cursor.error(Problem::Expected { expected, found })
    }
}
