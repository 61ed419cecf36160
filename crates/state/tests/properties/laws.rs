//! The laws that any sequence of commands keeps.

use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use quorate_state::{
    Changes, CheckStatus, Command, KeyEntry, KeyVerb, Operation, Record, Response, RestoreStep, State, Topic,
    TxnOperation,
};

use crate::commands::ADDRESSES;
use crate::questions;

type Law = Result<(), TestCaseError>;

/// What all questions were answered at one time.
struct Answers {
    index: u64,
    keys: Vec<(Vec<u8>, Arc<KeyEntry>)>,
    each: Vec<(String, u64)>,
}

pub(crate) fn check(commands: Vec<Command>) -> Law {
    let topics = questions::all();
    let mut state = State::new();
    let mut before = answers(&state, &topics);
    let mut restored = false;
    for (position, command) in commands.into_iter().enumerate() {
        // Positions in the log have gaps: leaders change. The first two are the cluster's own.
        let log_index = position as u64 * 2 + 2;
        reads_of_a_transaction_need_no_log(&state, &command.operation)?;
        let mut changes = Changes::default();
        let response = state.apply(log_index, command.clone(), &mut changes);
        let after = answers(&state, &topics);
        let what = format!("{command:?} answered {response:?}");
        restored |= changes.everything;
        answers_tell_of_their_changes(&topics, &before, &after, &changes, &command.operation, &what)?;
        an_index_means_a_change(&before, &after, &changes, &command.operation, &response, &what)?;
        lock_indices_only_grow(&before, &after, &changes, &what)?;
        parents_are_there(&state, &what)?;
        addresses_lead_to_all_that_is_there(&state, &what)?;
        if !restored {
            sessions_live_by_their_checks(&state, &what)?;
        }
        prop_assert_eq!(&rebuilt(&state), &state, "its records build another state after {}", what);
        before = after;
    }
    Ok(())
}

fn answers(state: &State, topics: &[Topic]) -> Answers {
    Answers {
        index: state.index(),
        keys: state.keys_under(b"").map(|(key, entry)| (key.as_bytes().to_vec(), entry.clone())).collect(),
        each: topics.iter().map(|topic| (questions::answer(state, topic), state.last_change(topic))).collect(),
    }
}

/// A question's index never goes back; it rises, and its topic is touched, if its answer changes; and it rises for no
/// other reason than that its topic was touched, something was forgotten, or the state was replaced.
fn answers_tell_of_their_changes(
    topics: &[Topic],
    before: &Answers,
    after: &Answers,
    changes: &Changes,
    operation: &Operation,
    what: &str,
) -> Law {
    for (topic, (old, new)) in topics.iter().zip(before.each.iter().zip(&after.each)) {
        prop_assert!(old.1 >= 1 && new.1 >= old.1, "{topic:?} went from {} to {} by {what}", old.1, new.1);
        let touched = changes.everything || is_touched(topic, changes);
        if old.0 != new.0 {
            prop_assert!(new.1 > old.1, "{topic:?} has another answer at the same index by {what}");
            prop_assert!(touched, "{topic:?} has another answer untouched by {what}");
        }
        let forgets = matches!(operation, Operation::Reap(_));
        prop_assert!(new.1 == old.1 || touched || forgets, "{topic:?} rose without a reason by {what}");
    }
    Ok(())
}

fn is_touched(topic: &Topic, changes: &Changes) -> bool {
    match topic {
        Topic::KeysUnder(prefix) => changes.topics.iter().any(|touched| match touched {
            Topic::Key(key) => key.as_bytes().starts_with(prefix.as_bytes()),
            _ => false,
        }),
        topic => changes.topics.contains(topic),
    }
}

/// A command that is refused, or that leaves all answers as they were, uses up no index and touches nothing. (The steps
/// of a transaction may each take back what another did; that costs an index.)
fn an_index_means_a_change(
    before: &Answers,
    after: &Answers,
    changes: &Changes,
    operation: &Operation,
    response: &Response,
    what: &str,
) -> Law {
    prop_assert!(after.index >= before.index, "the index went back by {what}");
    let failed = matches!(response, Response::Refused(_) | Response::Flag(false) | Response::Txn(Err(_)));
    let same = before.each.iter().zip(&after.each).all(|(old, new)| old.0 == new.0);
    prop_assert!(!failed || same, "answers changed by {what}");
    let may_cost = changes.everything || (matches!(operation, Operation::Txn(_)) && !failed);
    if same && !may_cost {
        prop_assert_eq!(after.index, before.index, "an index was used up by {}", what);
        prop_assert!(changes.is_empty(), "{changes:?} without a change by {what}");
    }
    Ok(())
}

/// While a key lives, its lock index only grows, and grows whenever the lock gets another holder.
fn lock_indices_only_grow(before: &Answers, after: &Answers, changes: &Changes, what: &str) -> Law {
    if changes.everything {
        return Ok(());
    }
    for (key, old) in &before.keys {
        let same_life =
            |(other, new): &&(Vec<u8>, Arc<KeyEntry>)| other == key && new.stamp.created == old.stamp.created;
        let Some((_, new)) = after.keys.iter().find(same_life) else { continue };
        prop_assert!(new.lock_index >= old.lock_index, "the lock index of {key:?} fell by {what}");
        let taken = new.session.is_some() && new.session != old.session;
        prop_assert!(!taken || new.lock_index > old.lock_index, "{key:?} was taken at an old lock index by {what}");
    }
    Ok(())
}

