//! Transactions: `/v1/txn`.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use quorate_api as api;
use quorate_api::go_json;
use quorate_node::{Body, Freshness, Reply as NodeReply, Txn, TxnAnswer};
use quorate_state::{
    CatalogVerb, KeyOperation, KeyValue, KeyVerb, SessionReference, TxnError, TxnOperation, TxnResult, ValueShown,
};
use serde::{Serialize, Serializer};

use super::{Action, Doing, registration};
use crate::ask;
use crate::call::Call;
use crate::encode;
use crate::go::go_quoted;
use crate::reply::{self, Outcome, Refused, Reply};
use crate::settings::Terms;
use crate::views;

pub(super) const PUT: Action = Action::Do(|call| Box::pin(put(call)) as Doing);

async fn put(mut call: Call) -> Result<Outcome, Refused> {
    let body = take_body(&mut call).await?;
    let api::TxnOperations(wanted) =
        go_json::from_slice(&body).map_err(|error| Refused::bad_request(format!("Failed to parse body: {error}")))?;
    let most = call.server.in_force().terms.txn_operations_max;
    if wanted.len() > most {
        let text = format!("Transaction contains too many operations ({} > {most})", wanted.len());
        return Err(Refused::too_large(text));
    }
    let mut txn = convert(wanted, &call.server.in_force().terms)?;
    let reads_only = !txn.writes;
    if reads_only {
        txn.consistency = call.options()?.consistency;
    }
    let timers = &call.server.timers;
    let _timer = if reads_only { timers.txn_read.start() } else { timers.txn_apply.start() };
    let answer = match call.serve_now(Body::Txn(txn)).await? {
        NodeReply::Txn(answer) => answer,
        other => return Err(ask::unexpected(&other)),
    };
    send(&call, answer, reads_only).await
}

/// Encodes the answer, elsewhere if it may be long.
async fn send(call: &Call, answer: TxnAnswer, reads_only: bool) -> Result<Outcome, Refused> {
    let is_long =
        matches!(&answer.outcome, Ok(results) if results.len() > LONG_RESULTS || bytes_of(results) > LONG_BYTES);
    if !is_long {
        return Ok(Outcome::Ready(encode_answer(&answer, call.server.node.datacenter(), call.pretty(), reads_only)));
    }
    let turn = call.server.large.turn().await;
    // What was written is reported in any case: a refusal would look as if it had not taken place.
    if reads_only {
        call.server.large.check_room()?;
    }
    let (server, pretty) = (call.server.clone(), call.pretty());
    let made =
        call.server.elsewhere(move || encode_answer(&answer, server.node.datacenter(), pretty, reads_only)).await;
    drop(turn);
    made.map(Outcome::Ready).ok_or_else(|| Refused::internal("the server is stopping"))
}

/// An answer of more results than this is encoded away from the thread that everything else needs.
const LONG_RESULTS: usize = 1_000;
/// So is one whose values have more bytes than this.
const LONG_BYTES: usize = 256 << 10;

fn bytes_of(results: &[TxnResult]) -> usize {
    let bytes = |result: &TxnResult| match result {
        TxnResult::Key(_, entry, ValueShown::Yes) => entry.value.len(),
        _ => 0,
    };
    results.iter().map(bytes).sum()
}

fn encode_answer(answer: &TxnAnswer, datacenter: &str, pretty: bool, reads_only: bool) -> Reply {
    let TxnAnswer { outcome, freshness } = answer;
    if !reads_only {
        return reply(encode::json(&response(outcome, datacenter), pretty), outcome.is_err());
    }
    // What was refused before it was looked up says nothing of how fresh the answer is, as in Consul.
    let shown = freshness.unwrap_or(Freshness::UNKNOWN);
    let body = api::TxnReadResponse {
        response: response(outcome, datacenter),
        index: u64::from(freshness.is_some()),
        last_contact: shown.last_contact_ms.saturating_mul(1_000_000),
        known_leader: shown.known_leader,
        ..Default::default()
    };
    let mut reply = reply(encode::json(&body, pretty), outcome.is_err());
    reply.headers_mut().insert(reply::KNOWN_LEADER, reply::truth(shown.known_leader));
    reply.headers_mut().insert(reply::LAST_CONTACT, HeaderValue::from(shown.last_contact_ms));
    reply
}

fn reply(body: Vec<u8>, failed: bool) -> Reply {
    let mut reply = reply::json(body);
    if failed {
        *reply.status_mut() = StatusCode::CONFLICT;
    }
    reply
}

