//! Configuration files: HCL and JSON give values whose lines lie in the text, or an error that does; and JSON that was
//! read is what serde's reader makes of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_hcl::{Kind, Object, Value, parse_hcl, parse_json};

fuzz_target!(|text: &str| {
    let lines = text.split('\n').count();
    for read in [parse_hcl(text), parse_json(text)] {
        match read {
            Ok(values) => within(&values, lines),
            Err(error) => assert!((1..=lines).contains(&error.line) && error.column >= 1),
        }
    }
    // Serde has other limits on depth and numbers, so only what both read is compared.
    if let (Ok(values), Ok(serde)) = (parse_json(text), serde_json::from_str::<serde_json::Value>(text)) {
        assert_eq!(values.members.len(), serde.as_object().map_or(0, serde_json::Map::len));
    }
});

fn within(object: &Object, lines: usize) {
    for member in &object.members {
        assert!((1..=lines).contains(&member.line));
        value_within(&member.value, lines);
    }
}

fn value_within(value: &Value, lines: usize) {
    assert!((1..=lines).contains(&value.line));
    match &value.kind {
        Kind::List(list) => list.iter().for_each(|value| value_within(value, lines)),
        Kind::Object(object) => within(object, lines),
        _ => {}
    }
}
