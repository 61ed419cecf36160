//! The keys of the loads, and what was last written to each, so that every read can be checked.
//!
//! A value is made from its key's number and a version. Clients that write at the same time own disjoint keys; the last
//! version is therefore known without asking.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::client::Answer;

/// What every key of the bench begins with.
pub(crate) const KEY_PREFIX: &str = "quorate-bench/";
/// The keys of the loads. As long as [`PARK_KEYS`], so that every key has 35 bytes.
pub(crate) const LOAD_KEYS: &str = "keys/";
/// The keys that watchers park on.
pub(crate) const PARK_KEYS: &str = "park/";
/// The length of a value.
const VALUE_BYTES: usize = 128;
/// A set of keys; clones share what is known of them.
#[derive(Clone, Debug)]
pub(crate) struct KeySpace {
    folder: &'static str,
    versions: Arc<[AtomicU32]>,
}

impl KeySpace {
    /// `count` keys in a folder, all at version 0.
    pub(crate) fn new(folder: &'static str, count: u32) -> Self {
        Self { folder, versions: (0..count).map(|_| AtomicU32::new(0)).collect() }
    }

    /// How many keys there are.
    pub(crate) fn count(&self) -> u32 {
        self.versions.len() as u32
    }

    /// The key with a number.
    pub(crate) fn key(&self, number: u32) -> Key {
        Key { folder: self.folder, number }
    }

    /// Moves a key to its next version and appends that value to `out`.
    pub(crate) fn write_next_value(&self, number: u32, out: &mut Vec<u8>) {
        // One thread runs all clients: the counter needs to be shared, not ordered.
        let version = self.versions[number as usize].fetch_add(1, Ordering::Relaxed) + 1;
        write_value(number, version, out);
    }

    /// Appends the value that a key has now.
    pub(crate) fn write_value(&self, number: u32, out: &mut Vec<u8>) {
        write_value(number, self.versions[number as usize].load(Ordering::Relaxed), out);
    }

    /// Whether the answer to a read of a key shows the value that it has now.
    pub(crate) fn is_current(&self, number: u32, answer: &Answer<'_>) -> bool {
        let mut value = Vec::with_capacity(VALUE_BYTES);
        self.write_value(number, &mut value);
        let encoded = format!("\"Value\":\"{}\"", STANDARD.encode(&value));
        let key = format!("\"Key\":\"{}\"", self.key(number));
        contains(answer.body, encoded.as_bytes()) && contains(answer.body, key.as_bytes())
    }

    /// Fails unless the answer to a read of a key shows the value that it has now.
    pub(crate) fn expect_current(&self, number: u32, answer: &Answer<'_>) -> Result<()> {
        answer.expect_ok()?;
        ensure!(self.is_current(number, answer), "a wrong value for {}: {}", self.key(number), answer.shown());
        Ok(())
    }
}

/// A key; shown as its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    folder: &'static str,
    number: u32,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{KEY_PREFIX}{}{:016}", self.folder, self.number)
    }
}

fn write_value(number: u32, version: u32, out: &mut Vec<u8>) {
    let start = out.len();
    write!(out, "{number:08x}-{version:08x}-").expect("a Vec takes any bytes");
    while out.len() < start + VALUE_BYTES {
        let copied = (out.len() - start).min(start + VALUE_BYTES - out.len());
        out.extend_from_within(start..start + copied);
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    // The first byte is looked for alone, which is much faster than comparing at each place.
    let mut rest = text;
    while let Some(start) = rest.iter().position(|&byte| byte == part[0]) {
        rest = &rest[start..];
        if rest.starts_with(part) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// The random numbers of one client (SplitMix64): the same in every run, so that runs compare.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of a client.
    pub(crate) fn of_client(client: u32) -> Self {
        Self(u64::from(client).wrapping_mul(0xD129_0D35_DA2F_7A41))
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(mixed ^ (mixed >> 31)) * u128::from(bound)) >> 64) as u32
    }
}

/// The keys that one of several clients owns: every `clients`-th, from `client` on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) client: u32,
    pub(crate) clients: u32,
}

impl Share {
    /// How many of `keys` keys this client owns.
    pub(crate) fn count(self, keys: u32) -> u32 {
        (keys - self.client).div_ceil(self.clients)
    }

    /// The number of the client's key with this position.
    pub(crate) fn key(self, position: u32) -> u32 {
        self.client + position * self.clients
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of keys that figures are quoted for.
    const KEY_BYTES: usize = 35;

    #[test]
    fn keys_and_values_have_the_lengths_that_figures_are_quoted_for() {
        let keys = KeySpace::new(LOAD_KEYS, 3);
        assert_eq!(keys.key(2).to_string(), "quorate-bench/keys/0000000000000002");
        assert_eq!(keys.key(u32::MAX).to_string().len(), KEY_BYTES);
        assert_eq!(KeySpace::new(PARK_KEYS, 1).key(0).to_string().len(), KEY_BYTES);
        let mut value = b"before".to_vec();
        keys.write_value(2, &mut value);
        assert_eq!(value.len(), 6 + VALUE_BYTES);
        assert!(value.starts_with(b"before00000002-00000000-00000002-0000"));
    }

    #[test]
    fn only_the_last_value_of_the_right_key_is_current() {
        let keys = KeySpace::new(LOAD_KEYS, 3);
        let mut value = Vec::new();
        keys.write_next_value(1, &mut value);
        let body = format!("[{{\"Key\":\"{}\",\"Value\":\"{}\"}}]", keys.key(1), STANDARD.encode(&value));
        let answer = Answer { status: 200, index: None, body: body.as_bytes() };
        keys.expect_current(1, &answer).unwrap();
        assert!(keys.expect_current(2, &answer).is_err());
        keys.write_next_value(1, &mut value);
        assert!(keys.expect_current(1, &answer).is_err());
    }

    #[test]
    fn shares_cover_every_key_once() {
        for (keys, clients) in [(20_000, 64), (10, 3), (2, 8)] {
            let mut seen = vec![0; keys as usize];
            for client in 0..clients.min(keys) {
                let share = Share { client, clients };
                (0..share.count(keys)).for_each(|position| seen[share.key(position) as usize] += 1);
            }
            assert_eq!(seen, vec![1; keys as usize]);
        }
    }

    #[test]
    fn random_numbers_stay_below_their_bound_and_reach_all() {
        let mut random = Random::of_client(3);
        let mut seen = [false; 7];
        (0..1000).for_each(|_| seen[random.below(7) as usize] = true);
        assert_eq!(seen, [true; 7]);
    }

    #[test]
    fn parts_are_found_anywhere() {
        assert!(contains(b"aab", b"ab") && contains(b"ab", b"ab") && !contains(b"aac", b"ab") && !contains(b"", b"a"));
    }
}
