//! A value of every variant of commands and records that format 1 has, with no field left at its default: what the
//! fixtures hold. Nothing here ever changes; what a later format adds has its own values.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_state::*;
use uuid::Uuid;

pub(crate) fn session_id() -> SessionId {
    SessionId::new(Uuid::from_u128(0x0123_4567_89ab_cdef_0011_2233_4455_6677)).expect("not nil")
}

fn stamp() -> Stamp {
    Stamp { created: 300, modified: u64::MAX }
}

fn pairs(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(format!("{name}-a"), "1".to_owned()), (format!("{name}-b"), "zwei ü".to_owned())])
}

pub(crate) fn node() -> Node {
    Node {
        id: "11111111-2222-3333-4444-555555555555".into(),
        name: "Node-1".into(),
        address: "10.0.0.1".into(),
        tagged_addresses: pairs("lan"),
        meta: pairs("meta"),
        locality: r#"{"Region":"r"}"#.into(),
        stamp: stamp(),
    }
}

pub(crate) fn service() -> Service {
    let address = ServiceAddress { address: "10.0.0.2".into(), port: 65_535 };
    Service {
        node: "Node-1".into(),
        id: "web-1".into(),
        name: "web".into(),
        tags: vec!["a".into(), "b".into()],
        address: "10.0.0.3".into(),
        tagged_addresses: BTreeMap::from([("wan".into(), address)]),
        meta: pairs("meta"),
        port: -1,
        socket_path: "/run/web.sock".into(),
        weights: Weights { passing: 10, warning: 2 },
        enable_tag_override: true,
        kind: "connect-proxy".into(),
        proxy: r#"{"Mode":"direct"}"#.into(),
        connect: r#"{"Native":true}"#.into(),
        ports: r#"[{"Name":"http"}]"#.into(),
        locality: r#"{"Zone":"z"}"#.into(),
        ai: r#"{"Model":"m"}"#.into(),
        stamp: stamp(),
    }
}

pub(crate) fn check(status: CheckStatus) -> Check {
    Check {
        node: "Node-1".into(),
        id: "web-1-http".into(),
        name: "HTTP of web".into(),
        status,
        notes: "see the runbook".into(),
        output: "200 OK".into(),
        service_id: "web-1".into(),
        service_name: "web".into(),
        service_tags: vec!["a".into()],
        kind: "http".into(),
        interval: "10s".into(),
        timeout: "1s".into(),
        exposed_port: 21_500,
        definition: r#"{"HTTP":"http://10.0.0.3/"}"#.into(),
        stamp: stamp(),
    }
}

pub(crate) fn session(behavior: SessionBehavior) -> Session {
    Session {
        id: session_id(),
        name: "leader election".into(),
        node: "Node-1".into(),
        lock_delay_ns: 15_000_000_000,
        behavior,
        ttl: "15.0s".into(),
        ttl_ms: 15_000,
        node_checks: Some(vec!["serfHealth".into()]),
        checks: vec!["older".into()],
        service_checks: Some(vec![ServiceCheckReference { id: "web-1-http".into(), namespace: "default".into() }]),
        stamp: stamp(),
    }
}

pub(crate) fn key_entry() -> KeyEntry {
    KeyEntry {
        value: vec![0, 255, 10].into(),
        flags: u64::MAX,
        session: Some(session_id()),
        lock_index: 3,
        stamp: stamp(),
    }
}

pub(crate) fn key() -> Key {
    Key::from(&[b'k', b'/', 0, 200][..])
}

fn key_verbs() -> Vec<(&'static str, KeyVerb)> {
    let value = || KeyValue { value: b"value"[..].into(), flags: 300 };
    let holder = || SessionReference("not a uuid".into());
    vec![
        ("set", KeyVerb::Set(value())),
        ("cas", KeyVerb::Cas(value(), 7)),
        ("lock", KeyVerb::Lock(value(), holder())),
        ("unlock", KeyVerb::Unlock(value(), holder())),
        ("delete", KeyVerb::Delete),
        ("delete-cas", KeyVerb::DeleteCas(1 << 33)),
        ("delete-tree", KeyVerb::DeleteTree),
        ("get", KeyVerb::Get),
        ("get-or-empty", KeyVerb::GetOrEmpty),
        ("get-tree", KeyVerb::GetTree),
        ("check-index", KeyVerb::CheckIndex(128)),
        ("check-session", KeyVerb::CheckSession(holder())),
        ("check-not-exists", KeyVerb::CheckNotExists),
    ]
}

fn catalog_verbs() -> Vec<(&'static str, CatalogVerb)> {
    vec![
        ("set", CatalogVerb::Set),
        ("cas", CatalogVerb::Cas(9)),
        ("get", CatalogVerb::Get),
        ("delete", CatalogVerb::Delete),
        ("delete-cas", CatalogVerb::DeleteCas(10)),
    ]
}

