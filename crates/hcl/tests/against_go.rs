//! What HashiCorp's own decoder makes of each case of `testdata/corpus.txt`, recorded by `testdata/record`, is what ours
//! makes of it. The few it lets pass, or refuses, by accident are listed.

use std::collections::BTreeMap;

use quorate_hcl::{Kind, Object, Value};
use serde_json::{Value as Json, json};

/// Cases in which ours differs on purpose.
const DIFFERENT: &[(&str, &str)] = &[
    ("a =", "a key without a value at the end of the file is dropped there, and refused here"),
    ("a { b = }}", "a brace too many makes up for a missing value there"),
    ("a = .5e3", "an exponent behind a bare fraction is lost there"),
    ("a = \"x\" a = 1", "a second value of another kind is converted to that of the first there; here refused"),
    ("a { b = 1 } a = [2]", "what is joined to a block must be an object there, but a block may follow anything"),
    ("s { p = 1 } s \"x\" { q = 2 }", "blocks with and without label do not mix there"),
    ("s \"x\" { p = 1 } s { q = 2 }", "the same"),
    ("s \"x\" {} S \"y\" {}", "labels of keys that differ by case alone are mixed there"),
    ("  {\"a\": {\"b\": \"c\"}}", "an object in JSON is made a list of one there, and may even be torn into several"),
    ("{\"a\": [1, 2.5, \"x\", true]}", "a bool in a JSON list is lost there"),
    ("a = <<-EOF\nfoo\nEOF\n", "a word at the very beginning of a line does not end an indented heredoc there"),
];

fn corpus() -> Vec<(String, String)> {
    let corpus = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/corpus.txt")).unwrap();
    let corpus = format!("\n{corpus}");
    let parts = corpus.split("\n=== ").skip(1);
    parts.map(|part| part.split_once('\n').unwrap()).map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn object(object: &Object) -> Json {
    object
        .members
        .iter()
        .map(|member| (member.key.clone(), value(&member.value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn value(of: &Value) -> Json {
    match &of.kind {
        Kind::Null => Json::Null,
        Kind::Bool(is) => (*is).into(),
        Kind::Integer(number) => (*number).into(),
        Kind::Float(number) => json!({"$float": number}),
        Kind::Text(text) => text.as_str().into(),
        Kind::List(list) => list.iter().map(value).collect(),
        Kind::Object(members) => object(members),
    }
}

/// Go writes 1.0 as 1.
fn floats(json: &Json) -> Json {
    match json {
        Json::Object(members) => match members.get("$float").and_then(Json::as_f64) {
            Some(number) => json!({"$float": number}),
            None => members
                .iter()
                .map(|(key, value)| (key.clone(), floats(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        },
        Json::Array(list) => list.iter().map(floats).collect(),
        other => other.clone(),
    }
}

#[test]
fn each_case_means_what_it_means_to_go() {
    let recorded = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/go.json")).unwrap();
    let recorded: BTreeMap<String, Json> = serde_json::from_str(&recorded).unwrap();
    let corpus = corpus();
    assert_eq!(corpus.len(), recorded.len(), "run testdata/record");
    let mut differing = Vec::new();
    for (name, text) in &corpus {
        let theirs = recorded[name].get("value").map(floats);
        let ours = quorate_hcl::parse_hcl(text);
        let is_same = ours.as_ref().ok().map(object) == theirs;
        let is_listed = DIFFERENT.iter().any(|(listed, _)| listed == text);
        if is_same == is_listed {
            differing.push(format!("{name}: {text:?}\n  Go:   {}\n  ours: {ours:?}", recorded[name]));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn everything_knows_its_line() {
    let text = "a = 1\nb {\n  c = [\n    2,\n    <<E\nx\nE\n  ]\n}\nb { d = 3 }\na = 4\n";
    let values = quorate_hcl::parse_hcl(text).unwrap();
    let a = values.get("a").unwrap();
    assert_eq!((a.line, a.value.line), (11, 11));
    let Kind::List(blocks) = &values.get("b").unwrap().value.kind else { panic!() };
    assert_eq!(blocks.iter().map(|block| block.line).collect::<Vec<_>>(), [2, 10]);
    let Kind::Object(first) = &blocks[0].kind else { panic!() };
    let c = first.get("c").unwrap();
    let Kind::List(elements) = &c.value.kind else { panic!() };
    assert_eq!((c.line, elements[0].line, elements[1].line), (3, 4, 5));
}

#[test]
fn errors_say_where_and_what() {
    for (text, message) in [
        ("a = 1\nb", "2:2: expected \"=\" or \"{\" behind a key, found the end of the file"),
        ("a {\n  b = 1\n", "3:1: expected a key or \"}\", found the end of the file"),
        ("a = [1 2]", "1:8: expected \",\" or \"]\", found a number"),
        ("a = bare", "1:5: expected a value, found \"bare\""),
        ("a = \"x\nb = 1", "1:5: the text has no closing quote on its line"),
        ("a = \"\\q\"", "1:6: \"\\\\q\" is no escape"),
        ("a = <<EOF\nx\n", "1:5: the heredoc has no end, a line of \"EOF\" alone"),
        ("a = 1\na = \"x\"", "2:1: \"a\" was a number before and is a text here"),
        ("a \"b\" = 1", "1:7: a key with labels takes an object in braces, no \"=\""),
        ("/* x", "1:1: the comment has no end; it is \"*/\""),
        ("a = 99999999999999999999", "1:5: \"99999999999999999999\" is no number that can be held"),
        ("{\"a\": tru}", "1:7: expected a value, found 't'"),
        ("{\"a\" 1}", "1:6: expected \":\" behind a key, found '1'"),
        ("{\"a\": 1,}", "1:9: expected a key in quotes, found '}'"),
        ("{\"a\": 01}", "1:8: expected \",\" or \"}\", found '1'"),
        ("{\"a\": \"\\x41\"}", "1:8: \"\\\\x\" is no escape"),
    ] {
        assert_eq!(quorate_hcl::parse_hcl(text).unwrap_err().to_string(), message, "{text:?}");
    }
    let deep = "[".repeat(200);
    assert!(quorate_hcl::parse_hcl(&format!("a = {deep}")).unwrap_err().to_string().contains("more than 100"));
    assert!(quorate_hcl::parse_json(&format!("{{\"a\": {deep}")).unwrap_err().to_string().contains("more than 100"));
}
