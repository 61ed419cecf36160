//! Counters, gauges and samples: recorded anywhere, read by whoever publishes them.
//!
//! A *metric* is a dotted name with labels. Whoever records asks the [`Registry`] once for a handle and keeps it; to
//! record is then one uncontended lock and a few additions, below 50 ns. Whoever reads gets two views of each metric:
//! all since the process started (for Prometheus), and the last whole interval of [`INTERVAL`] (for Consul's JSON form,
//! which knows no other). The owner of the registry ends the intervals by calling [`Registry::rotate`].
//!
//! Names in the style of Consul (`consul.raft.apply`) are used wherever Consul measures the same thing; what it does not
//! measure is under `quorate.`. How a name is written for a reader is the reader's affair.
//!
//! A metric is never removed, so labels must come from a small fixed set (routes, verbs, states), never from a client.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// How long an interval lasts: Consul's, whose readers divide by it.
pub const INTERVAL: Duration = Duration::from_secs(10);

/// The name of a metric and its labels, sorted as given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetricName {
    /// The dotted name.
    pub name: &'static str,
    /// Label and value.
    pub labels: Vec<(&'static str, String)>,
}

impl From<&'static str> for MetricName {
    fn from(name: &'static str) -> Self {
        Self { name, labels: Vec::new() }
    }
}

impl MetricName {
    /// A name with labels.
    pub fn with_labels(name: &'static str, labels: &[(&'static str, &str)]) -> Self {
        Self { name, labels: labels.iter().map(|(label, value)| (*label, (*value).to_owned())).collect() }
    }
}

/// All metrics of one server. Cloning gives another handle on the same.
#[derive(Clone, Default)]
pub struct Registry {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Inner {
    metrics: RwLock<BTreeMap<MetricName, Handle>>,
    interval: Mutex<IntervalClock>,
}

#[derive(Clone, Copy, Default)]
struct IntervalClock {
    /// When the running interval began, in milliseconds since the Unix epoch.
    running_since_ms: u64,
    /// When the last whole one began, if there was one.
    last_since_ms: Option<u64>,
}

#[derive(Clone)]
enum Handle {
    Counter(Counter),
    Gauge(Gauge),
    Sample(Sample),
}

impl Registry {
    /// A registry whose first interval begins now, in milliseconds since the Unix epoch.
    pub fn new(now_ms: u64) -> Self {
        let registry = Self::default();
        locked(&registry.inner.interval).running_since_ms = now_ms;
        registry
    }

    /// The counter of this name; made at the first call. A name that is already of another kind gives a counter that
    /// nobody reads.
    pub fn counter(&self, name: impl Into<MetricName>) -> Counter {
        match self.find_or_insert(name.into(), || Handle::Counter(Counter::default())) {
            Handle::Counter(counter) => counter,
            _ => Counter::default(),
        }
    }

    /// The gauge of this name; made at the first call.
    pub fn gauge(&self, name: impl Into<MetricName>) -> Gauge {
        match self.find_or_insert(name.into(), || Handle::Gauge(Gauge::default())) {
            Handle::Gauge(gauge) => gauge,
            _ => Gauge::default(),
        }
    }

    /// The sample of this name; made at the first call. Times are recorded in milliseconds.
    pub fn sample(&self, name: impl Into<MetricName>) -> Sample {
        match self.find_or_insert(name.into(), || Handle::Sample(Sample::default())) {
            Handle::Sample(sample) => sample,
            _ => Sample::default(),
        }
    }

    fn find_or_insert(&self, name: MetricName, make: impl FnOnce() -> Handle) -> Handle {
        if let Some(found) = self.inner.metrics.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return found.clone();
        }
        let mut metrics = self.inner.metrics.write().unwrap_or_else(PoisonError::into_inner);
        metrics.entry(name).or_insert_with(make).clone()
    }

    /// Ends the running interval and begins the next. To be called each [`INTERVAL`].
    pub fn rotate(&self, now_ms: u64) {
        for handle in self.inner.metrics.read().unwrap_or_else(PoisonError::into_inner).values() {
            match handle {
                Handle::Counter(counter) => locked(&counter.cell).rotate(),
                Handle::Sample(sample) => locked(&sample.cell).rotate(),
                Handle::Gauge(_) => {}
            }
        }
        let mut interval = locked(&self.inner.interval);
        interval.last_since_ms = Some(interval.running_since_ms);
        interval.running_since_ms = now_ms;
    }

    /// All metrics in the order of their names.
    pub fn read(&self) -> Readings {
        let interval = *locked(&self.inner.interval);
        let whole = interval.last_since_ms.is_some();
        let metrics = self.inner.metrics.read().unwrap_or_else(PoisonError::into_inner);
        let readings = metrics.iter().map(|(name, handle)| Reading { name: name.clone(), value: handle.read(whole) });
        Readings {
            interval_since_ms: interval.last_since_ms.unwrap_or(interval.running_since_ms),
            readings: readings.collect(),
        }
    }
}

