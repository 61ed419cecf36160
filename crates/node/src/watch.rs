//! Who waits for what: the table of watches, and waking exactly those whose topics a batch touched.
//!
//! A watch is registered before its question is evaluated, and a batch is published before the table is told of it. So
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

/// The table of watches of one node.
pub(crate) struct WatchTable {
    watches_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    by_topic: HashMap<Topic, Vec<Arc<Signal>>>,
    /// How many watched prefixes there are of each length.
    prefix_lengths: BTreeMap<usize, usize>,
    watches: usize,
}

/// Why a watch woke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// One of its topics was touched; its answer may have changed.
    Touched,
    /// The whole state was replaced; it is to be answered at once.
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
        for topic in topics {
            inner.by_topic.entry(topic.clone()).or_default().push(signal.clone());
            if let Topic::KeysUnder(prefix) = topic {
                *inner.prefix_lengths.entry(prefix.as_bytes().len()).or_default() += 1;
            }
        }
        Ok(Watch { table: self.clone(), signal, topics: topics.into() })
    }

    /// Wakes whoever waits for what a batch touched. Called after the batch is published.
    pub(crate) fn wake(&self, changes: &Changes) {
        let inner = self.lock();
        if changes.everything {
            inner.by_topic.values().flatten().for_each(|signal| signal.raise(REPLACED));
            return;
        }
        for topic in &changes.topics {
            inner.touch(topic);
            if let Topic::Key(key) = topic {
                inner.touch_prefixes(key.as_bytes());
            }
        }
    }

    /// How many watches there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().watches
    }

    fn deregister(&self, topics: &[Topic], signal: &Arc<Signal>) {
        let mut inner = self.lock();
        inner.watches -= 1;
        for topic in topics {
            if let Some(signals) = inner.by_topic.get_mut(topic) {
                if let Some(place) = signals.iter().position(|other| Arc::ptr_eq(other, signal)) {
                    signals.swap_remove(place);
                }
                if signals.is_empty() {
                    inner.by_topic.remove(topic);
                }
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
            signals.iter().for_each(|signal| signal.raise(TOUCHED));
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
            match self.signal.state.swap(QUIET, Ordering::AcqRel) {
                QUIET => Poll::Pending,
                TOUCHED => Poll::Ready(Woken::Touched),
                _ => Poll::Ready(Woken::Replaced),
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
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.table.deregister(&self.topics, &self.signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touching(topics: &[Topic]) -> Changes {
        Changes { topics: topics.iter().cloned().collect(), ..Changes::default() }
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
        }
    }

    #[test]
    fn a_replaced_state_wakes_all_and_outranks_a_touch() {
        let table = WatchTable::new(10);
        let mut watch = table.register(&[Topic::Nodes]).unwrap();
        table.wake(&Changes { everything: true, ..Changes::default() });
        table.wake(&touching(&[Topic::Nodes]));
        assert_eq!(watch.poll_now(), Some(Woken::Replaced));
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
