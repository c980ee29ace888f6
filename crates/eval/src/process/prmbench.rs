//! PRMBench: is each step right? (<https://arxiv.org/abs/2501.03124>)

use super::intervals::{FieldIntervals, mean_of_all, of_fields};
use super::{Dimension, ThresholdChoice};
use crate::bootstrap::{Bootstrap, Interval};
use crate::metrics::BinaryCounts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A solution with the scores of its steps and which of them are wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct PrmBenchSample {
    /// The `classification` of the file, as it is spelled there.
    pub category: String,
    /// One score per step; `None` = not scored.
    pub scores: Vec<Option<f64>>,
    /// For every step whether it is wrong; steps past the end are right.
    pub wrong: Vec<bool>,
}

/// Which of `steps` steps are wrong, from a list of step numbers that counts **from 1**, as
/// PRMBench's `error_steps` does. `None` where a number is 0 or past the last step.
pub fn wrong_steps(error_steps: &[usize], steps: usize) -> Option<Vec<bool>> {
    let mut wrong = vec![false; steps];
    for step in error_steps {
        *wrong.get_mut(step.checked_sub(1)?)? = true;
    }
    Some(wrong)
}

/// The figures of PRMBench at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrmBench {
    /// Scores below it call a step wrong.
    pub threshold: f64,
    /// All steps of all samples together.
    pub overall: StepResult,
    /// By category, in alphabetical order.
    pub categories: Vec<CategoryResult>,
    /// The benchmark's dimensions, of those categories that occur.
    pub dimensions: Vec<DimensionResult>,
    /// Steps left out because they have no usable score.
    pub steps_unscored: usize,
}

/// The figures of a set of steps. A positive is a *right* step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// The confusion matrix.
    pub counts: BinaryCounts,
    /// F1 of right steps.
    pub f1: Option<f64>,
    /// F1 of wrong steps.
    pub negative_f1: Option<f64>,
    /// `PRMScore`: the mean of the two. `None` where either does not exist.
    pub score: Option<f64>,
    /// Of the last three; empty until [`PrmBench::add_intervals`] fills it in.
    pub intervals: FieldIntervals,
}

/// The figures of [`StepResult`] that have intervals, as [`figures`] gives them.
const FIGURES: [&str; 3] = ["f1", "negative_f1", "score"];

/// The figures of a category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryResult {
    /// Its name as in the file.
    pub category: String,
    /// Samples in it.
    pub samples: usize,
    /// Its steps.
    pub steps: StepResult,
}

/// The mean `PRMScore` of the categories of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DimensionResult {
    /// The dimension.
    pub dimension: Dimension,
    /// Mean of its categories' `PRMScore`. `None` where one does not exist.
    pub score: Option<f64>,
    /// Of `score`; `None` until [`PrmBench::add_intervals`] fills it in.
    pub interval: Option<Interval>,
}

impl PrmBench {
    /// Judges all steps with one threshold.
    ///
    /// The benchmark leaves its untouched solutions (category `correct`) out of the totals: do not
    /// pass them.
    pub fn compute(samples: &[PrmBenchSample], threshold: f64) -> Self {
        let mut by_category: BTreeMap<&str, (usize, BinaryCounts)> = BTreeMap::new();
        let mut overall = BinaryCounts::default();
        let mut steps_unscored = 0;
        for sample in samples {
            let (counts, unscored) = sample.judge(threshold);
            steps_unscored += unscored;
            overall.merge(&counts);
            let category = by_category.entry(&sample.category).or_default();
            category.0 += 1;
            category.1.merge(&counts);
        }
        let categories: Vec<CategoryResult> = by_category
            .into_iter()
            .map(|(category, (samples, counts))| CategoryResult {
                category: category.to_owned(),
                samples,
                steps: StepResult::of(counts),
            })
            .collect();
        Self {
            threshold,
            overall: StepResult::of(overall),
            dimensions: dimensions(&categories),
            categories,
            steps_unscored,
        }
    }

