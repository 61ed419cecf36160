//! Patterns and what Go's regexp says to them (checked with Go 1.26).

use super::*;
use crate::matches_pattern;

fn compile(pattern: &[u8]) -> Translated<Pattern> {
    super::compile(pattern, &mut Limits::default())
}

#[test]
fn patterns_mean_what_they_mean_in_go() {
    for (pattern, text, matches) in [
        (r"^\d+$", "١", false),
        (r"^\w+$", "é", false),
        (r"^\W$", "é", true),
        (r"\s", "\u{b}", false),
        (r"[[:space:]]", "\u{b}", true),
        (r"a\b", "aé", true),
        (r"(?i)^k$", "\u{212a}", true),
        (r"(?i)^[^k]$", "\u{212a}", false),
        (r"^.$", "é", true),
        (r"^.$", "\n", false),
        (r"(?s)^.$", "\n", true),
        (r"a$", "a\n", false),
        (r"(?m)a$", "a\nb", true),
        (r"a{,2}", "a{,2}", true),
        (r"{", "{", true),
        (r"a{2", "a{2", true),
        (r"^a{2}$", "aa", true),
        (r"x{2}{", "xx{", true),
        (r"]}", "]}", true),
        (r"[a&&b]", "&", true),
        (r"[a~~b]", "~", true),
        (r"[[a]", "[", true),
        (r"[]a]", "]", true),
        (r"[^]a]", "]", false),
        (r"[a-]", "-", true),
        (r"[\d-]", "-", true),
        (r"[^\D]", "5", true),
        (r"[[:^digit:]x]", "5", false),
        (r"\<", "<", true),
        (r"\_\#\ ", "_# ", true),
        (r"a#b c", "a#b c", true),
        (r"\Qa.b\E.", "a.bc", true),
        (r"\Qa.b", "axb", false),
        (r"^\Qab\E+$", "abbb", true),
        (r"\012\x0a\x{a}", "\n\n\n", true),
        (r"\p{Greek}", "Ω", true),
        (r"\p{^Greek}", "Ω", false),
        (r"\P{^Greek}", "Ω", true),
        (r"\pL", "é", true),
        (r"[\pL\d]", "1", true),
        (r"(?P<n>a)(?:b)", "ab", true),
        (r"(?ii-si:A)", "a", false),
        (r"^a(?i)+B$", "aab", true),
        (r"a|(?i)b|c", "C", true),
        (r"(|a)*b", "b", true),
        (r"^*", "", true),
    ] {
        assert_eq!(matches_pattern(pattern, text), Ok(matches), "{pattern} on {text:?}");
    }
}

#[test]
fn refusals_are_those_of_go() {
    for (pattern, what, fragment) in [
        ("(a", "missing closing )", "(a"),
        ("a)b", "unexpected )", "a)b"),
        ("[a", "missing closing ]", "[a"),
        ("x[]", "missing closing ]", "[]"),
        ("*a", "missing argument to repetition operator", "*"),
        ("a|+?", "missing argument to repetition operator", "+?"),
        ("(?i)*", "missing argument to repetition operator", "*"),
        ("a**", "invalid nested repetition operator", "**"),
        ("a*??b+?+?", "invalid nested repetition operator", "*??"),
        ("a{2}{3}", "invalid nested repetition operator", "{2}{3}"),
        ("a{1001}", "invalid repeat count", "{1001}"),
        ("a{2,1}", "invalid repeat count", "{2,1}"),
        ("a{99999999999}", "invalid repeat count", "{99999999999}"),
        ("[b-a]", "invalid character class range", "b-a"),
        (r"[\x41-\d]", "invalid escape sequence", r"\d"),
        ("[[:foo:]]", "invalid character class range", "[:foo:]"),
        (r"\p{Nope}", "invalid character class range", r"\p{Nope}"),
        (r"\p{", "invalid character class range", r"\p{"),
        (r"a\", "trailing backslash at end of expression", ""),
        (r"\q", "invalid escape sequence", r"\q"),
        (r"\é", "invalid escape sequence", r"\é"),
        (r"(a)\1", "invalid escape sequence", r"\1"),
        (r"\x4", "invalid escape sequence", r"\x4"),
        (r"\xgz", "invalid escape sequence", r"\xgz"),
        (r"\x{110000}", "invalid escape sequence", r"\x{110000"),
        (r"\C", "invalid escape sequence", r"\C"),
        (r"\Z", "invalid escape sequence", r"\Z"),
        ("(?=a)", "invalid or unsupported Perl syntax", "(?="),
        ("(?i-)", "invalid or unsupported Perl syntax", "(?i-)"),
        ("(?i", "invalid or unsupported Perl syntax", "(?i"),
        ("(?x)a", "invalid or unsupported Perl syntax", "(?x"),
        ("(?P<n", "invalid named capture", "(?P<n"),
        ("(?P<a-b>c)", "invalid named capture", "(?P<a-b>"),
    ] {
        let error = compile(pattern.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!((error.what, error.fragment.as_str()), (what, fragment), "{pattern}");
    }
}

#[test]
fn counts_inside_one_another_are_bounded_by_their_product_as_in_go() {
    for pattern in [
        "(a{100}){10}",
        "((a{10}){10}){10}",
        "(a{0}){1000}",
        "((a{1000}){0}){1000}",
        "((a{1000}){0,0}b){1000}",
        "(a{500,}){2}",
        "(a{1000}){1}",
        "(a{1000}){0,1}",
        "(a{1000}){1,}",
        "(a{1000})*",
        "a{1000}b{1000}",
        "a{,5}",
        "a{1,2,3}",
        "a{01}",
    ] {
        assert!(compile(pattern.as_bytes()).is_ok(), "{pattern}");
    }
    for (pattern, fragment) in [
        ("(a{100}){11}", "{11}"),
        ("(a{31}){33}", "{33}"),
        ("((a{10}){10}){11}?", "{11}?"),
        ("(a{1000}|b){2}", "{2}"),
        ("(a{500,}){3}", "{3}"),
        ("((a{1000})*){2}", "{2}"),
        ("(a{2}){0,501}", "{0,501}"),
        ("((a{0,}){1000}){2}", "{2}"),
        ("(?:a{501}(?i)){2}", "{2}"),
    ] {
        let error = compile(pattern.as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!((error.what, error.fragment.as_str()), ("invalid repeat count", fragment), "{pattern}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let nested = |depth: usize| format!("{}a{}", "(?:b|c".repeat(depth), "d)*e".repeat(depth));
    assert!(compile(nested(GROUP_DEPTH_MAX).as_bytes()).is_ok());
    let too_deep = compile(nested(GROUP_DEPTH_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(too_deep.what, "expression nests too deeply");
    assert_eq!(compile(br"\pL{1000}").unwrap_err().what, "expression too large");
}
