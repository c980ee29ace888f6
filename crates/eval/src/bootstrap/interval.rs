//! Intervals from the values of resamples.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// How an interval is read off the resamples (Efron and Tibshirani 1993, ch. 13 and 14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IntervalMethod {
    /// The quantiles of the resampled values.
    #[default]
    Percentile,
    /// Bias-corrected and accelerated. Leaves out every response once, which takes as many more
    /// evaluations as there are responses: for a few thousand responses at most.
    Bca,
}

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interval {
    /// The value over all responses.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Share of such intervals that hold the truth.
    pub confidence: f64,
    /// Resamples the interval rests on.
    pub resamples: usize,
    /// Resamples left out because the value did not exist in them.
    pub undefined: usize,
}

impl Interval {
    /// Whether the interval has `value` in it, ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Reads the interval of `estimate` off the values of the resamples; `None` among them stands
    /// for a value that does not exist. `jackknife`, the values without each of the responses in
    /// turn, is for [`IntervalMethod::Bca`] only.
    ///
    /// `None` if the value does not exist in half of the resamples or more, or where the method
    /// breaks down: `BCa` does where all resamples lie on one side of the estimate, or where leaving
    /// out a response never changes it.
    pub fn from_resamples(
        estimate: f64,
        replicates: &[Option<f64>],
        jackknife: &[Option<f64>],
        confidence: f64,
        method: IntervalMethod,
    ) -> Option<Self> {
        let mut values: Vec<f64> = replicates.iter().copied().flatten().collect();
        let undefined = replicates.len() - values.len();
        if values.is_empty() || undefined >= values.len() {
            return None;
        }
        values.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - confidence) / 2.0;
        let (below, above) = match method {
            IntervalMethod::Percentile => (tail, 1.0 - tail),
            IntervalMethod::Bca => bca_tails(estimate, &values, jackknife, tail)?,
        };
        Some(Self {
            estimate,
            low: quantile(&values, below),
            high: quantile(&values, above),
            confidence,
            resamples: values.len(),
            undefined,
        })
    }
}

/// The quantile of sorted values, interpolated between neighbors as NumPy does by default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = share.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in 0..=last"
    )]
    let below = position as usize;
    let above = (below + 1).min(last);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

/// The shares at which `BCa` reads off the ends. `None` if all resamples lie on one side of the
/// estimate, or leaving out a response never changes it.
fn bca_tails(
    estimate: f64,
    sorted: &[f64],
    jackknife: &[Option<f64>],
    tail: f64,
) -> Option<(f64, f64)> {
    let normal = Normal::standard();
    let below = sorted.partition_point(|&value| value < estimate);
    let upto = sorted.partition_point(|&value| value <= estimate);
    let share_below = (below + upto) as f64 / (2 * sorted.len()) as f64;
    if share_below <= 0.0 || share_below >= 1.0 {
        return None;
    }
    let correction = normal.inverse_cdf(share_below);
    let acceleration = acceleration(jackknife)?;
    let shifted = |z: f64| {
        let moved = correction + z;
        normal.cdf(correction + moved / (1.0 - acceleration * moved))
    };
    let z = normal.inverse_cdf(tail);
    let (low, high) = (shifted(z), shifted(-z));
    (low.is_finite() && high.is_finite()).then_some((low, high))
}

/// A sixth of the skewness of the values with one response left out, sign reversed.
fn acceleration(jackknife: &[Option<f64>]) -> Option<f64> {
    let values: Vec<f64> = jackknife.iter().copied().flatten().collect();
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let sum_of = |power: i32| values.iter().map(|v| (mean - v).powi(power)).sum::<f64>();
    let squares = sum_of(2);
    (squares > 0.0).then(|| sum_of(3) / (6.0 * squares.powf(1.5)))
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // The expected values are exact.
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_neighbors() {
        let sorted = [0.0, 1.0, 2.0, 4.0];
        assert_eq!(quantile(&sorted, 0.0), 0.0);
        assert_eq!(quantile(&sorted, 0.5), 1.5);
        assert_eq!(quantile(&sorted, 5.0 / 6.0), 3.0);
        assert_eq!(quantile(&sorted, 1.0), 4.0);
    }

    #[test]
    fn resamples_without_a_value_are_counted_and_too_many_of_them_are_refused() {
        let read_off = |replicates: &[Option<f64>]| {
            Interval::from_resamples(0.5, replicates, &[], 0.95, IntervalMethod::Percentile)
        };
        let interval = read_off(&[Some(0.4), None, Some(0.6)]).unwrap();
        assert_eq!((interval.resamples, interval.undefined), (2, 1));
        assert_eq!(read_off(&[Some(0.4), None]), None);
        assert_eq!(read_off(&[]), None);
    }

    #[test]
    fn resamples_equal_to_the_estimate_count_half_on_either_side() {
        // Symmetric about the estimate, so that BCa has nothing to correct.
        let replicates = [-2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0].map(Some);
        let jackknife = [-1.0, 0.0, 1.0].map(Some);
        let read_off =
            |method| Interval::from_resamples(0.0, &replicates, &jackknife, 0.8, method).unwrap();
        let (percentile, bca) = (
            read_off(IntervalMethod::Percentile),
            read_off(IntervalMethod::Bca),
        );
        assert!(
            (percentile.low - bca.low).abs() < 1e-9,
            "{percentile:?} {bca:?}"
        );
        assert!(
            (percentile.high - bca.high).abs() < 1e-9,
            "{percentile:?} {bca:?}"
        );
    }
}
