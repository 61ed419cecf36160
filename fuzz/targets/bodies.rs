//! JSON bodies, read as Go reads them: each type of body that a route takes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_api::go_json::from_slice;
use quorate_api::kv::decode_base64;
use quorate_api::{Deregistration, Registration, SessionCreate, TxnOperations};
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let _ = from_slice::<Registration>(body);
    let _ = from_slice::<Deregistration>(body);
    let _ = from_slice::<SessionCreate>(body);
    let _ = decode_base64(body);
    if let Ok(TxnOperations(operations)) = from_slice(body) {
        for operation in operations {
            drop(operation.check.map(|check| check.check.into_check()));
            drop(operation.service.map(|service| service.service.into_node_service()));
        }
    }
    // What strict JSON accepts, Go accepts: without regard to depth and to the size of numbers, which both bound.
    let text = std::str::from_utf8(body).unwrap_or_default();
    if text.len() < 64 && serde_json::from_str::<Value>(text).is_ok() && !text.contains(['e', 'E']) {
        assert!(from_slice::<Value>(body).is_ok(), "{text} is refused");
    }
});
