//! Records that no sound state gives: building from them is total all the same.

use std::sync::Arc;

use quorate_state::{
    Changes, Check, Command, Deregistration, Header, KeyEntry, KeyOperation, KeyValue, KeyVerb, Node, Operation,
    Record, Refusal, Response, RestoreStep, Service, Session, SessionBehavior, SessionId, SessionReference, Stamp,
    State, Topic,
};
use uuid::Uuid;

const STAMP: Stamp = Stamp { created: 3, modified: 7 };

fn build(records: impl IntoIterator<Item = Record>) -> State {
    let mut builder = State::from_records();
    records.into_iter().for_each(|record| builder.push(record));
    builder.finish()
}

fn key(name: &str, value: &str, session: Option<SessionId>) -> Record {
    let entry = KeyEntry { value: value.as_bytes().into(), flags: 0, session, lock_index: 4, stamp: STAMP };
    Record::Key(name.into(), Arc::new(entry))
}

fn node(name: &str) -> Record {
    Record::Node(Arc::new(Node { name: name.into(), stamp: STAMP, ..Node::default() }))
}

fn session(id: SessionId, node: &str) -> Record {
    Record::Session(Arc::new(Session {
        id,
        name: String::new(),
        node: node.into(),
        lock_delay_ns: 0,
        behavior: SessionBehavior::Release,
        ttl: String::new(),
        ttl_ms: 0,
        node_checks: None,
        checks: Vec::new(),
        service_checks: None,
        stamp: STAMP,
    }))
}

fn session_id() -> SessionId {
    SessionId::new(Uuid::from_u128(1)).expect("not zero")
}

fn restore(state: &mut State, log_index: u64, step: RestoreStep) -> Response {
    let command = Command { now_ms: 0, operation: Operation::Restore(step) };
    state.apply(log_index, command, &mut Changes::default())
}

#[test]
fn what_has_no_parent_is_dropped() {
    let service = Service { node: "none".into(), id: "a".into(), name: "a".into(), ..Service::default() };
    let check = Check { node: "none".into(), id: "c".into(), ..Check::default() };
    let of_a_missing_service = Check { node: "n".into(), id: "c".into(), service_id: "a".into(), ..Check::default() };
    let state = build([
        node("n"),
        Record::Service(Arc::new(service)),
        Record::Check(Arc::new(check)),
        Record::Check(Arc::new(of_a_missing_service)),
        session(session_id(), "none"),
    ]);
    assert_eq!(state.nodes().count(), 1);
    assert_eq!(state.services().count() + state.checks().count() + state.sessions().count(), 0);
}

#[test]
fn a_lock_whose_session_is_missing_is_released() {
    let state = build([key("k", "v", Some(session_id()))]);
    let entry = state.key(b"k").expect("the key");
    assert_eq!((entry.session, entry.lock_index, entry.stamp), (None, 4, STAMP));
    // The session may come after the key.
    let state = build([key("k", "v", Some(session_id())), node("n"), session(session_id(), "n")]);
    assert_eq!(state.key(b"k").expect("the key").session, Some(session_id()));
}

#[test]
fn the_last_of_several_records_counts_and_a_key_needs_no_tombstone() {
    let tombstone = |name: &str| Record::Tombstone(name.into(), 9);
    let records = [tombstone("a"), key("b", "1", None), key("a", "1", None), key("b", "2", None), tombstone("b")];
    let state = build(records);
    assert_eq!(&*state.key(b"b").expect("the key").value, b"2");
    assert!(!state.records().any(|record| matches!(record, Record::Tombstone(..))));
}

#[test]
fn of_two_nodes_that_claim_an_id_the_first_name_counts_while_it_is_there() {
    let claims = |name: &str| Node { name: name.into(), id: Uuid::from_u128(7).to_string(), ..Node::default() };
    let owner = |state: &State| state.node_by_id(&claims("").id).map(|node| node.name.clone());
    let mut state = build(["last", "first"].map(|name| Record::Node(Arc::new(claims(name)))));
    assert_eq!(owner(&state).as_deref(), Some("first"));
    let leave = Deregistration { node: "first".into(), ..Deregistration::default() };
    let command = Command { now_ms: 0, operation: Operation::Deregister(leave) };
    state.apply(10, command, &mut Changes::default());
    assert_eq!(owner(&state).as_deref(), Some("last"));
}

#[test]
fn the_index_is_that_of_the_largest_record_even_if_the_header_says_less() {
    let state = build([Record::Header(Header { index: 2, ..Header::default() }), node("n"), key("k", "v", None)]);
    assert_eq!(state.index(), STAMP.modified);
    let state = build([node("n"), Record::Mark(Topic::Nodes, 40), Record::Header(Header::default())]);
    assert_eq!(state.index(), 40);
}

