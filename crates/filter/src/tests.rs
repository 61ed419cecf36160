//! Filters against what Consul answers to them, and properties of the language.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::expression::{Comparison, Expression, Test};

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

fn matches(filter: &Filter, item: &Value) -> bool {
    filter.run(STEPS_MAX).passes(item).unwrap()
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

/// What a filter does to a route's results, as the transcript writes it.
fn answer(route: &str, text: &str, results: &Value) -> String {
    match Filter::parse(text, schema(route)) {
        Err(error) => error.to_string().split('\n').map(|line| format!("! {line}\n")).collect(),
        Ok(filter) => {
            let passed = results[route].as_array().unwrap().iter().filter(|item| matches(&filter, item));
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
    assert!(matches(&filter, &serde_json::json!({ "Node": "y" })));
    assert!(!matches(&filter, &serde_json::json!({ "Node": "z" })));
    let error = Filter::parse(" ".repeat(TEXT_BYTES_MAX) + "x", &CATALOG_NODES).unwrap_err();
    assert_eq!(error.reason(), "Filter of 65537 bytes exceeds the limit of 65536 bytes");
}

#[test]
fn patterns_are_bounded() {
    let terms = |count: usize| vec!["Node matches a"; count].join(" or ");
    assert!(Filter::parse(terms(compile::PATTERNS_MAX), &CATALOG_NODES).is_ok());
    assert!(Filter::parse(terms(compile::PATTERNS_MAX + 1), &CATALOG_NODES).is_err());
    let error = Filter::parse(r"Node matches `\pL{1000}`", &CATALOG_NODES).unwrap_err();
    assert!(error.reason().ends_with(r"error parsing regexp: expression too large: `\pL{1000}`"), "{error}");
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
    assert!(Filter::parse("", &CATALOG_NODES).map(|filter| matches(&filter, &Value::Null)).unwrap());
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
        let _ = matches_pattern(&pattern, &text);
    }

    #[test]
    fn a_plain_pattern_is_a_substring(
        needle in "[ab{é _@#%&~<>=,:;!'\"/-]{1,3}",
        text in "[ab{é _@#%&~<>=,:;!'\"/-]{0,9}",
    ) {
        prop_assert_eq!(matches_pattern(&needle, &text), Ok(text.contains(&needle)));
    }
}

/// A result whose only text is this one.
fn with_output(output: &str) -> Value {
    serde_json::json!({ "Output": output })
}

/// The filters that stopped a server: 201 bytes of nested counts, and what comes close to it within what Go allows.
#[test]
fn a_hostile_pattern_over_a_long_text_ends_within_its_steps() {
    let nested = format!("Output matches `{}`", "((((x?){0,30}y?){0,30}z?){0,30}w?){0,30}");
    assert!(Filter::parse(&nested, &HEALTH_CHECKS).unwrap_err().reason().contains("invalid repeat count"));

    // A new state for each byte.
    let filter = Filter::parse("Output matches `(a|b)*a(a|b){900}c`", &HEALTH_CHECKS).unwrap();
    let text: String =
        (0..300_000_u32).map(|at| if at.wrapping_mul(2_654_435_761) >> 31 == 0 { 'a' } else { 'b' }).collect();
    let result = with_output(&text);
    let mut run = filter.run(10_000_000);
    assert_eq!(run.passes(&result), Err(Exhausted { limit: 10_000_000 }));
    assert_eq!(run.steps_taken(), 10_000_000);
}

#[test]
fn steps_are_counted_alike_in_every_run_and_bounded_by_the_cost_per_byte() {
    let filter = Filter::parse("Output matches `x.*y` or foo in Output or Output == bar", &HEALTH_CHECKS).unwrap();
    let result = with_output(&"zxab".repeat(10_000));
    let steps = || {
        let mut run = filter.run(STEPS_MAX);
        assert_eq!(run.passes(&result), Ok(false));
        run.steps_taken()
    };
    assert_eq!(steps(), steps());
    assert!(steps() > 40_000, "each byte has its step");
    assert!(steps() < 100_000, "states are built once: {}", steps());
    assert!(steps() < 40_000 * filter.cost_per_byte());
}

#[test]
fn more_steps_can_be_granted() {
    let filter = Filter::parse("Output matches x", &HEALTH_CHECKS).unwrap();
    let result = with_output(&"y".repeat(100_000));
    let mut run = filter.run(1000);
    assert!(run.passes(&result).is_err());
    run.grant(1_000_000);
    assert_eq!(run.passes(&result), Ok(false));
}

#[test]
fn what_a_filter_holds_is_bounded() {
    let patterns = vec![r"Output matches `\pL{23}`"; compile::PATTERNS_MAX].join(" or ");
    assert!(Filter::parse(&patterns, &HEALTH_CHECKS).unwrap_err().reason().contains("expression too large"));
    let ordinary = Filter::parse(r"Output matches `(?i)error.*\d+` and web in ServiceTags", &HEALTH_CHECKS).unwrap();
    assert!(ordinary.weight_bytes() < 16 * 1024, "{}", ordinary.weight_bytes());
    let large = Filter::parse(r"Output matches `\pL{40}`", &HEALTH_CHECKS).unwrap();
    let weight = large.weight_bytes();
    assert!(weight > go_regex::COMPILED_BYTES_MAX / 2, "{weight}");
    assert!(weight < go_regex::COMPILED_BYTES_MAX + TEXT_BYTES_MAX, "{weight}");
}

#[test]
fn what_compiling_costs_is_bounded() {
    let taken = |class: &str, times: usize| {
        let filter = format!("Output matches `(?i)x|{}`", class.repeat(times));
        Filter::parse(filter, &HEALTH_CHECKS).err().map(|error| error.reason().contains("expression too large"))
    };
    for class in ["[ -\u{10ffff}]", r"[\x{1}-\x{10ffff}]", r"\p{Any}", r"[a\P{^Any}]"] {
        assert_eq!((taken(class, 1), taken(class, 9)), (None, Some(true)), "{class}");
    }
    // They count across patterns.
    let many = vec![r"Output matches `\p{Any}`"; 9].join(" or ");
    assert!(Filter::parse(many, &HEALTH_CHECKS).is_err());
}

#[test]
fn mistakes_are_listed_up_to_a_bound() {
    let error = Filter::parse(vec![r#"Output == "\q""#; 1000].join(" or "), &HEALTH_CHECKS).unwrap_err();
    assert_eq!(error.reason().lines().count(), 100);
}

#[test]
fn filters_are_equal_by_text_and_schema() {
    let parse = |text: &str, schema| Filter::parse(text, schema).unwrap();
    assert_eq!(parse("Node == a", &CATALOG_NODES), parse("Node == a", &CATALOG_NODES));
    assert_ne!(parse("Node == a", &CATALOG_NODES), parse("Node == b", &CATALOG_NODES));
    assert_ne!(parse("Node == a", &CATALOG_NODES), parse("Node == a", &HEALTH_CHECKS));
    let schemas = [&AGENT_MEMBERS, &CATALOG_NODE, &CATALOG_NODES, &CATALOG_SERVICE, &HEALTH_CHECKS, &HEALTH_SERVICE];
    let names: std::collections::BTreeSet<_> = schemas.iter().map(|schema| schema.name).collect();
    assert_eq!(names.len(), schemas.len(), "each schema has a name of its own");
}
