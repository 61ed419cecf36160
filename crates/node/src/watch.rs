//! Who waits for what: the table of watches, and waking exactly those whose topics a batch touched.
//!
//! A watch is registered before its question is evaluated, and a batch is published before the table hears of it. So
//! either the evaluation saw the batch, or the batch finds the watch: no change is missed.
//!
//! Prefixes need no tree: a changed key is looked up cut to each length that some watched prefix has, and there are few
//! distinct lengths, since clients watch at the levels of their own layout.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use quorate_state::{Changes, Key, Topic};

/// How many topics are looked up before the table is let go of for a moment.
const WOKEN_TOGETHER_MAX: usize = 1024;

/// The table of watches of one node.
pub(crate) struct WatchTable {
    watches_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    by_topic: HashMap<Topic, Signals>,
    /// How many watched prefixes there are of each length.
    prefix_lengths: BTreeMap<usize, usize>,
    watches: usize,
    /// The number of the next watch.
    next: u64,
}

/// The watches of one topic by their numbers. Mostly there is one, and when there are many each leaves without a search.
enum Signals {
    One(u64, Arc<Signal>),
    Many(HashMap<u64, Arc<Signal>>),
}

impl Signals {
    fn add(&mut self, number: u64, signal: Arc<Signal>) {
        match self {
            Self::One(first, other) => {
                let first = (*first, other.clone());
                *self = Self::Many(HashMap::from([first, (number, signal)]));
            }
            Self::Many(signals) => drop(signals.insert(number, signal)),
        }
    }

    /// Takes a watch out; whether none is left.
    fn remove(&mut self, number: u64) -> bool {
        match self {
            Self::One(only, _) => *only == number,
            Self::Many(signals) => {
                signals.remove(&number);
                signals.is_empty()
            }
        }
    }

    fn each(&self, act: impl FnMut(&Arc<Signal>)) {
        match self {
            Self::One(_, signal) => std::iter::once(signal).for_each(act),
            Self::Many(signals) => signals.values().for_each(act),
        }
    }
}

/// Why a watch woke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// One of its topics was touched; its answer may have changed.
    Touched,
    /// The whole state was replaced; it is to be answered immediately.
    Replaced,
}

const QUIET: u8 = 0;
const TOUCHED: u8 = 1;
const REPLACED: u8 = 2;

#[derive(Default)]
struct Signal {
    state: AtomicU8,
    waker: AtomicWaker,
}

impl Signal {
    fn raise(&self, to: u8) {
        self.state.fetch_max(to, Ordering::AcqRel);
        self.waker.wake();
    }
}

/// A registered wait for some topics. It ends when it is dropped.
pub struct Watch {
    table: Arc<WatchTable>,
    signal: Arc<Signal>,
    number: u64,
    topics: Box<[Topic]>,
}

/// There are as many watches as the node allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} questions are parked already, which is the limit")]
pub struct TooManyWatches {
    /// The limit.
    pub limit: usize,
}

