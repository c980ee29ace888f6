//! Means with intervals, also of ratings that few answers have and scores that all have.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A mean with an interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MeanInterval {
    /// The mean.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Share of such intervals that hold the truth.
    pub confidence: f64,
}

impl MeanInterval {
    /// Whether `value` is in the interval, ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Student's interval of a mean. `None` for fewer than two values or a confidence outside `(0, 1)`.
    pub fn of_mean(values: &[f64], confidence: f64) -> Option<Self> {
        let count = values.len() as f64;
        let error = (variance(values)? / count).sqrt();
        Self::around(mean(values), error, count - 1.0, confidence)
    }

    fn around(estimate: f64, error: f64, freedom: f64, confidence: f64) -> Option<Self> {
        if !(confidence > 0.0 && confidence < 1.0 && estimate.is_finite()) {
            return None;
        }
        let t = StudentsT::new(0.0, 1.0, freedom).ok()?;
        let reach = t.inverse_cdf(f64::midpoint(1.0, confidence)) * error;
        Some(Self {
            estimate,
            low: estimate - reach,
            high: estimate + reach,
            confidence,
        })
    }
}

/// A mean of ratings that uses the scores of unrated prompts, too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CorrectedMean {
    /// The corrected mean.
    pub mean: MeanInterval,
    /// How much the scores count: 0 where they say nothing about the ratings, and only ratings are used.
    pub weight: f64,
    /// Rated prompts.
    pub rated: usize,
}

impl CorrectedMean {
    /// The mean rating over all prompts, by prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan and
    /// Zrnic, "Prediction-powered inference", Science 382, 2023): the mean score of the unrated prompts plus the mean
    /// difference of rating and score of the rated ones, which takes the judge's bias out. Scores count with the weight
    /// that makes the interval narrowest (Angelopoulos, Duchi and Zrnic, "PPI++", 2023), kept from 0 to 1. The quantile is
    /// that of Student's t for the rated prompts less two, as a mean and the weight are estimated from them.
    ///
    /// `rated` are pairs of score and rating. `None` for fewer than three of them or a confidence outside `(0, 1)`.
    pub fn compute(unrated: &[f64], rated: &[(f64, f64)], confidence: f64) -> Option<Self> {
        if rated.len() < 3 {
            return None;
        }
        let (scores, ratings): (Vec<f64>, Vec<f64>) = rated.iter().copied().unzip();
        let weight = weight(unrated, &scores, &ratings);
        let residuals: Vec<f64> = rated
            .iter()
            .map(|(score, rating)| rating - weight * score)
            .collect();
        let count = rated.len() as f64;
        let of_unrated =
            variance(unrated).map_or(0.0, |v| weight * weight * v / unrated.len() as f64);
        let error = (of_unrated + variance(&residuals)? / count).sqrt();
        let of_scores = if weight > 0.0 {
            weight * mean(unrated)
        } else {
            0.0
        };
        let estimate = of_scores + mean(&residuals);
        Some(Self {
            mean: MeanInterval::around(estimate, error, count - 2.0, confidence)?,
            weight,
            rated: rated.len(),
        })
    }
}

/// The weight of the least variance: `cov(score, rating) / ((1 + n / N) var(score))`.
fn weight(unrated: &[f64], scores: &[f64], ratings: &[f64]) -> f64 {
    if unrated.len() < 2 {
        return 0.0;
    }
    let all: Vec<f64> = unrated.iter().chain(scores).copied().collect();
    let (of_scores, of_ratings) = (mean(scores), mean(ratings));
    let products: f64 = scores
        .iter()
        .zip(ratings)
        .map(|(score, rating)| (score - of_scores) * (rating - of_ratings))
        .sum();
    let covariance = products / (scores.len() as f64 - 1.0);
    let share = scores.len() as f64 / unrated.len() as f64;
    let weight = covariance / ((1.0 + share) * variance(&all).unwrap_or_default());
    if weight.is_finite() {
        weight.clamp(0.0, 1.0)
    } else {
        0.0
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The variance of a sample; `None` for fewer than two values.
fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let of_values = mean(values);
    let squares: f64 = values.iter().map(|value| (value - of_values).powi(2)).sum();
    Some(squares / (values.len() as f64 - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_students_interval() {
        let interval = MeanInterval::of_mean(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95).unwrap();
        // scipy.stats.t.interval(0.95, 4, 3, 0.5 ** 0.5)
        for (found, expected) in [(interval.low, 1.036_757), (interval.high, 4.963_243)] {
            assert!((found - expected).abs() < 1e-4, "{interval:?}");
        }
        assert_eq!(MeanInterval::of_mean(&[1.0], 0.95), None);
    }

    #[test]
    fn the_bias_of_a_judge_is_taken_out_and_a_blind_judge_is_left_out() {
        let truth = |k: u32| f64::from(k % 7) / 7.0;
        // Half a point too high, and otherwise right.
        let unrated: Vec<f64> = (0..700).map(|k| truth(k) + 0.5).collect();
        let rated: Vec<(f64, f64)> = (0..35).map(|k| (truth(k) + 0.5, truth(k))).collect();
        let found = CorrectedMean::compute(&unrated, &rated, 0.95).unwrap();
        assert!((found.mean.estimate - 3.0 / 7.0).abs() < 1e-9, "{found:?}");
        assert!(found.weight > 0.9, "{found:?}");
        let alone = MeanInterval::of_mean(&rated.iter().map(|(_, r)| *r).collect::<Vec<_>>(), 0.95);
        let width = |interval: &MeanInterval| interval.high - interval.low;
        assert!(
            width(&found.mean) < 0.5 * width(&alone.unwrap()),
            "{found:?}"
        );
        // A constant score.
        let blind: Vec<(f64, f64)> = rated.iter().map(|(_, rating)| (0.5, *rating)).collect();
        let found = CorrectedMean::compute(&[0.5; 700], &blind, 0.95).unwrap();
        assert!(found.weight.abs() < 1e-12 && (found.mean.estimate - 3.0 / 7.0).abs() < 1e-9);
        assert_eq!(CorrectedMean::compute(&unrated, &rated[..2], 0.95), None);
        // Nothing unrated: the ratings alone.
        let found = CorrectedMean::compute(&[], &rated, 0.95).unwrap();
        assert!((found.mean.estimate - 3.0 / 7.0).abs() < 1e-9, "{found:?}");
    }
}
