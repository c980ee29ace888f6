//! Weights of a model and of a trivial baseline in one score, fitted to held-out ratings.
//!
//! Of an aspect with the mean training rating `m`, the score becomes
//!
//! ```text
//! m + a (score - m) + c (baseline - m)        a ≥ 0, c ≥ 0, a + c ≤ 1
//! ```
//!
//! with the weights of least squared error: the non-negative stacked regressions of Breiman (1996),
//! <https://doi.org/10.1007/BF00117832>, with the mean as a third predictor. A model that knows nothing gets the weight 0.

use gradus_baselines::{Baseline, FittedBaseline};

/// A rated and scored segment.
#[derive(Clone, Debug, PartialEq)]
pub struct StackedSegment {
    /// Its score.
    pub score: f64,
    /// Its rating.
    pub rating: f64,
    /// What each of the baselines predicts, in the order of [`stack`]'s argument.
    pub baselines: Vec<f64>,
}

/// Weights of one aspect, and what they are worth on the data that they were fitted to.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stacking {
    /// The weight of the model, `a`.
    pub model: f64,
    /// Place of the baseline and its weight `c`, above 0; `None` if none helps.
    pub baseline: Option<(usize, f64)>,
    /// Mean squared error of the scores before.
    pub before: f64,
    /// That of the weighted sum.
    pub after: f64,
}

/// The baselines that can be added, of all fitted ones: those that tell segments apart.
pub fn stackable(fitted: &[FittedBaseline]) -> impl Iterator<Item = &FittedBaseline> {
    fitted
        .iter()
        .filter(|one| one.baseline() != Baseline::TrainMean)
}

/// The weights of least squared error, with the baseline that leaves the least; `None` without a segment.
pub fn stack(mean: f64, segments: &[StackedSegment]) -> Option<Stacking> {
    let first = segments.first()?;
    let count = segments.len() as f64;
    let before = segments.iter().map(|one| (one.score - one.rating).powi(2));
    let before = before.sum::<f64>() / count;
    let mut best = Stacking {
        model: 1.0,
        baseline: None,
        before,
        after: before,
    };
    for place in 0..first.baselines.len() {
        let sums = Sums::of(mean, segments, place);
        for (model, weight) in sums.candidates() {
            let after = sums.error(model, weight) / count;
            // Rounding is no gain.
            if after < best.after * (1.0 - 1e-9) {
                let baseline = (weight > 0.0).then_some((place, weight));
                best = Stacking {
                    model,
                    baseline,
                    before,
                    after,
                };
            }
        }
    }
    Some(best)
}

/// Sums of products of score `s`, baseline `b` and rating `r`, each without the mean.
#[derive(Default)]
struct Sums {
    ss: f64,
    sb: f64,
    bb: f64,
    sr: f64,
    br: f64,
    rr: f64,
}

impl Sums {
    fn of(mean: f64, segments: &[StackedSegment], place: usize) -> Self {
        let mut sums = Self::default();
        for one in segments {
            let [s, b, r] = [one.score, one.baselines[place], one.rating].map(|value| value - mean);
            sums.ss += s * s;
            sums.sb += s * b;
            sums.bb += b * b;
            sums.sr += s * r;
            sums.br += b * r;
            sums.rr += r * r;
        }
        sums
    }

    /// The sum of squared errors.
    fn error(&self, a: f64, c: f64) -> f64 {
        self.rr
            + a * a * self.ss
            + c * c * self.bb
            + 2.0 * (a * c * self.sb - a * self.sr - c * self.br)
    }

