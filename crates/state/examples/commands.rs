//! How long the commands take that touch much, and those that a restart replays by the million. One line each; Linux.
//!
//! `cargo run --release -p quorate-state --example commands [SESSIONS [SERVICES]]`

use quorate_state::{
    Changes, Check, CheckStatus, Command, Deregistration, KeyOperation, KeyValue, KeyVerb, Node, Operation, Record,
    Registration, Service, Session, SessionBehavior, SessionId, SessionReference, Stamp, State, StateBuilder, Topic,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SESSIONS_DEFAULT: u64 = 1_000_000;
const SERVICES_DEFAULT: u64 = 100_000;
/// Services on the one node whose own checks flip.
const SERVICES_ON_A_NODE: u64 = 4_000;
const FLIPS: u64 = 200;
const LOCKS: u64 = 100_000;
/// Commands applied before a snapshot is published, as in a replay.
const BATCH: u64 = 4096;

fn main() {
    let argument = |at, default| std::env::args().nth(at).map_or(default, |text| text.parse().expect("a number"));
    let (sessions, services) = (argument(1, SESSIONS_DEFAULT), argument(2, SERVICES_DEFAULT));
    flips();
    catalog(services);
    locks();
    live_and_end(sessions);
}

/// A check of a node on which much runs.
fn flips() {
    let mut log = Log::new();
    log.apply(register("n", None, vec![check("n", "own", CheckStatus::Passing)]));
    for number in 0..SERVICES_ON_A_NODE {
        log.apply(register("n", Some(service("n", number, &format!("service-{number}"))), vec![]));
    }
    log.publish();
    let status = |number: u64| if number.is_multiple_of(2) { CheckStatus::Critical } else { CheckStatus::Passing };
    measured(&format!("check of a node with {SERVICES_ON_A_NODE} services flips"), FLIPS, || {
        for number in 0..FLIPS {
            log.apply(register("n", None, vec![check("n", "own", status(number))]));
            log.publish();
        }
    });
    measured("the same, replayed in one batch", FLIPS, || {
        for number in 0..FLIPS {
            log.apply(register("n", None, vec![check("n", "own", status(number))]));
        }
        log.publish();
    });
    measured("last change of a service's health", 1000, || {
        (0..1000).map(|number| log.state.last_change(&Topic::health(&format!("service-{number}")))).max()
    });
    measured("walked as records", 1, || log.state.records().count());
    measured("the node deregistered", 1, || log.apply(deregister("n")));
}

/// Many services on many nodes, each with a check.
fn catalog(services: u64) {
    let mut log = Log::new();
    measured("service with a check registered, 10 on a node", services, || {
        for number in 0..services {
            let node = format!("node-{}", number / 10);
            let mut check = check(&node, &format!("check-{number}"), CheckStatus::Passing);
            check.service_id = format!("id-{number}");
            let service = service(&node, number, &format!("service-{}", number % 1000));
            log.apply(register(&node, Some(service), vec![check]));
        }
    });
    measured("service registered, all on one node", services, || {
        for number in 0..services {
            log.apply(register("big", Some(service("big", number, &format!("other-{}", number % 1000))), vec![]));
        }
    });
    let records: Vec<Record> = log.state.records().collect();
    println!("{:>50}: {}", "records", records.len());
    let count = records.len() as u64;
    let rebuilt = measured("built from records", count, || build(records));
    assert_eq!(rebuilt.services().count(), log.state.services().count());
    measured("the big node deregistered", 1, || log.apply(deregister("big")));
}

/// A session that holds many locks.
fn locks() {
    let mut log = Log::new();
    log.apply(register("n", None, vec![check("n", "serfHealth", CheckStatus::Passing)]));
    log.apply(Operation::SessionCreate(session(1)));
    for number in 0..LOCKS {
        let value = KeyValue { value: vec![b'v'; 16].into(), flags: 0 };
        let verb = KeyVerb::Lock(value, SessionReference(session(1).id.to_string()));
        log.apply(Operation::Key(KeyOperation { key: (&*format!("lock/{number}")).into(), verb }));
    }
    log.publish();
    measured(&format!("session with {LOCKS} locks ended"), 1, || log.apply(Operation::SessionDestroy(session(1).id)));
    log.publish();
    measured("its delays reaped", 1, || log.apply(Operation::Reap(u64::MAX)));
}

/// Many sessions on one node.
fn live_and_end(sessions: u64) {
    let mut log = Log::new();
    log.apply(register("n", None, vec![check("n", "serfHealth", CheckStatus::Passing)]));
    measured("session created", sessions, || {
        for number in 0..sessions {
            log.apply(Operation::SessionCreate(session(number)));
        }
    });
    let records: Vec<Record> = log.state.records().collect();
    println!("{:>50}: {}", "records", records.len());
    let rebuilt = measured("built from records", sessions, || build(records));
    assert_eq!(rebuilt.sessions().count(), log.state.sessions().count());
    drop(rebuilt);
    log.publish();
    measured("their node deregistered", 1, || log.apply(deregister("n")));
    measured("the old state dropped", 1, || log.publish());
    measured("all forgotten", 1, || log.apply(Operation::Reap(u64::MAX)));
}

/// A log that is applied as it comes.
struct Log {
    state: State,
    published: State,
    changes: Changes,
    index: u64,
}

impl Log {
    fn new() -> Self {
        Self { state: State::new(), published: State::new(), changes: Changes::default(), index: 1 }
    }

    fn apply(&mut self, operation: Operation) {
        self.index += 1;
        self.state.apply(self.index, Command { now_ms: self.index, operation }, &mut self.changes);
        if self.index.is_multiple_of(BATCH) {
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.published = self.state.clone();
        self.changes = Changes::default();
    }
}

fn build(records: Vec<Record>) -> State {
    let mut builder = StateBuilder::default();
    records.into_iter().for_each(|record| builder.push(record));
    builder.finish()
}

fn register(node: &str, service: Option<Service>, checks: Vec<Check>) -> Operation {
    let node = Node { name: node.into(), address: "10.0.0.1".into(), ..Node::default() };
    Operation::Register(Box::new(Registration { node, skip_node_update: false, service, checks }))
}

fn deregister(node: &str) -> Operation {
    Operation::Deregister(Deregistration { node: node.into(), ..Deregistration::default() })
}

fn service(node: &str, number: u64, name: &str) -> Service {
    let tags = vec!["primary".into(), format!("v{}", number % 10)];
    Service { node: node.into(), id: format!("id-{number}"), name: name.into(), tags, port: 80, ..Service::default() }
}

fn check(node: &str, id: &str, status: CheckStatus) -> Check {
    Check { node: node.into(), id: id.into(), name: id.into(), status, output: "ok".into(), ..Check::default() }
}

fn session(number: u64) -> Session {
    // Spread, as random ids are.
    let high = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Session {
        id: SessionId::new(uuid::Uuid::from_u64_pair(high, number + 1)).expect("not nil"),
        name: "worker".into(),
        node: "n".into(),
        lock_delay_ns: 15_000_000_000,
        behavior: SessionBehavior::Release,
        ttl: "15s".into(),
        ttl_ms: 15_000,
        node_checks: Some(vec!["serfHealth".into()]),
        checks: vec![],
        service_checks: None,
        stamp: Stamp::default(),
    }
}

fn measured<T>(what: &str, times: u64, work: impl FnOnce() -> T) -> T {
    let before_ns = cpu_ns();
    let result = work();
    let taken_us = (cpu_ns() - before_ns) as f64 / 1e3;
    println!("{what:>50}: {:>8.1} ms, {:>9.2} µs each", taken_us / 1e3, taken_us / times as f64);
    result
}

/// The time that this, the only thread, has run. Unlike the time of day it does not count what others run meanwhile.
fn cpu_ns() -> u64 {
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    schedstat.split(' ').next().and_then(|running| running.parse().ok()).unwrap_or(0)
}
