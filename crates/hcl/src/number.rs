//! Numbers.

use winnow::Parser as _;
use winnow::ascii::digit0;
use winnow::combinator::{alt, opt, preceded};
use winnow::error::EmptyError;
use winnow::token::{one_of, take_while};

use crate::cursor::Cursor;
use crate::error::{Error, Problem};
use crate::value::Kind;

type Parsed<T> = winnow::Result<T, EmptyError>;

/// The text of a number in HCL: decimal, hexadecimal behind `0x`, or octal behind `0`; a fraction may lack its digits.
fn hcl_number<'a>(input: &mut &'a str) -> Parsed<&'a str> {
    let hexadecimal = (alt(("0x", "0X")), take_while(1.., |c: char| c.is_ascii_hexdigit())).take();
    let whole = take_while(1.., |c: char| c.is_ascii_digit());
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digit0);
    let decimal = (opt(whole), opt(('.', digit0)), opt(exponent)).take();
    (opt('-'), alt((hexadecimal, decimal))).take().parse_next(input)
}

/// The text of a number in JSON.
fn json_number<'a>(input: &mut &'a str) -> Parsed<&'a str> {
    let digits =
        |input: &mut &'a str| -> Parsed<&'a str> { take_while(1.., |c: char| c.is_ascii_digit()).parse_next(input) };
    let whole = alt(("0", digits));
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digits);
    (opt('-'), whole, opt(preceded('.', digits)), opt(exponent)).take().parse_next(input)
}

/// Takes a number of HCL.
pub(crate) fn hcl(cursor: &mut Cursor<'_>) -> Result<Kind, Error> {
    let start = *cursor;
    // The texts are ASCII on one line.
    let text = hcl_number(&mut cursor.rest).unwrap_or_default();
    cursor.place.column += text.len();
    value(text).ok_or_else(|| start.place.error(Problem::Number(text.to_owned())))
}

/// Takes a number of JSON.
pub(crate) fn json(cursor: &mut Cursor<'_>) -> Result<Kind, Error> {
    let start = *cursor;
    let text = json_number(&mut cursor.rest).unwrap_or_default();
    cursor.place.column += text.len();
    let number = text.parse().map(Kind::Integer).ok();
    let number = number.or_else(|| text.parse().ok().filter(|float: &f64| float.is_finite()).map(Kind::Float));
    number.ok_or_else(|| start.place.error(Problem::Number(text.to_owned())))
}

/// What a text of HCL's numbers is worth.
fn value(text: &str) -> Option<Kind> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let radix = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        _ if text.contains(['.', 'e', 'E']) => {
            return text.parse().ok().filter(|float: &f64| float.is_finite()).map(Kind::Float);
        }
        [b'0', _, ..] => 8,
        _ => 10,
    };
    let digits = if radix == 16 { &digits[2..] } else { digits };
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    let number = if text.starts_with('-') { -magnitude } else { magnitude };
    i64::try_from(number).ok().map(Kind::Integer)
}
