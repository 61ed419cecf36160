//! Sessions: `/v1/session/`.

use quorate_api::session::LockDelay;
use quorate_api::{ServiceCheck, SessionCreate, SessionCreated, go_json};
use quorate_base::duration::GoDuration;
use quorate_node::{self as node, Body, Consistency, Question, Reply};
use quorate_state::{
    Operation, Response, ServiceCheckReference, Session, SessionBehavior, SessionId, SessionReference, Stamp,
};

use super::{Action, Doing};
use crate::ask::{self, Ask};
use crate::call::Call;
use crate::render::Form;
use crate::reply::{Outcome, Refused};
use crate::settings::Settings;
use crate::views;

pub(super) const CREATE: Action = Action::Do(|call| Box::pin(create(call)) as Doing);
pub(super) const DESTROY: Action = Action::Do(|call| Box::pin(destroy(call)) as Doing);
pub(super) const RENEW: Action = Action::Do(|call| Box::pin(renew(call)) as Doing);
pub(super) const INFO: Action = Action::Ask(ask_info);
pub(super) const NODE: Action = Action::Ask(ask_node);
pub(super) const LIST: Action = Action::Ask(ask_list);

/// The check that every agent has, by which sessions live if they name no other.
const DEFAULT_CHECK: &str = "serfHealth";
/// How long the keys of an ended session can't be acquired, if it does not say.
const DEFAULT_LOCK_DELAY: GoDuration = GoDuration(15 * GoDuration::SECOND.0);

const MISSING_SESSION: &str = "Missing session";

fn ask_info(call: &Call) -> Result<Ask, Refused> {
    let options = call.options()?;
    call.refuse_namespace()?;
    let id = SessionReference(call.named(MISSING_SESSION)?).id();
    Ok(Ask { question: Question::Session(id), options, form: Form::Sessions })
}

fn ask_node(call: &Call) -> Result<Ask, Refused> {
    let options = call.options()?;
    call.refuse_namespace()?;
    let node = call.named("Missing node name")?.into();
    Ok(Ask { question: Question::NodeSessions(node), options, form: Form::Sessions })
}

fn ask_list(call: &Call) -> Result<Ask, Refused> {
    let options = call.options()?;
    call.refuse_namespace()?;
    Ok(Ask { question: Question::Sessions, options, form: Form::Sessions })
}

async fn create(mut call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let mut wanted = SessionCreate::default();
    // Consul reads a body only if its length was told; clients that send none rely on the defaults.
    if call.has_sized_body() {
        let body = call.take_json_body().await?;
        wanted = go_json::from_slice(&body)
            .map_err(|error| Refused::bad_request(format!("Request decode failed: {error}")))?;
    }
    let id = loop {
        if let Some(id) = SessionId::new(call.server.node.host().random.uuid()) {
            break id;
        }
    };
    let ttl_min = call.server.in_force().terms.session_ttl_min;
    let session = session_of(wanted, id, &call.server.settings, ttl_min)?;
    let _timer = call.server.timers.session_apply.start();
    match super::propose(&call, Operation::SessionCreate(session)).await? {
        Response::Session(id) => Ok(Outcome::Ready(call.json(&SessionCreated { id: id.to_string().into() }))),
        Response::Refused(refusal) => Err(Refused::internal(format!("apply failed: {refusal}"))),
        other => Err(super::unexpected(&other)),
    }
}

/// The session that a client wants, with the defaults filled in.
fn session_of(
    wanted: SessionCreate,
    id: SessionId,
    settings: &Settings,
    ttl_min: GoDuration,
) -> Result<Session, Refused> {
    let node = wanted.node.unwrap_or_else(|| settings.node_name.clone());
    if node.is_empty() {
        return Err(Refused::internal("Must provide Node"));
    }
    let behavior = match wanted.behavior.as_deref() {
        None | Some("" | "release") => SessionBehavior::Release,
        Some("delete") => SessionBehavior::Delete,
        Some(other) => return Err(Refused::internal(format!("Invalid Behavior setting '{other}'"))),
    };
    let ttl = time_to_live(&wanted.ttl, ttl_min, settings.session_ttl_max)?;
    let LockDelay(lock_delay) = wanted.lock_delay.unwrap_or(LockDelay(DEFAULT_LOCK_DELAY));
    let reference = |check: ServiceCheck| ServiceCheckReference { id: check.id, namespace: check.namespace };
    let (node_checks, checks) = node_checks(wanted.node_checks, wanted.checks);
    Ok(Session {
        id,
        name: wanted.name,
        node,
        lock_delay_ns: lock_delay.0,
        behavior,
        ttl: wanted.ttl,
        ttl_ms: ttl.as_ms(),
        node_checks,
        checks,
        service_checks: wanted.service_checks.map(|checks| checks.into_iter().map(reference).collect()),
        stamp: Stamp::default(),
    })
}

/// The checks of the node by which a session lives: under their name, and under `Checks`, the older one. An empty list of
/// either means none at all; the default under the older name is not told.
fn node_checks(
    node_checks: Option<Option<Vec<String>>>,
    checks: Option<Option<Vec<String>>>,
) -> (Option<Vec<String>>, Vec<String>) {
    let default = || Some(vec![DEFAULT_CHECK.to_owned()]);
    let node_checks = node_checks.unwrap_or_else(default);
    let checks = checks.unwrap_or_else(default).unwrap_or_default();
    if checks.is_empty() {
        return (Some(Vec::new()), Vec::new());
    }
    let is_none = node_checks.as_ref().is_none_or(Vec::is_empty);
    let is_default = checks == [DEFAULT_CHECK];
    (node_checks, if is_none || is_default { Vec::new() } else { checks })
}