    /// Adds intervals, resampling the `samples` that this was computed from. The threshold stays
    /// as it is: that it was chosen is no part of them.
    pub fn add_intervals(&mut self, samples: &[PrmBenchSample], bootstrap: &Bootstrap) {
        let number = |sample: &PrmBenchSample| {
            let mut categories = self.categories.iter();
            categories.position(|category| category.category == sample.category)
        };
        let judged = |sample: &PrmBenchSample| {
            let (counts, _) = sample.judge(self.threshold);
            Some((number(sample)?, counts))
        };
        let judged: Vec<(usize, BinaryCounts)> = samples.iter().filter_map(judged).collect();
        let categories = &self.categories;
        let names = || categories.iter().map(|category| &*category.category);
        let width = FIGURES.len() * (1 + categories.len()) + self.dimensions.len();
        let mut found = bootstrap.several(judged.len(), width, |times| {
            let mut overall = BinaryCounts::default();
            let mut by_category = vec![BinaryCounts::default(); categories.len()];
            for ((category, counts), &times) in judged.iter().zip(times) {
                overall.merge_times(counts, times.into());
                by_category[*category].merge_times(counts, times.into());
            }
            let figures_of = by_category.iter().map(figures);
            let scores = names().zip(figures_of.clone().map(|[.., score]| score));
            let dimensions = dimension_scores(scores).into_iter().map(|(_, score)| score);
            [figures(&overall)]
                .into_iter()
                .chain(figures_of)
                .flatten()
                .chain(dimensions)
                .collect()
        });
        self.overall.intervals = of_fields(&FIGURES, &mut found);
        for category in &mut self.categories {
            category.steps.intervals = of_fields(&FIGURES, &mut found);
        }
        for dimension in &mut self.dimensions {
            dimension.interval = found.next().flatten();
        }
    }
}

/// Chooses the threshold with the highest overall [`StepResult::score`] on `samples`, the split
/// called `split`, among `quantiles + 1` quantiles of its step scores.
///
/// `None` without quantiles, where no step has a score, or where the score exists for no threshold.
pub fn choose_step_threshold(
    samples: &[PrmBenchSample],
    split: &str,
    quantiles: usize,
) -> Option<ThresholdChoice> {
    let scores = samples.iter().flat_map(|s| s.scores.iter().copied());
    ThresholdChoice::best(scores.flatten(), split, quantiles, |threshold| {
        PrmBench::compute(samples, threshold).overall.score
    })
}

fn dimensions(categories: &[CategoryResult]) -> Vec<DimensionResult> {
    let scores = categories
        .iter()
        .map(|result| (&*result.category, result.steps.score));
    dimension_scores(scores)
        .into_iter()
        .map(|(dimension, score)| DimensionResult {
            dimension,
            score,
            interval: None,
        })
        .collect()
}

/// The mean score of the categories of each dimension, of those that have one.
fn dimension_scores<'a>(
    categories: impl Iterator<Item = (&'a str, Option<f64>)>,
) -> Vec<(Dimension, Option<f64>)> {
    let scores: Vec<(Dimension, Option<f64>)> = categories
        .filter_map(|(category, score)| Some((Dimension::of_category(category)?, score)))
        .collect();
    let occurs = |dimension: &Dimension| scores.iter().any(|(of, _)| of == dimension);
    let mean = |dimension| {
        let own = scores.iter().filter(|(of, _)| *of == dimension);
        (dimension, mean_of_all(own.map(|(_, score)| *score)))
    };
    let dimensions = Dimension::ALL.into_iter().filter(occurs);
    dimensions.map(mean).collect()
}

impl PrmBenchSample {
    /// The counts of its steps, and how many have no usable score.
    fn judge(&self, threshold: f64) -> (BinaryCounts, usize) {
        let mut counts = BinaryCounts::default();
        let mut unscored = 0;
        for (index, score) in self.scores.iter().enumerate() {
            let wrong = self.wrong.get(index).copied().unwrap_or(false);
            match score.filter(|score| score.is_finite()) {
                Some(score) => counts.add(score >= threshold, !wrong),
                None => unscored += 1,
            }
        }
        (counts, unscored)
    }
}

impl StepResult {
    fn of(counts: BinaryCounts) -> Self {
        let [f1, negative_f1, score] = figures(&counts);
        Self {
            counts,
            f1,
            negative_f1,
            score,
            intervals: FieldIntervals::new(),
        }
    }
}

