//! A request that is a question about the state: how it is asked of the node, and how the answer is sent.

use std::sync::Arc;

use hyper::header::{HeaderValue, RETRY_AFTER};
use quorate_base::account::COUNTED_BYTES_MIN;
use quorate_node as node;
use quorate_node::{Answered, Freshness, Question, Reply as NodeReply, Served, Wait, Waiting};
use quorate_state::Key;

use crate::answers::Rendered;
use crate::call::Call;
use crate::options::Options;
use crate::render::Form;
use crate::reply::{self, Outcome, Refused, Reply};
use crate::shared::Shared;

/// A question, and how its answer is shown.
pub(crate) struct Ask {
    pub(crate) question: Question,
    pub(crate) options: Options,
    pub(crate) form: Form,
}

/// An answer made of more entries than this is encoded away from the thread that everything else needs: it takes some 2 ms.
const LONG_TO_ENCODE_ENTRIES: usize = 1_000;
/// So is one of keys whose values have more bytes than this.
const LONG_TO_ENCODE_BYTES: usize = 256 << 10;

/// Answers a request that asks a question, or parks it.
pub(crate) async fn answer(call: Call, parse: fn(&Call) -> Result<Ask, Refused>, accepts_gzip: bool) -> Outcome {
    let Ask { question, options, form } = match parse(&call) {
        Ok(ask) => ask,
        Err(refused) => return Outcome::Ready(refused.into_reply()),
    };
    call.server.queries.increment();
    call.server.requests.increment();
    let key = match &question {
        Question::Key(key) => Some(key.clone()),
        _ => None,
    };
    let is_waiting = options.index > 0 && !call.server.is_draining();
    let wait = is_waiting.then(|| Wait { seen: options.index, at_most: call.server.longest_wait(options.wait) });
    let body = node::Body::Ask(node::Ask { question, consistency: options.consistency, wait });
    let served = call.serve(body).await;
    let asker = Asker { pretty: call.pretty(), server: call.server, options, form, key, accepts_gzip };
    match served {
        Served::Now(reply) => Outcome::Ready(asker.reply(reply).await),
        Served::Later(waiting) => Outcome::Parked(Box::pin(wait_for(waiting, Box::new(asker)))),
    }
}

/// Waits for the answer. The asker is boxed, so that the long wait has room for it once and not twice.
async fn wait_for(waiting: Waiting, asker: Box<Asker>) -> Reply {
    let reply = waiting.reply().await;
    // Boxed, so that the long wait before it takes no room for it.
    Box::pin(async move { asker.reply(reply).await }).await
}

/// Who asks, and how the answer is to be shown.
struct Asker {
    server: Arc<Shared>,
    options: Options,
    form: Form,
    /// The key that was asked for; its answer does not name it.
    key: Option<Key>,
    pretty: bool,
    accepts_gzip: bool,
}

impl Asker {
    async fn reply(&self, reply: Result<NodeReply, node::Refusal>) -> Reply {
        let answered = match reply {
            Ok(NodeReply::Answered(answered)) => answered,
            Ok(other) => return self.refusal(unexpected(&other)),
            Err(refusal) => return self.refusal(refusal.into()),
        };
        match self.rendered(&answered).await {
            Ok(rendered) => self.send(&answered, &rendered).await,
            Err(refused) => self.refusal(refused),
        }
    }

    /// The answer encoded; once for all who share it.
    async fn rendered(&self, answered: &Answered) -> Result<Arc<Rendered>, Refused> {
        let answer = &answered.answer;
        if !answered.is_shared {
            return self.render(answered).await;
        }
        let slot = self.server.answers.slot(answer, self.form, self.pretty);
        if let Some(rendered) = slot.get() {
            return Ok(rendered.clone());
        }
        let rendered = slot.get_or_try_init(|| self.render(answered)).await?;
        self.server.answers.encoded(answer, self.form, self.pretty, rendered);
        Ok(rendered.clone())
    }

