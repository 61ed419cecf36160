//! Commands over so few names that they meet.

use proptest::prelude::*;
use proptest::sample::select;
use quorate_state::{
    CatalogVerb, Check, CheckStatus, Command, Deregistration, Header, Key, KeyEntry, KeyOperation, KeyValue, KeyVerb,
    Node, Operation, Record, Registration, RestoreStep, Service, ServiceCheckReference, Session, SessionBehavior,
    SessionId, SessionReference, Stamp, Topic, TxnOperation,
};
use uuid::Uuid;

/// One of them is longer than what is kept in place, one begins like another, one is empty.
pub(crate) const KEYS: [&str; 7] =
    ["a", "a/b", "a/bc", "b", "c/d", "a/key/that/is/longer/than/what/a/table/keeps/in/place", ""];
pub(crate) const NODES: [&str; 5] = ["n1", "N1", "n2", "n3", ""];
pub(crate) const SERVICES: [&str; 4] = ["web", "Web", "db", "api"];
pub(crate) const SESSIONS: u128 = 5;
/// Two of them stand there in two ways each; one is a name and one is nothing.
pub(crate) const ADDRESSES: [&str; 7] =
    ["10.0.0.1", "10.0.0.2", "::ffff:10.0.0.1", "fd00::1", "FD00:0::1", "host.example", ""];
const CHECKS: [&str; 5] = ["c1", "C1", "c2", "serfHealth", ""];
const SERVICE_IDS: [&str; 4] = ["", "web", "w1", "W1"];
const NODE_IDS: [&str; 5] =
    ["", "", "00000000-0000-0000-0000-0000000000a1", "00000000-0000-0000-0000-0000000000A2", "no-id"];

pub(crate) fn session(number: u128) -> SessionId {
    SessionId::new(Uuid::from_u128(number)).expect("not zero")
}

/// Any command at all.
pub(crate) fn any() -> impl Strategy<Value = Command> {
    at_times(prop_oneof![6 => lively_operation(), 1 => restore().prop_map(Operation::Restore)])
}

/// Commands without restores, after two nodes and two sessions with a lock each are there.
pub(crate) fn lively() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(at_times(lively_operation()), 1..crate::COMMANDS_MAX)
        .prop_map(|commands| prologue().into_iter().chain(commands).collect())
}

/// Two nodes with a service and a check each, and on each a session that lives by the check and holds a lock.
fn prologue() -> Vec<Command> {
    let mut operations = Vec::new();
    for (number, node, key) in [(1, "n1", "a"), (2, "n2", "a/b")] {
        let check = Check {
            node: node.into(),
            id: "c1".into(),
            status: CheckStatus::Passing,
            service_id: "web".into(),
            ..Check::default()
        };
        let service = Service { node: node.into(), id: "web".into(), name: "web".into(), ..Service::default() };
        let registration = Registration {
            node: Node { name: node.into(), address: "10.0.0.1".into(), ..Node::default() },
            service: Some(service),
            checks: vec![check],
            ..Registration::default()
        };
        let session = Session {
            id: session(number),
            name: String::new(),
            node: node.into(),
            lock_delay_ns: 5_000_000_000,
            behavior: SessionBehavior::Release,
            ttl: String::new(),
            ttl_ms: 0,
            node_checks: Some(vec!["c1".into()]),
            checks: Vec::new(),
            service_checks: None,
            stamp: Stamp::default(),
        };
        let value = KeyValue { value: Box::default(), flags: 0 };
        let verb = KeyVerb::Lock(value, SessionReference(session.id.to_string()));
        operations.push(Operation::Register(Box::new(registration)));
        operations.push(Operation::SessionCreate(session));
        operations.push(Operation::Key(KeyOperation { key: key.into(), verb }));
    }
    operations.into_iter().map(|operation| Command { now_ms: 0, operation }).collect()
}

/// Commands on keys, and on sessions without checks.
pub(crate) fn on_keys() -> impl Strategy<Value = Command> {
    let create = a_session().prop_map(|session| {
        Operation::SessionCreate(Session {
            node: "n1".into(),
            node_checks: None,
            checks: Vec::new(),
            service_checks: None,
            ..session
        })
    });
    at_times(prop_oneof![
        8 => key_operation().prop_map(Operation::Key),
        2 => prop::collection::vec(key_operation().prop_map(TxnOperation::Key), 0..5).prop_map(Operation::Txn),
        2 => create,
        1 => session_id().prop_map(Operation::SessionDestroy),
        1 => index().prop_map(Operation::Reap),
    ])
}

