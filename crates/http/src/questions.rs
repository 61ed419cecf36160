//! Questions about the state: how they are answered, and how one that waits is parked.
//!
//! A request becomes a [`Question`], which knows what it depends on and how to evaluate itself on a state. Two requests
//! that ask the same are equal as values, so they share a kept answer and, when they wait, one evaluation.
//!
//! An answer's index is the last change of anything that its question depends on. A client that has seen it waits for
//! another answer: one with other content, not merely one with a larger index.

mod parking;

use std::sync::Arc;

use hyper::header::{HeaderValue, RETRY_AFTER};
use quorate_node::{Consistency, Freshness, ReadError, TooManyWatches};
use quorate_state::{State, Topic};

use crate::answers::{Answer, Encoded};
use crate::large;
use crate::reply::{self, Refused, Reply};
use crate::request::{self, Call, Options};
use crate::routes::Outcome;
use crate::routes::catalog::CatalogQuestion;
use crate::routes::health::HealthQuestion;
use crate::routes::kv::KvQuestion;
use crate::routes::session::SessionQuestion;
use crate::server::Shared;
use crate::settings::Settings;
pub(crate) use parking::{Place, Questions, deadline};

/// A question about the state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    Kv(KvQuestion),
    Catalog(CatalogQuestion),
    Health(HealthQuestion),
    Session(SessionQuestion),
}

/// A question, and the form of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    /// Whether JSON is indented.
    pub(crate) pretty: bool,
}

/// A request for the answer to a question.
pub(crate) struct Ask {
    pub(crate) question: Question,
    pub(crate) options: Options,
    /// Why the question can't be answered by any state, for example its filter.
    pub(crate) refused: Option<Refused>,
}

/// How the route of a question tells what goes with an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Whether the effective consistency is told.
    pub(crate) tells_consistency: bool,
    /// Whether an error carries the headers of an answer, too.
    pub(crate) tells_on_error: bool,
    /// Whether `?cached` tells where the answer came from.
    pub(crate) tells_cache: bool,
    /// Whether answers are kept for the next asker.
    pub(crate) is_kept: bool,
}

/// Answers that are this large are made and compressed away from the thread that everything else needs: some 2 ms of encoding.
pub(crate) const LARGE_BYTES: usize = 256 << 10;
/// So are answers made of this many entries.
pub(crate) const LARGE_ENTRIES: usize = 1_000;

impl Question {
    /// What the answer depends on. Which topics these are may itself depend on the state.
    pub(crate) fn topics(&self, state: &State) -> Vec<Topic> {
        match self {
            Self::Kv(question) => question.topics(),
            Self::Catalog(question) => question.topics(state),
            Self::Health(question) => question.topics(state),
            Self::Session(question) => question.topics(state),
        }
    }

    fn evaluate(&self, state: &State, settings: &Settings, pretty: bool) -> Encoded {
        match self {
            Self::Kv(question) => question.evaluate(state, pretty),
            Self::Catalog(question) => question.evaluate(state, settings, pretty),
            Self::Health(question) => question.evaluate(state, settings, pretty),
            Self::Session(question) => question.evaluate(state, pretty),
        }
    }

    /// Whether the answer is large, found out without making it.
    fn is_large(&self, state: &State) -> bool {
        match self {
            Self::Kv(question) => question.is_large(state),
            Self::Catalog(question) => question.is_large(state),
            Self::Health(question) => question.is_large(state),
            Self::Session(question) => question.is_large(state),
        }
    }

    fn manner(&self) -> Manner {
        match self {
            Self::Kv(_) => KvQuestion::MANNER,
            Self::Catalog(question) => question.manner(),
            Self::Health(question) => question.manner(),
            Self::Session(_) => SessionQuestion::MANNER,
        }
    }
}

impl Asked {
    /// The answer on a state.
    fn answer(&self, state: &State, server: &Shared) -> Answer {
        let index = self.index(state);
        let mut encoded = self.question.evaluate(state, &server.settings, self.pretty);
        encoded.body = server.large.count(encoded.body);
        Answer::new(index, encoded)
    }

    fn index(&self, state: &State) -> u64 {
        let topics = self.question.topics(state);
        topics.iter().map(|topic| state.last_change(topic)).max().unwrap_or(1)
    }
}

/// An answer, and whether it was a kept one.
struct Found {
    answer: Arc<Answer>,
    kept: bool,
}

/// The answer on the state as it is now, unless it is large and there is no room for it.
async fn evaluate(server: &Arc<Shared>, asked: &Asked) -> Result<Found, Refused> {
    if let Some(found) = evaluate_here(server, asked) {
        if found.answer.bytes() >= large::COUNTED_BYTES_MIN && !found.kept {
            server.large.check_room()?;
        }
        return Ok(found);
    }
    let turn = server.large.turn().await;
    server.large.check_room()?;
    let found = evaluate_elsewhere(server, asked).await;
    drop(turn);
    Ok(found)
}

/// The same, whether there is room or not: one who follows a question must know its answer.
async fn evaluate_anyway(server: &Arc<Shared>, asked: &Asked) -> Found {
    if let Some(found) = evaluate_here(server, asked) {
        return found;
    }
    let _turn = server.large.turn().await;
    evaluate_elsewhere(server, asked).await
}