#[test]
fn keys_in_any_number_and_order_are_all_there() {
    let name = |number: usize| format!("{number:06}");
    for count in [0, 1, 2, 15, 16, 17, 2047, 2048, 4095, 4096, 4097, 10_000] {
        let sorted = build((0..count).map(|number| key(&name(number), "v", None)));
        let backwards = build((0..count).rev().map(|number| key(&name(number), "v", None)));
        let found = sorted.keys_under(b"").map(|(key, _)| String::from_utf8_lossy(key.as_bytes()).into_owned());
        assert!(found.eq((0..count).map(name)), "{count} keys");
        assert!(sorted == backwards, "{count} keys");
    }
}

#[test]
fn a_restore_that_would_exhaust_the_indices_is_refused() {
    let id = Uuid::from_u128(5);
    let mut state = build([key("k", "v", None)]);
    let header = Record::Header(Header { index: u64::MAX, ..Header::default() });
    assert_eq!(restore(&mut state, 10, RestoreStep::Begin(id)), Response::Done);
    assert_eq!(restore(&mut state, 11, RestoreStep::Add { id, number: 0, records: vec![header] }), Response::Done);
    let Response::Refused(Refusal::Invalid(reason)) = restore(&mut state, 12, RestoreStep::Commit { id, steps: 1 })
    else {
        panic!("it must be refused");
    };
    assert!(reason.contains("brings index 18446744073709551615"), "{reason}");
    assert!(state.key(b"k").is_some());
}

#[test]
fn numbers_that_can_not_grow_stay() {
    let entry = KeyEntry { value: Box::default(), flags: 0, session: None, lock_index: u64::MAX, stamp: STAMP };
    let header = Record::Header(Header { index: u64::MAX, clock_ms: u64::MAX, ..Header::default() });
    let mut state = build([
        header,
        node("n"),
        session(session_id(), "n"),
        Record::Key("k".into(), Arc::new(entry)),
        Record::LockDelay("free".into(), u64::MAX),
    ]);
    assert_eq!(state.rehearse_txn(Vec::new()), Ok(Vec::new()));
    let value = KeyValue { value: b"v"[..].into(), flags: 0 };
    let verb = KeyVerb::Lock(value, SessionReference(session_id().to_string()));
    let operation = KeyOperation { key: "k".into(), verb };
    let command = Command { now_ms: 0, operation: Operation::Key(operation) };
    assert_eq!(state.apply(8, command, &mut Changes::default()), Response::Flag(true));
    assert_eq!(state.key(b"k").map(|entry| entry.lock_index), Some(u64::MAX));
}

#[test]
fn commands_that_change_much_are_known_as_long() {
    let many = |count: u32| (0..count).map(|number| key(&format!("k/{number:05}"), "v", Some(session_id())));
    let delete_tree = |prefix: &str| Operation::Key(KeyOperation { key: prefix.into(), verb: KeyVerb::DeleteTree });
    let leave = || Operation::Deregister(Deregistration { node: "n".into(), ..Deregistration::default() });
    let long_ones = [delete_tree("k/"), Operation::SessionDestroy(session_id()), leave()];
    for (count, is_long) in [(900, false), (2_000, true)] {
        let mut state = build([node("n"), session(session_id(), "n")].into_iter().chain(many(count)));
        for operation in &long_ones {
            assert_eq!(state.is_long([operation]), is_long, "{count} {operation:?}");
        }
        assert!(!state.is_long(&[delete_tree("k/00001")]));
        let command = Command { now_ms: 0, operation: delete_tree("k/") };
        state.apply(8, command, &mut Changes::default());
        assert_eq!(state.is_long(&[Operation::Reap(u64::MAX)]), is_long, "{count} tombstones");
    }
    assert!(State::new().is_long(&[Operation::Restore(RestoreStep::Commit { id: Uuid::nil(), steps: 0 })]));
}

#[test]
fn commands_that_change_much_together_are_known_as_long() {
    let many = (0..900).map(|number| key(&format!("k/{number:05}"), "v", None));
    let state = build(many);
    let delete_tree = || Operation::Key(KeyOperation { key: "k/".into(), verb: KeyVerb::DeleteTree });
    assert!(!state.is_long(&[delete_tree()]));
    assert!(state.is_long(&[delete_tree(), delete_tree()]));
    let Record::Session(created) = session(session_id(), "n") else { panic!("it is a session") };
    let create = || Operation::SessionCreate((*created).clone());
    assert!(!state.is_long(&vec![create(); 100]));
    assert!(state.is_long(&vec![create(); 1_000]));
}

#[test]
fn forgetting_many_sessions_that_have_ended_is_long() {
    let topic = |number: u32| Topic::Session(SessionId::new(Uuid::from_u128(u128::from(number) + 1)).expect("not nil"));
    let ended = |count: u32| build((0..count).map(|number| Record::Mark(topic(number), 5)));
    assert!(!ended(900).is_long(&[Operation::Reap(5)]));
    assert!(ended(2_000).is_long(&[Operation::Reap(5)]));
    assert!(!ended(2_000).is_long(&[Operation::Reap(4)]));
}