/// The clock moves, stands still or, with another leader, goes back.
fn at_times(operation: impl Strategy<Value = Operation>) -> impl Strategy<Value = Command> {
    (0..40_000u64, operation).prop_map(|(now_ms, operation)| Command { now_ms, operation })
}

fn lively_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => key_operation().prop_map(Operation::Key),
        3 => prop::collection::vec(txn_operation(), 0..4).prop_map(Operation::Txn),
        4 => a_session().prop_map(Operation::SessionCreate),
        1 => session_id().prop_map(Operation::SessionDestroy),
        8 => registration().prop_map(|registration| Operation::Register(Box::new(registration))),
        2 => deregistration().prop_map(Operation::Deregister),
        1 => index().prop_map(Operation::Reap),
    ]
}

fn index() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..60u64, 1 => Just(u64::MAX)]
}

fn name(names: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    select(names).prop_map(str::to_owned)
}

fn session_id() -> impl Strategy<Value = SessionId> {
    (1..=SESSIONS).prop_map(session)
}

fn session_reference() -> impl Strategy<Value = SessionReference> {
    prop_oneof![
        8 => session_id().prop_map(|id| id.to_string()),
        1 => Just(String::new()),
        1 => Just("nonsense".to_owned()),
    ]
    .prop_map(SessionReference)
}

fn key() -> impl Strategy<Value = Key> {
    select(&KEYS[..]).prop_map(Key::from)
}

fn value() -> impl Strategy<Value = KeyValue> {
    (select(&["", "x", "y"][..]), 0..2u64).prop_map(|(value, flags)| KeyValue { value: value.as_bytes().into(), flags })
}

fn key_operation() -> impl Strategy<Value = KeyOperation> {
    let verb = prop_oneof![
        4 => value().prop_map(KeyVerb::Set),
        2 => (value(), index()).prop_map(|(value, index)| KeyVerb::Cas(value, index)),
        6 => (value(), session_reference()).prop_map(|(value, session)| KeyVerb::Lock(value, session)),
        3 => (value(), session_reference()).prop_map(|(value, session)| KeyVerb::Unlock(value, session)),
        2 => Just(KeyVerb::Delete),
        1 => index().prop_map(KeyVerb::DeleteCas),
        1 => Just(KeyVerb::DeleteTree),
        1 => Just(KeyVerb::Get),
        1 => Just(KeyVerb::GetOrEmpty),
        1 => Just(KeyVerb::GetTree),
        1 => index().prop_map(KeyVerb::CheckIndex),
        1 => session_reference().prop_map(KeyVerb::CheckSession),
        1 => Just(KeyVerb::CheckNotExists),
    ];
    (key(), verb).prop_map(|(key, verb)| KeyOperation { key, verb })
}

fn catalog_verb() -> impl Strategy<Value = CatalogVerb> {
    prop_oneof![
        4 => Just(CatalogVerb::Set),
        1 => index().prop_map(CatalogVerb::Cas),
        1 => Just(CatalogVerb::Get),
        1 => Just(CatalogVerb::Delete),
        1 => index().prop_map(CatalogVerb::DeleteCas),
    ]
}

fn txn_operation() -> impl Strategy<Value = TxnOperation> {
    prop_oneof![
        4 => key_operation().prop_map(TxnOperation::Key),
        1 => (catalog_verb(), node()).prop_map(|(verb, node)| TxnOperation::Node(verb, Box::new(node))),
        1 => (catalog_verb(), service()).prop_map(|(verb, service)| TxnOperation::Service(verb, Box::new(service))),
        1 => (catalog_verb(), check()).prop_map(|(verb, check)| TxnOperation::Check(verb, Box::new(check))),
    ]
}

fn a_session() -> impl Strategy<Value = Session> {
    let behavior = select(&[SessionBehavior::Release, SessionBehavior::Delete][..]);
    let checks = prop::collection::vec(name(&CHECKS), 0..2);
    (
        session_id(),
        name(&NODES),
        select(&[-1, 0, 1, 5_000, 90_000][..]),
        behavior,
        checks.clone(),
        checks.clone(),
        checks,
    )
        .prop_map(|(id, node, delay_ms, behavior, node_checks, older_checks, service_checks)| Session {
            id,
            name: String::new(),
            node,
            lock_delay_ns: delay_ms * 1_000_000,
            behavior,
            ttl: String::new(),
            ttl_ms: 0,
            node_checks: Some(node_checks),
            checks: older_checks,
            service_checks: Some(
                service_checks.into_iter().map(|id| ServiceCheckReference { id, namespace: String::new() }).collect(),
            ),
            stamp: Stamp::default(),
        })
}

