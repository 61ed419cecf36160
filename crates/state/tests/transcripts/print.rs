//! How a transcript shows what the state answers.

use quorate_state::{
    Check, Header, Key, KeyEntry, Node, Record, Response, Service, Session, SessionId, Stamp, Topic, TxnError,
    TxnResult, ValueShown,
};

pub(crate) fn response(response: &Response) -> String {
    match response {
        Response::Done => "done\n".to_owned(),
        Response::Flag(flag) => format!("{flag}\n"),
        Response::Session(id) => format!("session {}\n", session_id(*id)),
        Response::Txn(outcome) => txn(outcome),
        Response::Refused(refusal) => format!("refused: {refusal}\n"),
    }
}

pub(crate) fn txn(outcome: &Result<Vec<TxnResult>, Vec<TxnError>>) -> String {
    match outcome {
        Ok(results) if results.is_empty() => "no results\n".to_owned(),
        Ok(results) => results.iter().map(txn_result).collect(),
        Err(errors) => {
            errors.iter().map(|TxnError { operation, reason }| format!("error in {operation}: {reason}\n")).collect()
        }
    }
}

fn txn_result(result: &TxnResult) -> String {
    match result {
        TxnResult::Key(name, entry, ValueShown::Yes) => key(name, entry),
        TxnResult::Key(name, entry, ValueShown::No) => {
            key(name, &KeyEntry { value: b"(not shown)"[..].into(), ..KeyEntry::clone(entry) })
        }
        TxnResult::Node(entry) => node(entry),
        TxnResult::Service(entry) => service(entry),
        TxnResult::Check(entry) => check(entry),
    }
}

pub(crate) fn key(name: &Key, entry: &KeyEntry) -> String {
    let KeyEntry { value, flags, session, lock_index, stamp } = entry;
    let mut line = format!("{} = {}", show(name.as_bytes()), show(value));
    if *flags != 0 {
        line += &format!(" flags {flags}");
    }
    if *lock_index != 0 {
        line += &format!(" lock {lock_index}");
    }
    if let Some(session) = session {
        line += &format!(" held by {}", session_id(*session));
    }
    line + &self::stamp(stamp)
}

pub(crate) fn node(node: &Node) -> String {
    let mut line = format!("node {} {}", node.name, node.address);
    if !node.id.is_empty() {
        line += &format!(" id {}", node.id);
    }
    for (name, value) in &node.meta {
        line += &format!(" {name}={value}");
    }
    line + &stamp(&node.stamp)
}

pub(crate) fn service(service: &Service) -> String {
    let mut line = format!("service {}/{} {}", service.node, service.id, service.name);
    if !service.tags.is_empty() {
        line += &format!(" tags {}", service.tags.join(","));
    }
    if service.port != 0 {
        line += &format!(" port {}", service.port);
    }
    line + &stamp(&service.stamp)
}

pub(crate) fn check(check: &Check) -> String {
    let mut line = format!("check {}/{} {}", check.node, check.id, check.status.as_str());
    if !check.service_id.is_empty() {
        line += &format!(" of {} {}", check.service_id, check.service_name);
    }
    if !check.service_tags.is_empty() {
        line += &format!(" tags {}", check.service_tags.join(","));
    }
    if !check.output.is_empty() {
        line += &format!(" says {}", check.output);
    }
    line + &stamp(&check.stamp)
}

pub(crate) fn session(session: &Session) -> String {
    let mut line = format!("session {} on {}", session_id(session.id), session.node);
    let checks: Vec<&str> = session.all_checks().collect();
    if !checks.is_empty() {
        line += &format!(" lives by {}", checks.join(","));
    }
    line + &stamp(&session.stamp)
}

fn stamp(stamp: &Stamp) -> String {
    format!(" @{}-{}\n", stamp.created, stamp.modified)
}

pub(crate) fn record(record: &Record) -> String {
    match record {
        Record::Header(Header { index, offset, floor, restored, clock_ms, format: _ }) => {
            format!("header index {index} offset {offset} floor {floor} restored {restored} clock {clock_ms}\n")
        }
        Record::Key(name, entry) => format!("key {}", key(name, entry)),
        Record::Tombstone(name, index) => format!("tombstone {} @{index}\n", show(name.as_bytes())),
        Record::Node(entry) => node(entry),
        Record::Service(entry) => service(entry),
        Record::Check(entry) => check(entry),
        Record::Session(entry) => session(entry),
        Record::LockDelay(name, until_ms) => format!("lock delay {} until {until_ms}\n", show(name.as_bytes())),
        Record::Mark(of, index) => format!("mark {} @{index}\n", topic(of)),
        Record::Staging(id, steps) => format!("staging {} steps {steps}\n", id.as_u128()),
        Record::Staged(inner) => format!("staged {}", self::record(inner)),
    }
}

pub(crate) fn topic(topic: &Topic) -> String {
    match topic {
        Topic::Key(key) => format!("key:{}", show(key.as_bytes())),
        Topic::KeysUnder(prefix) => format!("under:{}", show(prefix.as_bytes())),
        Topic::Nodes => "nodes".to_owned(),
        Topic::Node(name) => format!("node:{name}"),
        Topic::NodeChecks(name) => format!("node-checks:{name}"),
        Topic::Services => "services".to_owned(),
        Topic::Instances => "instances".to_owned(),
        Topic::Service(name) => format!("service:{name}"),
        Topic::Health(name) => format!("health:{name}"),
        Topic::Checks => "checks".to_owned(),
        Topic::ChecksIn(status) => format!("checks-in:{}", status.as_str()),
        Topic::Sessions => "sessions".to_owned(),
        Topic::NodeSessions(name) => format!("node-sessions:{name}"),
        Topic::Session(id) => format!("session:{}", session_id(*id)),
    }
}

fn session_id(id: SessionId) -> String {
    format!("s{}", id.get().as_u128())
}

/// Bytes as text; what is no plain text is escaped.
fn show(bytes: &[u8]) -> String {
    if bytes.is_empty() { "(empty)".to_owned() } else { bytes.escape_ascii().to_string() }
}
