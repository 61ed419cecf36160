//! The grammar of filter expressions: text to [`Expression`].
//!
//! ```text
//! filter     = [space] any [space] end
//! any        = all { space "or" space all }
//! all        = not { space "and" space not }
//! not        = "not" space not | "(" [space] any [space] ")" | comparison
//! comparison = selector ("==" | "!=") value                        spaces around these two may be left out
//!            | selector ["not"] ("contains" | "matches") value
//!            | selector "is" ["not"] "empty"
//!            | value ["not"] "in" selector
//! selector   = identifier { "." identifier | "[" [space] string [space] "]" }
//! value      = selector | number | string                          a selector stands for its own dotted text
//! identifier = letter { letter | digit | "_" }
//! number     = ["-"] ("0" | 1-9 { 0-9 }) ["." 0-9 { 0-9 }]         then space, ")" or the end
//! string     = '"' any but '"' '"', with Go's escapes | '`' any but '`' '`'
//! ```
//!
//! Alternatives are tried in the order of Consul's grammar, since the order decides both what an ambiguous text means
//! (`not in foo` asks whether `foo` holds "not") and what a syntax error says. Consul's parser reads a parenthesis
//! again for each alternative around it, which takes it 4ⁿ steps for n of them; this one reads each once and remembers
//! no more than where it was.
//!
//! Words are not delimited: `a is emptyx` is `a is empty` followed by junk.

use winnow::combinator::alt;
use winnow::error::EmptyError;
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location as _, Stateful};
use winnow::token::{any, literal, one_of, take_till};

use crate::expression::{Comparison, Expression, Test};
use crate::go_text::unquote;
use crate::syntax_error::{Mistake, Progress, SyntaxError};

/// Parentheses and `not`s inside one another. People write less than ten; Consul takes minutes beyond that. Each level
/// costs the parser, and whoever walks the tree, a few stack frames.
pub(crate) const DEPTH_MAX: usize = 64;

type Input<'a> = Stateful<LocatingSlice<&'a str>, Progress>;
type Parsed<T> = winnow::Result<T, EmptyError>;

/// Reads a whole filter expression.
pub(crate) fn parse(text: &str) -> Result<Expression, SyntaxError> {
    let mut input = Input { input: LocatingSlice::new(text), state: Progress::default() };
    let parsed = filter(&mut input);
    match (parsed, input.state.mistakes(text)) {
        (_, Some(mistakes)) => Err(mistakes),
        (Err(EmptyError), None) => Err(input.state.expectation(text)),
        (Ok(expression), None) => Ok(expression),
    }
}

fn filter(input: &mut Input<'_>) -> Parsed<Expression> {
    maybe_space(input);
    let expression = any_of(input)?;
    maybe_space(input);
    end(input)?;
    Ok(expression)
}

fn any_of(input: &mut Input<'_>) -> Parsed<Expression> {
    let mut terms = joined(input, "or", "\"or\"", all_of)?;
    Ok(if terms.len() == 1 { terms.remove(0) } else { Expression::Any(terms) })
}

fn all_of(input: &mut Input<'_>) -> Parsed<Expression> {
    let mut terms = joined(input, "and", "\"and\"", not)?;
    Ok(if terms.len() == 1 { terms.remove(0) } else { Expression::All(terms) })
}

/// One or more terms with a word between them. A word without a term behind it is left for others to trip over.
fn joined(
    input: &mut Input<'_>,
    word: &'static str,
    shown: &'static str,
    term: fn(&mut Input<'_>) -> Parsed<Expression>,
) -> Parsed<Vec<Expression>> {
    let mut terms = vec![term(input)?];
    while let Some(next) = optional(input, |input| {
        space(input)?;
        token(input, word, shown)?;
        space(input)?;
        term(input)
    }) {
        terms.push(next);
    }
    Ok(terms)
}

fn not(input: &mut Input<'_>) -> Parsed<Expression> {
    let negated = optional(input, |input| {
        token(input, "not", "\"not\"")?;
        space(input)?;
        nested(input, not)
    });
    match negated {
        Some(Expression::Not(operand)) => Ok(*operand),
        Some(operand) => Ok(Expression::Not(Box::new(operand))),
        None => grouping(input),
    }
}

fn grouping(input: &mut Input<'_>) -> Parsed<Expression> {
    let start = input.checkpoint();
    let opened = optional(input, |input| {
        token(input, "(", "\"(\"")?;
        maybe_space(input);
        let inner = nested(input, any_of)?;
        maybe_space(input);
        Ok(inner)
    });
    let Some(inner) = opened else {
        return comparison(input);
    };
    if token(input, ")", "\")\"").is_err() {
        mistake(input, "grouping", "Unmatched parentheses");
        input.reset(&start);
        return Err(EmptyError);
    }
    Ok(inner)
}

/// Runs a parser one level deeper, unless that is too deep.
fn nested<T>(input: &mut Input<'_>, parser: fn(&mut Input<'_>) -> Parsed<T>) -> Parsed<T> {
    if input.state.depth == DEPTH_MAX {
        mistake(input, "grouping", "Expression nests too deeply");
        return Err(EmptyError);
    }
    input.state.depth += 1;
    let parsed = parser(input);
    input.state.depth -= 1;
    parsed
}

