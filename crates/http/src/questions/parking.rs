//! Parked questions: who waits for another answer than the one he has.
//!
//! There is one [`Entry`] for each distinct question that somebody waits for, and one driver for each entry: a task that
//! sleeps until a change touches the question, evaluates it once for all who wait, and wakes them only if the content of
//! the answer is another one.
//!
//! An entry knows since which index its content has been the same. A client whose index is not older than that has this
//! content and waits; any other is answered at once. So a change that touches a question without changing its answer (a
//! filter hides it) wakes nobody, also not the client that was just about to ask again: an entry outlives its last waiter
//! by [`LINGER`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quorate_base::duration::GoDuration;
use quorate_base::metrics::{Counter, Gauge, Registry};
use quorate_node::{Consistency, TooManyWatches, Watch, Woken};
use quorate_state::{Index, Topic};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Asked, Asker, Found, evaluate, evaluate_anyway};
use crate::answers::Answer;
use crate::measure::REQUESTS;
use crate::reply::{Refused, Reply};
use crate::routes::Outcome;
use crate::server::Shared;

/// How long a question is followed after its last waiter has left: longer than a client takes to ask again.
const LINGER: Duration = Duration::from_secs(2);

/// The table of parked questions.
pub(crate) struct Questions {
    waiters_max: usize,
    waiters: AtomicUsize,
    entries: Mutex<HashMap<Arc<Asked>, Arc<Entry>>>,
    waiters_gauge: Gauge,
    /// Questions asked, waiting or not.
    pub(super) queries: Counter,
    /// The same, counted with all else that is asked of the state.
    pub(super) requests: Counter,
    evaluations: Counter,
    wakes: Counter,
}

/// A question that somebody waits for, or did a moment ago.
struct Entry {
    asked: Arc<Asked>,
    waiters: AtomicUsize,
    content: Mutex<Content>,
    /// Told to all waiters when there is news.
    news: Notify,
    /// Told to the driver when the last waiter has left.
    deserted: Notify,
}

/// The answer as last evaluated.
struct Content {
    fingerprint: u64,
    /// The index since which it has been the same.
    since: Index,
    /// How often there was news.
    generation: u64,
    /// The last news; kept only while somebody waits.
    answer: Option<Arc<Answer>>,
    /// Whether that came with the replacement of the whole state.
    replaced: bool,
}

impl Questions {
    pub(crate) fn new(waiters_max: usize, registry: &Registry) -> Self {
        Self {
            waiters_max,
            waiters: AtomicUsize::new(0),
            entries: Mutex::default(),
            waiters_gauge: registry.gauge("consul.rpc.queries_blocking"),
            queries: registry.counter("consul.rpc.query"),
            requests: registry.counter(REQUESTS),
            evaluations: registry.counter("quorate.http.parked.evaluated"),
            wakes: registry.counter("quorate.http.parked.woken"),
        }
    }

