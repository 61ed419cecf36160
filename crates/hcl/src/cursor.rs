//! A place in a text that knows its line.

use winnow::Parser as _;
use winnow::error::EmptyError;
use winnow::token::{any, take_while};

use crate::error::{Error, Problem};

/// What is left of a text, and where it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) rest: &'a str,
    pub(crate) place: Place,
}

/// A line and a column, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) fn error(self, problem: Problem) -> Error {
        Error { line: self.line, column: self.column, problem }
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text, place: Place { line: 1, column: 1 } }
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let next = any::<_, EmptyError>.parse_next(&mut self.rest).ok()?;
        self.pass(next);
        Some(next)
    }

    /// Takes this if it comes next.
    pub(crate) fn eat(&mut self, wanted: &'static str) -> bool {
        let eaten = winnow::token::literal::<_, _, EmptyError>(wanted).parse_next(&mut self.rest);
        eaten.is_ok_and(|text: &str| {
            text.chars().for_each(|c| self.pass(c));
            true
        })
    }

    /// Takes what comes next for as long as it fits; perhaps nothing.
    pub(crate) fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let taken = take_while::<_, _, EmptyError>(0.., fits).parse_next(&mut self.rest).unwrap_or_default();
        taken.chars().for_each(|c| self.pass(c));
        taken
    }

    /// Takes the rest of the line with its end; nothing if it has none.
    pub(crate) fn line(&mut self) -> Option<&'a str> {
        let (line, rest) = self.rest.split_once('\n')?;
        self.rest = rest;
        self.place = Place { line: self.place.line + 1, column: 1 };
        Some(line)
    }

    /// The text since `start`.
    pub(crate) fn since(&self, start: &Self) -> &'a str {
        start.rest.get(..start.rest.len() - self.rest.len()).unwrap_or_default()
    }

    pub(crate) fn error<T>(&self, problem: Problem) -> Result<T, Error> {
        Err(self.place.error(problem))
    }

    fn pass(&mut self, c: char) {
        match c {
            '\n' => self.place = Place { line: self.place.line + 1, column: 1 },
            _ => self.place.column += 1,
        }
    }
}
