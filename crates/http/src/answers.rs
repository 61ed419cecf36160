//! Answers to questions, encoded once, and the cache of them.
//!
//! A kept answer is used as long as the index of its question is what it was: the index changes with every change of what
//! the question depends on, so there is nothing to expire. The cache holds at most its bound in bytes; it forgets what was
//! not asked for since the last time it was half full.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use quorate_base::metrics::{Counter, Gauge, Registry};
use quorate_state::Index;

use crate::gzip;
use crate::questions::{Asked, LARGE_BYTES};
use crate::reply::{self, Reply};

/// What the body of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Content {
    /// JSON.
    Json,
    /// The bytes of a value, which no browser may take for a page.
    Raw,
    /// A sentence.
    Text,
    /// There is no body.
    None,
}

/// An encoded answer without its index.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) status: StatusCode,
    pub(crate) content: Content,
    pub(crate) body: Bytes,
}

impl Encoded {
    /// An answer of JSON.
    pub(crate) fn json(body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, content: Content::Json, body: body.into() }
    }

    /// There is no such thing.
    pub(crate) fn not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, content: Content::None, body: Bytes::new() }
    }
}

/// An encoded answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The index to wait beyond.
    pub(crate) index: Index,
    encoded: Encoded,
    compressed: OnceLock<Bytes>,
}

impl Answer {
    pub(crate) fn new(index: Index, encoded: Encoded) -> Self {
        Self { index, encoded, compressed: OnceLock::new() }
    }

    /// How long its body is.
    pub(crate) fn bytes(&self) -> usize {
        self.encoded.body.len()
    }

    /// Tells two answers to one question apart, whatever their index.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.encoded.status.hash(&mut hasher);
        self.encoded.body.hash(&mut hasher);
        hasher.finish()
    }

    /// Whether to compress it takes long and has not been done.
    pub(crate) fn is_long_to_compress(&self) -> bool {
        self.encoded.body.len() >= LARGE_BYTES && self.compressed.get().is_none()
    }

    /// Compresses it, once for all who ask.
    pub(crate) fn compress(&self) -> &Bytes {
        self.compressed.get_or_init(|| gzip::compress(&self.encoded.body))
    }

    /// The answer for a client.
    pub(crate) fn to_reply(&self, accepts_gzip: bool) -> Reply {
        let Encoded { status, content, body } = &self.encoded;
        let compress = accepts_gzip && body.len() >= gzip::BYTES_MIN;
        let body = match compress {
            true => self.compress().clone(),
            false => body.clone(),
        };
        let mut reply = reply::whole(*status, body);
        let headers = reply.headers_mut();
        if compress {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        match content {
            Content::Json => drop(headers.insert(CONTENT_TYPE, reply::JSON)),
            Content::Text => drop(headers.insert(CONTENT_TYPE, reply::TEXT)),
            Content::Raw => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
                headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
            }
            Content::None => {}
        }
        reply
    }

    /// About how much memory it takes, with a compressed copy.
    fn weight(&self) -> usize {
        const HEAD_BYTES: usize = 256;
        self.encoded.body.len() + self.encoded.body.len() / 4 + HEAD_BYTES
    }
}

/// Kept answers to questions that are asked again and again.
pub(crate) struct AnswerCache {
    bytes_max: usize,
    generations: Mutex<Generations>,
    hits: Counter,
    misses: Counter,
    bytes: Gauge,
}

/// Answers move to the young generation when they are asked for; when it is half of the bound, the old one is dropped and
/// the young one becomes old.
#[derive(Default)]
struct Generations {
    young: HashMap<Asked, Arc<Answer>>,
    young_bytes: usize,
    old: HashMap<Asked, Arc<Answer>>,
    old_bytes: usize,
}

impl AnswerCache {
    /// A cache of at most so many bytes; with 0 it keeps nothing.
    pub(crate) fn new(bytes_max: usize, registry: &Registry) -> Self {
        Self {
            bytes_max,
            generations: Mutex::default(),
            hits: registry.counter("quorate.http.answers.hit"),
            misses: registry.counter("quorate.http.answers.miss"),
            bytes: registry.gauge("quorate.http.answers.bytes"),
        }
    }

    /// The kept answer to a question, if it is that of this index.
    pub(crate) fn get(&self, asked: &Asked, index: Index) -> Option<Arc<Answer>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let young = generations.young.get(asked).filter(|answer| answer.index == index).cloned();
        let found = young.or_else(|| {
            let (asked, answer) = generations.old.remove_entry(asked)?;
            generations.old_bytes -= answer.weight();
            let found = (answer.index == index).then(|| answer.clone())?;
            self.insert(&mut generations, asked, answer);
            Some(found)
        });
        if found.is_some() {
            self.hits.increment()
        } else {
            self.misses.increment()
        }
        found
    }

    /// Keeps an answer.
    pub(crate) fn keep(&self, asked: &Asked, answer: &Arc<Answer>) {
        // One that alone fills a generation would push out all others.
        if answer.weight() < self.bytes_max / 4 {
            let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
            self.insert(&mut generations, asked.clone(), answer.clone());
        }
    }

    fn insert(&self, generations: &mut Generations, asked: Asked, answer: Arc<Answer>) {
        generations.young_bytes += answer.weight();
        if let Some(before) = generations.young.insert(asked, answer) {
            generations.young_bytes -= before.weight();
        }
        if generations.young_bytes > self.bytes_max / 2 {
            generations.old = std::mem::take(&mut generations.young);
            generations.old_bytes = std::mem::take(&mut generations.young_bytes);
        }
        self.bytes.set((generations.young_bytes + generations.old_bytes) as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::questions::Question;
    use crate::routes::kv::KvQuestion;

    fn asked(key: &str) -> Asked {
        Asked { question: Question::Kv(KvQuestion::Entry { key: key.into(), raw: false }), pretty: false }
    }

    fn answer(index: Index, length: usize) -> Arc<Answer> {
        Arc::new(Answer::new(index, Encoded::json(vec![b'x'; length])))
    }

    #[test]
    fn an_answer_is_used_for_its_own_index_only() {
        let cache = AnswerCache::new(1 << 20, &Registry::default());
        cache.keep(&asked("a"), &answer(5, 10));
        assert!(cache.get(&asked("a"), 5).is_some());
        assert!(cache.get(&asked("a"), 6).is_none());
        assert!(cache.get(&asked("b"), 5).is_none());
    }

    #[test]
    fn the_bound_holds_and_what_is_asked_for_stays() {
        const BYTES_MAX: usize = 100_000;
        let cache = AnswerCache::new(BYTES_MAX, &Registry::default());
        cache.keep(&asked("hot"), &answer(1, 1_000));
        for number in 0..1_000 {
            cache.keep(&asked(&number.to_string()), &answer(1, 1_000));
            assert!(cache.get(&asked("hot"), 1).is_some(), "{number}");
            let generations = cache.generations.lock().unwrap();
            let held = |map: &HashMap<Asked, Arc<Answer>>| map.values().map(|answer| answer.weight()).sum::<usize>();
            assert_eq!(held(&generations.young), generations.young_bytes);
            assert_eq!(held(&generations.old), generations.old_bytes);
            assert!(generations.young_bytes + generations.old_bytes <= BYTES_MAX + 2_000);
        }
        assert!(cache.get(&asked("0"), 1).is_none());
    }

    #[test]
    fn nothing_is_kept_with_a_bound_of_nothing() {
        let cache = AnswerCache::new(0, &Registry::default());
        cache.keep(&asked("a"), &answer(1, 0));
        assert!(cache.get(&asked("a"), 1).is_none());
    }
}
