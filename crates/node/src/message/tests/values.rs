//! A request and a reply of every variant of version 1, with no field left at its default: what the fixtures hold.
//! Nothing here ever changes; what a later version adds has its own values.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use quorate_base::account::NoRoom;
use quorate_consensus::{LogId, Member, Outcome, Progress, ProposeError, Role};
use quorate_state::*;
use uuid::Uuid;

use crate::codec::tests::values::{check, key, key_entry, node, operations, service, session, session_id};
use crate::{
    Answer, Answered, Ask, AskEvents, Body, Caller, Consistency, Counts, Event, EventList, FilterText, Freshness,
    HealthQuestion, Indexed, Instance, Knowing, NodeEntries, NodeMeta, NodeServices, Proposal, Question, ReadError,
    Refusal, Reply, Request, Server, Status, Tags, TooManyWatches, Txn, TxnAnswer, Wait, Wanted,
};

type Named<T> = Vec<(String, T)>;

fn named<T>(kind: &str, values: impl IntoIterator<Item = (&'static str, T)>) -> Named<T> {
    values.into_iter().map(|(name, value)| (format!("{kind}-{name}"), value)).collect()
}

fn wait() -> Option<Wait> {
    Some(Wait { seen: 300, at_most: Duration::from_micros(300_000_001) })
}

fn event() -> Event {
    Event {
        id: Uuid::from_u128(6),
        name: "deploy".into(),
        payload: vec![0, 255],
        node_filter: "^web".into(),
        service_filter: "api".into(),
        tag_filter: "v[0-9]".into(),
        lamport_time: 200,
    }
}

fn freshness() -> Freshness {
    Freshness { known_leader: true, last_contact_ms: 130 }
}

fn consistencies() -> [(&'static str, Consistency); 4] {
    [
        ("default", Consistency::Default),
        ("consistent", Consistency::Consistent),
        ("stale", Consistency::Stale(None)),
        ("stale-bounded", Consistency::Stale(Some(Duration::from_secs(10)))),
    ]
}

fn questions() -> Named<Question> {
    let filter = || FilterText::new(b"ID == web");
    let meta = || NodeMeta(BTreeMap::from([("rack".to_owned(), "7".to_owned())]));
    let tags = || Tags::new(["a", "b"].into_iter());
    let service = || Box::<str>::from("web");
    let health = HealthQuestion {
        service: service(),
        tags: tags(),
        only_passing: true,
        is_imported: true,
        meta: meta(),
        filter: filter(),
    };
    let checks_in = |status| Question::ChecksIn { status, meta: meta(), filter: filter() };
    named(
        "ask",
        [
            ("key", Question::Key(key())),
            ("keys", Question::Keys(key())),
            ("key-names", Question::KeyNames { prefix: key(), separator: b"/"[..].into() }),
            ("nodes", Question::Nodes { meta: meta(), filter: filter() }),
            ("services", Question::Services { meta: meta(), filter: filter() }),
            ("instances", Question::Instances { service: service(), tags: tags(), meta: meta(), filter: filter() }),
            ("node-services", Question::NodeServices { node: "Node-1".into(), filter: filter() }),
            ("node-checks", Question::NodeChecks { node: "Node-1".into(), filter: filter() }),
            ("service-checks", Question::ServiceChecks { service: service(), meta: meta(), filter: filter() }),
            ("checks-in-any", checks_in(Wanted::Any)),
            ("checks-in-critical", checks_in(Wanted::In(CheckStatus::Critical))),
            ("checks-in-unknown", checks_in(Wanted::Unknown)),
            ("health", Question::Health(Box::new(health))),
            ("node-entries", Question::NodeEntries("Node-1".into())),
            ("session", Question::Session(Some(session_id()))),
            ("no-session", Question::Session(None)),
            ("node-sessions", Question::NodeSessions("Node-1".into())),
            ("sessions", Question::Sessions),
        ],
    )
}

fn txn() -> Txn {
    let error = |operation, reason: &str| TxnError { operation, reason: reason.into() };
    Txn {
        operations: vec![TxnOperation::Key(KeyOperation { key: key(), verb: KeyVerb::Delete })],
        places: vec![1],
        incomplete: vec![error(0, "no key")],
        unknown_verbs: vec![error(2, "no such verb")],
        writes: true,
        consistency: Consistency::Consistent,
    }
}

fn bodies() -> Named<Body> {
    let proposal = |term| move |operation| Body::Propose(Proposal { operation, term });
    let ask = |consistency, wait| move |question| Body::Ask(Ask { question, consistency, wait });
    let mut bodies: Named<Body> = Vec::new();
    bodies.extend(
        operations().into_iter().map(|(name, operation)| (format!("propose-{name}"), proposal(None)(operation))),
    );
    bodies.extend(questions().into_iter().map(|(name, question)| (name, ask(Consistency::Default, wait())(question))));
    bodies.extend(named(
        "ask-with",
        consistencies().map(|(name, consistency)| (name, ask(consistency, None)(Question::Sessions))),
    ));
    bodies.extend(named(
        "knowing",
        consistencies().map(|(name, consistency)| (name, Body::Status(Knowing::After(consistency)))),
    ));
    bodies.extend(named(
        "body",
        [
            ("propose-in-term", proposal(Some(7))(Operation::SessionDestroy(session_id()))),
            ("txn", Body::Txn(txn())),
            ("renew-session", Body::RenewSession(session_id())),
            ("fire", Body::Fire { event: event(), is_for_this_agent: true }),
            ("events", Body::Events(AskEvents { name: "deploy".into(), wait: wait() })),
            ("save", Body::Save(Consistency::Default)),
            ("status", Body::Status(Knowing::Local)),
            ("counts", Body::Counts),
            ("datacenters", Body::Datacenters),
        ],
    ));
    bodies
}

/// Every request of version 1, by name.
pub(super) fn requests() -> Named<Request> {
    let request = |body| Request {
        datacenter: "dc1".into(),
        caller: Caller::with_token("secret"),
        client: Some([10, 0, 0, 9].into()),
        body,
    };
    let mut requests: Named<Request> = bodies().into_iter().map(|(name, body)| (name, request(body))).collect();
    let v6 = Some([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into());
    requests.extend(named(
        "from",
        [
            ("v6", Request { client: v6, ..request(Body::Counts) }),
            ("nowhere", Request { client: None, ..request(Body::Counts) }),
        ],
    ));
    requests
}

fn answers() -> Named<Answer> {
    let (node, service, check) = (Arc::new(node()), Arc::new(service()), Arc::new(check(CheckStatus::Warning)));
    let instance = Instance { node: node.clone(), service: service.clone(), checks: vec![check.clone()] };
    let of_node = NodeServices { node: node.clone(), has_services: true, services: vec![service.clone()] };
    let entries =
        NodeEntries { node: Some(node.clone()), services: vec![service.clone()], checks: vec![check.clone()] };
    let tags = BTreeSet::from(["a".into(), "b".into()]);
    named(
        "answer",
        [
            ("key", Answer::Key(Some(Arc::new(key_entry())))),
            ("no-key", Answer::Key(None)),
            ("keys", Answer::Keys(vec![(key(), Arc::new(key_entry()))])),
            ("names", Answer::Names(vec![key()])),
            ("nodes", Answer::Nodes(vec![node.clone()])),
            ("services", Answer::Services(BTreeMap::from([("web".into(), tags)]))),
            ("instances", Answer::Instances(vec![(node, service)])),
            ("node-services", Answer::NodeServices(Some(of_node))),
            ("no-node-services", Answer::NodeServices(None)),
            ("checks", Answer::Checks(vec![check])),
            ("health", Answer::Health(vec![instance])),
            ("node-entries", Answer::NodeEntries(entries)),
            ("sessions", Answer::Sessions(vec![Arc::new(session(SessionBehavior::Delete))])),
        ],
    )
}

fn responses() -> Named<Response> {
    let results = vec![
        TxnResult::Key(key(), Arc::new(key_entry()), ValueShown::Yes),
        TxnResult::Key(key(), Arc::new(key_entry()), ValueShown::No),
        TxnResult::Node(Arc::new(node())),
        TxnResult::Service(Arc::new(service())),
        TxnResult::Check(Arc::new(check(CheckStatus::Passing))),
    ];
    let errors = vec![TxnError { operation: 3, reason: "failed".into() }];
    named(
        "written",
        [
            ("done", Response::Done),
            ("flag", Response::Flag(true)),
            ("session", Response::Session(session_id())),
            ("txn", Response::Txn(Ok(results))),
            ("txn-failed", Response::Txn(Err(errors))),
            ("invalid-session", Response::Refused(quorate_state::Refusal::InvalidSession("s".into()))),
            ("invalid", Response::Refused(quorate_state::Refusal::Invalid("reason".into()))),
        ],
    )
}

fn statuses() -> Named<Status> {
    let log_id = |index| Some(LogId { term: 3, index });
    let progress = Progress {
        last_log: log_id(9),
        committed: log_id(8),
        applied: log_id(7),
        snapshot: log_id(6),
        purged: log_id(5),
    };
    let server = Server {
        id: Uuid::from_u128(4),
        name: "Node-1".into(),
        address: "10.0.0.1:8300".into(),
        leader: true,
        voter: true,
    };
    let status = |role| Status {
        id: Uuid::from_u128(4),
        name: "Node-1".into(),
        datacenter: "dc1".into(),
        role,
        term: 3,
        format_newest: 2,
        servers: vec![server.clone()],
        progress,
        fatal: Some("disk".into()),
        disk_full: true,
    };
    named(
        "status",
        [
            ("learner", status(Role::Learner)),
            ("follower", status(Role::Follower)),
            ("candidate", status(Role::Candidate)),
            ("leader", status(Role::Leader)),
            ("stopped", status(Role::Stopped)),
        ],
    )
}

fn refusals() -> Named<Refusal> {
    let leader = || (Uuid::from_u128(4), Member { name: "Node-1".into(), address: "10.0.0.1:8300".into() });
    let stopped = |outcome| ProposeError::Stopped { reason: "disk".into(), outcome };
    let not_written = [
        ("not-leader", ProposeError::NotLeader { leader: Some(leader()) }),
        ("overloaded", ProposeError::Overloaded { limit: 300, unit: "proposals" }),
        ("overloaded-bytes", ProposeError::Overloaded { limit: 300, unit: "bytes" }),
        ("too-large", ProposeError::TooLarge { bytes: 400, limit: 300 }),
        ("disk-full", ProposeError::DiskFull { reason: "no space".into() }),
        ("leadership-lost", ProposeError::LeadershipLost),
        ("timeout", ProposeError::Timeout { waited_ms: 300 }),
        ("stopped-unchanged", stopped(Outcome::Unchanged)),
        ("stopped-unknown", stopped(Outcome::Unknown)),
    ]
    .map(|(name, error)| (name, Refusal::NotWritten(error)));
    let not_read = [
        ("no-leader", ReadError::NoLeader),
        ("not-leader", ReadError::NotLeader { leader: leader() }),
        ("too-many-watches", ReadError::TooManyWatches(TooManyWatches { limit: 300 })),
        ("stopped", ReadError::Stopped("leaving".into())),
    ]
    .map(|(name, error)| (name, Refusal::NotRead(error)));
    let mut refusals = named("not-written", not_written);
    refusals.extend(named("not-read", not_read));
    refusals.extend(named(
        "refusal",
        [
            ("no-path", Refusal::NoPath),
            ("filter", Refusal::Filter("bad filter".into())),
            ("too-costly", Refusal::TooCostly("too much".into())),
            ("other", Refusal::Other("words".into())),
            ("no-room", Refusal::NoRoom(NoRoom::InTotal { bytes: 400, limit: 300 })),
            ("no-room-for-client", Refusal::NoRoom(NoRoom::InShare { bytes: 400, limit: 300 })),
        ],
    ));
    refusals
}

/// Every reply of version 1, by name.
pub(super) fn replies() -> Named<Result<Reply, Refusal>> {
    let answered = |answer| {
        Reply::Answered(Answered {
            answer: Arc::new(Indexed { index: 300, answer }),
            freshness: freshness(),
            is_shared: false,
            is_kept: false,
        })
    };
    let failed = TxnAnswer { outcome: Err(vec![TxnError { operation: 1, reason: "failed".into() }]), freshness: None };
    let mut replies: Named<Reply> = Vec::new();
    replies.extend(responses().into_iter().map(|(name, response)| (name, Reply::Written(response))));
    replies.extend(answers().into_iter().map(|(name, answer)| (name, answered(answer))));
    replies.extend(statuses().into_iter().map(|(name, status)| (name, Reply::Status(Box::new(status)))));
    replies.extend(named(
        "reply",
        [
            ("txn", Reply::Txn(TxnAnswer { outcome: Ok(Vec::new()), freshness: Some(freshness()) })),
            ("txn-failed", Reply::Txn(failed)),
            ("session", Reply::Session(Some(Arc::new(session(SessionBehavior::Release))))),
            ("no-session", Reply::Session(None)),
            ("done", Reply::Done),
            ("events", Reply::Events(EventList { index: 300, events: vec![event()] })),
            ("counts", Reply::Counts(Counts { keys: 1, nodes: 200, services: 3, instances: 4 })),
            ("datacenters", Reply::Datacenters(vec!["dc1".into(), "dc2".into()])),
        ],
    ));
    let refusals = refusals().into_iter().map(|(name, refusal)| (name, Err(refusal)));
    replies.into_iter().map(|(name, reply)| (name, Ok(reply))).chain(refusals).collect()
}
