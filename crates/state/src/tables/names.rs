//! Names as the catalog compares them, and the compound keys made of them.

use std::borrow::Cow;
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Names<const N: usize>(pub(crate) [Name; N]);

impl<const N: usize> Names<N> {
    /// The key of these names, which are folded already.
    pub(crate) fn new(names: [&str; N]) -> Self {
        Self(names.map(Arc::from))
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
    fn compare(&self, key: &Names<N>) -> std::cmp::Ordering {
        self.0.iter().copied().cmp(key.0.iter().map(|name| &**name))
    }
}
