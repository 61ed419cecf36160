//! The files of version 1: read for ever, and written as they were until there is a version 2. `fixtures/v1` was written by
//! this crate's own code.

use std::path::Path;
use std::sync::Arc;

use quorate_api::go_json;
use quorate_base::MemoryDisk;
use quorate_state::CheckStatus;
use quorate_transcript::{contents, fixtures, frozen};

use super::*;
use crate::machine::maintenance_of;

const SERVICE_DEFINITION: &str = r#"{
    "ID": "web-1", "Name": "web", "Tags": ["a", "b"], "Address": "10.0.0.3", "Port": 8080,
    "TaggedAddresses": {"wan": {"Address": "10.0.0.2", "Port": 80}}, "Meta": {"team": "x"},
    "Weights": {"Passing": 10, "Warning": 2}, "EnableTagOverride": true
}"#;

const CHECK_DEFINITION: &str = r#"{
    "ID": "web-1-http", "Name": "HTTP of web", "ServiceID": "web-1", "Notes": "see the runbook", "Status": "passing",
    "HTTP": "http://127.0.0.1:8080/health", "Method": "POST", "Header": {"X-A": ["1", "2"]}, "Body": "ping",
    "Interval": "10s", "Timeout": "2s", "SuccessBeforePassing": 2, "FailuresBeforeCritical": 3
}"#;

const TTL_DEFINITION: &str = r#"{"ID": "disk", "Name": "room on the disk", "TTL": "1m30s", "Notes": "zwei ü"}"#;

/// Every kind of file, with its key.
fn records() -> Vec<(StoreKey, Record)> {
    let check = |definition: &str, is_of_service| Record::Check {
        definition: Box::new(go_json::from_slice(definition.as_bytes()).unwrap()),
        is_of_service,
    };
    let maintenance =
        |service_id: &str, notes: &str| Record::Maintenance { service_id: service_id.into(), notes: notes.into() };
    let state = Record::State {
        id: "disk".into(),
        status: CheckStatus::Warning,
        output: "90 % \"full\"\n".into(),
        expires_ms: 1_700_000_090_000,
    };
    vec![
        (
            StoreKey::Service("web-1".into()),
            Record::Service(Box::new(go_json::from_slice(SERVICE_DEFINITION.as_bytes()).unwrap())),
        ),
        (StoreKey::Check("web-1-http".into()), check(CHECK_DEFINITION, true)),
        (StoreKey::Check("disk".into()), check(TTL_DEFINITION, false)),
        (StoreKey::Check(maintenance_of("web-1").into()), maintenance("web-1", "upgrade")),
        (StoreKey::Check("_node_maintenance".into()), maintenance("", "new kernel")),
        (StoreKey::State("disk".into()), state),
    ]
}

#[test]
fn files_are_written_as_ever() {
    let folder = fixtures(env!("CARGO_MANIFEST_DIR"), 1);
    for (key, record) in records() {
        frozen(&folder.join(file_name(&key)), &record.encode());
    }
    assert_eq!(contents(&folder).len(), records().len());
}

#[test]
fn the_files_of_version_1_are_read() {
    let host = Host { disk: Arc::new(MemoryDisk::default()), ..Host::real() };
    let directory = Path::new("/data/local");
    for (name, bytes) in contents(&fixtures(env!("CARGO_MANIFEST_DIR"), 1)) {
        host.disk.open(&directory.join(name), OpenMode::CreateNew).unwrap().write_at(&bytes, 0).unwrap();
    }
    let (_, read) = Store::open(host, directory).unwrap();
    assert_eq!(read.len(), records().len());
    for (key, record) in records() {
        assert!(read.contains(&record), "{}: {read:#?}", file_name(&key));
    }
}