/// Who holds a lock is there, and what a session, a service or a check is on.
fn parents_are_there(state: &State, what: &str) -> Law {
    for (key, entry) in state.keys_under(b"") {
        if let Some(session) = entry.session {
            prop_assert!(state.session(session).is_some(), "{key:?} is held by nobody after {what}");
            prop_assert!(entry.lock_index > 0);
        }
    }
    for session in state.sessions() {
        prop_assert!(state.node(&session.node).is_some(), "{session:?} has no node after {what}");
    }
    for service in state.services() {
        prop_assert!(state.node(&service.node).is_some(), "{service:?} has no node after {what}");
    }
    for check in state.checks() {
        prop_assert!(state.node(&check.node).is_some(), "{check:?} has no node after {what}");
        let service = state.service_on(&check.node, &check.service_id);
        prop_assert!(check.service_id.is_empty() || service.is_some(), "{check:?} has no service after {what}");
    }
    Ok(())
}

/// What is at an address is what has it, whoever had it before, and however it is written.
fn addresses_lead_to_all_that_is_there(state: &State, what: &str) -> Law {
    for text in ADDRESSES {
        let Ok(address) = text.parse::<IpAddr>() else { continue };
        let is_at = |text: &str| text.parse::<IpAddr>().is_ok_and(|at| at.to_canonical() == address.to_canonical());
        let nodes = state.nodes().filter(|node| is_at(&node.address));
        prop_assert!(state.nodes_at(address).eq(nodes), "other nodes are at {address} after {what}");
        let services = state.services().filter(|service| is_at(&service.address));
        prop_assert!(state.services_at(address).eq(services), "other services are at {address} after {what}");
    }
    Ok(())
}

/// No session outlives one of its checks, or its being critical. (A restore may bring such a session, if whoever wrote
/// the archive did.)
fn sessions_live_by_their_checks(state: &State, what: &str) -> Law {
    for session in state.sessions() {
        for id in session.all_checks() {
            let status = state.check(&session.node, id).map(|check| check.status);
            let alive = status.is_some_and(|status| status != CheckStatus::Critical);
            prop_assert!(alive, "{session:?} lives on after {what}");
        }
    }
    Ok(())
}

/// A transaction of reads has the same answer without the log.
fn reads_of_a_transaction_need_no_log(state: &State, operation: &Operation) -> Law {
    let Operation::Txn(operations) = operation else { return Ok(()) };
    let reads: Vec<TxnOperation> = operations.iter().filter(|operation| only_reads(operation)).cloned().collect();
    let direct = state.read_txn(&reads);
    let command = Command { now_ms: 0, operation: Operation::Txn(reads) };
    let logged = state.clone().apply(u64::MAX / 4, command, &mut Changes::default());
    prop_assert_eq!(Response::Txn(direct), logged);
    Ok(())
}

fn only_reads(operation: &TxnOperation) -> bool {
    use quorate_state::CatalogVerb::Get;
    match operation {
        TxnOperation::Key(operation) => matches!(
            operation.verb,
            KeyVerb::Get
                | KeyVerb::GetOrEmpty
                | KeyVerb::GetTree
                | KeyVerb::CheckIndex(_)
                | KeyVerb::CheckSession(_)
                | KeyVerb::CheckNotExists
        ),
        TxnOperation::Node(verb, _) | TxnOperation::Service(verb, _) | TxnOperation::Check(verb, _) => *verb == Get,
    }
}

fn rebuilt(state: &State) -> State {
    let mut builder = State::from_records();
    state.records().for_each(|record: Record| builder.push(record));
    builder.finish()
}

/// A restore that brings what another state holds brings all of it.
#[test]
fn a_restored_state_answers_as_the_one_that_was_saved() {
    let mut runner = proptest::test_runner::TestRunner::new(crate::config());
    let outcome = runner.run(&crate::commands::lively(), |commands| {
        let mut saved = State::new();
        for (position, command) in commands.into_iter().enumerate() {
            saved.apply(position as u64 + 1, command, &mut Changes::default());
        }
        let id = uuid::Uuid::from_u128(7);
        let records: Vec<Record> = saved.records().collect();
        let mut steps: Vec<RestoreStep> = vec![RestoreStep::Begin(id)];
        for (number, records) in records.chunks(3).enumerate() {
            steps.push(RestoreStep::Add { id, number: number as u64, records: records.to_vec() });
        }
        steps.push(RestoreStep::Commit { id, steps: steps.len() as u64 - 1 });
        let mut state = State::new();
        for (position, step) in steps.into_iter().enumerate() {
            let command = Command { now_ms: 0, operation: Operation::Restore(step) };
            let response = state.apply(position as u64 + 1, command, &mut Changes::default());
            prop_assert_eq!(response, Response::Done);
        }
        for topic in questions::all() {
            prop_assert_eq!(questions::answer(&state, &topic), questions::answer(&saved, &topic));
            prop_assert!(state.last_change(&topic) > saved.index());
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
