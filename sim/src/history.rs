//! What the clients of the registers saw, as the linearizability checker wants it.

use std::collections::BTreeMap;

use crate::clients::{Call, CallKind, CallResult};
use crate::linearizability::{Expected, Operation, Register, RegisterAnswer, RegisterCall, check};

/// Checks that the calls of each key are linearizable, and that an index always means the same write.
pub fn check_calls(calls: &[Call]) -> Result<(), String> {
    let mut by_key: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls.iter().filter(|call| !matches!(call.result, Some((_, CallResult::Refused)))) {
        by_key.entry(&call.key).or_default().push(call);
    }
    for (key, calls) in by_key {
        let written_at = writes_by_index(&calls).map_err(|what| format!("{key}: {what}"))?;
        let history: Vec<_> = calls.iter().map(|call| operation(call, &written_at)).collect();
        check(&Register, &history).map_err(|violation| format!("{key}: {violation}"))?;
    }
    Ok(())
}

/// Which value was written at which index, as far as it was read.
fn writes_by_index(calls: &[&Call]) -> Result<BTreeMap<u64, u64>, String> {
    let mut by_index = BTreeMap::new();
    for call in calls {
        if let Some((_, CallResult::Read(Some((value, index))))) = call.result {
            let first = *by_index.entry(index).or_insert(value);
            if first != value {
                return Err(format!("index {index} was told with value {first} and with {value}"));
            }
        }
    }
    Ok(by_index)
}

fn operation(call: &Call, written_at: &BTreeMap<u64, u64>) -> Operation<RegisterCall, RegisterAnswer> {
    let asked = match call.kind {
        CallKind::Get => RegisterCall::Get,
        CallKind::Put(value) => RegisterCall::Put(value),
        CallKind::Cas(value, 0) => RegisterCall::Cas(value, Expected::Absent),
        CallKind::Cas(value, index) => {
            RegisterCall::Cas(value, written_at.get(&index).map_or(Expected::Nothing, |value| Expected::Value(*value)))
        }
        CallKind::Delete => RegisterCall::Delete,
    };
    let answer = call.result.as_ref().and_then(|(moment, result)| match result {
        CallResult::Read(read) => Some((*moment, RegisterAnswer::Value(read.map(|(value, _)| value)))),
        CallResult::Written(written) => Some((*moment, RegisterAnswer::Written(*written))),
        CallResult::Refused => None,
    });
    Operation { client: call.client, called: call.called, call: asked, answer }
}
