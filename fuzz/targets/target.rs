//! A request's target: the query's parameters and the path.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_http::target::{Parameters, cleaned, decode};

fuzz_target!(|target: &str| {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let _ = decode(path.as_bytes());
    if let Some(clean) = cleaned(path) {
        assert_eq!(cleaned(&clean), None, "{clean} is not clean");
    }
    let Ok(parameters) = Parameters::parse(query) else { return };
    // A name that is no text is none that anybody asks for.
    for (name, value) in parameters.iter().filter(|(name, _)| !name.contains('\u{fffd}')) {
        assert!(parameters.has(&name) && parameters.all(&name).any(|other| other == value));
        let _ = parameters.first_bytes(&name);
    }
    let encoded = parameters.encoded();
    let again = Parameters::parse(&encoded).expect("what was encoded is well-formed");
    assert_eq!(again.encoded(), encoded);
    assert_eq!(again.iter().count(), parameters.iter().count());
});
