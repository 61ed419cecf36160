//! Transactions: `/v1/txn`.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderValue;
use quorate_api as api;
use quorate_api::go_json;
use quorate_node::{Consistency, Freshness};
use quorate_state::{
    CatalogVerb, KeyOperation, KeyValue, KeyVerb, Operation, Response, SessionReference, State, TxnError, TxnOperation,
    TxnResult,
};

use super::kv::KvQuestion;
use super::{Action, Doing, Outcome, registration, views};
use crate::encode;
use crate::reply::{self, Refused, Reply};
use crate::request::{self, Call, go_quoted};
use crate::settings::Terms;

pub(super) const PUT: Action = Action::Do(|call| Box::pin(put(call)) as Doing);

/// What the operations gave back, or the errors of those that failed.
type TxnOutcome = Result<Vec<TxnResult>, Vec<TxnError>>;

async fn put(mut call: Call) -> Result<Outcome, Refused> {
    let body = take_body(&mut call).await?;
    let api::TxnOperations(wanted) =
        go_json::from_slice(&body).map_err(|error| Refused::bad_request(format!("Failed to parse body: {error}")))?;
    let most = call.server.in_force().terms.txn_operations_max;
    if wanted.len() > most {
        let text = format!("Transaction contains too many operations ({} > {most})", wanted.len());
        return Err(Refused::too_large(text));
    }
    let wanted = convert(wanted, &call.server.in_force().terms)?;
    if !wanted.writes {
        return read(&call, wanted).await;
    }
    call.refuse_other_datacenter()?;
    let outcome = if wanted.is_understood() {
        let _timer = call.server.timers.txn_apply.start();
        match call.server.node.propose(Operation::Txn(wanted.operations)).await? {
            Response::Txn(outcome) => outcome,
            Response::Refused(refusal) => return Err(Refused::internal(refusal.to_string())),
            other => return Err(super::unexpected(&other)),
        }
    } else {
        Err(wanted.errors(&call.server.node.snapshot()))
    };
    let body = encode::json(&response(&outcome, &call.server.settings.datacenter), call.pretty());
    Ok(Outcome::Ready(reply(body, outcome.is_err())))
}

/// Answers a transaction that changes nothing, as fresh as was asked for.
async fn read(call: &Call, wanted: Converted) -> Result<Outcome, Refused> {
    let options = call.options()?;
    if options.other_datacenter {
        return Err(request::no_path());
    }
    let _timer = call.server.timers.txn_read.start();
    let node = &call.server.node;
    let mut freshness = node.ready(options.consistency).await?;
    let age_ms = u128::from(freshness.last_contact_ms);
    if options.stale_max.is_some_and(|limit| age_ms > limit.as_millis()) {
        freshness = node.ready(Consistency::Default).await?;
    }
    let state = node.snapshot();
    let is_large = wanted.operations.iter().any(|operation| reads_much(operation, &state));
    let (server, pretty) = (call.server.clone(), call.pretty());
    let work = move || {
        // What is refused before it is looked up tells nothing of how fresh the answer is, as in Consul.
        let is_acceptable = wanted.unacceptable(&state).is_empty();
        let freshness = if is_acceptable { freshness } else { UNKNOWN };
        let outcome = match wanted.is_understood() && is_acceptable {
            true => state.read_txn(&wanted.operations),
            false => Err(wanted.errors(&state)),
        };
        let body = api::TxnReadResponse {
            response: response(&outcome, &server.settings.datacenter),
            index: u64::from(is_acceptable),
            last_contact: freshness.last_contact_ms.saturating_mul(1_000_000),
            known_leader: freshness.known_leader,
            ..Default::default()
        };
        (reply(encode::json(&body, pretty), outcome.is_err()), freshness)
    };
    let (mut reply, freshness) = match is_large {
        true => call.server.elsewhere(work).await.ok_or_else(|| Refused::internal("the server is stopping"))?,
        false => work(),
    };
    let known = HeaderValue::from_static(if freshness.known_leader { "true" } else { "false" });
    reply.headers_mut().insert(reply::KNOWN_LEADER, known);
    reply.headers_mut().insert(reply::LAST_CONTACT, HeaderValue::from(freshness.last_contact_ms));
    Ok(Outcome::Ready(reply))
}

/// What an answer tells of its freshness that was given before it was found out.
const UNKNOWN: Freshness = Freshness { known_leader: false, last_contact_ms: 0 };