fn comparison(input: &mut Input<'_>) -> Parsed<Expression> {
    let offset = input.current_token_start();
    let (selector, negated, test) = alt((selector_with_value, selector_alone, value_in_selector)).parse_next(input)?;
    Ok(Expression::Comparison(Comparison { selector, negated, test, offset }))
}

type Parts = (Vec<Vec<u8>>, bool, Test);

/// An operator between a selector and a value, as far as it matters here.
type MakeTest = fn(Vec<u8>) -> Test;

fn selector_with_value(input: &mut Input<'_>) -> Parsed<Parts> {
    let selector = selector(input)?;
    let (negated, make): (bool, MakeTest) = alt((
        symbol("==", "\"==\"").value((false, Test::Equal as MakeTest)),
        symbol("!=", "\"!=\"").value((true, Test::Equal as MakeTest)),
        words(&[("contains", "\"contains\"")], true).value((false, Test::Contains as MakeTest)),
        words(&[("not", "\"not\""), ("contains", "\"contains\"")], true).value((true, Test::Contains as MakeTest)),
        words(&[("matches", "\"matches\"")], true).value((false, Test::Matches as MakeTest)),
        words(&[("not", "\"not\""), ("matches", "\"matches\"")], true).value((true, Test::Matches as MakeTest)),
    ))
    .parse_next(input)?;
    Ok((selector, negated, make(value(input)?)))
}

fn selector_alone(input: &mut Input<'_>) -> Parsed<Parts> {
    let selector = selector(input)?;
    let negated = alt((
        words(&[("is", "\"is\""), ("empty", "\"empty\"")], false).value(false),
        words(&[("is", "\"is\""), ("not", "\"not\""), ("empty", "\"empty\"")], false).value(true),
    ))
    .parse_next(input)?;
    Ok((selector, negated, Test::Empty))
}

fn value_in_selector(input: &mut Input<'_>) -> Parsed<Parts> {
    let value = value(input)?;
    let negated = alt((
        words(&[("in", "\"in\"")], true).value(false),
        words(&[("not", "\"not\""), ("in", "\"in\"")], true).value(true),
    ))
    .parse_next(input)?;
    match selector(input) {
        Ok(selector) => Ok((selector, negated, Test::Contains(value))),
        Err(EmptyError) => {
            mistake(input, "match", "Invalid selector");
            Err(EmptyError)
        }
    }
}

/// An operator that needs no space around it.
fn symbol(text: &'static str, shown: &'static str) -> impl FnMut(&mut Input<'_>) -> Parsed<()> {
    move |input| {
        maybe_space(input);
        token(input, text, shown)?;
        maybe_space(input);
        Ok(())
    }
}

/// An operator of words, with space before each and, if a value follows, behind the last.
fn words(
    words: &'static [(&'static str, &'static str)],
    value_follows: bool,
) -> impl FnMut(&mut Input<'_>) -> Parsed<()> {
    move |input| {
        for (word, shown) in words {
            space(input)?;
            token(input, word, shown)?;
        }
        if value_follows { space(input) } else { Ok(()) }
    }
}

fn selector(input: &mut Input<'_>) -> Parsed<Vec<Vec<u8>>> {
    let mut parts = vec![identifier(input)?];
    while let Some(part) = optional(input, |input| {
        let dotted = optional(input, |input| {
            token(input, ".", "\".\"")?;
            identifier(input)
        });
        dotted.map_or_else(|| index(input), Ok)
    }) {
        parts.push(part);
    }
    Ok(parts)
}

fn identifier(input: &mut Input<'_>) -> Parsed<Vec<u8>> {
    let mut name = vec![character(input, "[a-zA-Z]", |c| c.is_ascii_alphabetic())?];
    while let Ok(next) = character(input, "[a-zA-Z0-9_]", |c| c.is_ascii_alphanumeric() || c == '_') {
        name.push(next);
    }
    Ok(name)
}