/// F1 of right steps, of wrong ones, and their mean.
fn figures(counts: &BinaryCounts) -> [Option<f64>; 3] {
    let (f1, negative_f1) = (counts.f1(), counts.negative_f1());
    let score = f1
        .zip(negative_f1)
        .map(|(f1, negative)| f64::midpoint(f1, negative));
    [f1, negative_f1, score]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_numbers_count_from_one() {
        assert_eq!(wrong_steps(&[2, 3], 3), Some(vec![false, true, true]));
        assert_eq!(wrong_steps(&[0], 3), None);
        assert_eq!(wrong_steps(&[4], 3), None);
    }

    #[test]
    fn both_f1_and_their_mean_follow_from_the_counts() {
        let sample = |category: &str, scores: [f64; 4], wrong: [bool; 4]| PrmBenchSample {
            category: category.into(),
            scores: scores.map(Some).to_vec(),
            wrong: wrong.to_vec(),
        };
        let samples = [
            sample("circular", [0.9, 0.8, 0.2, 0.7], [false, false, true, true]),
            sample(
                "confidence",
                [0.9, 0.1, 0.2, 0.7],
                [false, false, true, false],
            ),
        ];
        let result = PrmBench::compute(&samples, 0.5);
        let circular = &result.categories[0].steps;
        assert_eq!(circular.f1, Some(0.8));
        assert_eq!(circular.negative_f1, Some(2.0 / 3.0));
        assert_eq!(result.overall.counts.total(), 8);
        assert_eq!(result.dimensions.len(), 2);
        assert_eq!(result.dimensions[0].score, circular.score);
    }

    #[test]
    fn every_figure_that_exists_gets_an_interval_around_it() {
        let sample = |k: u32| PrmBenchSample {
            category: ["circular", "confidence", "else"][k as usize % 3].into(),
            scores: vec![Some(0.9), Some(f64::from(k % 10) / 10.0), Some(0.1)],
            wrong: vec![false, k % 5 > 1, true],
        };
        let samples: Vec<PrmBenchSample> = (0..120).map(sample).collect();
        let mut result = PrmBench::compute(&samples, 0.5);
        let without = result.clone();
        result.add_intervals(&samples, &Bootstrap::default());
        let steps = result.categories.iter().map(|category| &category.steps);
        for steps in steps.chain([&result.overall]) {
            let figures = [steps.f1, steps.negative_f1, steps.score];
            for (field, figure) in FIGURES.iter().zip(figures) {
                let interval = &steps.intervals[*field];
                assert_eq!(Some(interval.estimate), figure, "{field}");
                assert!(interval.low < interval.estimate && interval.estimate < interval.high);
            }
        }
        assert_eq!(result.dimensions.len(), 2);
        for dimension in &result.dimensions {
            assert_eq!(
                dimension.interval.map(|found| found.estimate),
                dimension.score
            );
        }
        result.add_intervals(
            &samples,
            &Bootstrap {
                resamples: 0,
                ..Bootstrap::default()
            },
        );
        assert_eq!(result, without);
    }

    #[test]
    fn the_threshold_that_parts_right_from_wrong_is_found() {
        let sample = PrmBenchSample {
            category: "circular".into(),
            scores: [0.91, 0.92, 0.93, 0.94].map(Some).to_vec(),
            wrong: vec![true, true, false, false],
        };
        let choice = choose_step_threshold(&[sample], "valid", 10).unwrap();
        assert_eq!((choice.threshold, choice.score), (0.93, 1.0));
        assert_eq!(choose_step_threshold(&[], "valid", 10), None);
    }

    #[test]
    fn steps_without_a_score_are_counted_and_left_out() {
        let sample = PrmBenchSample {
            category: "circular".into(),
            scores: vec![Some(0.9), None, Some(f64::NAN)],
            wrong: vec![],
        };
        let result = PrmBench::compute(&[sample], 0.5);
        assert_eq!(
            (result.steps_unscored, result.overall.counts.total()),
            (2, 1)
        );
        assert_eq!(
            (result.overall.f1, result.overall.negative_f1),
            (Some(1.0), None)
        );
        assert_eq!(result.overall.score, None);
    }
}
