//! PRMBench: is each step right? (<https://arxiv.org/abs/2501.03124>)
//!
//! The figures are those of the published code (<https://github.com/ssmisya/PRMBench>), with what
//! it does for some classes only: see [`category_score`] and [`Redundancy`].

use super::dimension::canonical;
use super::groups::Groups;
use super::intervals::{FieldIntervals, mean_of_all, of_fields};
use super::{Dimension, ThresholdChoice};
use crate::bootstrap::{Bootstrap, Interval};
use crate::metrics::BinaryCounts;
use serde::{Deserialize, Serialize};

/// A solution with the scores of its steps and which of them are wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct PrmBenchSample {
    /// The `classification` of the file, as it is spelled there.
    pub category: String,
    /// One score per step; `None` = not scored.
    pub scores: Vec<Option<f64>>,
    /// For every step whether it is wrong; `None`: no label, as for steps past the end.
    pub wrong: Vec<Option<bool>>,
    /// What decides in place of `scores` where the class is about superfluous steps.
    pub redundancy: Option<Redundancy>,
}

/// Scores of how superfluous steps are, of models that have such beside how valid they are.
///
/// In the classes of [`Dimension::Simplicity`] a step is called wrong where this score lies
/// *above* the threshold, whatever its other score says.
#[derive(Clone, Debug, PartialEq)]
pub struct Redundancy {
    /// One score per step; `None` = not scored.
    pub scores: Vec<Option<f64>>,
    /// Scores above it call a step wrong. The benchmark's own is 0.15.
    pub threshold: f64,
}

/// Which of `steps` steps are wrong, from a list of step numbers that counts **from 1**, as
/// PRMBench's `error_steps` does. `None` if a number is 0 or past the last step.
pub fn wrong_steps(error_steps: &[usize], steps: usize) -> Option<Vec<Option<bool>>> {
    let mut wrong = vec![Some(false); steps];
    for step in error_steps {
        *wrong.get_mut(step.checked_sub(1)?)? = Some(true);
    }
    Some(wrong)
}

/// The figures of PRMBench at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PrmBench {
    /// A step is called right where its score lies above it, and wrong at it and below.
    pub threshold: f64,
    /// All steps of all samples together.
    pub overall: StepResult,
    /// By category, in alphabetical order.
    pub categories: Vec<CategoryResult>,
    /// The benchmark's dimensions, of those categories that occur.
    pub dimensions: Vec<DimensionResult>,
    /// Labeled steps omitted because they have no usable score.
    pub steps_unscored: usize,
    /// Steps omitted because they have no label.
    pub steps_unrated: usize,
}

/// The figures of a set of steps. A positive is a *right* step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepResult {
    /// The confusion matrix.
    pub counts: BinaryCounts,
    /// F1 of right steps.
    pub f1: Option<f64>,
    /// F1 of wrong steps.
    pub negative_f1: Option<f64>,
    /// `PRMScore`: the mean of the two, or `f1` alone for a category without wrong steps (see
    /// [`category_score`]). `None` if a part of it does not exist.
    pub score: Option<f64>,
    /// Of the last three; empty until [`PrmBench::add_intervals`] fills it in.
    pub intervals: FieldIntervals,
}

/// The figures of [`StepResult`] that have intervals, as [`figures`] gives them.
const FIGURES: [&str; 3] = ["f1", "negative_f1", "score"];