impl WatchTable {
    pub(crate) fn new(watches_max: usize) -> Arc<Self> {
        Arc::new(Self { watches_max, inner: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The table is consistent between its statements; a panic elsewhere does not spoil it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a watch of these topics.
    pub(crate) fn register(self: &Arc<Self>, topics: &[Topic]) -> Result<Watch, TooManyWatches> {
        let signal = Arc::new(Signal::default());
        let mut inner = self.lock();
        if inner.watches >= self.watches_max {
            return Err(TooManyWatches { limit: self.watches_max });
        }
        inner.watches += 1;
        let number = inner.next;
        inner.next += 1;
        for topic in topics {
            match inner.by_topic.get_mut(topic) {
                Some(signals) => signals.add(number, signal.clone()),
                None => drop(inner.by_topic.insert(topic.clone(), Signals::One(number, signal.clone()))),
            }
            if let Topic::KeysUnder(prefix) = topic {
                *inner.prefix_lengths.entry(prefix.as_bytes().len()).or_default() += 1;
            }
        }
        Ok(Watch { table: self.clone(), signal, number, topics: topics.into() })
    }

    /// Wakes whoever waits for what a batch touched. Called after the batch is published.
    pub(crate) fn wake(&self, changes: &Changes) {
        let inner = self.lock();
        if inner.by_topic.is_empty() {
            return;
        }
        if changes.everything {
            inner.by_topic.values().for_each(|signals| signals.each(|signal| signal.raise(REPLACED)));
            return;
        }
        if changes.topics.len() > inner.by_topic.len() {
            // One command may touch a million keys, while few topics are watched.
            let touched = inner.by_topic.iter().filter(|(topic, _)| changes.touches(topic));
            return touched.for_each(|(_, signals)| signals.each(|signal| signal.raise(TOUCHED)));
        }
        drop(inner);
        let mut topics = changes.topics.iter();
        loop {
            // Anew for each stretch: a watch that starts or ends meanwhile does not wait for all of a large change.
            let inner = self.lock();
            let mut rest = WOKEN_TOGETHER_MAX;
            for topic in topics.by_ref().take(WOKEN_TOGETHER_MAX) {
                rest -= 1;
                inner.touch(topic);
                if let Topic::Key(key) = topic {
                    inner.touch_prefixes(key.as_bytes());
                }
            }
            if rest > 0 {
                return;
            }
        }
    }

    /// How many watches there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().watches
    }

    fn deregister(&self, topics: &[Topic], number: u64) {
        let mut inner = self.lock();
        inner.watches -= 1;
        for topic in topics {
            if inner.by_topic.get_mut(topic).is_some_and(|signals| signals.remove(number)) {
                inner.by_topic.remove(topic);
            }
            if let Topic::KeysUnder(prefix) = topic {
                let length = prefix.as_bytes().len();
                if let Some(count) = inner.prefix_lengths.get_mut(&length) {
                    *count -= 1;
                    if *count == 0 {
                        inner.prefix_lengths.remove(&length);
                    }
                }
            }
        }
    }
}

impl Inner {
    fn touch(&self, topic: &Topic) {
        if let Some(signals) = self.by_topic.get(topic) {
            signals.each(|signal| signal.raise(TOUCHED));
        }
    }

    fn touch_prefixes(&self, key: &[u8]) {
        for length in self.prefix_lengths.range(..=key.len()).map(|(length, _)| *length) {
            self.touch(&Topic::KeysUnder(Key::from(&key[..length])));
        }
    }
}

impl Watch {
    /// Waits until a topic is touched; a touch since the last call counts. Safe to drop and call again.
    pub async fn changed(&mut self) -> Woken {
        poll_fn(|context| {
            self.signal.waker.register(context.waker());
            match self.poll_now() {
                None => Poll::Pending,
                Some(woken) => Poll::Ready(woken),
            }
        })
        .await
    }

    /// Whether a topic was touched since the last wait, and how; does not wait.
    pub fn poll_now(&mut self) -> Option<Woken> {
        match self.signal.state.swap(QUIET, Ordering::AcqRel) {
            QUIET => None,
            TOUCHED => Some(Woken::Touched),
            _ => Some(Woken::Replaced),
        }
    }

    /// Whether nothing was touched since the last wait. Unlike the others it takes no word of it away.
    pub(crate) fn is_quiet(&self) -> bool {
        self.signal.state.load(Ordering::Acquire) == QUIET
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.table.deregister(&self.topics, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touching(topics: &[Topic]) -> Changes {
        Changes::of(topics.iter().cloned())
    }

    #[test]
    fn a_watch_wakes_for_its_key_and_no_other() {
        let table = WatchTable::new(10);
        let mut watch = table.register(&[Topic::Key("a".into())]).unwrap();
        table.wake(&touching(&[Topic::Key("b".into()), Topic::Nodes]));
        assert_eq!(watch.poll_now(), None);
        table.wake(&touching(&[Topic::Key("a".into())]));
        assert_eq!(watch.poll_now(), Some(Woken::Touched));
        assert_eq!(watch.poll_now(), None);
    }

    #[test]
    fn a_prefix_wakes_for_every_key_under_it() {
        let table = WatchTable::new(10);
        for (prefix, key, wakes) in
            [("", "x", true), ("a/", "a/b", true), ("a/", "a", false), ("a/b", "a/b", true), ("b", "a/b", false)]
        {
            let mut watch = table.register(&[Topic::KeysUnder(prefix.into())]).unwrap();
            table.wake(&touching(&[Topic::Key(key.into())]));
            assert_eq!(watch.poll_now().is_some(), wakes, "{prefix:?} {key:?}");
            table.wake(&touching(&[Topic::Key(key.into()), Topic::Nodes, Topic::Sessions]));
            assert_eq!(watch.poll_now().is_some(), wakes, "{prefix:?} {key:?} among more topics than are watched");
        }
    }

    #[test]
    fn a_replaced_state_wakes_all_and_outranks_a_touch() {
        let table = WatchTable::new(10);
        let mut watch = table.register(&[Topic::Nodes]).unwrap();
        table.wake(&Changes::everything());
        table.wake(&touching(&[Topic::Nodes]));
        assert_eq!(watch.poll_now(), Some(Woken::Replaced));
    }

    #[test]
    fn many_watches_of_one_topic_leave_in_any_order() {
        let table = WatchTable::new(10);
        let mut watches: Vec<Watch> = (0..4).map(|_| table.register(&[Topic::Nodes]).unwrap()).collect();
        drop(watches.remove(2));
        drop(watches.remove(0));
        table.wake(&touching(&[Topic::Nodes]));
        assert!(watches.iter_mut().all(|watch| watch.poll_now() == Some(Woken::Touched)));
        drop(watches);
        assert!(table.lock().by_topic.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_empties_itself() {
        let table = WatchTable::new(1);
        let watch = table.register(&[Topic::Nodes, Topic::KeysUnder("a".into())]).unwrap();
        assert!(matches!(table.register(&[Topic::Nodes]), Err(TooManyWatches { limit: 1 })));
        drop(watch);
        assert_eq!(table.count(), 0);
        let inner = table.lock();
        assert!(inner.by_topic.is_empty() && inner.prefix_lengths.is_empty());
    }
}