    async fn render(&self, answered: &Answered) -> Result<Arc<Rendered>, Refused> {
        let rendered = if is_long_to_encode(&answered.answer.answer) {
            let turn = self.server.large.turn().await;
            self.server.large.check_room()?;
            let (server, answer) = (self.server.clone(), answered.answer.clone());
            let (form, pretty) = (self.form, self.pretty);
            let made = self.server.elsewhere(move || {
                // Only answers about one key need its name, and these are short.
                let mut encoded = form.render(&answer.answer, &[], server.node.datacenter(), pretty);
                encoded.body = server.large.count(encoded.body);
                Rendered::new(encoded)
            });
            let rendered = made.await.ok_or_else(|| Refused::internal("the server is stopping"))?;
            drop(turn);
            rendered
        } else {
            let key = self.key.as_ref().map_or(&[][..], Key::as_bytes);
            let datacenter = self.server.node.datacenter();
            let mut encoded = self.form.render(&answered.answer.answer, key, datacenter, self.pretty);
            if encoded.body.len() >= COUNTED_BYTES_MIN {
                self.server.large.check_room()?;
            }
            encoded.body = self.server.large.count(encoded.body);
            Rendered::new(encoded)
        };
        Ok(Arc::new(rendered))
    }

    /// The reply that carries an answer.
    async fn send(&self, answered: &Answered, rendered: &Arc<Rendered>) -> Reply {
        if self.accepts_gzip && rendered.is_long_to_compress() {
            let rendered = rendered.clone();
            self.server.elsewhere(move || drop(rendered.compress().clone())).await;
        }
        let mut reply = rendered.to_reply(self.accepts_gzip);
        show_freshness(&mut reply, answered.answer.index, answered.freshness);
        let manners = self.form.manners();
        if manners.shows_consistency {
            let word = HeaderValue::from_static(self.options.consistency_word());
            reply.headers_mut().insert(reply::EFFECTIVE_CONSISTENCY, word);
        }
        if self.options.cached && manners.shows_cache {
            let word = if answered.is_kept { "HIT" } else { "MISS" };
            reply.headers_mut().insert(reply::X_CACHE, HeaderValue::from_static(word));
            if answered.is_kept {
                // A kept answer is that of this moment, or it would not be used.
                reply.headers_mut().insert(hyper::header::AGE, HeaderValue::from_static("0"));
            }
        }
        reply
    }

    /// The reply that refuses; on some routes it has the headers that Consul sends there before anything is known.
    fn refusal(&self, refused: Refused) -> Reply {
        let mut reply = refused.into_reply();
        if self.form.manners().shows_on_error && !reply.headers().contains_key(RETRY_AFTER) {
            show_freshness(&mut reply, 1, Freshness::UNKNOWN);
        }
        reply
    }
}

/// The node gave a reply that does not belong to the request.
pub(crate) fn unexpected(reply: &NodeReply) -> Refused {
    tracing::error!(?reply, "the node gave a reply that does not belong to the request");
    Refused::internal("the node gave a reply that does not belong to the request")
}

/// Puts the index and the freshness of an answer into its headers.
pub(crate) fn show_freshness(reply: &mut Reply, index: u64, freshness: Freshness) {
    let headers = reply.headers_mut();
    headers.insert(reply::INDEX, HeaderValue::from(index));
    headers.insert(reply::KNOWN_LEADER, reply::truth(freshness.known_leader));
    headers.insert(reply::LAST_CONTACT, HeaderValue::from(freshness.last_contact_ms));
    headers.insert(reply::QUERY_BACKEND, HeaderValue::from_static("blocking-query"));
}

/// Whether encoding an answer takes long, found out without doing it.
fn is_long_to_encode(answer: &node::Answer) -> bool {
    let node::Answer::Keys(keys) = answer else { return answer.entries() > LONG_TO_ENCODE_ENTRIES };
    let mut bytes = 0;
    keys.len() > LONG_TO_ENCODE_ENTRIES
        || keys.iter().any(|(_, entry)| {
            bytes += entry.value.len();
            bytes > LONG_TO_ENCODE_BYTES
        })
}
