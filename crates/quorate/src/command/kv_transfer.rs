//! `kv export` and `kv import`: keys as JSON, from one cluster to another.
//!
//! The form is Consul's, so exports go either way. Unlike there, a key is written as it was read: Consul's import cleans it
//! like a path, so that `a//b` becomes `a/b`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quorate_api::client::Write;
use serde::{Deserialize, Serialize};

use super::connect::{client, query};
use super::kv::key_of;
use super::output::{Failure, data, print};
use crate::flags::{KvExportFlags, KvImportFlags};

/// A key in an export.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Exported {
    key: String,
    #[serde(default)]
    flags: u64,
    /// The value in base64.
    #[serde(default)]
    value: Option<String>,
}

/// Prints all keys under a prefix.
pub(super) async fn export(flags: KvExportFlags) -> Result<(), Failure> {
    let prefix = key_of(flags.arguments)?;
    let client = client(&flags.http, Some(&flags.tenant))?;
    let pairs =
        client.kv_list(&prefix, &query(&flags.http)).await.map_err(Failure::of("Error querying Consul agent"))?;
    let exported = pairs.value.iter().map(|pair| Exported {
        key: pair.key.clone().into_owned(),
        flags: pair.flags,
        value: Some(STANDARD.encode(pair.value_bytes())),
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
        let written = client.kv_put(&key, &value, &write).await;
        written.map_err(|error| Failure::new(format!("Error! Failed writing data for key {key}: {error}")))?;
        print(format!("Imported: {key}"))?;
    }
    Ok(())
}

/// The JSON of an export, as Go writes it.
fn to_json(exported: &[Exported]) -> Result<String, serde_json::Error> {
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
    let entries: Vec<Exported> = serde_json::from_slice(json).map_err(Failure::of("Cannot unmarshal data"))?;
    let decode = |Exported { key, flags, value }| {
        let value = quorate_api::kv::decode_base64(value.unwrap_or_default().as_bytes()).map_err(|offset| {
            let problem = format!("illegal base64 data at input byte {offset}");
            Failure::new(format!("Error base 64 decoding value for key {key}: {problem}"))
        })?;
        Ok((key, value, Write { flags, ..Write::default() }))
    };
    entries.into_iter().map(decode).collect()
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
        let entry = |key: &str, flags, value: &[u8]| Exported {
            key: key.to_owned(),
            flags,
            value: Some(STANDARD.encode(value)),
        };
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
        let json = br#"[{"key":"a","flags":0,"value":null,"namespace":"x"},{"key":"b","value":"YQ=="}]"#;
        let keys: Vec<_> = from_json(json).unwrap().into_iter().map(|(key, value, _)| (key, value)).collect();
        assert_eq!(keys, [("a".to_owned(), vec![]), ("b".to_owned(), b"a".to_vec())]);
    }

    #[test]
    fn damaged_exports_are_refused_before_anything_is_written() {
        let refused = from_json(br#"[{"key":"a","value":"YQ=="},{"key":"b","value":"!"}]"#).unwrap_err();
        assert_eq!(refused.to_string(), "Error base 64 decoding value for key b: illegal base64 data at input byte 0");
        assert!(from_json(b"{}").unwrap_err().to_string().starts_with("Cannot unmarshal data: "));
    }

    #[test]
    fn prefixes_are_joined_with_one_slash() {
        assert_eq!(prefixed("", "/a"), "/a");
        assert_eq!(prefixed("p", "a/"), "p/a/");
        assert_eq!(prefixed("p/", "a"), "p/a");
    }
}
