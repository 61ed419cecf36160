//! Keys: `/v1/kv/`.

use bytes::Bytes;
use quorate_node::Question;
use quorate_state::{Key, KeyOperation, KeyValue, KeyVerb, Operation, Refusal, Response, SessionReference};

use super::{Action, Doing};
use crate::ask::Ask;
use crate::call::Call;
use crate::go;
use crate::render::Form;
use crate::reply::{Outcome, Refused, Reply};

pub(super) const GET: Action = Action::Ask(ask);
pub(super) const PUT: Action = Action::Do(|call| Box::pin(put(call)) as Doing);
pub(super) const DELETE: Action = Action::Do(|call| Box::pin(delete(call)) as Doing);

fn ask(call: &Call) -> Result<Ask, Refused> {
    let options = call.options()?;
    let parameters = &call.parameters;
    let key = Key::from(&*call.rest());
    let (question, form) = if parameters.has("keys") {
        // The misspelt form is older, and clients still send it.
        let name = if parameters.has("separator") { "separator" } else { "seperator" };
        let form = if key.as_bytes().is_empty() { Form::RootNames } else { Form::Names };
        (Question::KeyNames { prefix: key, separator: parameters.first_bytes(name).into() }, form)
    } else if parameters.has("recurse") {
        (Question::Keys(key), Form::Keys)
    } else if key.as_bytes().is_empty() {
        return Err(missing_key());
    } else {
        (Question::Key(key), if parameters.has("raw") { Form::RawKey } else { Form::Key })
    };
    call.refuse_namespace()?;
    Ok(Ask { question, options, form })
}

fn missing_key() -> Refused {
    Refused::bad_request("Missing key name")
}

/// Refuses parameters that contradict each other.
fn refuse_conflict(call: &Call, names: &[&str]) -> Result<(), Refused> {
    let parameters = &call.parameters;
    match names.iter().filter(|name| parameters.has(name)).count() {
        0 | 1 => Ok(()),
        _ => Err(Refused::bad_request(format!("Conflicting flags: {}", parameters.encoded()))),
    }
}

/// A parameter that is a number, if it is there.
fn number(call: &Call, name: &str) -> Result<Option<u64>, Refused> {
    let parameters = &call.parameters;
    match parameters.has(name) {
        true => go::parse_unsigned(&parameters.first(name)).map(Some).map_err(Refused::internal),
        false => Ok(None),
    }
}

async fn put(mut call: Call) -> Result<Outcome, Refused> {
    call.options()?;
    call.refuse_namespace()?;
    let key = Key::from(&*call.rest());
    if key.as_bytes().is_empty() {
        return Err(missing_key());
    }
    refuse_conflict(&call, &["cas", "acquire", "release"])?;
    let flags = number(&call, "flags")?.unwrap_or(0);
    let cas = number(&call, "cas")?;
    let session = |name| call.parameters.has(name).then(|| SessionReference(call.parameters.first(name).into_owned()));
    let (acquire, release) = (session("acquire"), session("release"));
    let body = take_value(&mut call).await?;
    let value = KeyValue { value: (&*body).into(), flags };
    let is_plain = cas.is_none() && acquire.is_none() && release.is_none();
    let verb = match (cas, acquire, release) {
        (Some(index), ..) => KeyVerb::Cas(value, index),
        (_, Some(session), _) => KeyVerb::Lock(value, session),
        (.., Some(session)) => KeyVerb::Unlock(value, session),
        _ => KeyVerb::Set(value),
    };
    let held = apply(&call, KeyOperation { key, verb }).await?;
    Ok(flag(&call, is_plain || held))
}

/// Reads the value of a key.
async fn take_value(call: &mut Call) -> Result<Bytes, Refused> {
    const SEE: &str = "https://www.consul.io/docs/agent/config/config-files#kv_max_value_size";
    let bytes_max = call.server.in_force().terms.kv_value_bytes_max;
    let too_large = |announced: Option<u64>| {
        let announced = announced.map(|bytes| format!("({bytes} bytes)")).unwrap_or_default();
        Refused::too_large(format!("Request body{announced} too large, max size: {bytes_max} bytes. See {SEE}."))
    };
    call.take_body(bytes_max, too_large).await
}

async fn delete(call: Call) -> Result<Outcome, Refused> {
    call.options()?;
    call.refuse_namespace()?;
    refuse_conflict(&call, &["recurse", "cas"])?;
    let key = Key::from(&*call.rest());
    let recurse = call.parameters.has("recurse");
    if key.as_bytes().is_empty() && !recurse {
        return Err(missing_key());
    }
    let cas = number(&call, "cas")?;
    let verb = match (cas, recurse) {
        (Some(index), _) => KeyVerb::DeleteCas(index),
        (None, true) => KeyVerb::DeleteTree,
        (None, false) => KeyVerb::Delete,
    };
    let held = apply(&call, KeyOperation { key, verb }).await?;
    Ok(flag(&call, cas.is_none() || held))
}

async fn apply(call: &Call, operation: KeyOperation) -> Result<bool, Refused> {
    let _timer = call.server.timers.kvs_apply.start();
    match super::propose(call, Operation::Key(operation)).await? {
        Response::Flag(held) => Ok(held),
        Response::Refused(refusal) => Err(refuse(&refusal)),
        other => Err(super::unexpected(&other)),
    }
}

/// Consul's text without its `raft apply failed: ` where clients look at the beginning of what follows.
fn refuse(refusal: &Refusal) -> Refused {
    Refused::internal(match refusal {
        Refusal::InvalidSession(_) => refusal.to_string(),
        Refusal::Invalid(reason) => format!("raft apply failed: {reason}"),
    })
}

/// The answer of a truth value.
fn flag(call: &Call, held: bool) -> Outcome {
    let reply: Reply = call.json(&held);
    Outcome::Ready(reply)
}
