//! The few statistics that the benches quote.
//!
//! Machines that run benches are shared and noisy: a rate is quoted as the median of its rounds, a cost also as the
//! minimum, since noise only ever adds to it.

use std::time::Duration;

/// The value below which `fraction` of the samples lie, by nearest rank; zero without samples. Sorts the samples.
pub(crate) fn percentile(samples: &mut [Duration], fraction: f64) -> Duration {
    assert!((0.0..=1.0).contains(&fraction), "a percentile is a fraction of 1");
    samples.sort_unstable();
    let rank = (samples.len() as f64 * fraction).ceil() as usize;
    samples.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The middle value, or the mean of the two in the middle; not a number without values.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => (sorted[length / 2 - 1] + sorted[length / 2]) / 2.0,
    }
}

/// The smallest value; not a number without values.
pub(crate) fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

/// `target / peer`, where that is a number.
pub(crate) fn ratio(target: f64, peer: f64) -> Option<f64> {
    let ratio = target / peer;
    ratio.is_finite().then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut samples: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        let mut at = |fraction| percentile(&mut samples, fraction).as_millis();
        assert_eq!((at(0.0), at(0.5), at(0.99), at(1.0)), (1, 50, 99, 100));
        assert_eq!(percentile(&mut [Duration::from_secs(3)], 0.5).as_secs(), 3);
        assert_eq!(percentile(&mut [], 0.5), Duration::ZERO);
    }

    #[test]
    fn medians_and_minima() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
        assert_eq!(minimum(&[3.0, 1.0, 2.0]), 1.0);
        assert!(minimum(&[]).is_nan());
    }

    #[test]
    fn a_ratio_needs_two_numbers() {
        assert_eq!(ratio(1.0, 4.0), Some(0.25));
        assert_eq!(ratio(1.0, 0.0), None);
        assert_eq!(ratio(f64::NAN, 1.0), None);
    }
}
