use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_state::*;
use uuid::Uuid;

use super::*;

fn session_id() -> SessionId {
    SessionId::new(Uuid::from_u128(7)).expect("not nil")
}

fn service() -> Service {
    Service {
        node: "n".into(),
        id: "web-1".into(),
        name: "web".into(),
        tags: vec!["a".into(), "b".into()],
        tagged_addresses: BTreeMap::from([("lan".into(), ServiceAddress { address: "10.0.0.1".into(), port: 80 })]),
        port: -1,
        proxy: "{}".into(),
        stamp: Stamp { created: 1, modified: u64::MAX },
        ..Service::default()
    }
}

fn session() -> Session {
    Session {
        id: session_id(),
        name: String::new(),
        node: "n".into(),
        lock_delay_ns: 15_000_000_000,
        behavior: SessionBehavior::Delete,
        ttl: "15.0s".into(),
        ttl_ms: 15_000,
        node_checks: Some(vec!["serfHealth".into()]),
        checks: vec!["older".into()],
        service_checks: Some(vec![ServiceCheckReference { id: "c".into(), namespace: String::new() }]),
        stamp: Stamp::default(),
    }
}

fn records() -> Vec<Record> {
    let entry = KeyEntry {
        value: vec![0, 255].into(),
        flags: u64::MAX,
        session: Some(session_id()),
        lock_index: 3,
        stamp: Stamp { created: 1, modified: 2 },
    };
    let key = Record::Key("k".into(), Arc::new(entry));
    vec![
        Record::Header(Header { index: 9, offset: 1, floor: 2, restored: 7, clock_ms: 3 }),
        key.clone(),
        Record::Tombstone("gone".into(), 8),
        Record::Node(Arc::new(Node { name: "n".into(), ..Node::default() })),
        Record::Service(Arc::new(service())),
        Record::Check(Arc::new(Check { id: "c".into(), status: CheckStatus::Warning, ..Check::default() })),
        Record::Session(Arc::new(session())),
        Record::LockDelay("k".into(), 5),
        Record::Mark(Topic::ChecksIn(CheckStatus::Passing), 4),
        Record::Mark(Topic::health("Web"), 4),
        Record::Staging(Uuid::from_u128(1), 2),
        Record::Staged(Box::new(key)),
    ]
}

fn commands() -> Vec<Command> {
    let value = || KeyValue { value: vec![1; 300].into(), flags: 300 };
    let holder = || SessionReference("not a uuid".into());
    let verbs = [
        KeyVerb::Set(value()),
        KeyVerb::Cas(value(), 7),
        KeyVerb::Lock(value(), holder()),
        KeyVerb::Unlock(value(), holder()),
        KeyVerb::Delete,
        KeyVerb::DeleteCas(0),
        KeyVerb::DeleteTree,
        KeyVerb::Get,
        KeyVerb::GetOrEmpty,
        KeyVerb::GetTree,
        KeyVerb::CheckIndex(1),
        KeyVerb::CheckSession(holder()),
        KeyVerb::CheckNotExists,
    ];
    let keys = verbs.map(|verb| KeyOperation { key: Key::from(&[0u8, 200][..]), verb });
    let mut txn: Vec<_> = keys.iter().cloned().map(TxnOperation::Key).collect();
    txn.push(TxnOperation::Node(CatalogVerb::Set, Box::default()));
    txn.push(TxnOperation::Service(CatalogVerb::Cas(1), Box::new(service())));
    txn.push(TxnOperation::Check(CatalogVerb::DeleteCas(2), Box::default()));
    let id = Uuid::from_u128(5);
    let registration =
        Registration { service: Some(service()), checks: vec![Check::default()], ..Registration::default() };
    let operations = keys.map(Operation::Key).into_iter().chain([
        Operation::Txn(txn),
        Operation::SessionCreate(session()),
        Operation::SessionDestroy(session_id()),
        Operation::Register(Box::new(registration)),
        Operation::Deregister(Deregistration { node: "n".into(), ..Deregistration::default() }),
        Operation::Reap(1 << 40),
        Operation::Restore(RestoreStep::Begin(id)),
        Operation::Restore(RestoreStep::Add { id, number: 1, records: records() }),
        Operation::Restore(RestoreStep::Commit { id, steps: 2 }),
        Operation::Restore(RestoreStep::Abandon(id)),
    ]);
    operations.map(|operation| Command { now_ms: 1_700_000_000_000, operation }).collect()
}

#[test]
fn every_command_reads_back() {
    for command in commands() {
        assert_eq!(decode_command(&encode_command(&command)), Ok(command));
    }
}

#[test]
fn every_record_reads_back() {
    for record in records() {
        let mut bytes = Vec::new();
        encode_record(&record, &mut bytes);
        assert_eq!(decode_record(&bytes), Ok(record));
    }
}

#[test]
fn a_command_cut_anywhere_is_refused() {
    for command in commands() {
        let bytes = encode_command(&command);
        for length in 0..bytes.len() {
            assert!(decode_command(&bytes[..length]).is_err(), "{command:?} cut to {length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode_command(&longer), Err(Malformed::Trailing(1)));
    }
}

#[test]
fn damaged_bytes_never_panic() {
    for command in commands() {
        let bytes = encode_command(&command);
        for place in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[place] = value;
                let _ = decode_command(&damaged);
            }
        }
    }
}

#[test]
fn a_newer_layout_is_named_and_staged_records_do_not_nest() {
    assert_eq!(decode_command(&[2, 0]), Err(Malformed::Version(2)));
    assert_eq!(decode_record(&[11; 100_000]), Err(Malformed::Tag(11)));
}

/// The bytes that are on people's disks: this test fails when the layout changes without a new version.
#[test]
fn the_layout_is_what_it_was() {
    let command = Command {
        now_ms: 300,
        operation: Operation::Key(KeyOperation {
            key: "k".into(),
            verb: KeyVerb::Cas(KeyValue { value: b"v"[..].into(), flags: 1 }, 2),
        }),
    };
    assert_eq!(encode_command(&command)[..], [1, 0xac, 0x02, 1, 1, b'k', 2, 1, b'v', 1, 2]);
}
