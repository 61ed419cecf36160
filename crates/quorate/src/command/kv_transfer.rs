//! `kv export` and `kv import`: keys as JSON, from one cluster to another.
//!
//! The form is Consul's, so exports go either way. Unlike there, a key is written as it was read: Consul's import cleans it
//! like a path, so that `a//b` becomes `a/b`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quorate_api::client::{Client, Query, Write};
use quorate_api::kv::Bytes64;
use quorate_api::{TxnKv, TxnOperation, go_json};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::connect::{client, query};
use super::kv::key_of;
use super::output::{Failure, data, print};
use crate::flags::{KvExportFlags, KvImportFlags};

/// A key in an export.
#[derive(Serialize)]
struct Exported<'a> {
    key: &'a str,
    flags: u64,
    /// The value in base64.
    value: String,
}

/// A key to import. It is read as Go reads it, whatever the case of its fields: so that an answer of the API can be imported.
#[derive(Default, Deserialize)]
#[serde(default, rename = "struct { Entry } loose")]
struct Imported {
    key: String,
    flags: u64,
    value: String,
    namespace: String,
    partition: String,
}

impl Imported {
    /// Refuses a key of another namespace or partition: there is one of each, in which it would replace its namesakes.
    fn check_tenant(&self) -> Result<(), Failure> {
        for (what, name) in [("namespace", &self.namespace), ("partition", &self.partition)] {
            if !name.is_empty() && name != "default" {
                let key = &self.key;
                return Err(Failure::new(format!(
                    "Error! Key {key} is of the {what} {name:?}, and there is no {what} but \"default\"; nothing was imported"
                )));
            }
        }
        Ok(())
    }
}

/// Prints all keys under a prefix.
pub(super) async fn export(flags: KvExportFlags) -> Result<(), Failure> {
    let prefix = key_of(flags.arguments)?;
    let client = client(&flags.http, Some(&flags.tenant))?;
    let pairs =
        client.kv_list(&prefix, &query(&flags.http)).await.map_err(Failure::of("Error querying Consul agent"))?;
    let exported = pairs.value.iter().map(|pair| Exported {
        key: &pair.key,
        flags: pair.flags,
        value: STANDARD.encode(pair.value_bytes()),
    });
    let exported: Vec<Exported> = exported.collect();
    print(to_json(&exported).map_err(Failure::of("Error exporting KV data"))?)
}

/// Writes keys. It stops at the first that fails; those before it are written.
pub(super) async fn import(flags: KvImportFlags) -> Result<(), Failure> {
    let count = flags.arguments.len();
    let mut arguments = flags.arguments.into_iter();
    let argument = match (arguments.next(), arguments.next()) {
        (None, _) => return Err(Failure::new("Error! Missing DATA argument")),
        (Some(_), Some(_)) => {
            return Err(Failure::new(format!("Error! Too many arguments (expected 1, got {count})")));
        }
        (Some(empty), None) if empty.is_empty() => return Err(Failure::new("Error! Empty DATA argument")),
        (Some(argument), None) => argument,
    };
    let entries = from_json(&data(argument)?)?;
    let client = client(&flags.http, Some(&flags.tenant))?;
    for (key, value, write) in entries {
        let key = prefixed(&flags.prefix, &key);
        let written = if is_path(&key) {
            client.kv_put(&key, &value, &write).await.map(drop).map_err(|error| error.to_string())
        } else {
            put_by_transaction(&client, &key, value, &write).await
        };
        written.map_err(|problem| Failure::new(format!("Error! Failed writing data for key {key}: {problem}")))?;
        print(format!("Imported: {key}"))?;
    }
    Ok(())
}

/// Whether the path of a URL can end with a key: servers clean a path of empty parts and dots, which would be another key.
fn is_path(key: &str) -> bool {
    let without_slash = key.strip_suffix('/').unwrap_or(key);
    !without_slash.split('/').any(|part| matches!(part, "" | "." | ".."))
}

/// Writes a key of any name.
async fn put_by_transaction(client: &Client, key: &str, value: Vec<u8>, write: &Write) -> Result<(), String> {
    let key = TxnKv {
        verb: "set".to_owned(),
        key: key.to_owned(),
        value: Some(Bytes64(value.into())),
        flags: write.flags,
        ..TxnKv::default()
    };
    let operation = TxnOperation { kv: Some(key), ..TxnOperation::default() };
    let answer = client.txn(&[operation], &Query::default()).await.map_err(|error| error.to_string())?;
    match answer.errors.unwrap_or_default().into_iter().next() {
        None => Ok(()),
        Some(error) => Err(error.what.into_owned()),
    }
}

