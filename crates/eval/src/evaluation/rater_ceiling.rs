//! The best that any model can reach against ratings on which raters do not agree.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Interval};
use crate::{JudgedAspect, ScoredResponse};

/// The best figures reachable against the mean ratings of these texts, given how far their raters agree.
///
/// A rating is what all raters would say in the mean, plus noise of one rater (one-way random effects; raters of a text
/// count as drawn by chance). Both variances are estimated from the texts with several ratings (ANOVA, for unequal
/// numbers of raters). The mean of `m` ratings has `1/m` of the noise, so that a model that knows what all raters would
/// say correlates with the mean ratings of these texts at `sqrt(reliability)`, and misses them by the rest of the noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RaterCeiling {
    /// Variance of what all raters would say in the mean, over the texts.
    pub true_variance: f64,
    /// Variance of one rater's ratings of a text.
    pub noise_variance: f64,
    /// Share of the variance of the mean ratings that is not noise. 0 where the raters agree no better than chance.
    pub reliability: f64,
    /// The highest Pearson correlation that is reachable: the root of the reliability.
    pub correlation: f64,
    /// Its interval, from resampled responses; `None` without resamples.
    pub correlation_interval: Option<Interval>,
    /// The lowest mean squared error that is reachable: noise left in the mean ratings.
    pub mse: f64,
    /// Its interval, likewise.
    pub mse_interval: Option<Interval>,
}

impl RaterCeiling {
    /// The ceiling for the judged texts of an aspect, of which one without a list of ratings has one rating. `None` if no
    /// text has several, if there is only one text, or if all ratings are equal.
    pub(super) fn compute<'a>(
        responses: impl Iterator<Item = Vec<&'a [f64]>>,
        bootstrap: Option<&Bootstrap>,
    ) -> Option<Self> {
        let responses: Vec<Vec<&[f64]>> = responses.collect();
        // Squares of large numbers would cancel.
        let shift = *responses.iter().flatten().find_map(|list| list.first())?;
        let sums: Vec<Sums> = responses
            .iter()
            .map(|texts| {
                let mut sums = Sums::default();
                for ratings in texts {
                    sums.add(ratings, shift);
                }
                sums
            })
            .collect();
        let over = |counts: &[u32]| {
            let mut all = Sums::default();
            for (sums, count) in sums.iter().zip(counts) {
                all.add_times(sums, f64::from(*count));
            }
            all.ceiling()
        };
        let ceiling = over(&vec![1; sums.len()])?;
        let interval = |figure: fn(Self) -> f64| {
            bootstrap?.interval(sums.len(), |counts| over(counts).map(figure))
        };
        Some(Self {
            correlation_interval: interval(|found| found.correlation),
            mse_interval: interval(|found| found.mse),
            ..ceiling
        })
    }
}

/// The ratings of the judged segments of each response.
pub(super) fn of_segments<'a>(
    scored: &'a [ScoredResponse],
    judged: &'a JudgedAspect,
    name: &'a str,
) -> impl Iterator<Item = Vec<&'a [f64]>> {
    judged.responses.iter().map(move |response| {
        let segments = &scored[response.index].segments;
        let judged = response.segments.iter();
        let lists = judged.map(|segment| {
            let several = segments[segment.index].raters.get(name);
            several.map_or(std::slice::from_ref(&segment.rating), Vec::as_slice)
        });
        lists.collect()
    })
}

/// The ratings of responses rated as a whole, each by itself.
pub(super) fn of_responses<'a>(
    scored: &'a [ScoredResponse],
    judged: &'a JudgedAspect,
    name: &'a str,
) -> impl Iterator<Item = Vec<&'a [f64]>> {
    judged.responses.iter().flat_map(move |response| {
        let several = scored[response.index].raters.get(name);
        let judged = response.segments.iter();
        judged.map(move |whole| {
            vec![several.map_or(std::slice::from_ref(&whole.rating), Vec::as_slice)]
        })
    })
}

/// What the variances are computed from; sums of responses add up.
#[derive(Clone, Copy, Default)]
struct Sums {
    texts: f64,
    ratings: f64,
    /// Of the numbers of ratings: squares, and inverses.
    squared_counts: f64,
    inverse_counts: f64,
    /// Squared distances from the mean of the text.
    within: f64,
    /// Means weighted by their number of ratings, and their squares.
    total: f64,
    squares: f64,
}

impl Sums {
    fn add(&mut self, ratings: &[f64], shift: f64) {
        let count = ratings.len() as f64;
        let mean = ratings.iter().map(|rating| rating - shift).sum::<f64>() / count;
        let within: f64 = ratings.iter().map(|r| (r - shift - mean).powi(2)).sum();
        let own = Self {
            texts: 1.0,
            ratings: count,
            squared_counts: count * count,
            inverse_counts: 1.0 / count,
            within,
            total: count * mean,
            squares: count * mean * mean,
        };
        self.add_times(&own, 1.0);
    }

