//! `kv get`, `kv put` and `kv delete`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quorate_api::KvPair;
use quorate_api::client::{Client, Delete, PutCondition, Write};

use super::connect::{client, query};
use super::output::{Failure, at_most_one, columns, data, print, text};
use crate::flags::{KvDeleteFlags, KvGetFlags, KvPutFlags};

/// Prints a key's value, or what is under a prefix.
pub(super) async fn get(flags: KvGetFlags) -> Result<(), Failure> {
    let key = key_of(flags.arguments)?;
    let (keys, recurse) = (flags.keys.unwrap_or(false), flags.recurse.unwrap_or(false));
    if key.is_empty() && !keys && !recurse {
        return Err(Failure::new("Error! Missing KEY argument"));
    }
    let client = client(&flags.http, Some(&flags.tenant))?;
    let query = query(&flags.http);
    let failed = "Error querying Consul agent";
    let is_base64 = flags.base64.unwrap_or(false);
    let is_detailed = flags.detailed.unwrap_or(false);
    if keys {
        let keys = client.kv_keys(&key, &flags.separator, &query).await.map_err(Failure::of(failed))?;
        return keys.value.iter().try_for_each(print);
    }
    if !recurse {
        let pair = client.kv_get(&key, &query).await.map_err(Failure::of(failed))?.value;
        let pair = pair.ok_or_else(|| Failure::new(format!("Error! No key exists at: {key}")))?;
        return print(if is_detailed { details(&pair, is_base64) } else { value(&pair, is_base64) });
    }
    let pairs = client.kv_list(&key, &query).await.map_err(Failure::of(failed))?.value;
    for (position, pair) in pairs.iter().enumerate() {
        if !is_detailed {
            print([pair.key.as_bytes(), b":", &value(pair, is_base64)].concat())?;
            continue;
        }
        print(details(pair, is_base64))?;
        if position + 1 < pairs.len() {
            print("")?;
        }
    }
    Ok(())
}

/// Writes a key.
pub(super) async fn put(flags: KvPutFlags) -> Result<(), Failure> {
    let (key, value) = key_and_data(flags.arguments)?;
    let value = match flags.base64.unwrap_or(false) {
        true => quorate_api::kv::decode_base64(&value).map_err(|offset| {
            Failure::new(format!("Error! Cannot base 64 decode data: illegal base64 data at input byte {offset}"))
        })?,
        false => value,
    };
    let (acquire, release) = (flags.acquire.unwrap_or(false), flags.release.unwrap_or(false));
    if (acquire || release) && flags.session.is_empty() {
        return Err(Failure::new("Error! Missing -session (required with -acquire and -release)"));
    }
    if key.starts_with('/') {
        return Err(Failure::new(format!(
            "Error! Failed writing data: Invalid key. Key must not begin with a '/': {key}"
        )));
    }
    let client = client(&flags.http, Some(&flags.tenant))?;
    let put = |condition| put_key(&client, &key, &value, Write { flags: flags.flags, condition });
    if flags.cas.unwrap_or(false) {
        let failed = format!("Error! Did not write to {key}");
        let index = flags.modify_index;
        return match put(PutCondition::Cas(index)).await.map_err(|error| Failure::new(format!("{failed}: {error}")))? {
            true => print(format!("Success! Data written to: {key}")),
            false if index == 0 => {
                Err(Failure::new(format!("{failed}: CAS performed with index=0 and key already exists.")))
            }
            false => Err(Failure::new(format!("{failed}: CAS failed"))),
        };
    }
    let (condition, success, refused) = match (acquire, release) {
        (true, _) => (PutCondition::Acquire(flags.session), "Lock acquired on", "Error! Did not acquire lock"),
        (_, true) => (PutCondition::Release(flags.session), "Lock released on", "Error! Did not release lock"),
        // A plain write has no condition that could not hold.
        _ => (PutCondition::None, "Data written to", "Error! Failed writing data"),
    };
    match put(condition).await.map_err(Failure::of("Error! Failed writing data"))? {
        true => print(format!("Success! {success}: {key}")),
        false => Err(Failure::new(refused)),
    }
}

