//! Parked questions: who waits for a newer answer than the one it has.
//!
//! There is one [`Entry`] for each distinct question that somebody waits for, and one driver for each entry: a task that
//! sleeps until a change touches the question, evaluates it once for all who wait, and wakes those for whom there is news.
//!
//! **What is news.** An entry knows of its content since which index it has been the same ([`Content::since`]), and up to
//! which index of the state that is certain ([`Content::until`]). Somebody whose index lies between has this very content:
//! for it, only different content is news, so a change that touches the question without changing its answer (a filter
//! hides it) wakes nobody. Somebody whose index is older has different content and is answered immediately. Somebody whose
//! index is *newer* saw an answer of a server that is ahead of this one, and nobody here knows its content: it is answered
//! as soon as the question's index passes its own, whatever the content is then.
//!
//! An entry outlives its last waiter a little, so that a client that asks again finds what was known.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_base::account::{Account, Charge, NoRoom};
use quorate_state::Index;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::asked::{Asked, Evaluated};
use crate::error::Refusal;
use crate::question::Indexed;
use crate::request::Wait;
use crate::watch::{TooManyWatches, Woken};

/// What a request that waits is charged with: its task, its connection and what is known of it. Measured: 3.7 kB.
const WAIT_BYTES: usize = 4 << 10;

/// The table of parked questions.
pub(crate) struct Parked {
    account: Arc<Account>,
    waiters_max: usize,
    waiters: Arc<AtomicUsize>,
    entries: Mutex<HashMap<Asked, Arc<Entry>>>,
}

/// A question that somebody waits for, or did a moment ago.
pub(crate) struct Entry {
    pub(crate) evaluated: Evaluated,
    pub(crate) waiters: AtomicUsize,
    content: Mutex<Content>,
    /// Wakes all waiters when there is news, or when they are to look whether the node still leads.
    news: Notify,
    /// Wakes the driver when the last waiter has left.
    pub(crate) deserted: Notify,
    /// What the one who brought the question is charged with.
    _charge: Charge,
}

/// The answer as last evaluated.
pub(crate) struct Content {
    /// Tells two answers apart.
    fingerprint: u64,
    /// The index since which the content has been the same.
    since: Index,
    /// The index of the newest state on which it was evaluated.
    until: Index,
    /// How often the content became different.
    generation: u64,
    /// The last answer; kept only while somebody waits.
    answer: Option<Arc<Indexed>>,
    /// How often the whole state was replaced.
    replacements: u64,
    /// How often waiters were woken to look around, without news.
    nudges: u64,
}

/// What joining those who wait came to.
pub(crate) enum Joined {
    /// The asker waits.
    Waiting(Waiter),
    /// It has older content than this.
    Old(Arc<Indexed>),
    /// It has older content than there is; evaluate the question.
    OldAndUnknown,
}

/// Why a wait ended.
pub(crate) enum Ended {
    /// There is news.
    News(Arc<Indexed>),
    /// The time is over, or the node has something to say of itself: answer with what there is, if it may answer.
    Nothing,
}

impl Parked {
    pub(crate) fn new(waiters_max: usize, account: Arc<Account>) -> Self {
        Self { account, waiters_max, waiters: Arc::default(), entries: Mutex::default() }
    }

    /// Charges a client with what it takes to follow a question for it.
    pub(crate) fn charge(&self, client: Option<IpAddr>, evaluated: &Evaluated) -> Result<Charge, NoRoom> {
        let mut charge = self.account.open(client);
        charge.add(evaluated.weight_bytes())?;
        Ok(charge)
    }

    /// How many wait.
    pub(crate) fn waiters(&self) -> usize {
        self.waiters.load(Ordering::Relaxed)
    }

    /// Ends all waits: each is answered with what there is.
    pub(crate) fn nudge_all(&self) {
        for entry in self.lock().values() {
            entry.nudge();
        }
    }

