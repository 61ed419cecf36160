//! Whatever is read, reading ends with values or with an error inside the text; and what is written is what is read.

use proptest::prelude::*;
use quorate_hcl::{Kind, Object, Value};
use serde_json::Value as Json;

/// Values as JSON has them; numbers are such as both languages write alike.
fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        (-1000i32..1000).prop_map(|number| Json::from(f64::from(number) + 0.25)),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..6).prop_map(Json::from_iter),
        ]
    })
}

fn root() -> impl Strategy<Value = serde_json::Map<String, Json>> {
    prop::collection::btree_map("[a-z]{1,4}", json(), 0..6).prop_map(|map| map.into_iter().collect())
}

fn kind(json: &Json, in_object: bool) -> Kind {
    match json {
        Json::Null => Kind::Null,
        Json::Bool(is) => Kind::Bool(*is),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Kind::Integer(number),
            None => Kind::Float(number.as_f64().unwrap()),
        },
        Json::String(text) => Kind::Text(text.clone()),
        Json::Array(list) => Kind::List(list.iter().map(|element| value(element, false)).collect()),
        Json::Object(members) if in_object => Kind::List(vec![value(&Json::Object(members.clone()), false)]),
        Json::Object(members) => Kind::Object(object(members, true)),
    }
}

fn value(json: &Json, in_object: bool) -> Value {
    Value { line: 1, kind: kind(json, in_object) }
}

fn object(members: &serde_json::Map<String, Json>, is_hcl: bool) -> Object {
    let members = members.iter().map(|(key, json)| quorate_hcl::Member {
        earlier_line: None,
        key: key.clone(),
        line: 1,
        value: if is_hcl { value(json, true) } else { plain(json) },
    });
    Object { members: members.collect() }
}

/// The value as JSON's reader gives it, which puts no lists around objects.
fn plain(json: &Json) -> Value {
    let kind = match json {
        Json::Array(list) => Kind::List(list.iter().map(plain).collect()),
        Json::Object(members) => Kind::Object(object(members, false)),
        other => kind(other, false),
    };
    Value { line: 1, kind }
}

fn hcl_text(text: &str) -> String {
    // "${" would keep escapes as they are, so its dollar is escaped itself.
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        '$' => "\\x24".to_owned(),
        c if c < ' ' || c == '\x7f' => format!("\\x{:02x}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

fn hcl(json: &Json) -> String {
    match json {
        Json::String(text) => hcl_text(text),
        Json::Array(list) => format!("[{}]", list.iter().map(hcl).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => format!("{{ {} }}", hcl_members(members)),
        other => other.to_string(),
    }
}

fn hcl_members(members: &serde_json::Map<String, Json>) -> String {
    let member = |(key, value): (&String, &Json)| match value {
        Json::Object(inner) if key.len() % 2 == 0 => format!("{key} {{ {} }}", hcl_members(inner)),
        other => format!("\"{key}\" = {}", hcl(other)),
    };
    members.iter().map(member).collect::<Vec<_>>().join(" ")
}

proptest! {
    #[test]
    fn json_is_read_as_it_was_written(members in root()) {
        let text = serde_json::to_string(&members).unwrap();
        prop_assert_eq!(quorate_hcl::parse_json(&text).unwrap(), object(&members, false));
    }

    #[test]
    fn hcl_is_read_as_it_was_written(members in root()) {
        prop_assert_eq!(quorate_hcl::parse_hcl(&hcl_members(&members)).unwrap(), object(&members, true));
    }

    #[test]
    fn any_text_gives_values_or_an_error_inside_it(
        text in r#"([a-c]|[ \n]|=|\{|\}|\[|\]|,|"|\\|\$\{|<<-?E\n|E\n|#|/\*|\*/|-|\.|[0-9]|e|x|é){0,40}"#,
    ) {
        for error in [quorate_hcl::parse_hcl(&text).err(), quorate_hcl::parse_json(&text).err()].into_iter().flatten() {
            let lines: Vec<&str> = text.split('\n').collect();
            prop_assert!((1..=lines.len()).contains(&error.line), "{:?}", error);
            prop_assert!(error.column <= lines[error.line - 1].chars().count() + 1, "{:?}", error);
        }
    }
}
