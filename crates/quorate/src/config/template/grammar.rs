//! The grammar of templates.

use winnow::Parser as _;
use winnow::ascii::{dec_int, multispace0};
use winnow::combinator::{alt, delimited, preceded, repeat, separated};
use winnow::error::EmptyError;
use winnow::token::{take_till, take_while};

/// A piece of a template.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Pipeline(Vec<Call>),
}

/// A function with its arguments.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: String,
    pub(super) arguments: Vec<Argument>,
}

#[derive(Debug)]
pub(super) enum Argument {
    Text(String),
    Number(i64),
    Pipeline(Vec<Call>),
}

/// Pipelines in parentheses inside one another; people write one.
const DEPTH_MAX: usize = 8;

type Parsed<T> = winnow::Result<T, EmptyError>;

/// Reads a template.
pub(super) fn parse(template: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((text, behind)) = rest.split_once("{{") {
        let Some((inside, behind)) = behind.split_once("}}") else {
            return Err("the template's \"{{\" has no \"}}\"".to_owned());
        };
        // A dash at either end takes away the space outside.
        let text = if inside.starts_with("- ") { text.trim_end() } else { text };
        let behind = if inside.ends_with(" -") { behind.trim_start() } else { behind };
        let inside = inside.strip_prefix('-').unwrap_or(inside);
        let inside = inside.strip_suffix('-').unwrap_or(inside);
        let pipeline = (|input: &mut &str| pipeline(input, 0)).parse(inside);
        let pipeline = pipeline.map_err(|_| format!("{{{{{inside}}}}} can't be read as a template of addresses"))?;
        parts.extend([Part::Text(text), Part::Pipeline(pipeline)]);
        rest = behind;
    }
    parts.push(Part::Text(rest));
    Ok(parts)
}

fn pipeline(input: &mut &str, depth: usize) -> Parsed<Vec<Call>> {
    if depth > DEPTH_MAX {
        return Err(EmptyError);
    }
    let call = |input: &mut &str| call(input, depth);
    separated(1.., delimited(multispace0, call, multispace0), '|').parse_next(input)
}

fn call(input: &mut &str, depth: usize) -> Parsed<Call> {
    let name = take_while(1.., |c: char| c.is_ascii_alphanumeric() || c == '_');
    let function: &str = alt((".", name)).parse_next(input)?;
    let argument = |input: &mut &str| argument(input, depth);
    let arguments = repeat(0.., preceded(multispace0, argument)).parse_next(input)?;
    Ok(Call { function: function.to_owned(), arguments })
}

fn argument(input: &mut &str, depth: usize) -> Parsed<Argument> {
    let inner = |input: &mut &str| pipeline(input, depth + 1);
    alt((
        delimited('"', quoted, '"').map(Argument::Text),
        delimited('`', take_till(0.., '`'), '`').map(|text: &str| Argument::Text(text.to_owned())),
        dec_int.map(Argument::Number),
        delimited('(', inner, ')').map(Argument::Pipeline),
    ))
    .parse_next(input)
}

/// A text in quotes, with `\"` and `\\`.
fn quoted(input: &mut &str) -> Parsed<String> {
    let mut text = String::new();
    loop {
        let plain: &str = take_till(0.., ['"', '\\']).parse_next(input)?;
        text.push_str(plain);
        match input.strip_prefix('\\') {
            None => return Ok(text),
            Some(escaped) => {
                let mut characters = escaped.chars();
                text.push(characters.next().ok_or(EmptyError)?);
                *input = characters.as_str();
            }
        }
    }
}