fn node() -> impl Strategy<Value = Node> {
    // One without an address is refused: here it has one most of the time.
    let address = prop_oneof![4 => name(&ADDRESSES[..6]), 1 => Just(String::new())];
    (name(&NODES), name(&NODE_IDS), address).prop_map(|(name, id, address)| Node {
        id,
        name,
        address,
        ..Node::default()
    })
}

fn service() -> impl Strategy<Value = Service> {
    let tags = prop::collection::vec(select(&["v1", "v2"][..]).prop_map(str::to_owned), 0..3);
    let place = (prop_oneof![1 => Just(String::new()), 1 => name(&ADDRESSES)], 0..2i64);
    (name(&NODES), name(&SERVICE_IDS), name(&SERVICES), tags, place).prop_map(
        |(node, id, name, tags, (address, port))| Service { node, id, name, tags, address, port, ..Service::default() },
    )
}

fn check() -> impl Strategy<Value = Check> {
    let status = select(&CheckStatus::ALL[..]);
    let stray_name = prop_oneof![9 => Just(String::new()), 1 => name(&SERVICES)];
    (name(&NODES), name(&CHECKS), status, name(&SERVICE_IDS), stray_name).prop_map(
        |(node, id, status, service_id, service_name)| Check {
            node,
            id,
            status,
            service_id,
            service_name,
            ..Check::default()
        },
    )
}

fn registration() -> impl Strategy<Value = Registration> {
    let checks = prop::collection::vec(check(), 0..3);
    let at_home = prop::bool::weighted(0.9);
    (node(), prop::bool::ANY, prop::option::of(service()), checks, at_home).prop_map(
        |(node, skip_node_update, service, mut checks, at_home)| {
            if at_home {
                checks.iter_mut().for_each(|check| check.node.clone_from(&node.name));
            }
            Registration { node, skip_node_update, service, checks }
        },
    )
}

fn deregistration() -> impl Strategy<Value = Deregistration> {
    (name(&NODES), name(&SERVICE_IDS), name(&CHECKS)).prop_map(|(node, service_id, check_id)| Deregistration {
        node,
        service_id,
        check_id,
    })
}

fn restore() -> impl Strategy<Value = RestoreStep> {
    let id = (1..3u128).prop_map(Uuid::from_u128);
    prop_oneof![
        id.clone().prop_map(RestoreStep::Begin),
        (id.clone(), 0..2u64, prop::collection::vec(record(), 0..6))
            .prop_map(|(id, number, records)| RestoreStep::Add { id, number, records }),
        (id.clone(), 0..2u64).prop_map(|(id, steps)| RestoreStep::Commit { id, steps }),
        id.prop_map(RestoreStep::Abandon),
    ]
}

/// Any record, whether or not it fits others.
fn record() -> impl Strategy<Value = Record> {
    let holder = prop::option::of(session_id());
    prop_oneof![
        (index(), 0..9u64, index(), index(), 0..90_000u64).prop_map(|(index, offset, floor, restored, clock_ms)| {
            Record::Header(Header { index, offset, floor, restored, clock_ms, format: 1 })
        }),
        (key(), value(), holder, stamp()).prop_map(|(key, value, session, stamp)| {
            let KeyValue { value, flags } = value;
            Record::Key(key, KeyEntry { value, flags, session, lock_index: 1, stamp }.into())
        }),
        (key(), index()).prop_map(|(key, index)| Record::Tombstone(key, index)),
        (node(), stamp()).prop_map(|(node, stamp)| Record::Node(Node { stamp, ..node }.into())),
        (service(), stamp()).prop_map(|(service, stamp)| Record::Service(Service { stamp, ..service }.into())),
        (check(), stamp()).prop_map(|(check, stamp)| Record::Check(Check { stamp, ..check }.into())),
        (a_session(), stamp()).prop_map(|(session, stamp)| Record::Session(Session { stamp, ..session }.into())),
        (key(), 0..90_000u64).prop_map(|(key, until_ms)| Record::LockDelay(key, until_ms)),
        index().prop_map(|index| Record::Mark(Topic::Nodes, index)),
        Just(Record::Staging(Uuid::from_u128(9), 0)),
        Just(Record::Staged(Box::new(Record::Mark(Topic::Nodes, 1)))),
    ]
}

fn stamp() -> impl Strategy<Value = Stamp> {
    (1..40u64, 1..40u64).prop_map(|(created, modified)| Stamp { created, modified })
}