/// The JSON of an export, as Go writes it.
fn to_json(exported: &[Exported<'_>]) -> Result<String, serde_json::Error> {
    let mut json = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    exported.serialize(&mut serde_json::Serializer::with_formatter(&mut json, formatter))?;
    let mut json = String::from_utf8_lossy(&json).into_owned();
    // Go escapes these in every text, and nothing but a text has them.
    for (character, escape) in
        [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")]
    {
        json = json.replace(character, escape);
    }
    Ok(json)
}

/// The keys of an export with their values, all of them decoded before any is written.
fn from_json(json: &[u8]) -> Result<Vec<(String, Vec<u8>, Write)>, Failure> {
    let failed = "Cannot unmarshal data";
    // What stands behind the first value is a part of the file that would be lost.
    serde_json::from_slice::<IgnoredAny>(json).map_err(Failure::of(failed))?;
    let entries: Option<Vec<Imported>> = go_json::from_slice(json).map_err(Failure::of(failed))?;
    let decode = |entry: Imported| {
        entry.check_tenant()?;
        let Imported { key, flags, value, .. } = entry;
        let value = quorate_api::kv::decode_base64(value.as_bytes()).map_err(|offset| {
            let problem = format!("illegal base64 data at input byte {offset}");
            Failure::new(format!("Error base 64 decoding value for key {key}: {problem}"))
        })?;
        Ok((key, value, Write { flags, ..Write::default() }))
    };
    entries.into_iter().flatten().map(decode).collect()
}

/// A key behind a prefix, with one `/` in between.
fn prefixed(prefix: &str, key: &str) -> String {
    match prefix {
        "" => key.to_owned(),
        _ => format!("{}/{}", prefix.trim_end_matches('/'), key.trim_start_matches('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_exported_is_imported() {
        let entry = |key, flags, value: &[u8]| Exported { key, flags, value: STANDARD.encode(value) };
        let exported = [entry("a//b/", 42, b""), entry("<é&>", u64::MAX, b"\x00\xff")];
        let json = to_json(&exported).unwrap();
        assert!(json.contains("\"key\": \"\\u003cé\\u0026\\u003e\""), "{json}");
        let entries = from_json(json.as_bytes()).unwrap();
        let read: Vec<_> = entries.iter().map(|(key, value, write)| (&key[..], &value[..], write.flags)).collect();
        assert_eq!(read, [("a//b/", &b""[..], 42), ("<é&>", &b"\x00\xff"[..], u64::MAX)]);
        assert_eq!(to_json(&[]).unwrap(), "[]");
    }

    #[test]
    fn what_others_export_is_imported() {
        let json =
            br#"[{"key":"a","flags":0,"value":null,"namespace":"default","partition":""},{"key":"b","value":"YQ=="},
            {"LockIndex":0,"Key":"c","Flags":3,"Value":"YQ==","CreateIndex":1,"ModifyIndex":1}]"#;
        let keys = from_json(json).unwrap().into_iter().map(|(key, value, write)| (key, value, write.flags));
        let expected = [("a", &b""[..], 0), ("b", b"a", 0), ("c", b"a", 3)];
        assert!(keys.eq(expected.map(|(key, value, flags)| (key.to_owned(), value.to_vec(), flags))));
        assert!(from_json(b"null").unwrap().is_empty());
    }

    #[test]
    fn damaged_exports_are_refused_before_anything_is_written() {
        let refused = from_json(br#"[{"key":"a","value":"YQ=="},{"key":"b","value":"!"}]"#).unwrap_err();
        assert_eq!(refused.to_string(), "Error base 64 decoding value for key b: illegal base64 data at input byte 0");
        for damaged in [&b"{}"[..], b"[] []", b"[", br#"[{"key":1}]"#] {
            assert!(from_json(damaged).unwrap_err().to_string().starts_with("Cannot unmarshal data: "));
        }
        for tenant in ["namespace", "partition"] {
            let json = format!(r#"[{{"key":"a","value":"YQ=="}},{{"key":"a","value":"Yg==","{tenant}":"x"}}]"#);
            let refused = from_json(json.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(&format!("is of the {tenant} \"x\"")), "{refused}");
        }
    }

    #[test]
    fn what_a_path_would_change_is_no_path() {
        assert!(["a", "a/b", "a/", "a/.b", "..."].into_iter().all(is_path));
        assert!(!["", "/a", "a//b", "a//", "./a", "a/../b", "a/."].into_iter().any(is_path));
    }

    #[test]
    fn prefixes_are_joined_with_one_slash() {
        assert_eq!(prefixed("", "/a"), "/a");
        assert_eq!(prefixed("p", "a/"), "p/a/");
        assert_eq!(prefixed("p/", "a"), "p/a");
    }
}