async fn put_key(client: &Client, key: &str, value: &[u8], write: Write) -> Result<bool, quorate_api::client::Error> {
    client.kv_put(key, value, &write).await
}

/// Deletes a key, or all under a prefix.
pub(super) async fn delete(flags: KvDeleteFlags) -> Result<(), Failure> {
    let key = key_of(flags.arguments)?;
    let (cas, recurse) = (flags.cas.unwrap_or(false), flags.recurse.unwrap_or(false));
    let refused = match (cas, recurse, flags.modify_index) {
        (_, false, _) if key.is_empty() => Some("Error! Missing KEY argument"),
        (true, _, 0) => Some("Cannot delete a key that does not exist. Provide a -modify-index greater than than 0."),
        (false, _, 1..) => Some("Cannot specify -modify-index without -cas!"),
        (true, true, _) => Some("Cannot specify both -cas and -recurse!"),
        _ => None,
    };
    if let Some(refused) = refused {
        return Err(Failure::new(refused));
    }
    let client = client(&flags.http, Some(&flags.tenant))?;
    let (delete, failed, success) = if recurse {
        (Delete::Recurse, format!("Error! Did not delete prefix {key}"), format!("Deleted keys with prefix: {key}"))
    } else if cas {
        (Delete::Cas(flags.modify_index), format!("Error! Did not delete key {key}"), format!("Deleted key: {key}"))
    } else {
        (Delete::Key, format!("Error deleting key {key}"), format!("Deleted key: {key}"))
    };
    match client.kv_delete(&key, delete).await.map_err(|error| Failure::new(format!("{failed}: {error}")))? {
        false if cas => Err(Failure::new(format!("{failed}: CAS failed"))),
        _ => print(format!("Success! {success}")),
    }
}

/// The key or prefix in the arguments. A `/` before it is taken off: no key begins with one, but people type it.
pub(super) fn key_of(arguments: Vec<std::ffi::OsString>) -> Result<String, Failure> {
    let key = at_most_one(arguments)?.map(text).transpose()?.unwrap_or_default();
    Ok(key.strip_prefix('/').unwrap_or(&key).to_owned())
}

fn key_and_data(arguments: Vec<std::ffi::OsString>) -> Result<(String, Vec<u8>), Failure> {
    let count = arguments.len();
    let mut arguments = arguments.into_iter();
    match (arguments.next(), arguments.next()) {
        (None, _) => Err(Failure::new("Error! Missing KEY argument")),
        _ if count > 2 => Err(Failure::new(format!("Error! Too many arguments (expected 1 or 2, got {count})"))),
        (Some(key), argument) => Ok((text(key)?, argument.map(data).transpose()?.unwrap_or_default())),
    }
}

fn value(pair: &KvPair<'_>, is_base64: bool) -> Vec<u8> {
    let value = pair.value_bytes();
    if is_base64 { STANDARD.encode(value).into_bytes() } else { value.to_vec() }
}

/// All that is known of a key.
fn details(pair: &KvPair<'_>, is_base64: bool) -> Vec<u8> {
    let session = if pair.session.is_empty() { "-" } else { &pair.session };
    let row = |name: &str, value: &dyn std::fmt::Display| vec![name.to_owned(), value.to_string()];
    let rows = [
        row("CreateIndex", &pair.create_index),
        row("Flags", &pair.flags),
        row("Key", &pair.key),
        row("LockIndex", &pair.lock_index),
        row("ModifyIndex", &pair.modify_index),
        row("Session", &session),
        row("Value", &""),
    ];
    let mut details = columns(&rows, "", 6).into_bytes();
    details.extend(value(pair, is_base64));
    details
}
