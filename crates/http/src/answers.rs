//! Answers as they are sent: encoded, compressed, and kept for the next client for as long as the node keeps the answer.
//!
//! The node gives the same answer, the same allocation, to all who ask the same while nothing has changed. What is made of
//! it here is kept by that: it is used only while the node still gives out that very answer, so there is nothing to expire,
//! and it never crosses callers, since the node's answers do not. The table holds at most its bound in bytes; it forgets
//! what was not asked for since the last time it was half full.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use bytes::Bytes;
use hyper::header::{CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use quorate_base::metrics::{Gauge, Registry};
use quorate_node::Indexed;
use tokio::sync::OnceCell;

use crate::gzip;
use crate::render::{Content, Encoded, Form};
use crate::reply::{self, Reply};

/// An encoded answer with its compressed copy, once somebody takes one.
#[derive(Debug)]
pub(crate) struct Rendered {
    encoded: Encoded,
    compressed: OnceLock<Bytes>,
}

impl Rendered {
    pub(crate) fn new(encoded: Encoded) -> Self {
        Self { encoded, compressed: OnceLock::new() }
    }

    /// Whether to compress it takes long and has not been done.
    pub(crate) fn is_long_to_compress(&self) -> bool {
        self.encoded.body.len() >= gzip::LONG_BYTES && self.compressed.get().is_none()
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
        self.encoded.body.len() + self.encoded.body.len() / 4
    }
}

/// An answer being encoded or encoded: the second to ask waits for the first.
pub(crate) type Slot = Arc<OnceCell<Arc<Rendered>>>;

/// What was made of answers that the node gives out more than once.
pub(crate) struct RenderedAnswers {
    bytes_max: usize,
    generations: Mutex<Generations>,
    bytes: Gauge,
}

/// The place of an answer in memory, how it is shown, and whether it is indented. The place belongs to no other answer for
/// as long as there is a [`Weak`] to it.
type Key = (usize, Form, bool);

/// Answers move to the young generation when they are asked for; when it is half of the bound, the old one is dropped and
/// the young one becomes old.
#[derive(Default)]
struct Generations {
    young: HashMap<Key, Entry>,
    young_bytes: usize,
    old: HashMap<Key, Entry>,
}

struct Entry {
    answer: Weak<Indexed>,
    slot: Slot,
    /// What it counts for; set once it is encoded.
    weight: usize,
}

/// What an entry counts for in addition to its bytes.
const ENTRY_BYTES: usize = 256;

impl RenderedAnswers {
    /// A table of at most about so many bytes; with 0 it keeps nothing.
    pub(crate) fn new(bytes_max: usize, registry: &Registry) -> Self {
        Self { bytes_max, generations: Mutex::default(), bytes: registry.gauge("quorate.http.answers.bytes") }
    }

    /// The place for what is made of an answer.
    pub(crate) fn slot(&self, answer: &Arc<Indexed>, form: Form, pretty: bool) -> Slot {
        if self.bytes_max == 0 {
            return Slot::default();
        }
        let key = (Arc::as_ptr(answer) as usize, form, pretty);
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = generations.young.get(&key) {
            return entry.slot.clone();
        }
        let entry = generations.old.remove(&key).unwrap_or_else(|| Entry {
            answer: Arc::downgrade(answer),
            slot: Slot::default(),
            weight: ENTRY_BYTES,
        });
        let slot = entry.slot.clone();
        generations.young_bytes += entry.weight;
        generations.young.insert(key, entry);
        self.turn_over(&mut generations);
        slot
    }

    /// An answer was encoded in its place: from now on it counts for what it takes.
    pub(crate) fn encoded(&self, answer: &Arc<Indexed>, form: Form, pretty: bool, rendered: &Rendered) {
        let key = (Arc::as_ptr(answer) as usize, form, pretty);
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let weight = ENTRY_BYTES + rendered.weight();
        // One that alone fills a generation would push out all others.
        if weight >= self.bytes_max / 4 {
            if let Some(entry) = generations.young.remove(&key) {
                generations.young_bytes -= entry.weight;
            }
            return;
        }
        if let Some(entry) = generations.young.get_mut(&key) {
            let before = std::mem::replace(&mut entry.weight, weight);
            generations.young_bytes = generations.young_bytes - before + weight;
            self.turn_over(&mut generations);
        }
    }

    fn turn_over(&self, generations: &mut Generations) {
        if generations.young_bytes > self.bytes_max / 2 {
            // What the node has let go of is asked for by nobody.
            let mut young = std::mem::take(&mut generations.young);
            young.retain(|_, entry| entry.answer.strong_count() > 0);
            generations.young_bytes = 0;
            generations.old = young;
        }
        let old: usize = generations.old.values().map(|entry| entry.weight).sum();
        self.bytes.set((generations.young_bytes + old) as f64);
    }
}

#[cfg(test)]
mod tests {
    use quorate_node::Answer;

    use super::*;

    fn answer() -> Arc<Indexed> {
        Arc::new(Indexed { index: 1, answer: Answer::Names(Vec::new()) })
    }

    fn render(table: &RenderedAnswers, answer: &Arc<Indexed>, length: usize) {
        let rendered = Arc::new(Rendered::new(Encoded::json(vec![b'x'; length])));
        let slot = table.slot(answer, Form::Names, false);
        if slot.set(rendered.clone()).is_ok() {
            table.encoded(answer, Form::Names, false, &rendered);
        }
    }

    #[test]
    fn what_is_made_of_an_answer_is_used_for_that_answer_and_form_alone() {
        let table = RenderedAnswers::new(1 << 20, &Registry::default());
        let (one, equal) = (answer(), answer());
        render(&table, &one, 10);
        assert!(table.slot(&one, Form::Names, false).initialized());
        assert!(!table.slot(&one, Form::Names, true).initialized());
        assert!(!table.slot(&one, Form::Keys, false).initialized());
        assert!(!table.slot(&equal, Form::Names, false).initialized());
    }

    #[test]
    fn the_bound_holds_and_what_is_asked_for_stays() {
        const BYTES_MAX: usize = 100_000;
        let table = RenderedAnswers::new(BYTES_MAX, &Registry::default());
        let hot = answer();
        render(&table, &hot, 1_000);
        let mut alive = Vec::new();
        for number in 0..1_000 {
            let other = answer();
            render(&table, &other, 1_000);
            alive.push(other);
            assert!(table.slot(&hot, Form::Names, false).initialized(), "{number}");
            let generations = table.generations.lock().unwrap();
            let held = |map: &HashMap<Key, Entry>| map.values().map(|entry| entry.weight).sum::<usize>();
            assert_eq!(held(&generations.young), generations.young_bytes);
            assert!(generations.young_bytes + held(&generations.old) <= BYTES_MAX + 2_000);
        }
        assert!(!table.slot(&alive[0], Form::Names, false).initialized());
    }

    #[test]
    fn nothing_is_kept_with_a_bound_of_nothing() {
        let (table, answer) = (RenderedAnswers::new(0, &Registry::default()), answer());
        render(&table, &answer, 1);
        assert!(!table.slot(&answer, Form::Names, false).initialized());
    }
}