/// The figures of a category.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
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
#[non_exhaustive]
pub struct DimensionResult {
    /// The dimension.
    pub dimension: Dimension,
    /// Its categories that occur.
    pub categories: usize,
    /// Mean of their `PRMScore`. `None` if one does not exist.
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
        let groups = Groups::new(samples.iter().map(|sample| &*sample.category));
        let judged: Vec<Judged> = samples.iter().map(|one| one.judge(threshold)).collect();
        let mut overall = BinaryCounts::default();
        for judged in &judged {
            overall.merge(&judged.counts);
        }
        let by_category = groups.sums(|sum: &mut (usize, BinaryCounts), item| {
            sum.0 += 1;
            sum.1.merge(&judged[item].counts);
        });
        let categories = groups.names.iter().zip(by_category);
        let categories: Vec<CategoryResult> = categories
            .map(|(&category, (samples, counts))| CategoryResult {
                category: category.to_owned(),
                samples,
                steps: StepResult::of(counts, category_figures(category, &counts)),
            })
            .collect();
        Self {
            threshold,
            overall: StepResult::of(overall, figures(&overall)),
            dimensions: dimensions(&categories),
            categories,
            steps_unscored: judged.iter().map(|judged| judged.unscored).sum(),
            steps_unrated: judged.iter().map(|judged| judged.unrated).sum(),
        }
    }

    /// Adds intervals, resampling the `samples` that this was computed from. The threshold stays
    /// as it is: that it was chosen is no part of them.
    pub fn add_intervals(&mut self, samples: &[PrmBenchSample], bootstrap: &Bootstrap) {
        let groups = Groups::new(samples.iter().map(|sample| &*sample.category));
        let judged = |sample: &PrmBenchSample| sample.judge(self.threshold).counts;
        let judged: Vec<BinaryCounts> = samples.iter().map(judged).collect();
        let names = || groups.names.iter().copied();
        let width = FIGURES.len() * (1 + groups.names.len()) + self.dimensions.len();
        let mut found = bootstrap.several(judged.len(), width, |times| {
            let mut overall = BinaryCounts::default();
            for (counts, &times) in judged.iter().zip(times) {
                overall.merge_times(counts, times.into());
            }
            let by_category = groups.sums(|sum: &mut BinaryCounts, item| {
                sum.merge_times(&judged[item], times[item].into());
            });
            let figures_of = names().zip(&by_category);
            let figures_of = figures_of.map(|(name, counts)| category_figures(name, counts));
            let scores = names().zip(figures_of.clone().map(|[.., score]| score));
            let dimensions = dimension_scores(scores)
                .into_iter()
                .map(|(.., score)| score);
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
        .map(|(dimension, categories, score)| DimensionResult {
            dimension,
            categories,
            score,
            interval: None,
        })
        .collect()
}

/// The number and the mean score of the categories of each dimension, of those that have one.
fn dimension_scores<'a>(
    categories: impl Iterator<Item = (&'a str, Option<f64>)>,
) -> Vec<(Dimension, usize, Option<f64>)> {
    let scores: Vec<(Dimension, Option<f64>)> = categories
        .filter_map(|(category, score)| Some((Dimension::of_category(category)?, score)))
        .collect();
    let occurs = |dimension: &Dimension| scores.iter().any(|(of, _)| of == dimension);
    let mean = |dimension| {
        let own = scores.iter().filter(|(of, _)| *of == dimension);
        let number = own.clone().count();
        (dimension, number, mean_of_all(own.map(|(_, score)| *score)))
    };
    let dimensions = Dimension::ALL.into_iter().filter(occurs);
    dimensions.map(mean).collect()
}

/// Counts over the steps of a sample.
struct Judged {
    counts: BinaryCounts,
    /// Rated steps without a usable score.
    unscored: usize,
    /// Steps without a label.
    unrated: usize,
}

impl PrmBenchSample {
    fn judge(&self, threshold: f64) -> Judged {
        let mut judged = Judged {
            counts: BinaryCounts::default(),
            unscored: 0,
            unrated: 0,
        };
        for index in 0..self.scores.len().max(self.wrong.len()) {
            let wrong = self.wrong.get(index).copied().flatten();
            match (wrong, self.called_right(index, threshold)) {
                (None, _) => judged.unrated += 1,
                (_, None) => judged.unscored += 1,
                (Some(wrong), Some(called_right)) => judged.counts.add(called_right, !wrong),
            }
        }
        judged
    }

    /// Whether a step is called right; `None` if it has no usable score.
    fn called_right(&self, index: usize, threshold: f64) -> Option<bool> {
        let simplicity = Dimension::of_category(&self.category) == Some(Dimension::Simplicity);
        let of = |scores: &[Option<f64>]| {
            let score = scores.get(index).copied().flatten();
            score.filter(|score| score.is_finite())
        };
        match &self.redundancy {
            Some(redundancy) if simplicity => {
                of(&redundancy.scores).map(|score| score <= redundancy.threshold)
            }
            _ => of(&self.scores).map(|score| score > threshold),
        }
    }
}

impl StepResult {
    fn of(counts: BinaryCounts, [f1, negative_f1, score]: [Option<f64>; 3]) -> Self {
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
    [f1, negative_f1, mean_score(f1, negative_f1)]
}

/// The same for a category, whose score may be another.
fn category_figures(category: &str, counts: &BinaryCounts) -> [Option<f64>; 3] {
    let (f1, negative_f1) = (counts.f1(), counts.negative_f1());
    [f1, negative_f1, category_score(category, f1, negative_f1)]
}

/// The `PRMScore` of a category: the mean of both F1, but F1 of right steps alone for
/// `multi_solutions`, which has no wrong step to find.
pub fn category_score(category: &str, f1: Option<f64>, negative_f1: Option<f64>) -> Option<f64> {
    if canonical(category) == WITHOUT_WRONG_STEPS {
        f1
    } else {
        mean_score(f1, negative_f1)
    }
}

/// The category in which several right ways lead to the answer.
const WITHOUT_WRONG_STEPS: &str = "multi_solutions";

fn mean_score(f1: Option<f64>, negative_f1: Option<f64>) -> Option<f64> {
    let both = f1.zip(negative_f1);
    both.map(|(f1, negative)| f64::midpoint(f1, negative))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn step_numbers_count_from_one() {
        assert_eq!(
            wrong_steps(&[2, 3], 3),
            Some([false, true, true].map(Some).to_vec())
        );
        assert_eq!(wrong_steps(&[0], 3), None);
        assert_eq!(wrong_steps(&[4], 3), None);
    }

    #[test]
    fn both_f1_and_their_mean_follow_from_the_counts() {
        let sample = |category: &str, scores: [f64; 4], wrong: [bool; 4]| PrmBenchSample {
            category: category.into(),
            scores: scores.map(Some).to_vec(),
            wrong: wrong.map(Some).to_vec(),
            redundancy: None,
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
            wrong: [false, k % 5 > 1, true].map(Some).to_vec(),
            redundancy: None,
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
            wrong: [true, true, false, false].map(Some).to_vec(),
            redundancy: None,
        };
        let choice = choose_step_threshold(&[sample], "valid", 10).unwrap();
        assert_eq!((choice.threshold, choice.score), (0.92, 1.0));
        assert_eq!(choose_step_threshold(&[], "valid", 10), None);
    }

    #[test]
    fn steps_without_a_score_or_a_rating_are_counted_and_left_out() {
        let sample = PrmBenchSample {
            category: "circular".into(),
            scores: vec![Some(0.9), None, Some(f64::NAN), Some(0.1), None],
            wrong: vec![Some(false), Some(false), Some(true), None],
            redundancy: None,
        };
        let result = PrmBench::compute(&[sample], 0.5);
        assert_eq!(
            (result.steps_unscored, result.steps_unrated),
            (2, 2),
            "the fifth step is past the end of the ratings"
        );
        assert_eq!(result.overall.counts.total(), 1);
        assert_eq!(
            (result.overall.f1, result.overall.negative_f1),
            (Some(1.0), None)
        );
        assert_eq!(result.overall.score, None);
    }

    #[test]
    fn the_class_without_wrong_steps_is_judged_by_f1_alone() {
        let sample = |category: &str, scores: &[f64], wrong: &[bool]| PrmBenchSample {
            category: category.into(),
            scores: scores.iter().copied().map(Some).collect(),
            wrong: wrong.iter().copied().map(Some).collect(),
            redundancy: None,
        };
        let right = [false; 4];
        let samples = [
            sample("multi_solutions", &[0.9, 0.9, 0.9, 0.2], &right),
            sample("multi_solutions", &[0.9, 0.8, 0.9, 0.9], &right),
            sample(
                "deception",
                &[0.9, 0.1, 0.9, 0.4],
                &[false, true, false, false],
            ),
            sample("else", &[0.9, 0.9], &[false; 2]),
        ];
        let mut result = PrmBench::compute(&samples, 0.5);
        let score = |result: &PrmBench, k: usize| result.categories[k].steps.score;
        assert!((score(&result, 2).unwrap() - 14.0 / 15.0).abs() < 1e-12);
        assert_eq!(score(&result, 1), None, "no class of the benchmark");
        let deception = score(&result, 0).unwrap();
        assert!((deception - f64::midpoint(0.8, 2.0 / 3.0)).abs() < 1e-12);
        let sensitivity = result.dimensions[0];
        assert_eq!(sensitivity.categories, 2);
        let mean = f64::midpoint(deception, 14.0 / 15.0);
        assert!((sensitivity.score.unwrap() - mean).abs() < 1e-12);
        result.add_intervals(&samples, &Bootstrap::default());
        let interval = result.categories[2].steps.intervals["score"];
        assert_eq!(Some(interval.estimate), score(&result, 2));
        assert!(
            interval.low >= 6.0 / 7.0 - 1e-12 && interval.high <= 1.0,
            "{interval:?}"
        );
    }

    /// Rows of the published table in per cent: classes in the order of [`CLASSES`], then the three
    /// dimensions. Scores of single steps are not published, so that only this much of the table can
    /// be computed again.
    #[test]
    fn the_dimensions_of_the_published_table_are_means_of_its_classes() {
        const CLASSES: [&str; 9] = [
            "redundency",
            "circular",
            "counterfactual",
            "step_contradiction",
            "domain_inconsistency",
            "confidence",
            "missing_condition",
            "deception",
            "multi_solutions",
        ];
        let rows = [
            (
                [52.0, 56.4, 64.8, 64.9, 63.3, 66.5, 57.5, 63.3, 91.1],
                [54.2, 64.9, 70.7],
            ),
            (
                [44.0, 50.3, 49.4, 44.5, 41.3, 47.7, 47.2, 48.6, 86.1],
                [47.1, 45.7, 60.7],
            ),
            (
                [61.0, 50.1, 62.1, 65.9, 61.5, 66.0, 55.7, 58.0, 99.5],
                [55.6, 63.9, 71.1],
            ),
            (
                [46.4, 48.9, 55.7, 55.0, 53.2, 66.2, 49.0, 55.4, 99.8],
                [47.6, 57.5, 68.1],
            ),
            (
                [49.0, 55.1, 71.8, 67.3, 66.3, 78.5, 57.6, 69.1, 99.7],
                [52.1, 71.0, 75.5],
            ),
            (
                [50.4, 58.8, 73.7, 71.1, 72.2, 78.6, 60.3, 71.2, 99.4],
                [54.6, 73.9, 77.0],
            ),
            (
                [65.6, 63.7, 74.5, 67.7, 73.8, 72.3, 61.8, 64.8, 100.0],
                [64.6, 72.1, 75.5],
            ),
        ];
        for (classes, published) in rows {
            let scores = CLASSES.into_iter().zip(classes.map(Some));
            let found = dimension_scores(scores);
            assert_eq!(found.len(), 3);
            for ((dimension, categories, score), published) in found.into_iter().zip(published) {
                assert_eq!(categories, dimension.categories());
                // Both sides are rounded to a tenth.
                assert!(
                    (score.unwrap() - published).abs() < 0.101,
                    "{dimension:?} {published}"
                );
            }
        }
    }

    #[test]
    fn a_score_at_the_threshold_calls_a_step_wrong() {
        let sample = PrmBenchSample {
            category: "circular".into(),
            scores: [0.5, 0.51].map(Some).to_vec(),
            wrong: [true, false].map(Some).to_vec(),
            redundancy: None,
        };
        assert_eq!(PrmBench::compute(&[sample], 0.5).overall.score, Some(1.0));
    }

    #[test]
    fn superfluous_steps_are_found_by_their_redundancy_in_their_classes_only() {
        let sample = |category: &str| PrmBenchSample {
            category: category.into(),
            scores: [0.9, 0.9, 0.1].map(Some).to_vec(),
            wrong: [false, true, false].map(Some).to_vec(),
            redundancy: Some(Redundancy {
                scores: vec![Some(0.15), Some(0.2), None],
                threshold: 0.15,
            }),
        };
        let of = |category| PrmBench::compute(&[sample(category)], 0.5);
        for category in ["redundency", "redundancy", "circular"] {
            let result = of(category);
            assert_eq!(result.overall.score, Some(1.0), "{category}");
            assert_eq!(result.steps_unscored, 1, "{category}");
        }
        let counts = of("deception").overall.counts;
        assert_eq!((counts.true_positives, counts.true_negatives), (1, 0));
    }
}