    /// Where the least error can be: inside the triangle of weights, or on one of its sides.
    fn candidates(&self) -> Vec<(f64, f64)> {
        let part = |of: f64, by: f64| {
            if by > 0.0 {
                (of / by).clamp(0.0, 1.0)
            } else {
                0.0
            }
        };
        let side = part(
            self.sr - self.br - self.sb + self.bb,
            self.ss - 2.0 * self.sb + self.bb,
        );
        let mut found = vec![
            (part(self.sr, self.ss), 0.0),
            (0.0, part(self.br, self.bb)),
            (side, 1.0 - side),
        ];
        let determinant = self.ss * self.bb - self.sb * self.sb;
        if determinant > 0.0 {
            let a = (self.sr * self.bb - self.br * self.sb) / determinant;
            let c = (self.br * self.ss - self.sr * self.sb) / determinant;
            if a >= 0.0 && c >= 0.0 && a + c <= 1.0 {
                found.push((a, c));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segments(values: &[(f64, f64, f64)]) -> Vec<StackedSegment> {
        let segment = |&(score, baseline, rating): &(f64, f64, f64)| StackedSegment {
            score,
            rating,
            baselines: vec![baseline],
        };
        values.iter().map(segment).collect()
    }

    #[test]
    fn weights_that_made_the_ratings_are_found() {
        let values: Vec<(f64, f64, f64)> = (0..20)
            .map(|k| {
                let (score, baseline) = (f64::from(k % 5), f64::from(k % 3));
                (
                    score,
                    baseline,
                    1.0 + 0.5 * (score - 1.0) + 0.25 * (baseline - 1.0),
                )
            })
            .collect();
        let found = stack(1.0, &segments(&values)).unwrap();
        assert!((found.model - 0.5).abs() < 1e-9, "{found:?}");
        assert!((found.baseline.unwrap().1 - 0.25).abs() < 1e-9, "{found:?}");
        assert!(found.after < 1e-12 && found.before > 0.1, "{found:?}");
    }

    #[test]
    fn a_model_that_knows_nothing_gets_no_weight_and_a_perfect_one_stays() {
        let nothing = [
            (1.0, 0.0, 0.0),
            (-1.0, 1.0, 1.0),
            (1.0, 1.0, 1.0),
            (-1.0, 0.0, 0.0),
        ];
        let found = stack(0.5, &segments(&nothing)).unwrap();
        assert_eq!((found.model, found.baseline), (0.0, Some((0, 1.0))));
        let perfect = nothing.map(|(noise, _, rating)| (rating, noise, rating));
        let found = stack(0.5, &segments(&perfect)).unwrap();
        assert_eq!((found.model, found.baseline), (1.0, None));
        assert_eq!(stack(0.5, &[]), None);
    }

    #[test]
    fn the_better_baseline_is_taken() {
        let one = |rating: f64| StackedSegment {
            score: 0.5,
            rating,
            baselines: vec![1.0 - rating, rating],
        };
        let found = stack(0.5, &[one(0.0), one(1.0)]).unwrap();
        assert_eq!(found.baseline, Some((1, 1.0)));
    }

    proptest! {
        #[test]
        fn no_weights_of_a_grid_are_better(
            values in prop::collection::vec((-2.0..2.0, -2.0..2.0, -2.0..2.0), 1..12),
            mean in -1.0..1.0,
        ) {
            let segments = segments(&values);
            let found = stack(mean, &segments).unwrap();
            let error = |a: f64, c: f64| {
                let errors = values.iter().map(|&(score, baseline, rating)| {
                    (mean + a * (score - mean) + c * (baseline - mean) - rating).powi(2)
                });
                errors.sum::<f64>() / values.len() as f64
            };
            let weight = found.baseline.map_or(0.0, |(_, weight)| weight);
            prop_assert!((error(found.model, weight) - found.after).abs() < 1e-9);
            prop_assert!(found.model >= 0.0 && weight >= 0.0 && found.model + weight <= 1.0 + 1e-12);
            for a in 0..=10 {
                for c in 0..=10 - a {
                    let at = error(f64::from(a) / 10.0, f64::from(c) / 10.0);
                    prop_assert!(found.after <= at + 1e-9, "{a} {c}: {at} below {}", found.after);
                }
            }
        }
    }
}
