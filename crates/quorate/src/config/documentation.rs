//! The table of all keys in `docs/operating/configuration.md` is the one in [`keys`](super::keys). `acceptance/config` compares it with Consul.

use std::path::Path;

use super::keys::{self, Key};
use super::{Kind, Treatment};
use crate::agent::reload::is_reloaded;
use crate::flags::flags_of;

/// Keys that Consul has not.
const OWN: &[&str] = &["limits.txn_max_ops", "tombstone_ttl"];

/// Keys that do what they say, but less than one may think, and why.
const REMARKS: &[(&str, &str)] = &[
    ("leave_on_terminate", "a line in the log, since there is no cluster to leave yet"),
    ("performance.leave_drain_time", "how long clients are waited for at most"),
    ("skip_leave_on_interrupt", "a line in the log, since there is no cluster to leave yet"),
    ("tls.defaults.verify_incoming", "for HTTPS alone"),
];

const MARK: &str = "documentation -->\n";

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Int => "integer",
        Kind::Float => "number",
        Kind::Text => "text",
        Kind::List => "list",
        Kind::TextMap => "map",
        Kind::Duration => "duration",
        _ => "block",
    }
}

fn fate(key: &Key) -> String {
    match key.treatment {
        Treatment::Served if OWN.contains(&key.path) => "served; Quorate's own".to_owned(),
        Treatment::Served if is_reloaded(key.path) => "served, a reload included".to_owned(),
        Treatment::Served => "served".to_owned(),
        Treatment::WarnedThat(why) => format!("warned about: {why}"),
        Treatment::Moot => "accepted: it makes no difference".to_owned(),
        Treatment::MootIf(value, why) => format!("warned about unless it is `{value}`: {why}"),
        Treatment::Renamed(now) => format!("old name of `{now}`"),
        Treatment::Refused(why) => format!("refused unless it is false or empty: {why}"),
    }
}

#[test]
fn documentation_lists_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating/configuration.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let (before, _) = written.split_once(MARK).unwrap();
    let mut keys: Vec<&Key> = keys::all().collect();
    keys.sort_by_key(|key| key.path);
    let rows = keys.into_iter().map(|key| {
        let flags: Vec<String> = flags_of(key.path).iter().map(|flag| format!("`-{flag}`")).collect();
        let remark = REMARKS.iter().find(|(path, _)| *path == key.path);
        let remark = remark.map(|(_, remark)| format!(": {remark}")).unwrap_or_default();
        format!("| `{}` | {} | {} | {}{remark} |\n", key.path, flags.join(", "), kind(key.kind), fate(key))
    });
    let table: String = ["\n| key | flag | kind | what becomes of it |\n|---|---|---|---|\n".to_owned()]
        .into_iter()
        .chain(rows)
        .collect();
    let expected = format!("{before}{MARK}{table}");
    quorate_transcript::settle(&path, &expected);
}

#[test]
fn real_looking_files_start() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/testdata/good");
    let files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 4);
    for file in files {
        let flags = super::Sources { config_paths: vec![file.clone()], ..Default::default() };
        let read = super::read(flags, &super::network::Machine::this());
        assert!(read.is_ok(), "{}: {:?}", file.display(), read.err());
    }
}