/// `["key"]`. What begins like one and is none is a mistake.
fn index(input: &mut Input<'_>) -> Parsed<Vec<u8>> {
    token(input, "[", "\"[\"")?;
    maybe_space(input);
    let Some(key) = optional(input, string) else {
        mistake(input, "index", "Invalid index");
        return Err(EmptyError);
    };
    maybe_space(input);
    if token(input, "]", "\"]\"").is_err() {
        mistake(input, "index", "Unclosed index expression");
        return Err(EmptyError);
    }
    Ok(key)
}

fn value(input: &mut Input<'_>) -> Parsed<Vec<u8>> {
    alt((|input: &mut Input<'_>| selector(input).map(|parts| parts.join(&b'.')), number, string)).parse_next(input)
}

fn number(input: &mut Input<'_>) -> Parsed<Vec<u8>> {
    let start = input.checkpoint();
    let begin = input.current_token_start();
    let _ = token(input, "-", "\"-\"");
    if token(input, "0", "\"0\"").is_err() {
        character(input, "[1-9]", |c| ('1'..='9').contains(&c))?;
        digits(input);
    }
    let _ = optional(input, |input| {
        token(input, ".", "\".\"")?;
        if digits(input) == 0 { Err(EmptyError) } else { Ok(()) }
    });
    let length = input.current_token_start() - begin;
    let behind = input.checkpoint();
    let delimited = space(input).is_ok() || end(input).is_ok() || token(input, ")", "\")\"").is_ok();
    input.reset(&behind);
    if !delimited {
        mistake(input, "number", "Invalid number literal");
        return Err(EmptyError);
    }
    input.reset(&start);
    Ok(input.next_slice(length).as_bytes().to_vec())
}

fn digits(input: &mut Input<'_>) -> usize {
    let mut count = 0;
    while character(input, "[0-9]", |c| c.is_ascii_digit()).is_ok() {
        count += 1;
    }
    count
}

fn string(input: &mut Input<'_>) -> Parsed<Vec<u8>> {
    if let Some(raw) = optional(input, |input| quoted(input, '`', "\"`\"")) {
        // Go's raw strings do not keep carriage returns.
        return Ok(raw.bytes().filter(|byte| *byte != b'\r').collect());
    }
    let offset = input.current_token_start();
    let inner = quoted(input, '"', "\"\\\"\"")?;
    Ok(unquote(inner).unwrap_or_else(|| {
        // It is plain where the string ends, so reading goes on behind it.
        input.state.mistake(Mistake { offset, rule: "string", text: "invalid syntax" });
        Vec::new()
    }))
}

fn quoted<'a>(input: &mut Input<'a>, quote: char, shown: &'static str) -> Parsed<&'a str> {
    character(input, shown, |c| c == quote)?;
    let inner = take_till(0.., quote).parse_next(input)?;
    if one_of::<_, _, EmptyError>(quote).parse_next(input).is_err() {
        mistake(input, "string", "Unterminated string literal");
        return Err(EmptyError);
    }
    Ok(inner)
}

/// One or more of the grammar's four white-space characters.
fn space(input: &mut Input<'_>) -> Parsed<()> {
    let is_space = |c| matches!(c, ' ' | '\t' | '\r' | '\n');
    let shown = r"[ \t\r\n]";
    character(input, shown, is_space)?;
    while character(input, shown, is_space).is_ok() {}
    Ok(())
}

fn maybe_space(input: &mut Input<'_>) {
    let _ = space(input);
}

/// One ASCII character of a class.
fn character(input: &mut Input<'_>, shown: &'static str, class: impl Fn(char) -> bool) -> Parsed<u8> {
    let offset = input.current_token_start();
    let found = any::<_, EmptyError>.verify_map(|c| u8::try_from(c).ok().filter(|_| class(c))).parse_next(input);
    found.inspect_err(|_| input.state.missed(offset, shown))
}

fn token(input: &mut Input<'_>, text: &'static str, shown: &'static str) -> Parsed<()> {
    let offset = input.current_token_start();
    let found = literal::<_, _, EmptyError>(text).void().parse_next(input);
    found.inspect_err(|_| input.state.missed(offset, shown))
}

fn end(input: &mut Input<'_>) -> Parsed<()> {
    if input.is_empty() {
        return Ok(());
    }
    let offset = input.current_token_start();
    input.state.missed_end(offset);
    Err(EmptyError)
}

/// Runs a parser and goes back to where it began if it fails.
fn optional<'a, T>(input: &mut Input<'a>, parser: impl FnOnce(&mut Input<'a>) -> Parsed<T>) -> Option<T> {
    let start = input.checkpoint();
    parser(input).map_err(|_| input.reset(&start)).ok()
}

fn mistake(input: &mut Input<'_>, rule: &'static str, text: &'static str) {
    let offset = input.current_token_start();
    input.state.mistake(Mistake { offset, rule, text });
}
