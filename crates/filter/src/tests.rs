//! Filters against what Consul answers to them, and properties of the language.

use proptest::prelude::*;
use serde_json::Value;

use super::expression::{Comparison, Expression, Test};
use super::*;

const TRANSCRIPT: &str = include_str!("testdata/filters.txt");
const RESULTS: &str = include_str!("testdata/results.json");

fn schema(route: &str) -> &'static Schema {
    match route.split_once('/') {
        Some(("catalog", "nodes")) => &CATALOG_NODES,
        Some(("catalog", rest)) if rest.starts_with("service/") => &CATALOG_SERVICE,
        Some(("catalog", rest)) if rest.starts_with("node/") || rest.starts_with("node-services/") => &CATALOG_NODE,
        Some(("health", rest)) if rest.starts_with("service/") => &HEALTH_SERVICE,
        Some(("health", _)) => &HEALTH_CHECKS,
        _ => panic!("the transcript has a route without a schema: {route}"),
    }
}

/// What the transcript calls a result.
fn label(item: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if item["Service"].is_object() {
        return format!("{}/{}", text(&item["Node"]["Node"]), text(&item["Service"]["ID"]));
    }
    match (item.get("CheckID").or(item.get("ServiceID")), item.get("Service")) {
        (Some(id), _) => format!("{}/{}", text(&item["Node"]), text(id)),
        (None, Some(_)) => text(&item["ID"]),
        (None, None) => text(&item["Node"]),
    }
}

fn passes(filter: &Filter, item: &Value) -> bool {
    filter.matches(item, &mut Budget::default()).expect("far below the budget")
}

/// What a filter does to a route's results, as the transcript writes it.
fn answer(route: &str, text: &str, results: &Value) -> String {
    match Filter::parse(text, schema(route)) {
        Err(error) => error.to_string().split('\n').map(|line| format!("! {line}\n")).collect(),
        Ok(filter) => {
            let passed = results[route].as_array().unwrap().iter().filter(|item| passes(&filter, item));
            std::iter::once("=".to_owned()).chain(passed.map(label)).collect::<Vec<_>>().join(" ") + "\n"
        }
    }
}

#[test]
fn answers_are_those_of_consul() {
    let results: Value = serde_json::from_str(RESULTS).unwrap();
    let (mut route, mut question, mut answered) = ("", None::<String>, 0);
    let mut replayed = String::new();
    for line in TRANSCRIPT.lines().chain([""]) {
        let (kind, rest) = (line.get(..1).unwrap_or_default(), line.get(2..).unwrap_or_default());
        if kind == "=" || kind == "!" {
            continue;
        }
        if kind == "+" {
            let text = question.as_mut().expect("a filter goes on that has not begun");
            text.push('\n');
            text.push_str(rest);
        } else if let Some(text) = question.take() {
            replayed.push_str(&answer(route, &text, &results));
            answered += 1;
        }
        match kind {
            "@" => route = rest,
            "?" => question = Some(rest.to_owned()),
            _ => {}
        }
        replayed.push_str(line);
        replayed.push('\n');
    }
    let differing: Vec<_> =
        TRANSCRIPT.lines().zip(replayed.lines()).filter(|(recorded, ours)| recorded != ours).collect();
    assert!(differing.is_empty(), "recorded and ours:\n{differing:#?}");
    assert_eq!(TRANSCRIPT, replayed.strip_suffix('\n').unwrap());
    assert!(answered > 250, "only {answered} filters in the transcript");
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: usize| format!("{}Node == x{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Filter::parse(nested(grammar::DEPTH_MAX), &CATALOG_NODES).is_ok());
    let error = Filter::parse(nested(TEXT_BYTES_MAX / 4), &CATALOG_NODES).unwrap_err();
    assert_eq!(error.reason(), "1:66 (65): rule \"grouping\": Expression nests too deeply");
    let negated = |times: usize| format!("{}Node == x", "not ".repeat(times));
    assert!(Filter::parse(negated(grammar::DEPTH_MAX), &CATALOG_NODES).is_ok());
    assert!(Filter::parse(negated(grammar::DEPTH_MAX + 1), &CATALOG_NODES).is_err());
}

#[test]
fn length_is_bounded() {
    let term = "Node == x or ";
    let fitting = term.repeat(TEXT_BYTES_MAX / term.len() - 1) + "Node == y";
    let filter = Filter::parse(&fitting, &CATALOG_NODES).unwrap();
    assert!(passes(&filter, &serde_json::json!({ "Node": "y" })));
    assert!(!passes(&filter, &serde_json::json!({ "Node": "z" })));
    let error = Filter::parse(" ".repeat(TEXT_BYTES_MAX) + "x", &CATALOG_NODES).unwrap_err();
    assert_eq!(error.reason(), "Filter of 65537 bytes exceeds the limit of 65536 bytes");
}

#[test]
fn patterns_are_bounded() {
    let terms = |count: usize| vec!["Node matches a"; count].join(" or ");
    assert!(Filter::parse(terms(compile::PATTERNS_MAX), &CATALOG_NODES).is_ok());
    assert!(Filter::parse(terms(compile::PATTERNS_MAX + 1), &CATALOG_NODES).is_err());
    let error = Filter::parse(r"Node matches `(\pL{100}){10}`", &CATALOG_NODES).unwrap_err();
    assert!(error.reason().ends_with(r"error parsing regexp: expression too large: `(\pL{100}){10}`"), "{error}");
}

#[test]
fn invalid_encoding_is_refused_where_it_is() {
    let error = Filter::parse(b"Node == \n\"\xffa\"", &CATALOG_NODES).unwrap_err();
    assert_eq!((error.offset(), error.reason()), (10, "2:2 (10): invalid encoding"));
}

#[test]
fn errors_tell_the_comparison_at_fault() {
    let error = Filter::parse("Node == x and ( Nope == y )", &CATALOG_NODES).unwrap_err();
    assert_eq!(error.offset(), 16);
}

#[test]
fn the_empty_filter_passes_everything() {
    assert!(passes(&Filter::parse("", &CATALOG_NODES).unwrap(), &Value::Null));
}

/// Bytes of strings and keys: plain, quotes, escapes, and some that are no text.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces =
        prop::sample::select(vec!["a", "Z_9", "\"", "`", "\\", "\n", "\r", "\0", " ", "é", "\u{301}", "\u{a0}"]);
    let text = prop::collection::vec(pieces, 0..4).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![4 => text, 1 => prop::collection::vec(any::<u8>(), 0..4)]
}

