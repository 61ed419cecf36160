//! How many lines were lost, for the metric `quorate.log.lines_lost`. The log is there before the metrics are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use quorate_base::metrics::{Counter, Registry};

/// A count of lost lines that all places share.
#[derive(Clone, Default)]
pub(crate) struct Lost(Arc<Inner>);

#[derive(Default)]
struct Inner {
    total: AtomicU64,
    metric: OnceLock<Counter>,
}

impl Lost {
    /// Counts lost lines.
    pub(super) fn count(&self, lines: u64) {
        if lines == 0 {
            return;
        }
        self.0.total.fetch_add(lines, Ordering::Relaxed);
        if let Some(metric) = self.0.metric.get() {
            metric.add(lines as f64);
        }
    }

    /// Counts into a metric from now on.
    pub(crate) fn count_into(&self, registry: &Registry) {
        let metric = self.0.metric.get_or_init(|| registry.counter("quorate.log.lines_lost"));
        metric.add(self.0.total.load(Ordering::Relaxed) as f64);
    }

    #[cfg(test)]
    pub(super) fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }
}