    /// Wakes all who wait, to look whether the server is stopping.
    pub(crate) fn wake_all(&self) {
        self.lock().values().for_each(|entry| entry.news.notify_waiters());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<Asked>, Arc<Entry>>> {
        // The table is consistent between its statements; a panic elsewhere does not spoil it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes an entry unless somebody waits for it; whether it did.
    fn forget(&self, entry: &Entry) -> bool {
        let mut entries = self.lock();
        let deserted = entry.waiters.load(Ordering::Acquire) == 0;
        if deserted {
            entries.remove(&entry.asked);
        }
        deserted
    }
}

impl Entry {
    fn new(asked: &Asked, answer: &Answer) -> Arc<Self> {
        let content = Content {
            fingerprint: answer.fingerprint(),
            since: answer.index,
            generation: 0,
            answer: None,
            replaced: false,
        };
        Arc::new(Self {
            asked: Arc::new(asked.clone()),
            waiters: AtomicUsize::new(0),
            content: Mutex::new(content),
            news: Notify::new(),
            deserted: Notify::new(),
        })
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an answer that was evaluated anew; tells whoever waits if it is another one.
    fn update(&self, answer: Arc<Answer>, woken: Woken) {
        let fingerprint = answer.fingerprint();
        {
            let mut content = self.content();
            let replaced = woken == Woken::Replaced;
            if content.fingerprint == fingerprint && !replaced {
                return;
            }
            content.fingerprint = fingerprint;
            content.since = answer.index;
            content.generation += 1;
            content.replaced = replaced;
            content.answer = (self.waiters.load(Ordering::Acquire) > 0).then_some(answer);
        }
        self.news.notify_waiters();
    }
}

/// Parks a question, or answers it at once if the client's index is old.
pub(super) async fn ask(asker: Asker) -> Outcome {
    let freshness = match asker.freshness().await {
        Ok(freshness) => freshness,
        Err(refused) => return Outcome::Ready(asker.refusal(refused)),
    };
    let joined = match find(&asker) {
        Some(joined) => joined.map(|waiter| waiter.ok_or(None)),
        None => start(&asker).await.map(|started| started.map_err(Some)),
    };
    match joined {
        Ok(Ok(waiter)) => Outcome::Parked(Box::pin(waiter.wait(Box::new(asker)))),
        Ok(Err(Some(answer))) => Outcome::Ready(asker.reply(freshness, Found { answer, kept: false }).await),
        Ok(Err(None)) => Outcome::Ready(asker.answer_now().await),
        Err(refused) => Outcome::Ready(asker.refusal(refused)),
    }
}

/// Joins those who wait for the same. `None` if nobody does; a waiter of `None` if the client's index is old.
fn find(asker: &Asker) -> Option<Result<Option<Waiter>, Refused>> {
    let entries = asker.server.questions.lock();
    entries.get(&asker.asked).map(|entry| Waiter::enter(asker, entry))
}

/// Starts to follow a question that nobody waits for; gives the answer if the client's index is old.
async fn start(asker: &Asker) -> Result<Result<Waiter, Arc<Answer>>, Refused> {
    let Asker { server, asked, options, .. } = asker;
    // The watch comes first: what changes behind it is either seen by the evaluation or wakes the watch.
    let (watch, topics) = watch(server, asked)?;
    let answer = evaluate(server, asked).await?.answer;
    if answer.index > options.index {
        return Ok(Err(answer));
    }
    let mut entries = server.questions.lock();
    // Another one may have started to follow it while this one evaluated.
    if let Some(entry) = entries.get(asked) {
        return Ok(Waiter::enter(asker, entry)?.ok_or(answer));
    }
    let entry = Entry::new(asked, &answer);
    let Some(waiter) = Waiter::enter(asker, &entry)? else {
        return Ok(Err(answer));
    };
    entries.insert(entry.asked.clone(), entry.clone());
    drop(entries);
    let driver = Driver { server: server.clone(), entry, watch, topics };
    server.node.host().spawn(driver.run());
    Ok(Ok(waiter))
}

/// Watches what a question depends on.
fn watch(server: &Shared, asked: &Asked) -> Result<(Watch, Vec<Topic>), Refused> {
    let mut topics = asked.question.topics(&server.node.state());
    loop {
        let watch = server.node.watch(&topics)?;
        // What it depends on may have become something else before the watch was there to see it.
        let topics_now = asked.question.topics(&server.node.state());
        if topics_now == topics {
            return Ok((watch, topics));
        }
        topics = topics_now;
    }
}

/// Follows one question.
struct Driver {
    server: Arc<Shared>,
    entry: Arc<Entry>,
    watch: Watch,
    topics: Vec<Topic>,
}

impl Driver {
    async fn run(mut self) {
        let mut deserted_since = None;
        loop {
            if self.entry.waiters.load(Ordering::Acquire) > 0 {
                deserted_since = None;
                tokio::select! {
                    woken = self.watch.changed() => Box::pin(self.evaluate(woken)).await,
                    () = self.entry.deserted.notified() => {}
                }
                continue;
            }
            let end = *deserted_since.get_or_insert_with(Instant::now) + LINGER;
            match tokio::time::timeout_at(end, self.watch.changed()).await {
                Ok(woken) => Box::pin(self.evaluate(woken)).await,
                Err(_) if self.server.questions.forget(&self.entry) => return,
                Err(_) => {}
            }
        }
    }

    async fn evaluate(&mut self, woken: Woken) {
        // If there is no room to watch anything else, the old topics are watched on: nothing that the answer depends on
        // comes to be without touching one of them.
        if self.entry.asked.question.topics(&self.server.node.state()) != self.topics
            && let Ok(watched) = watch(&self.server, &self.entry.asked)
        {
            (self.watch, self.topics) = watched;
        }
        self.server.questions.evaluations.increment();
        let answer = evaluate_anyway(&self.server, &self.entry.asked).await.answer;
        self.entry.update(answer, woken);
    }
}

/// One who waits.
struct Waiter {
    membership: Membership,
    _place: Place,
    deadline: Instant,
    /// How often there had been news when it came.
    generation: u64,
    /// News of an index up to this one is none: the client has seen it.
    seen: Index,
}

/// A place among all who wait, taken for as long as this lives.
pub(crate) struct Place {
    server: Arc<Shared>,
}

impl Place {
    /// Takes a place, if there is one.
    pub(crate) fn take(server: &Arc<Shared>) -> Result<Self, TooManyWatches> {
        let questions = &server.questions;
        let before = questions.waiters.fetch_add(1, Ordering::AcqRel);
        if before >= questions.waiters_max {
            questions.waiters.fetch_sub(1, Ordering::AcqRel);
            return Err(TooManyWatches { limit: questions.waiters_max });
        }
        questions.waiters_gauge.set((before + 1) as f64);
        Ok(Self { server: server.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let before = self.server.questions.waiters.fetch_sub(1, Ordering::AcqRel);
        self.server.questions.waiters_gauge.set((before - 1) as f64);
    }
}

/// Membership among the waiters of an entry, for as long as this lives.
struct Membership(Arc<Entry>);

impl Membership {
    fn of(entry: &Arc<Entry>) -> Self {
        entry.waiters.fetch_add(1, Ordering::AcqRel);
        Self(entry.clone())
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let Self(entry) = self;
        if entry.waiters.fetch_sub(1, Ordering::AcqRel) == 1 {
            let mut content = entry.content();
            // Another may have come, and even have news, since the count was read.
            if entry.waiters.load(Ordering::Acquire) == 0 {
                content.answer = None;
            }
            drop(content);
            entry.deserted.notify_one();
        }
    }
}

impl Waiter {
    /// Joins those who wait, unless the client's index is old: then its content is, too.
    fn enter(asker: &Asker, entry: &Arc<Entry>) -> Result<Option<Self>, Refused> {
        let place = Place::take(&asker.server)?;
        let membership = Membership::of(entry);
        let content = entry.content();
        if asker.options.index < content.since {
            drop(content);
            return Ok(None);
        }
        let generation = content.generation;
        drop(content);
        Ok(Some(Self {
            membership,
            _place: place,
            deadline: deadline(&asker.server, asker.options.wait),
            generation,
            // An index that was never given out means nothing; any news is news then.
            seen: asker.options.index.min(asker.server.node.state().index()),
        }))
    }

    /// Waits for news or for the end of the time, and answers. The asker is boxed, so that the long wait has room for it
    /// once and not twice.
    async fn wait(self, asker: Box<Asker>) -> Reply {
        let news = self.news(&asker.server).await;
        drop(self);
        // Boxed, so that the long wait before it takes no room for it.
        Box::pin(answer(*asker, news)).await
    }

    async fn news(&self, server: &Shared) -> Option<Arc<Answer>> {
        loop {
            let mut told = std::pin::pin!(self.membership.0.news.notified());
            told.as_mut().enable();
            if let Some(answer) = self.news_now() {
                return Some(answer);
            }
            if server.is_draining() || tokio::time::timeout_at(self.deadline, told).await.is_err() {
                return None;
            }
        }
    }

    fn news_now(&self) -> Option<Arc<Answer>> {
        let content = self.membership.0.content();
        let answer = content.answer.as_ref()?;
        let is_news = content.generation != self.generation && (content.replaced || answer.index > self.seen);
        is_news.then(|| answer.clone())
    }
}

/// The reply to one who has waited: with the news that woke it, or with what there is when its time is over.
async fn answer(asker: Asker, news: Option<Arc<Answer>>) -> Reply {
    let Some(answer) = news else {
        return asker.answer_now().await;
    };
    asker.server.questions.wakes.increment();
    if asker.options.consistency == Consistency::Consistent {
        // The answer was made before a majority was asked, so it is made again behind that.
        return asker.answer_now().await;
    }
    match asker.freshness().await {
        Ok(freshness) => asker.reply(freshness, Found { answer, kept: false }).await,
        Err(refused) => asker.refusal(refused),
    }
}

/// When a client has waited long enough: what it asked for within the bounds, and up to a sixteenth more, so that clients
/// that came together do not come together again.
pub(crate) fn deadline(server: &Shared, asked_for: Option<GoDuration>) -> Instant {
    const JITTER_SHARE: u32 = 16;
    // An answer takes a moment to be made and sent, and none may come later than the whole sixteenth.
    const ANSWERING: Duration = Duration::from_millis(20);
    let in_force = server.in_force();
    let asked_for = asked_for.map(GoDuration::to_std).filter(|wait| !wait.is_zero());
    let wait = asked_for.unwrap_or(in_force.terms.wait_default).min(in_force.terms.wait_max);
    let jitter_max = (wait / JITTER_SHARE).saturating_sub(ANSWERING);
    let jitter = match u64::try_from(jitter_max.as_micros()) {
        Ok(limit @ 1..) => server.node.host().random.below(limit),
        _ => 0,
    };
    Instant::now() + wait + Duration::from_micros(jitter)
}
