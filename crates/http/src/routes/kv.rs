//! Keys and values: `/v1/kv/`.

use bytes::Bytes;
use quorate_state::{
    Key, KeyOperation, KeyValue, KeyVerb, Operation, Refusal, Response, SessionReference, State, Topic, ValueShown,
};

use super::{Action, Doing, Outcome, views};
use crate::answers::{Content, Encoded};
use crate::encode;
use crate::questions::{Ask, LARGE_BYTES, LARGE_ENTRIES, Manner, Question};
use crate::reply::{Refused, Reply};
use crate::request::{self, Call};

pub(super) const GET: Action = Action::Ask(ask);
pub(super) const PUT: Action = Action::Do(|call| Box::pin(put(call)) as Doing);
pub(super) const DELETE: Action = Action::Do(|call| Box::pin(delete(call)) as Doing);

/// A question about keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum KvQuestion {
    /// One key.
    Entry { key: Key, raw: bool },
    /// All keys under a prefix.
    Under { prefix: Key },
    /// The names of the keys under a prefix; each cut behind the first separator that follows the prefix.
    Names { prefix: Key, separator: Box<[u8]> },
}

impl KvQuestion {
    pub(crate) const MANNER: Manner =
        Manner { tells_consistency: false, tells_on_error: false, tells_cache: false, is_kept: false };

    pub(crate) fn topics(&self) -> Vec<Topic> {
        vec![match self {
            Self::Entry { key, .. } => Topic::Key(key.clone()),
            Self::Under { prefix } | Self::Names { prefix, .. } => Topic::KeysUnder(prefix.clone()),
        }]
    }

    pub(crate) fn is_large(&self, state: &State) -> bool {
        let prefix = match self {
            Self::Entry { .. } => return false,
            Self::Under { prefix } | Self::Names { prefix, .. } => prefix,
        };
        let mut bytes = 0;
        let mut seen = state.keys_under(prefix.as_bytes()).take(LARGE_ENTRIES);
        let all_small = seen.by_ref().all(|(_, entry)| {
            bytes += entry.value.len();
            bytes < LARGE_BYTES
        });
        !all_small || state.keys_under(prefix.as_bytes()).nth(LARGE_ENTRIES).is_some()
    }

    pub(crate) fn evaluate(&self, state: &State, pretty: bool) -> Encoded {
        match self {
            Self::Entry { key, raw } => match state.key(key.as_bytes()) {
                None => Encoded::not_found(),
                Some(entry) if *raw => Encoded {
                    status: hyper::StatusCode::OK,
                    content: Content::Raw,
                    body: Bytes::copy_from_slice(&entry.value),
                },
                Some(entry) => Encoded::json(encode::json(&[views::kv_pair(key, entry, ValueShown::Yes)], pretty)),
            },
            Self::Under { prefix } => {
                let mut entries = state.keys_under(prefix.as_bytes()).peekable();
                if entries.peek().is_none() {
                    return Encoded::not_found();
                }
                let pairs = entries.map(|(key, entry)| views::kv_pair(key, entry, ValueShown::Yes));
                Encoded::json(encode::list(pairs, pretty))
            }
            Self::Names { prefix, separator } => {
                let mut names = names(state, prefix, separator).peekable();
                // The root is there even if nothing is under it.
                if names.peek().is_none() && !prefix.as_bytes().is_empty() {
                    return Encoded::not_found();
                }
                Encoded::json(encode::list(names.map(encode::text_of), pretty))
            }
        }
    }
}

/// The names of the keys under a prefix, up to the first separator behind it, each once.
fn names<'a>(state: &'a State, prefix: &Key, separator: &[u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut last: Option<&[u8]> = None;
    state.keys_under(prefix.as_bytes()).filter_map(move |(key, _)| {
        let name = key.as_bytes();
        let behind_prefix = &name[prefix.as_bytes().len()..];
        let place = match separator {
            [] => None,
            _ => behind_prefix.windows(separator.len()).position(|window| window == separator),
        };
        let Some(place) = place else {
            return Some(name);
        };
        let cut = &name[..prefix.as_bytes().len() + place + separator.len()];
        (last.replace(cut) != Some(cut)).then_some(cut)
    })
}

fn ask(call: &Call) -> Result<Ask, Refused> {
    let options = call.options()?;
    let parameters = call.parameters();
    let rest = call.rest();
    let key = Key::from(&*rest);
    let question = if parameters.has("keys") {
        // The misspelt form is older, and clients still send it.
        let name = if parameters.has("separator") { "separator" } else { "seperator" };
        KvQuestion::Names { prefix: key, separator: parameters.first_bytes(name).into() }
    } else if parameters.has("recurse") {
        KvQuestion::Under { prefix: key }
    } else if rest.is_empty() {
        return Err(missing_key());
    } else {
        KvQuestion::Entry { key, raw: parameters.has("raw") }
    };
    call.refuse_namespace()?;
    Ok(Ask { question: Question::Kv(question), options, refused: None })
}