    /// Takes a place among all who wait, if there is one, for a client from this address.
    pub(crate) fn take_place(&self, client: Option<IpAddr>) -> Result<WaitPlace, Refusal> {
        let mut charge = self.account.open(client);
        charge.add(WAIT_BYTES)?;
        let before = self.waiters.fetch_add(1, Ordering::AcqRel);
        let place = WaitPlace { waiters: self.waiters.clone(), _charge: charge };
        if before >= self.waiters_max { Err(TooManyWatches { limit: self.waiters_max }.into()) } else { Ok(place) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<Asked, Arc<Entry>>> {
        // The table is consistent between its statements; a panic elsewhere does not spoil it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, asked: &Asked) -> Option<Arc<Entry>> {
        self.lock().get(asked).cloned()
    }

    /// Removes an entry unless somebody waits for it; whether it did.
    pub(crate) fn forget(&self, entry: &Entry) -> bool {
        let mut entries = self.lock();
        let is_deserted = entry.waiters.load(Ordering::Acquire) == 0;
        if is_deserted {
            entries.remove(&entry.evaluated.asked);
        }
        is_deserted
    }
}

impl Entry {
    pub(crate) fn new(evaluated: Evaluated, answer: &Indexed, until: Index, charge: Charge) -> Arc<Self> {
        let content = Content {
            fingerprint: answer.fingerprint(),
            since: answer.index,
            until,
            generation: 0,
            answer: None,
            replacements: 0,
            nudges: 0,
        };
        Arc::new(Self {
            evaluated,
            waiters: AtomicUsize::new(0),
            content: Mutex::new(content),
            news: Notify::new(),
            deserted: Notify::new(),
            _charge: charge,
        })
    }

    pub(crate) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has all who wait look around: they ask again.
    pub(crate) fn nudge(&self) {
        self.content().nudges += 1;
        self.news.notify_waiters();
    }

    /// Takes in an answer that was evaluated on the state of index `until`, and wakes those who wait.
    pub(crate) fn update(&self, answer: Arc<Indexed>, until: Index, woken: Woken) {
        let fingerprint = answer.fingerprint();
        {
            let mut content = self.content();
            content.until = until;
            if woken == Woken::Replaced {
                content.replacements += 1;
            }
            if content.fingerprint != fingerprint || woken == Woken::Replaced {
                content.fingerprint = fingerprint;
                content.since = answer.index;
                content.generation += 1;
            }
            content.answer = (self.waiters.load(Ordering::Acquire) > 0).then_some(answer);
        }
        self.news.notify_waiters();
    }
}

/// A place among all who wait, taken for as long as this lives.
pub struct WaitPlace {
    waiters: Arc<AtomicUsize>,
    _charge: Charge,
}

impl Drop for WaitPlace {
    fn drop(&mut self) {
        self.waiters.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Membership among the waiters of an entry, for as long as this lives.
struct Membership(Arc<Entry>);

impl Membership {
    fn of(entry: Arc<Entry>) -> Self {
        entry.waiters.fetch_add(1, Ordering::AcqRel);
        Self(entry)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let Self(entry) = self;
        if entry.waiters.fetch_sub(1, Ordering::AcqRel) == 1 {
            let mut content = entry.content();
            // A new one may have come, and even have news, since the count was read.
            if entry.waiters.load(Ordering::Acquire) == 0 {
                content.answer = None;
            }
            drop(content);
            entry.deserted.notify_one();
        }
    }
}

/// One who waits.
pub(crate) struct Waiter {
    membership: Membership,
    _place: WaitPlace,
    deadline: Instant,
    /// News of an index up to this one is none: the asker has seen it.
    seen: Index,
    /// The generation of the content that it has; `None` if nobody here knows what it has.
    has: Option<u64>,
    replacements: u64,
    nudges: u64,
}

impl Waiter {
    /// Joins those who wait. `None` if the asker's index is old: then its content is, too. `first` is the answer that the
    /// entry was made with, which is the newest there is. `newest_given_out` is the largest index that any server can have
    /// given out, if this one leads and so knows it.
    pub(crate) fn enter(
        parked: &Parked,
        entry: Arc<Entry>,
        client: Option<IpAddr>,
        wait: Wait,
        newest_given_out: Option<Index>,
        first: Option<&Arc<Indexed>>,
    ) -> Result<Option<Joined>, Refusal> {
        let place = parked.take_place(client)?;
        let membership = Membership::of(entry);
        let content = membership.0.content();
        if wait.seen < content.since {
            let newest = first.or(content.answer.as_ref()).cloned();
            return Ok(newest.filter(|answer| answer.index > wait.seen).map(Joined::Old));
        }
        // What the asker saw elsewhere may be ahead of this server. But an index that a leader has not given out was
        // given out by nobody, and any change is news to a client that names one.
        let seen = newest_given_out.map_or(wait.seen, |newest| wait.seen.min(newest));
        let has = (wait.seen <= content.until).then_some(content.generation);
        let (replacements, nudges) = (content.replacements, content.nudges);
        drop(content);
        let deadline = Instant::now() + wait.at_most;
        Ok(Some(Joined::Waiting(Self { membership, _place: place, deadline, seen, has, replacements, nudges })))
    }

    /// What it asked.
    pub(crate) fn asked(&self) -> &Asked {
        &self.membership.0.evaluated.asked
    }

    /// Waits for news, or for the end of the time.
    pub(crate) async fn wait(&self) -> Ended {
        loop {
            let mut woken = std::pin::pin!(self.membership.0.news.notified());
            woken.as_mut().enable();
            if let Some(ended) = self.look() {
                return ended;
            }
            if tokio::time::timeout_at(self.deadline, woken).await.is_err() {
                return Ended::Nothing;
            }
        }
    }

    fn look(&self) -> Option<Ended> {
        let content = self.membership.0.content();
        if content.nudges != self.nudges {
            return Some(Ended::Nothing);
        }
        let answer = content.answer.as_ref()?;
        let is_replaced = content.replacements != self.replacements;
        let is_newer = self.has != Some(content.generation) && answer.index > self.seen;
        (is_replaced || is_newer).then(|| Ended::News(answer.clone()))
    }
}
