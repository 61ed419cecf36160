//! Keys and their values.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{Index, SessionId, Stamp};

/// Bytes of a key that are kept in place. With the tag and the length a key is 40 bytes, and copying a node of the
/// table on write then touches no other memory; longer keys are shared on the heap.
const INLINE_BYTES_MAX: usize = 38;

/// A key: any bytes, ordered as bytes.
#[derive(Clone)]
pub struct Key(Repr);

#[derive(Clone)]
enum Repr {
    Inline { length: u8, bytes: [u8; INLINE_BYTES_MAX] },
    Shared(Arc<[u8]>),
}

impl Key {
    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Key {
    fn from(from: &[u8]) -> Self {
        if from.len() > INLINE_BYTES_MAX {
            return Self(Repr::Shared(from.into()));
        }
        let mut bytes = [0; INLINE_BYTES_MAX];
        bytes[..from.len()].copy_from_slice(from);
        Self(Repr::Inline { length: from.len() as u8, bytes })
    }
}

impl From<&str> for Key {
    fn from(from: &str) -> Self {
        from.as_bytes().into()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    /// Finding a key compares it some twenty times, mostly with others in place. These are filled up with zeroes, so
    /// they compare word by word, and only two that differ in trailing zeroes need their lengths.
    fn cmp(&self, other: &Self) -> Ordering {
        /// Where the words begin; the last one overlaps, since the bytes are no multiple of eight.
        const WORDS: [usize; 5] = [0, 8, 16, 24, INLINE_BYTES_MAX - 8];
        match (&self.0, &other.0) {
            (Repr::Inline { length, bytes }, Repr::Inline { length: other_length, bytes: other_bytes }) => {
                for at in WORDS {
                    let order = word(bytes, at).cmp(&word(other_bytes, at));
                    if order.is_ne() {
                        return order;
                    }
                }
                length.cmp(other_length)
            }
            _ => self.as_bytes().cmp(other.as_bytes()),
        }
    }
}

/// Eight bytes as a number of the same order.
#[inline(always)]
fn word(bytes: &[u8; INLINE_BYTES_MAX], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(word)
}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// The value; any bytes, possibly none.
    pub value: Box<[u8]>,
    /// A number for the client's own use.
    pub flags: u64,
    /// The session that holds the lock.
    pub session: Option<SessionId>,
    /// How often the lock was acquired. Kept by plain writes, so that it can fence.
    pub lock_index: Index,
    /// When it was created and last changed.
    pub stamp: Stamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_all_lengths_read_back_and_order_as_bytes() {
        let mut texts: Vec<Vec<u8>> = (0..100).map(|n| vec![b'a' + (n % 3) as u8; n]).collect();
        // Trailing zeroes are bytes as others are.
        texts.extend(
            (0..60).flat_map(|n| [vec![0; n], [&b"key"[..], &vec![0; n]].concat(), [&vec![0; n][..], b"b"].concat()]),
        );
        for left in &texts {
            assert_eq!(Key::from(&left[..]).as_bytes(), &left[..]);
            for right in &texts {
                assert_eq!(Key::from(&left[..]).cmp(&Key::from(&right[..])), left.cmp(right));
                assert_eq!(Key::from(&left[..]) == Key::from(&right[..]), left == right);
            }
        }
        assert_eq!(std::mem::size_of::<Key>(), 40);
    }
}
