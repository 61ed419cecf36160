//! Filter expressions: reading one never fails but with an error that points into it, and a filter that was read can be
//! run over any result.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use quorate_filter::{Budget, CATALOG_NODE, CATALOG_NODES, CATALOG_SERVICE, Filter, HEALTH_CHECKS, HEALTH_SERVICE};
use serde_json::Value;

/// What a real Consul answered to eight routes; a filter must bear with results of other routes, too.
static RESULTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let recorded = include_str!("../../crates/filter/src/testdata/results.json");
    let routes: Value = serde_json::from_str(recorded).expect("the recording is JSON");
    let lists = routes.as_object().into_iter().flatten().filter_map(|(_, results)| results.as_array());
    lists.flatten().cloned().chain([Value::Null, Value::Array(Vec::new())]).collect()
});

fuzz_target!(|text: &[u8]| {
    for schema in [&CATALOG_NODE, &CATALOG_NODES, &CATALOG_SERVICE, &HEALTH_CHECKS, &HEALTH_SERVICE] {
        match Filter::parse(text, schema) {
            Ok(filter) => RESULTS.iter().for_each(|result| {
                let _ = filter.matches(result, &mut Budget::default());
            }),
            Err(error) => assert!(error.offset() <= text.len() && !error.reason().is_empty()),
        }
    }
});