    fn add_times(&mut self, other: &Self, times: f64) {
        self.texts += times * other.texts;
        self.ratings += times * other.ratings;
        self.squared_counts += times * other.squared_counts;
        self.inverse_counts += times * other.inverse_counts;
        self.within += times * other.within;
        self.total += times * other.total;
        self.squares += times * other.squares;
    }

    fn ceiling(&self) -> Option<RaterCeiling> {
        let (between_df, within_df) = (self.texts - 1.0, self.ratings - self.texts);
        if between_df <= 0.0 || within_df <= 0.0 {
            return None;
        }
        let noise_variance = self.within / within_df;
        let between = (self.squares - self.total * self.total / self.ratings) / between_df;
        let mean_count = (self.ratings - self.squared_counts / self.ratings) / between_df;
        let true_variance = ((between - noise_variance) / mean_count).max(0.0);
        let mse = noise_variance * self.inverse_counts / self.texts;
        let reliability = true_variance / (true_variance + mse);
        reliability.is_finite().then(|| RaterCeiling {
            true_variance,
            noise_variance,
            reliability,
            correlation: reliability.sqrt(),
            correlation_interval: None,
            mse,
            mse_interval: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn ceiling(texts: &[&[f64]]) -> Option<RaterCeiling> {
        RaterCeiling::compute(texts.iter().map(|ratings| vec![*ratings]), None)
    }

    #[test]
    fn variances_are_those_of_the_analysis_by_hand() {
        // Means 1, 3 and 5 of two ratings: within 2·(1+1+1)/3 = 2, between 2·(4+0+4)/2 = 8, true (8-2)/2 = 3.
        let found = ceiling(&[&[0.0, 2.0], &[2.0, 4.0], &[4.0, 6.0]]).unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{found:?}");
        close(found.noise_variance, 2.0);
        close(found.true_variance, 3.0);
        close(found.mse, 1.0);
        close(found.reliability, 0.75);
        close(found.correlation, 0.75_f64.sqrt());
    }

    #[test]
    fn single_ratings_lower_the_ceiling_and_without_others_there_is_none() {
        let several: [&[f64]; 3] = [&[0.0, 2.0], &[2.0, 4.0], &[4.0, 6.0]];
        let with_single = [&several[..], &[&[1.0], &[5.0]]].concat();
        let found = ceiling(&with_single).unwrap();
        assert!(
            (found.mse - 2.0 * (3.0 * 0.5 + 2.0) / 5.0).abs() < 1e-12,
            "{found:?}"
        );
        assert_eq!(ceiling(&[&[1.0], &[5.0]]), None);
        assert_eq!(ceiling(&[&[1.0, 5.0]]), None);
        assert_eq!(ceiling(&[&[1.0, 1.0], &[1.0, 1.0]]), None);
        // Raters who agree on nothing leave nothing to reach.
        let noise = ceiling(&[&[0.0, 2.0], &[0.0, 2.0], &[2.0, 0.0]]).unwrap();
        assert!(noise.correlation.abs() < 1e-12, "{noise:?}");
    }

    #[test]
    fn a_model_that_knows_what_all_raters_would_say_reaches_the_ceiling_and_no_more() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut normal = || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        let (mut truths, mut lists) = (Vec::new(), Vec::new());
        for text in 0..4000 {
            let truth = normal();
            truths.push(truth);
            let list: Vec<f64> = (0..=text % 3).map(|_| truth + 0.8 * normal()).collect();
            lists.push(list);
        }
        let means: Vec<f64> = lists
            .iter()
            .map(|list| list.iter().sum::<f64>() / list.len() as f64)
            .collect();
        let bootstrap = Bootstrap {
            resamples: 200,
            ..Bootstrap::default()
        };
        let texts = lists.iter().map(|list| vec![list.as_slice()]);
        let found = RaterCeiling::compute(texts, Some(&bootstrap)).unwrap();
        let pairs = crate::ResponsePairs::ungrouped(truths.into_iter().zip(means));
        let values = crate::MetricValues::compute(&pairs);
        let pearson = values.get(crate::Metric::PEARSON).unwrap();
        let mse = values.get(crate::Metric::MSE).unwrap();
        assert!(
            (found.correlation - pearson).abs() < 0.02,
            "{found:?}, {pearson}"
        );
        assert!((found.mse - mse).abs() < 0.02, "{found:?}, {mse}");
        assert!(
            found.correlation_interval.unwrap().contains(pearson),
            "{found:?}"
        );
        assert!(found.mse_interval.unwrap().contains(mse), "{found:?}");
    }
}
