//! The values of flags as Go's `flag` package reads them, with its words for what it does not take.

use quorate_base::duration::GoDuration;

/// What Go says of a text that is no value of the kind.
const PARSE_ERROR: &str = "parse error";

/// What Go says of a number that is too large.
const OUT_OF_RANGE: &str = "value out of range";

/// A boolean.
pub(crate) fn go_bool(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(PARSE_ERROR),
    }
}

/// A number without a sign. Its prefix tells its base (`0x`, `0o`, `0b`, and `0` alone for 8), and a `_` may stand between
/// its digits and behind the prefix.
pub(crate) fn go_uint(text: &str) -> Result<u64, &'static str> {
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let digits = if base == 10 { digits } else { digits.strip_prefix('_').unwrap_or(digits) };
    let mut number: u64 = 0;
    for part in digits.split('_') {
        if part.is_empty() {
            return Err(PARSE_ERROR);
        }
        for digit in part.chars() {
            let digit = digit.to_digit(base).ok_or(PARSE_ERROR)?;
            let next = number.checked_mul(base.into()).and_then(|number| number.checked_add(digit.into()));
            number = next.ok_or(OUT_OF_RANGE)?;
        }
    }
    Ok(number)
}

/// A number that may have a sign.
pub(crate) fn go_int(text: &str) -> Result<i64, &'static str> {
    if let Some(digits) = text.strip_prefix('-') {
        return 0_i64.checked_sub_unsigned(go_uint(digits)?).ok_or(OUT_OF_RANGE);
    }
    i64::try_from(go_uint(text.strip_prefix('+').unwrap_or(text))?).map_err(|_| OUT_OF_RANGE)
}

/// A port.
pub(crate) fn go_port(text: &str) -> Result<u16, &'static str> {
    u16::try_from(go_int(text)?).map_err(|_| OUT_OF_RANGE)
}

/// How many there are of something.
pub(crate) fn go_count(text: &str) -> Result<usize, &'static str> {
    usize::try_from(go_int(text)?).map_err(|_| OUT_OF_RANGE)
}

/// A duration.
pub(crate) fn go_duration(text: &str) -> Result<GoDuration, &'static str> {
    GoDuration::parse(text).map_err(|_| PARSE_ERROR)
}

/// A pair of texts with `=` in between.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    pair.ok_or_else(|| format!("Missing \"=\" value in argument: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, number) in [
            ("0", 0),
            ("00", 0),
            ("010", 8),
            ("0x1F", 31),
            ("0X_f", 15),
            ("0o17", 15),
            ("0b11", 3),
            ("1_000", 1_000),
            ("0_7", 7),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(go_uint(text), Ok(number), "{text}");
        }
        for text in ["", "x", "08", "-1", "+1", "0x", "0x_", "_1", "1_", "1__0", "0b2", "1.0", " 1"] {
            assert_eq!(go_uint(text), Err("parse error"), "{text}");
        }
        assert_eq!(go_uint("18446744073709551616"), Err("value out of range"));
        assert_eq!((go_int("-0x10"), go_int("+7"), go_int("--7")), (Ok(-16), Ok(7), Err("parse error")));
        assert_eq!((go_int("-9223372036854775808"), go_int("9223372036854775808")), (Ok(i64::MIN), Err(OUT_OF_RANGE)));
        assert_eq!((go_port("0x50"), go_port("65536"), go_port("-1")), (Ok(80), Err(OUT_OF_RANGE), Err(OUT_OF_RANGE)));
    }

    #[test]
    fn a_pair_has_an_equals_sign() {
        assert_eq!(key_value("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(key_value("a="), Ok(("a".to_owned(), String::new())));
        assert_eq!(key_value("novalue"), Err("Missing \"=\" value in argument: novalue".to_owned()));
    }
}