/// What [`Registry::read`] gives.
#[derive(Clone, Debug)]
pub struct Readings {
    /// When the interval that `recent` speaks of began, in milliseconds since the Unix epoch. Before the first interval
    /// is over it is the running one.
    pub interval_since_ms: u64,
    /// One for each metric.
    pub readings: Vec<Reading>,
}

/// One metric as read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its name.
    pub name: MetricName,
    /// Its value.
    pub value: Value,
}

/// The value of a metric.
#[derive(Clone, Debug)]
pub enum Value {
    /// The last value set.
    Gauge(f64),
    /// What was added: in the interval, and the total since the start.
    Counter {
        /// The additions of the interval.
        recent: Aggregate,
        /// All additions since the start.
        total: f64,
    },
    /// What was recorded: in the interval, and since the start.
    Sample {
        /// The interval.
        recent: Aggregate,
        /// Values that 50 %, 90 % and 99 % of the interval's are at or below, within 13 %; none if nothing came.
        quantiles: Option<[f64; 3]>,
        /// How many since the start.
        count: u64,
        /// Their sum.
        sum: f64,
    },
}

impl Handle {
    fn read(&self, whole_interval: bool) -> Value {
        match self {
            Self::Gauge(gauge) => Value::Gauge(gauge.value()),
            Self::Counter(counter) => {
                let cell = locked(&counter.cell);
                let recent = if whole_interval { cell.last } else { cell.running };
                Value::Counter { recent, total: cell.before.sum + cell.running.sum }
            }
            Self::Sample(sample) => {
                let cell = locked(&sample.cell);
                let aggregate = &cell.aggregate;
                let (recent, buckets) =
                    if whole_interval { (aggregate.last, &cell.last) } else { (aggregate.running, &cell.running) };
                Value::Sample {
                    recent,
                    quantiles: (recent.count > 0)
                        .then(|| [0.5, 0.9, 0.99].map(|share| buckets.quantile(&recent, share))),
                    count: aggregate.before.count + aggregate.running.count,
                    sum: aggregate.before.sum + aggregate.running.sum,
                }
            }
        }
    }
}

/// Counts events, or adds up amounts. The default is one that nobody reads.
#[derive(Clone, Default)]
pub struct Counter {
    cell: Arc<Mutex<Windows>>,
}

impl Counter {
    /// Counts one event.
    pub fn increment(&self) {
        self.add(1.0);
    }

    /// Adds an amount, as one event.
    pub fn add(&self, amount: f64) {
        locked(&self.cell).running.record(amount);
    }
}

/// A value that goes up and down. The default is one that nobody reads.
#[derive(Clone, Debug, Default)]
pub struct Gauge {
    bits: Arc<AtomicU64>,
}

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.bits.store(value.to_bits(), Ordering::Relaxed);
    }

    /// The value last set; 0 before.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }
}

/// The distribution of a value. The default is one that nobody reads.
#[derive(Clone, Default)]
pub struct Sample {
    cell: Arc<Mutex<SampleCell>>,
}

impl Sample {
    /// Records a value.
    pub fn record(&self, value: f64) {
        let mut cell = locked(&self.cell);
        cell.aggregate.running.record(value);
        cell.running.record(value);
    }

    /// Records several values at the cost of one lock, for those who can't pay one for each.
    pub fn record_all(&self, values: &[f64]) {
        let mut cell = locked(&self.cell);
        for value in values {
            cell.aggregate.running.record(*value);
            cell.running.record(*value);
        }
    }

    /// Records how long something took, in milliseconds.
    pub fn record_duration(&self, duration: Duration) {
        self.record(duration.as_secs_f64() * 1_000.0);
    }
}

/// Count, sum and spread of what was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aggregate {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_of_squares: f64,
    /// The smallest; 0 if there is none.
    pub min: f64,
    /// The largest; 0 if there is none.
    pub max: f64,
}

impl Aggregate {
    fn record(&mut self, value: f64) {
        (self.min, self.max) = match self.count {
            0 => (value, value),
            _ => (self.min.min(value), self.max.max(value)),
        };
        self.count += 1;
        self.sum += value;
        self.sum_of_squares += value * value;
    }

    /// The mean; 0 if there is no value.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// The standard deviation of the sample; 0 for fewer than two values.
    pub fn standard_deviation(&self) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        let count = self.count as f64;
        let numerator = count * self.sum_of_squares - self.sum * self.sum;
        (numerator.max(0.0) / (count * (count - 1.0))).sqrt()
    }

    /// The sum per second of an [`INTERVAL`].
    pub fn rate(&self) -> f64 {
        self.sum / INTERVAL.as_secs_f64()
    }
}

/// What was recorded in the running interval, in the last whole one, and in all before the running one.
#[derive(Default)]
struct Windows {
    running: Aggregate,
    last: Aggregate,
    before: Aggregate,
}