async fn take_body(call: &mut Call) -> Result<Bytes, Refused> {
    const SEE: &str = "https://www.consul.io/docs/agent/config/config-files#txn_max_req_len";
    let bytes_max = {
        let in_force = call.server.in_force();
        in_force.terms.txn_body_bytes_max.max(in_force.terms.kv_value_bytes_max)
    };
    let too_large = |announced: Option<u64>| {
        let announced = announced.map(|bytes| format!("({bytes} bytes)")).unwrap_or_default();
        Refused::too_large(format!("Request body{announced} too large, max size: {bytes_max} bytes. See {SEE}."))
    };
    call.take_body(bytes_max, too_large).await
}

/// Why a part of a transaction is no operation.
#[derive(Debug)]
enum NoOperation {
    /// It lacks what any verb needs.
    Incomplete(String),
    /// There is no such verb.
    UnknownVerb(String),
}

fn convert(wanted: Vec<api::TxnOperation>, terms: &Terms) -> Result<Txn, Refused> {
    let mut converted = Txn::default();
    let mut place = 0;
    // The first part that is there counts; an operation without any is passed over and not counted.
    for wanted in wanted {
        let (operation, writes) = if let Some(kv) = wanted.kv {
            let most = terms.kv_value_bytes_max;
            let length = kv.value.as_ref().map_or(0, |value| value.0.len());
            if length > most {
                let key = go_quoted(&kv.key);
                return Err(Refused::too_large(format!("Value for key {key} is too large ({length} > {most} bytes)")));
            }
            let (verb, writes) = key_verb(&kv);
            let operation = verb.map(|verb| TxnOperation::Key(KeyOperation { key: (&*kv.key).into(), verb }));
            (operation, writes)
        } else if let Some(node) = wanted.node {
            let writes = node.verb != "get";
            (node_operation(node), writes)
        } else if let Some(service) = wanted.service {
            let writes = service.verb != "get";
            (service_operation(service), writes)
        } else if let Some(check) = wanted.check {
            let writes = check.verb != "get";
            (check_operation(check)?, writes)
        } else {
            continue;
        };
        converted.writes |= writes;
        match operation {
            Ok(operation) => {
                converted.operations.push(operation);
                converted.places.push(place);
            }
            Err(NoOperation::Incomplete(reason)) => converted.incomplete.push(TxnError { operation: place, reason }),
            Err(NoOperation::UnknownVerb(reason)) => {
                converted.unknown_verbs.push(TxnError { operation: place, reason })
            }
        }
        place += 1;
    }
    Ok(converted)
}

fn node_operation(wanted: api::TxnNode) -> Result<TxnOperation, NoOperation> {
    let verb = catalog_verb("Node", &wanted.verb, wanted.node.modify_index);
    if verb.is_err() && wanted.node.node.is_empty() {
        return Err(NoOperation::Incomplete("Must provide node".to_owned()));
    }
    Ok(TxnOperation::Node(verb?, Box::new(registration::node(wanted.node))))
}

fn service_operation(wanted: api::txn::TxnService) -> Result<TxnOperation, NoOperation> {
    let verb = catalog_verb("Service", &wanted.verb, wanted.service.modify_index)?;
    let service = wanted.service.into_node_service();
    if matches!(verb, CatalogVerb::Set | CatalogVerb::Cas(_)) {
        registration::validate_service(&service).map_err(NoOperation::Incomplete)?;
    }
    Ok(TxnOperation::Service(verb, Box::new(registration::service(&wanted.node, service))))
}

fn check_operation(wanted: api::TxnCheck) -> Result<Result<TxnOperation, NoOperation>, Refused> {
    let verb = catalog_verb("Check", &wanted.verb, wanted.check.modify_index);
    let mut check = wanted.check.into_check().map_err(|error| Refused::internal(error.to_string()))?;
    // Unlike a registration, a transaction tells no kind of check and has none found out.
    check.kind = "".into();
    Ok(verb.map(|verb| TxnOperation::Check(verb, Box::new(registration::check(check)))))
}

/// What to do with a key, and whether that changes something.
fn key_verb(kv: &api::txn::TxnKv) -> (Result<KeyVerb, NoOperation>, bool) {
    let bytes = kv.value.as_ref().map_or(&[][..], |value| &value.0);
    let value = || KeyValue { value: bytes.into(), flags: kv.flags };
    let session = || SessionReference(kv.session.clone());
    let (verb, writes) = match &*kv.verb {
        "set" => (KeyVerb::Set(value()), true),
        "cas" => (KeyVerb::Cas(value(), kv.index), true),
        "lock" => (KeyVerb::Lock(value(), session()), true),
        "unlock" => (KeyVerb::Unlock(value(), session()), true),
        "delete" => (KeyVerb::Delete, true),
        "delete-cas" => (KeyVerb::DeleteCas(kv.index), true),
        "delete-tree" => (KeyVerb::DeleteTree, true),
        "get" => (KeyVerb::Get, false),
        "get-or-empty" => (KeyVerb::GetOrEmpty, false),
        "get-tree" => (KeyVerb::GetTree, false),
        "check-index" => (KeyVerb::CheckIndex(kv.index), false),
        "check-session" => (KeyVerb::CheckSession(session()), false),
        "check-not-exists" => (KeyVerb::CheckNotExists, false),
        _ if kv.key.is_empty() => return (Err(NoOperation::Incomplete("Must provide key".to_owned())), false),
        other => {
            let reason = format!("unknown KV verb {}", go_quoted(other));
            return (Err(NoOperation::UnknownVerb(reason)), false);
        }
    };
    (Ok(verb), writes)
}

