//! Names as the catalog compares them, and the compound keys made of them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use equivalent::{Comparable, Equivalent};

/// A name in lower case, shared by the tables that it is in.
pub(crate) type Name = Arc<str>;

/// A name as it is compared: without regard to case.
pub(crate) fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_lowercase())
    }
}

/// A key of `N` names, ordered by the first, then by the second and so on.
///
/// They are one text on the heap, since a write copies the nodes of its tables that are shared with readers: for each
/// key in them it counts one more reference and no more, and finding a key looks at one place in memory for each
/// comparison.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Names<const N: usize> {
    joined: Arc<str>,
    /// Where each name ends. A name comes from a request or a record, which are far shorter than 4 GiB.
    ends: [u32; N],
}

impl<const N: usize> Names<N> {
    /// The key of these names, which are folded already.
    pub(crate) fn new(names: [&str; N]) -> Self {
        let mut end = 0;
        let ends = names.map(|name| {
            end += name.len() as u32;
            end
        });
        Self { joined: names.concat().into(), ends }
    }

    /// One of the names, counted from 0.
    pub(crate) fn name(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.joined[start as usize..self.ends[at] as usize]
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        (0..N).map(|at| self.name(at))
    }
}

impl<const N: usize> Ord for Names<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(other.names())
    }
}

impl<const N: usize> PartialOrd for Names<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> std::fmt::Debug for Names<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// The same key, borrowed, for looking up. A name that is empty sorts before all others, so that a lookup with trailing
/// empty names starts a scan.
pub(crate) struct Lookup<'a, const N: usize>(pub(crate) [&'a str; N]);

impl<const N: usize> Equivalent<Names<N>> for Lookup<'_, N> {
    fn equivalent(&self, key: &Names<N>) -> bool {
        self.compare(key).is_eq()
    }
}

impl<const N: usize> Comparable<Names<N>> for Lookup<'_, N> {
    fn compare(&self, key: &Names<N>) -> Ordering {
        self.0.iter().copied().cmp(key.names())
    }
}