impl Windows {
    fn rotate(&mut self) {
        self.before.count += self.running.count;
        self.before.sum += self.running.sum;
        self.last = std::mem::take(&mut self.running);
    }
}

#[derive(Default)]
struct SampleCell {
    aggregate: Windows,
    running: Buckets,
    last: Buckets,
}

impl SampleCell {
    fn rotate(&mut self) {
        self.aggregate.rotate();
        self.last = std::mem::take(&mut self.running);
    }
}

/// Buckets per doubling: neighbours differ by at most 25 %, so their middle is at most 13 % off.
const BUCKETS_PER_OCTAVE: usize = 4;
/// Doublings covered, from 2^-10 (a microsecond, for times) to 2^20 (17 minutes). What is outside falls into the first
/// or last bucket.
const OCTAVES: usize = 30;
const SMALLEST_EXPONENT: i64 = -10;

/// How many values fell between neighbouring powers of two, in quarters.
struct Buckets([u32; BUCKETS_PER_OCTAVE * OCTAVES]);

impl Default for Buckets {
    fn default() -> Self {
        Self([0; BUCKETS_PER_OCTAVE * OCTAVES])
    }
}

impl Buckets {
    fn record(&mut self, value: f64) {
        // The exponent and the top two bits of the fraction of a float number are the bucket already.
        let quarters = if value > 0.0 { (value.to_bits() >> 50) as i64 } else { 0 };
        let first = (1023 + SMALLEST_EXPONENT) * BUCKETS_PER_OCTAVE as i64;
        let bucket = (quarters - first).clamp(0, self.0.len() as i64 - 1) as usize;
        self.0[bucket] = self.0[bucket].saturating_add(1);
    }

    fn quantile(&self, all: &Aggregate, share: f64) -> f64 {
        let wanted = ((all.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.0.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                let exponent = SMALLEST_EXPONENT as i32 + (bucket / BUCKETS_PER_OCTAVE) as i32;
                let quarter = (bucket % BUCKETS_PER_OCTAVE) as f64 + 0.5;
                let middle = 2f64.powi(exponent) * (1.0 + quarter / BUCKETS_PER_OCTAVE as f64);
                return middle.max(all.min).min(all.max);
            }
        }
        all.max
    }
}

/// Nothing in here panics while holding a lock, and if it did the numbers would still be numbers.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(registry: &Registry) -> Value {
        registry.read().readings[0].value.clone()
    }

    #[test]
    fn a_counter_keeps_its_total_and_shows_the_last_whole_interval() {
        let registry = Registry::new(1_000);
        let counter = registry.counter("consul.kvs.apply");
        counter.increment();
        counter.add(3.0);
        let Value::Counter { recent, total } = only(&registry) else { panic!("a counter") };
        assert_eq!((recent.count, recent.sum, total), (2, 4.0, 4.0), "the running one before any is whole");
        registry.rotate(11_000);
        registry.counter("consul.kvs.apply").increment();
        let Value::Counter { recent, total } = only(&registry) else { panic!("a counter") };
        assert_eq!((recent.count, recent.sum, recent.min, recent.max, total), (2, 4.0, 1.0, 3.0, 5.0));
        assert_eq!(registry.read().interval_since_ms, 1_000);
        registry.rotate(21_000);
        registry.rotate(31_000);
        let Value::Counter { recent, total } = only(&registry) else { panic!("a counter") };
        assert_eq!((recent, total), (Aggregate::default(), 5.0));
    }

    #[test]
    fn a_sample_has_spread_and_quantiles() {
        let registry = Registry::new(0);
        let sample = registry.sample(MetricName::with_labels("consul.api.http", &[("method", "GET")]));
        for value in 1..=100 {
            sample.record_duration(Duration::from_millis(value));
        }
        let Value::Sample { recent, quantiles, count, sum } = only(&registry) else { panic!("a sample") };
        assert_eq!((count, sum, recent.min, recent.max, recent.mean()), (100, 5050.0, 1.0, 100.0, 50.5));
        assert!((recent.standard_deviation() - 29.011).abs() < 0.001);
        for (found, exact) in quantiles.unwrap().into_iter().zip([50.0, 90.0, 99.0]) {
            assert!((found - exact).abs() / exact < 0.13, "{found} is not {exact}");
        }
    }

    #[test]
    fn any_number_can_be_recorded() {
        let sample = Sample::default();
        for value in [0.0, -1.0, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NAN] {
            sample.record(value);
        }
        assert_eq!(locked(&sample.cell).running.0.iter().sum::<u32>(), 6);
        let cell = locked(&sample.cell);
        assert!(cell.running.quantile(&cell.aggregate.running, 0.5) >= -1.0);
    }

    #[test]
    fn another_kind_under_a_known_name_is_not_read() {
        let registry = Registry::default();
        registry.gauge("quorate.x").set(2.5);
        registry.counter("quorate.x").increment();
        assert!(matches!(only(&registry), Value::Gauge(value) if value == 2.5));
    }
}