/// The answer, if it is kept or not large.
fn evaluate_here(server: &Shared, asked: &Asked) -> Option<Found> {
    let state = server.node.state();
    if asked.question.is_large(&state) {
        return None;
    }
    let is_kept = server.settings.answer_cache_bytes_max > 0 && asked.question.manner().is_kept;
    let kept = if is_kept { server.answers.get(asked, asked.index(&state)) } else { None };
    if let Some(answer) = kept {
        return Some(Found { answer, kept: true });
    }
    let answer = Arc::new(asked.answer(&state, server));
    if is_kept {
        server.answers.keep(asked, &answer);
    }
    Some(Found { answer, kept: false })
}

/// A large answer, made on another thread.
async fn evaluate_elsewhere(server: &Arc<Shared>, asked: &Asked) -> Found {
    let (server_there, asked_there) = (server.clone(), asked.clone());
    let made = server.elsewhere(move || asked_there.answer(&server_there.node.snapshot(), &server_there)).await;
    let answer = made.unwrap_or_else(|| asked.answer(&server.node.snapshot(), server));
    Found { answer: Arc::new(answer), kept: false }
}

/// Answers a request that asks a question, or parks it.
pub(crate) async fn answer(call: Call, parse: fn(&Call) -> Result<Ask, Refused>, accepts_gzip: bool) -> Outcome {
    let Ask { question, options, refused } = match parse(&call) {
        Ok(ask) => ask,
        Err(refused) => return Outcome::Ready(refused.into_reply()),
    };
    call.server.questions.queries.increment();
    call.server.questions.requests.increment();
    let asked = Asked { question, pretty: call.pretty() };
    let refused = if options.other_datacenter { Some(request::no_path()) } else { refused };
    let asker = Asker { server: call.server, asked, options, accepts_gzip };
    if let Some(refused) = refused {
        return Outcome::Ready(asker.refusal(refused));
    }
    if options.index > 0 {
        return parking::ask(asker).await;
    }
    Outcome::Ready(asker.answer_now().await)
}

/// Who asks what, and how the answer is to be told.
struct Asker {
    server: Arc<Shared>,
    asked: Asked,
    options: Options,
    accepts_gzip: bool,
}

impl Asker {
    /// Waits until the state is as fresh as was asked for.
    async fn freshness(&self) -> Result<Freshness, Refused> {
        let node = &self.server.node;
        let mut freshness = match node.ready_now(self.options.consistency) {
            Some(freshness) => freshness,
            None => node.ready(self.options.consistency).await?,
        };
        let too_old = |freshness: &Freshness| {
            let age_ms = u128::from(freshness.last_contact_ms);
            self.options.stale_max.is_some_and(|limit| age_ms > limit.as_millis())
        };
        if too_old(&freshness) {
            freshness = node.ready(Consistency::Default).await?;
        }
        Ok(freshness)
    }

    /// The answer as it is now.
    async fn answer_now(&self) -> Reply {
        let freshness = match self.freshness().await {
            Ok(freshness) => freshness,
            Err(refused) => return self.refusal(refused),
        };
        match evaluate(&self.server, &self.asked).await {
            Ok(found) => self.reply(freshness, found).await,
            Err(refused) => self.refusal(refused),
        }
    }

    /// The reply that carries an answer.
    async fn reply(&self, freshness: Freshness, found: Found) -> Reply {
        if self.accepts_gzip && found.answer.is_long_to_compress() {
            let answer = found.answer.clone();
            self.server.elsewhere(move || drop(answer.compress().clone())).await;
        }
        let mut reply = found.answer.to_reply(self.accepts_gzip);
        self.tell(&mut reply, found.answer.index, freshness);
        let manner = self.asked.question.manner();
        if manner.tells_consistency {
            let word = HeaderValue::from_static(self.options.consistency_word());
            reply.headers_mut().insert(reply::EFFECTIVE_CONSISTENCY, word);
        }
        if self.options.cached && manner.tells_cache {
            let word = if found.kept { "HIT" } else { "MISS" };
            reply.headers_mut().insert(reply::X_CACHE, HeaderValue::from_static(word));
            if found.kept {
                // A kept answer is that of this moment, or it would not be used.
                reply.headers_mut().insert(hyper::header::AGE, HeaderValue::from_static("0"));
            }
        }
        reply
    }

    /// The reply that refuses; on some routes it tells what Consul tells there before anything is known.
    fn refusal(&self, refused: Refused) -> Reply {
        let mut reply = refused.into_reply();
        if self.asked.question.manner().tells_on_error && !reply.headers().contains_key(RETRY_AFTER) {
            self.tell(&mut reply, 1, Freshness { known_leader: false, last_contact_ms: 0 });
        }
        reply
    }

    fn tell(&self, reply: &mut Reply, index: u64, freshness: Freshness) {
        let headers = reply.headers_mut();
        let known = if freshness.known_leader { "true" } else { "false" };
        headers.insert(reply::INDEX, HeaderValue::from(index));
        headers.insert(reply::KNOWN_LEADER, HeaderValue::from_static(known));
        headers.insert(reply::LAST_CONTACT, HeaderValue::from(freshness.last_contact_ms));
        headers.insert(reply::QUERY_BACKEND, HeaderValue::from_static("blocking-query"));
    }
}

impl From<ReadError> for Refused {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooManyWatches(error) => error.into(),
            other => Self::internal(other.to_string()),
        }
    }
}

impl From<TooManyWatches> for Refused {
    fn from(error: TooManyWatches) -> Self {
        Self::overloaded(error.to_string())
    }
}
