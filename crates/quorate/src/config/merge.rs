//! What holds when a key is given more than once, by Consul's rules: files in the order given, then flags, then the
//! fragments of `-hcl`; the last single value wins; lists are joined, those of flags first; maps are laid over each other.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Entry, Kind};

/// What holds, by key.
pub(crate) type Merged = BTreeMap<&'static str, Entry>;

/// Merges the files, each a layer, with the flags and the fragments of HCL among them.
pub(crate) fn merge(files: Vec<Vec<Entry>>, flags: Vec<Entry>, fragments: Vec<Vec<Entry>>) -> Merged {
    let flags = flags.into_iter().map(with_parts);
    let (lists, values): (Vec<_>, Vec<_>) = flags.partition(|entry| entry.key.kind == Kind::List);
    let mut merged = Merged::new();
    for entry in
        lists.into_iter().chain(files.into_iter().flatten()).chain(values).chain(fragments.into_iter().flatten())
    {
        match merged.get_mut(entry.key.path) {
            Some(known) => add(known, entry),
            None => {
                merged.insert(entry.key.path, entry);
            }
        }
    }
    merged
}

fn add(known: &mut Entry, later: Entry) {
    match (&mut known.value, later.value) {
        (Value::Array(known), Value::Array(later)) => known.extend(later),
        (Value::Object(known), Value::Object(later)) => known.extend(later),
        (known, later) => *known = later,
    }
    known.origin = later.origin;
    known.parts.extend(later.parts);
}

/// An entry of a flag, whose elements and members come from it.
fn with_parts(mut entry: Entry) -> Entry {
    let parts: Vec<String> = match &entry.value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::Object(map) => map.keys().cloned().collect(),
        _ => Vec::new(),
    };
    entry.parts = parts.into_iter().map(|part| (part, entry.origin.clone())).collect();
    entry
}