fn topics() -> Vec<(&'static str, Topic)> {
    vec![
        ("key", Topic::Key(key())),
        ("keys-under", Topic::KeysUnder(key())),
        ("nodes", Topic::Nodes),
        ("node", Topic::node("Node-1")),
        ("node-checks", Topic::node_checks("Node-1")),
        ("services", Topic::Services),
        ("service", Topic::service("Web")),
        ("health", Topic::health("Web")),
        ("checks", Topic::Checks),
        ("checks-in-passing", Topic::ChecksIn(CheckStatus::Passing)),
        ("checks-in-warning", Topic::ChecksIn(CheckStatus::Warning)),
        ("checks-in-critical", Topic::ChecksIn(CheckStatus::Critical)),
        ("sessions", Topic::Sessions),
        ("node-sessions", Topic::node_sessions("Node-1")),
        ("session", Topic::Session(session_id())),
        ("instances", Topic::Instances),
    ]
}

/// Every record of format 1, by name.
pub(crate) fn records() -> Vec<(String, Record)> {
    let header =
        Header { index: 900, offset: 1, floor: 200, restored: 7, clock_ms: 1_700_000_000_000, ..Header::default() };
    let keyed = || Record::Key(key(), Arc::new(key_entry()));
    let free = KeyEntry { session: None, ..key_entry() };
    let lasting = Session { node_checks: None, service_checks: None, ..session(SessionBehavior::Release) };
    let mut records = vec![
        ("header", Record::Header(header)),
        ("key", keyed()),
        ("key-unlocked", Record::Key(key(), Arc::new(free))),
        ("tombstone", Record::Tombstone(key(), 8)),
        ("node", Record::Node(Arc::new(node()))),
        ("service", Record::Service(Arc::new(service()))),
        ("check-passing", Record::Check(Arc::new(check(CheckStatus::Passing)))),
        ("check-warning", Record::Check(Arc::new(check(CheckStatus::Warning)))),
        ("check-critical", Record::Check(Arc::new(check(CheckStatus::Critical)))),
        ("session-delete", Record::Session(Arc::new(session(SessionBehavior::Delete)))),
        ("session-release", Record::Session(Arc::new(lasting))),
        ("lock-delay", Record::LockDelay(key(), 1_700_000_015_000)),
        ("staging", Record::Staging(Uuid::from_u128(5), 2)),
        ("staged", Record::Staged(Box::new(keyed()))),
    ]
    .into_iter()
    .map(|(name, record)| (name.to_owned(), record))
    .collect::<Vec<_>>();
    let marks = topics().into_iter().map(|(name, topic)| (format!("mark-{name}"), Record::Mark(topic, 4)));
    records.extend(marks);
    records
}

pub(crate) fn operations() -> Vec<(String, Operation)> {
    let mut operations = Vec::new();
    for (name, verb) in key_verbs() {
        let operation = KeyOperation { key: key(), verb };
        operations.push((format!("key-{name}"), Operation::Key(operation.clone())));
        operations.push((format!("txn-key-{name}"), Operation::Txn(vec![TxnOperation::Key(operation)])));
    }
    for (name, verb) in catalog_verbs() {
        let check = check(CheckStatus::Warning);
        for (kind, operation) in [
            ("node", TxnOperation::Node(verb, Box::new(node()))),
            ("service", TxnOperation::Service(verb, Box::new(service()))),
            ("check", TxnOperation::Check(verb, Box::new(check))),
        ] {
            operations.push((format!("txn-{kind}-{name}"), Operation::Txn(vec![operation])));
        }
    }
    let registration = Registration {
        node: node(),
        skip_node_update: true,
        service: Some(service()),
        checks: vec![check(CheckStatus::Passing), check(CheckStatus::Critical)],
    };
    let nothing_on_it = Registration { service: None, checks: Vec::new(), ..registration.clone() };
    let deregistration =
        Deregistration { node: "Node-1".into(), service_id: "web-1".into(), check_id: "web-1-http".into() };
    let id = Uuid::from_u128(5);
    let records = records().into_iter().map(|(_, record)| record).collect();
    let rest = [
        ("session-create", Operation::SessionCreate(session(SessionBehavior::Delete))),
        ("session-destroy", Operation::SessionDestroy(session_id())),
        ("register", Operation::Register(Box::new(registration))),
        ("register-node", Operation::Register(Box::new(nothing_on_it))),
        ("deregister", Operation::Deregister(deregistration)),
        ("reap", Operation::Reap(1 << 40)),
        ("restore-begin", Operation::Restore(RestoreStep::Begin(id))),
        ("restore-add", Operation::Restore(RestoreStep::Add { id, number: 1, records })),
        ("restore-commit", Operation::Restore(RestoreStep::Commit { id, steps: 2 })),
        ("restore-abandon", Operation::Restore(RestoreStep::Abandon(id))),
    ];
    operations.extend(rest.into_iter().map(|(name, operation)| (name.to_owned(), operation)));
    operations
}

/// Every command of format 1, by name.
pub(crate) fn commands() -> Vec<(String, Command)> {
    let command = |operation| Command { now_ms: 1_700_000_000_000, operation };
    operations().into_iter().map(|(name, operation)| (name, command(operation))).collect()
}