fn any_comparison() -> impl Strategy<Value = Expression> {
    let words = ["a", "Node", "and", "or", "in", "is", "not", "empty", "contains", "matches", "x_1"];
    let first = prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let test = prop_oneof![
        any_bytes().prop_map(Test::Equal),
        any_bytes().prop_map(Test::Contains),
        any_bytes().prop_map(Test::Matches),
        Just(Test::Empty),
    ];
    (first, prop::collection::vec(any_bytes(), 0..3), any::<bool>(), test)
        .prop_map(|(first, more, negated, test)| {
            let selector = std::iter::once(first).chain(more).collect();
            Comparison { selector, negated, test, offset: 0 }
        })
        // `not not matches x` is the negation of `not matches x`, in which `not` is a selector: so says the grammar,
        // and there is no other way to write the first `not` as a selector there.
        .prop_filter("has no text", |comparison| {
            !(comparison.selector == [b"not"] && comparison.negated && matches!(comparison.test, Test::Matches(_)))
        })
        .prop_map(Expression::Comparison)
}

fn any_expression() -> impl Strategy<Value = Expression> {
    any_comparison().prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Any),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::All),
            inner.prop_map(|operand| match operand {
                Expression::Not(twice) => *twice,
                operand => Expression::Not(Box::new(operand)),
            }),
        ]
    })
}

/// Texts that are nearly filters.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = [
        "Node", "Meta", "not", "and", "or", "in", "is", "empty", "matches", "==", "!=", " ", " ", " ", "\n", "(", ")",
        "[", "]", "\"", "`", "\"x\"", "[`k`]", "3", "-", ".", "é", "\\", "(?i)", "*", "{2}", "\\pL",
    ];
    prop_oneof![
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..16).prop_map(|pieces| pieces.concat()),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn printing_and_parsing_are_inverse(expression in any_expression()) {
        let text = expression.to_string();
        prop_assert_eq!(grammar::parse(&text), Ok(expression), "{}", text);
    }

    #[test]
    fn parsing_never_panics_and_points_into_the_text(text in any_text()) {
        if let Err(error) = Filter::parse(&text, &CATALOG_NODES) {
            prop_assert!(error.offset() <= text.len());
        }
    }

    #[test]
    fn patterns_never_panic(pattern in any_text(), text in any::<String>()) {
        if let Ok(pattern) = go_regex::compile(pattern.as_bytes(), COMPILED_BYTES_MAX) {
            pattern.regex.is_match(text.as_bytes());
        }
    }

    #[test]
    fn a_plain_pattern_is_a_substring(
        needle in "[ab{é _@#%&~<>=,:;!'\"/-]{1,3}",
        text in "[ab{é _@#%&~<>=,:;!'\"/-]{0,9}",
    ) {
        let pattern = go_regex::compile(needle.as_bytes(), COMPILED_BYTES_MAX).unwrap();
        prop_assert_eq!(pattern.regex.is_match(text.as_bytes()), text.contains(&needle));
    }
}

/// A short filter over a long text took 31 s when nothing bounded the product of its pattern's size and the text.
#[test]
fn a_filter_that_would_take_long_is_refused_before_it_runs() {
    let output = "a".repeat(300_000);
    let check = serde_json::json!({ "Output": output });
    let pattern = "([a-z]{1,30}[a-y]{1,30}){1,33}x";
    let filter = Filter::parse(format!("Output matches \"{pattern}\""), &HEALTH_CHECKS).unwrap();
    assert_eq!(filter.matches(&check, &mut Budget::default()), Err(OverBudget));
    // A pattern as they are written runs over megabytes.
    let filter = Filter::parse("Output matches \"(?i)error: [a-z]+ [0-9]{3}\"", &HEALTH_CHECKS).unwrap();
    let mut budget = Budget::default();
    for _ in 0..10 {
        assert_eq!(filter.matches(&check, &mut budget), Ok(false));
    }
    assert!(budget.left() > Budget::default().left() / 2);
}

#[test]
fn all_patterns_of_a_filter_share_one_bound() {
    let term = r#"Output matches "\\pL{23}""#;
    let one = Filter::parse(term, &HEALTH_CHECKS).unwrap();
    assert!(one.weight_bytes() > 100_000, "{}", one.weight_bytes());
    let many = [term; 16].join(" or ");
    let error = Filter::parse(&many, &HEALTH_CHECKS).unwrap_err();
    assert!(error.to_string().contains("expression too large"), "{error}");
}