/// Whether an operation reads so much that it is to be done away from the thread that everything else needs.
fn reads_much(operation: &TxnOperation, state: &State) -> bool {
    match operation {
        TxnOperation::Key(KeyOperation { key, verb: KeyVerb::GetTree }) => {
            KvQuestion::Under { prefix: key.clone() }.is_large(state)
        }
        _ => false,
    }
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

/// Operations as the state takes them.
#[derive(Debug, Default)]
struct Converted {
    operations: Vec<TxnOperation>,
    /// The place of each of them among all that were wanted.
    places: Vec<usize>,
    /// The errors of operations that lack what any verb needs.
    incomplete: Vec<TxnError>,
    /// The errors of operations whose verb there is not.
    unknown_verbs: Vec<TxnError>,
    /// Whether one of them changes something.
    writes: bool,
}

impl Converted {
    /// Whether all that was wanted are operations.
    fn is_understood(&self) -> bool {
        self.incomplete.is_empty() && self.unknown_verbs.is_empty()
    }

    /// The errors of what is none whatever the others are; with any of them, no operation is tried.
    fn unacceptable(&self, state: &State) -> Vec<TxnError> {
        let mut errors = self.placed(state.unacceptable_in_txn(&self.operations));
        errors.extend(self.incomplete.iter().cloned());
        errors.sort_by_key(|error| error.operation);
        errors
    }

    /// All errors of a transaction that can't succeed.
    fn errors(&self, state: &State) -> Vec<TxnError> {
        let unacceptable = self.unacceptable(state);
        if !unacceptable.is_empty() {
            return unacceptable;
        }
        let failed = state.rehearse_txn(self.operations.clone()).err().unwrap_or_default();
        let mut errors = self.placed(failed);
        errors.extend(self.unknown_verbs.iter().cloned());
        errors.sort_by_key(|error| error.operation);
        errors
    }

    /// Errors of `operations` with the places that the client knows.
    fn placed(&self, errors: Vec<TxnError>) -> Vec<TxnError> {
        let placed = |error: TxnError| TxnError { operation: self.places[error.operation], ..error };
        errors.into_iter().map(placed).collect()
    }
}

/// Why a part of a transaction is no operation.
#[derive(Debug)]
enum NoOperation {
    /// It lacks what any verb needs.
    Incomplete(String),
    /// There is no such verb.
    UnknownVerb(String),
}

fn convert(wanted: Vec<api::TxnOperation>, terms: &Terms) -> Result<Converted, Refused> {
    let mut converted = Converted::default();
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

fn response<'a>(outcome: &'a TxnOutcome, datacenter: &'a str) -> api::TxnResponse<'a> {
    let result = |result: &'a TxnResult| match result {
        TxnResult::Key(key, entry, shown) => api::TxnResult::Kv(views::kv_pair(key, entry, *shown)),
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
    };
    let error = |error: &'a TxnError| api::TxnError { op_index: error.operation, what: (&*error.reason).into() };
    api::TxnResponse {
        results: outcome.as_ref().ok().map(|results| results.iter().map(result).collect()),
        errors: outcome.as_ref().err().map(|errors| errors.iter().map(error).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(body: &str) -> Converted {
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
    fn what_fails_is_told_beside_unknown_verbs() {
        let state = State::default();
        let errors = |body: &str| {
            let errors = converted(body).errors(&state);
            errors.into_iter().map(|error| (error.operation, error.reason)).collect::<Vec<_>>()
        };
        let body = r#"[{"KV":{"Verb":"x","Key":"a"}},{"KV":{"Verb":"set","Key":"a"}},{"KV":{"Verb":"get","Key":"b"}}]"#;
        let unknown = (0, r#"unknown KV verb "x""#.to_owned());
        assert_eq!(errors(body), [unknown, (2, r#"key "b" doesn't exist"#.to_owned())]);
        let body = r#"[{"KV":{"Verb":"x","Key":"a"}},{"KV":{"Verb":"set"}},{"KV":{"Verb":"y"}}]"#;
        let missing = || "Must provide key".to_owned();
        assert_eq!(errors(body), [(1, missing()), (2, missing())]);
    }

    #[test]
    fn values_have_the_limit_of_the_key_store() {
        let terms = Terms { kv_value_bytes_max: 3, ..Terms::default() };
        let body = r#"[{"KV":{"Verb":"set","Key":"a","Value":"YWJjZA=="}}]"#;
        let refused = convert(go_json::from_slice(body.as_bytes()).unwrap(), &terms).unwrap_err();
        assert_eq!((refused.status.as_u16(), &*refused.text), (413, r#"Value for key "a" is too large (4 > 3 bytes)"#));
    }
}
