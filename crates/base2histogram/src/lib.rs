//! Stands in for the crate of this name that openraft depends on (`[patch.crates-io]` in the workspace's `Cargo.toml`).
//!
//! Version 0.2.3 of that crate fills tables for all of its sixteen scales when the first histogram is made, though openraft
//! uses one: 26 MB of memory in a server that is to stand idle on 12. Here is the part of its interface that openraft uses,
//! with counts by powers of two split in four: percentiles to within an eighth. openraft shows them only with its feature
//! `runtime-stats`, which is off. Once a release of the original makes its tables on first use, this crate goes.

use std::fmt;
use std::marker::PhantomData;

/// Buckets: 0 to 3 on their own, then four for each further power of two.
const BUCKETS: usize = 4 + 62 * 4;

/// Counts of values, by size. The counts take memory from the first value on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    counts: Vec<u64>,
    total: u64,
    metadata: PhantomData<T>,
}

impl<T> Histogram<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self { counts: Vec::new(), total: 0, metadata: PhantomData }
    }

    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts a value `n` times.
    pub fn record_n(&mut self, value: u64, n: u64) {
        self.counts.resize(BUCKETS, 0);
        self.counts[bucket(value)] += n;
        self.total += n;
    }

    /// How many values there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The least value of the bucket below which this share of the values lies; 0 if there were none.
    pub fn percentile(&self, share: f64) -> u64 {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        reached.map_or(0, least)
    }

    /// The usual percentiles.
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total,
            p0_1: self.percentile(0.001),
            p1: self.percentile(0.01),
            p5: self.percentile(0.05),
            p10: self.percentile(0.10),
            p50: self.percentile(0.50),
            p90: self.percentile(0.90),
            p99: self.percentile(0.99),
            p99_9: self.percentile(0.999),
        }
    }
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The bucket of a value: its power of two and the two bits after the first.
fn bucket(value: u64) -> usize {
    if value < 4 {
        return value as usize;
    }
    let power = value.ilog2() as usize;
    let quarter = (value >> (power - 2)) as usize & 3;
    4 + (power - 2) * 4 + quarter
}

/// The least value of a bucket.
fn least(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    let (power, quarter) = ((bucket - 4) / 4, (bucket - 4) % 4);
    (4 + quarter as u64) << power
}

/// Percentiles of a [`Histogram`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the percentile of its name")]
pub struct PercentileStats {
    pub samples: u64,
    pub p0_1: u64,
    pub p1: u64,
    pub p5: u64,
    pub p10: u64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, p1, p50, p99, p99_9, .. } = self;
        write!(f, "{samples} values, p1 {p1}, p50 {p50}, p99 {p99}, p99.9 {p99_9}")
    }
}

/// Several histograms one below the other, each as its percentiles.
#[derive(Clone, Debug, Default)]
pub struct AsciiChart {
    lines: Vec<(String, PercentileStats)>,
}

impl AsciiChart {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a histogram.
    #[allow(clippy::should_implement_trait, reason = "the name that openraft calls")]
    pub fn add(mut self, name: &str, histogram: Histogram) -> Self {
        self.lines.push((name.to_owned(), histogram.percentile_stats()));
        self
    }

    /// What to show of it.
    pub fn detailed(&self) -> &Self {
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(name, stats)| writeln!(f, "{name}: {stats}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_at_least_its_buckets_least_and_below_the_next() {
        let values = (0..64).flat_map(|power| (0..8).map(move |n| (1u64 << power).wrapping_add(n)));
        for value in values.chain([0, u64::MAX]) {
            let bucket = bucket(value);
            assert!(least(bucket) <= value, "{value}");
            assert!(bucket + 1 == BUCKETS || value < least(bucket + 1), "{value}");
        }
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile_stats().p99, 0);
        (1..=100).for_each(|value| histogram.record(value));
        let stats = histogram.percentile_stats();
        assert_eq!((stats.samples, stats.p1, stats.p50, stats.p99), (100, 1, 48, 96));
    }
}