fn catalog_verb(family: &str, verb: &str, index: u64) -> Result<CatalogVerb, NoOperation> {
    Ok(match verb {
        "set" => CatalogVerb::Set,
        "cas" => CatalogVerb::Cas(index),
        "get" => CatalogVerb::Get,
        "delete" => CatalogVerb::Delete,
        "delete-cas" => CatalogVerb::DeleteCas(index),
        other => {
            let reason = format!("unknown {family} verb {}", go_quoted(other));
            return Err(NoOperation::UnknownVerb(reason));
        }
    })
}

/// The results of a transaction as they are shown, made one after the other: all of them together would take several times
/// what they take as JSON.
struct Results<'a> {
    results: &'a [TxnResult],
    datacenter: &'a str,
}

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.results.iter().map(|result| shown(result, self.datacenter)))
    }
}

fn shown<'a>(result: &'a TxnResult, datacenter: &'a str) -> api::TxnResult<'a> {
    match result {
        TxnResult::Key(key, entry, shown) => api::TxnResult::Kv(views::kv_pair(key.as_bytes(), entry, *shown)),
        TxnResult::Node(node) => api::TxnResult::Node(views::node(node, datacenter)),
        // Where lists have `[]` for no tags, a transaction has `null`.
        TxnResult::Service(service) => {
            let view = views::service(service);
            api::TxnResult::Service(api::NodeService { tags: view.tags.filter(|tags| !tags.is_empty()), ..view })
        }
        TxnResult::Check(check) => {
            let view = views::check(check);
            let service_tags = view.service_tags.filter(|tags| !tags.is_empty());
            api::TxnResult::Check(api::HealthCheck { service_tags, ..view })
        }
    }
}

fn response<'a>(
    outcome: &'a Result<Vec<TxnResult>, Vec<TxnError>>,
    datacenter: &'a str,
) -> api::TxnResponse<'a, Results<'a>> {
    let error = |error: &'a TxnError| api::TxnError { op_index: error.operation, what: (&*error.reason).into() };
    match outcome {
        Ok(results) => api::TxnResponse { results: Some(Results { results, datacenter }), errors: None },
        Err(errors) => api::TxnResponse { results: None, errors: Some(errors.iter().map(error).collect()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(body: &str) -> Txn {
        convert(go_json::from_slice(body.as_bytes()).unwrap(), &Terms::default()).unwrap()
    }

    #[test]
    fn reads_alone_change_nothing() {
        assert!(!converted(r#"[{"KV":{"Verb":"get","Key":"a"}},{"Node":{"Verb":"get"}}]"#).writes);
        assert!(converted(r#"[{"KV":{"Verb":"get","Key":"a"}},{"Check":{"Verb":"delete"}}]"#).writes);
    }

    #[test]
    fn unknown_verbs_are_told_with_their_place() {
        let body = r#"[{},{"kv":{"verb":"get","key":"a"}},{"KV":{"Verb":"b\"s","Key":"a"}},{"Node":{"Verb":"x","Node":{"Node":"n"}}}]"#;
        let errors = converted(body).unknown_verbs;
        assert_eq!(
            errors,
            [
                TxnError { operation: 1, reason: r#"unknown KV verb "b\"s""#.into() },
                TxnError { operation: 2, reason: r#"unknown Node verb "x""#.into() },
            ]
        );
    }

    #[test]
    fn values_have_the_limit_of_the_key_store() {
        let terms = Terms { kv_value_bytes_max: 3, ..Terms::default() };
        let body = r#"[{"KV":{"Verb":"set","Key":"a","Value":"YWJjZA=="}}]"#;
        let refused = convert(go_json::from_slice(body.as_bytes()).unwrap(), &terms).unwrap_err();
        assert_eq!((refused.status.as_u16(), &*refused.text), (413, r#"Value for key "a" is too large (4 > 3 bytes)"#));
    }
}
