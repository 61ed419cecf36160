//! A sorted map whose clones share what they have in common.

use std::fmt::{Debug, Formatter};
use std::ops::Bound;

use equivalent::Comparable;
use imbl::OrdMap;
use imbl::ordmap::RangedIter;
use imbl::shared_ptr::DefaultSharedPtr;

/// A sorted map. Cloning it is one reference count.
#[derive(Clone, PartialEq)]
pub(crate) struct Table<K: Ord, V>(OrdMap<K, V>);

/// A sorted set.
pub(crate) type Set<K> = Table<K, ()>;

impl<K: Ord, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord + Debug, V: Debug> Debug for Table<K, V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<K: Ord + Clone, V: Clone> Table<K, V> {
    /// The value of a key.
    pub(crate) fn get<Q: Comparable<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.0.get(key)
    }

    /// Sets the value of a key and gives the one it had.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Removes a key and gives the value it had.
    pub(crate) fn remove<Q: Comparable<K> + ?Sized>(&mut self, key: &Q) -> Option<V> {
        self.0.remove(key)
    }

    /// The value of a key, to be changed in place; `key` makes the key of a value that is not there yet.
    pub(crate) fn get_or_default<Q: Comparable<K> + ?Sized>(&mut self, lookup: &Q, key: impl FnOnce() -> K) -> &mut V
    where
        V: Default,
    {
        if self.0.get(lookup).is_none() {
            self.0.insert(key(), V::default());
        }
        self.0.get_mut(lookup).expect("it was there or has just been put there")
    }

    /// Inserts entries whose keys grow, fast and without waste.
    ///
    /// Insertion in order splits each leaf in the middle and leaves both halves half full for good. Here every second
    /// entry goes first, and those between them then fill the halves. It is done by the window, so that both passes
    /// work on leaves that are still in the cache.
    pub(crate) fn extend_sorted(&mut self, entries: Vec<(K, V)>) {
        /// Some 128 leaves of 16 entries.
        const WINDOW_ENTRIES: usize = 2048;
        let mut between = Vec::with_capacity(WINDOW_ENTRIES / 2);
        for (position, (key, value)) in entries.into_iter().enumerate() {
            if position % 2 == 0 {
                self.0.insert(key, value);
            } else {
                between.push((key, value));
            }
            if between.len() == WINDOW_ENTRIES / 2 {
                self.0.extend(between.drain(..));
            }
        }
        self.0.extend(between);
    }

    /// The first entry.
    pub(crate) fn first(&self) -> Option<(&K, &V)> {
        self.0.get_min().map(|(key, value)| (key, value))
    }

    /// The last entry.
    pub(crate) fn last(&self) -> Option<(&K, &V)> {
        self.0.get_max().map(|(key, value)| (key, value))
    }

    /// All entries, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> + Clone + use<'_, K, V> {
        self.0.iter()
    }

    /// The keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> + Clone + use<'_, K, V> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> + Clone + use<'_, K, V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The entries from a key on.
    pub(crate) fn starting_at<Q: Comparable<K> + ?Sized>(&self, key: &Q) -> RangedIter<'_, K, V, DefaultSharedPtr> {
        self.0.range::<(Bound<&Q>, Bound<&Q>), Q>((Bound::Included(key), Bound::Unbounded))
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<K: Ord + Clone, T: Ord + Clone> Table<K, Set<T>> {
    /// Removes an item from the set of a key, and the set if that was the last.
    pub(crate) fn remove_from<Q: Comparable<K> + ?Sized>(&mut self, key: &Q, item: &T) {
        if let Some(set) = self.0.get_mut(key) {
            set.remove(item);
            if set.len() == 0 {
                self.0.remove(key);
            }
        }
    }
}