fn time_to_live(text: &str, min: GoDuration, max: GoDuration) -> Result<GoDuration, Refused> {
    if text.is_empty() {
        return Ok(GoDuration(0));
    }
    let ttl =
        GoDuration::parse(text).map_err(|error| Refused::internal(format!("Session TTL '{text}' invalid: {error}")))?;
    if ttl != GoDuration(0) && !(min..=max).contains(&ttl) {
        let text = format!("Invalid Session TTL '{}', must be between [{min}={max}]", ttl.0);
        return Err(Refused::internal(text));
    }
    Ok(ttl)
}

async fn destroy(call: Call) -> Result<Outcome, Refused> {
    call.refuse_namespace()?;
    let name = call.named(MISSING_SESSION)?;
    // What can't be a session is not there, and that is no error.
    if let Some(id) = session_named(&call, name).await? {
        let _timer = call.server.timers.session_apply.start();
        super::done(super::propose(&call, Operation::SessionDestroy(id)).await?)?;
    }
    Ok(Outcome::Ready(call.json(&true)))
}

async fn renew(call: Call) -> Result<Outcome, Refused> {
    call.options()?;
    call.refuse_namespace()?;
    let name = call.named(MISSING_SESSION)?;
    let _timer = call.server.timers.session_renew.start();
    let session = match session_named(&call, name.clone()).await? {
        Some(id) => match call.serve_now(Body::RenewSession(id)).await? {
            Reply::Session(session) => session,
            other => return Err(ask::unexpected(&other)),
        },
        None => None,
    };
    match session {
        Some(session) => Ok(Outcome::Ready(call.json(&[views::session(&session)]))),
        None => Err(Refused::not_found(format!("Session id '{name}' not found"))),
    }
}

/// The session of this name, or `None` if the name can't be one's. That is for the datacenter to say that was asked.
async fn session_named(call: &Call, name: String) -> Result<Option<SessionId>, Refused> {
    let id = SessionReference(name).id();
    if id.is_none() {
        let nothing = node::Ask { question: Question::Session(None), consistency: Consistency::Default, wait: None };
        call.serve_now(Body::Ask(nothing)).await?;
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(body: &str) -> Result<Session, String> {
        let settings = Settings { node_name: "n1".into(), ..Settings::default() };
        let wanted = go_json::from_slice(body.as_bytes()).unwrap();
        let id = SessionId::new(uuid::Uuid::from_u128(1)).unwrap();
        session_of(wanted, id, &settings, GoDuration(10 * GoDuration::SECOND.0))
            .map_err(|refused| refused.text.into_owned())
    }

    #[test]
    fn checks_have_an_older_name() {
        for (body, node_checks, checks) in [
            ("{}", Some(&["serfHealth"][..]), &[][..]),
            (r#"{"Checks":[]}"#, Some(&[]), &[]),
            (r#"{"NodeChecks":[]}"#, Some(&[]), &[]),
            (r#"{"Checks":["a"]}"#, Some(&["serfHealth"]), &["a"]),
            (r#"{"Checks":["serfHealth"]}"#, Some(&["serfHealth"]), &[]),
            (r#"{"NodeChecks":["a"]}"#, Some(&["a"]), &[]),
            (r#"{"NodeChecks":["a"],"checks":["a","b"]}"#, Some(&["a"]), &["a", "b"]),
            (r#"{"NodeChecks":["a"],"Checks":[]}"#, Some(&[]), &[]),
            (r#"{"NodeChecks":[],"Checks":["b"]}"#, Some(&[]), &[]),
            (r#"{"NodeChecks":null}"#, None, &[]),
            (r#"{"Checks":null}"#, Some(&[]), &[]),
        ] {
            let session = session(body).unwrap();
            let owned = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
            assert_eq!((session.node_checks, session.checks), (node_checks.map(owned), owned(checks)), "{body}");
        }
    }

    #[test]
    fn times_to_live_have_bounds() {
        assert_eq!(session(r#"{"ttl":"15.0s"}"#).unwrap().ttl_ms, 15_000);
        assert_eq!(session(r#"{"TTL":"0s"}"#).unwrap().ttl_ms, 0);
        for (ttl, text) in [
            ("9s", "Invalid Session TTL '9000000000', must be between [10s=24h0m0s]"),
            ("-5s", "Invalid Session TTL '-5000000000', must be between [10s=24h0m0s]"),
            ("x", r#"Session TTL 'x' invalid: time: invalid duration "x""#),
        ] {
            assert_eq!(session(&format!(r#"{{"TTL":"{ttl}"}}"#)).unwrap_err(), text);
        }
    }

    #[test]
    fn lock_delays_may_be_zero_and_less() {
        for (body, ns) in [
            ("{}", 15_000_000_000),
            (r#"{"LockDelay":0}"#, 0),
            (r#"{"LockDelay":"0.001s"}"#, 1_000_000),
            (r#"{"LockDelay":5}"#, 5_000_000_000),
            (r#"{"LockDelay":-1}"#, -1_000_000_000),
        ] {
            assert_eq!(session(body).unwrap().lock_delay_ns, ns, "{body}");
        }
    }
}