fn missing_key() -> Refused {
    Refused::bad_request("Missing key name")
}

/// Refuses parameters that contradict each other.
fn refuse_conflict(call: &Call, names: &[&str]) -> Result<(), Refused> {
    let parameters = call.parameters();
    match names.iter().filter(|name| parameters.has(name)).count() {
        0 | 1 => Ok(()),
        _ => Err(Refused::bad_request(format!("Conflicting flags: {}", parameters.encoded()))),
    }
}

/// A parameter that is a number, if it is there.
fn number(call: &Call, name: &str) -> Result<Option<u64>, Refused> {
    let parameters = call.parameters();
    match parameters.has(name) {
        true => request::parse_unsigned(&parameters.first(name)).map(Some).map_err(Refused::internal),
        false => Ok(None),
    }
}

async fn put(mut call: Call) -> Result<Outcome, Refused> {
    let options = call.options()?;
    call.refuse_namespace()?;
    let key = Key::from(&*call.rest());
    if key.as_bytes().is_empty() {
        return Err(missing_key());
    }
    refuse_conflict(&call, &["cas", "acquire", "release"])?;
    let flags = number(&call, "flags")?.unwrap_or(0);
    let cas = number(&call, "cas")?;
    let session = |name| {
        let parameters = call.parameters();
        parameters.has(name).then(|| SessionReference(parameters.first(name).into_owned()))
    };
    let (acquire, release) = (session("acquire"), session("release"));
    let body = take_value(&mut call).await?;
    if options.other_datacenter {
        return Err(request::no_path());
    }
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
    let options = call.options()?;
    call.refuse_namespace()?;
    refuse_conflict(&call, &["recurse", "cas"])?;
    let key = Key::from(&*call.rest());
    let recurse = call.parameters().has("recurse");
    if key.as_bytes().is_empty() && !recurse {
        return Err(missing_key());
    }
    let cas = number(&call, "cas")?;
    if options.other_datacenter {
        return Err(request::no_path());
    }
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
    match call.server.node.propose(Operation::Key(operation)).await? {
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

#[cfg(test)]
mod tests {
    use quorate_state::{Changes, Command};

    use super::*;

    fn state_with(keys: &[&str]) -> State {
        let mut state = State::default();
        for (number, key) in keys.iter().enumerate() {
            let verb = KeyVerb::Set(KeyValue { value: b"v"[..].into(), flags: 0 });
            let operation = Operation::Key(KeyOperation { key: (*key).into(), verb });
            state.apply(number as u64 + 1, Command { now_ms: 0, operation }, &mut Changes::default());
        }
        state
    }

    fn body(question: &KvQuestion, state: &State) -> String {
        String::from_utf8(question.evaluate(state, false).body.to_vec()).unwrap()
    }

    #[test]
    fn names_are_cut_behind_the_first_separator() {
        let state = state_with(&["a", "a/b", "a/b/c", "a/d/e", "a/d/f", "ab"]);
        for (prefix, separator, names) in [
            ("", "", r#"["a","a/b","a/b/c","a/d/e","a/d/f","ab"]"#),
            ("", "/", r#"["a","a/","ab"]"#),
            ("a/", "/", r#"["a/b","a/b/","a/d/"]"#),
            ("a", "/d/", r#"["a","a/b","a/b/c","a/d/","ab"]"#),
            ("x", "/", ""),
        ] {
            let question = KvQuestion::Names { prefix: prefix.into(), separator: separator.as_bytes().into() };
            assert_eq!(body(&question, &state), names, "{prefix:?} {separator:?}");
        }
    }

    #[test]
    fn nothing_is_an_empty_list_only_at_the_root() {
        let state = State::default();
        let names = |prefix: &str| KvQuestion::Names { prefix: prefix.into(), separator: b""[..].into() };
        assert_eq!(body(&names(""), &state), "[]");
        assert_eq!(names("x").evaluate(&state, false).status, 404);
        assert_eq!(KvQuestion::Under { prefix: "".into() }.evaluate(&state, false).status, 404);
    }

    #[test]
    fn many_keys_are_a_large_answer() {
        let names: Vec<String> = (0..=LARGE_ENTRIES).map(|number| format!("k{number:06}")).collect();
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let question = KvQuestion::Under { prefix: "k".into() };
        assert!(question.is_large(&state_with(&names)));
        assert!(!question.is_large(&state_with(&names[1..])));
    }
}
