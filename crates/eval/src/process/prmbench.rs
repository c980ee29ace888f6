//! PRMBench: is each step right? (<https://arxiv.org/abs/2501.03124>)

use super::ThresholdChoice;
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepResult {
    /// The confusion matrix.
    pub counts: BinaryCounts,
    /// F1 of right steps.
    pub f1: Option<f64>,
    /// F1 of wrong steps.
    pub negative_f1: Option<f64>,
    /// `PRMScore`: the mean of the two. `None` where either does not exist.
    pub score: Option<f64>,
}

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
}

/// The dimensions that PRMBench sorts its categories into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// No redundant and no circular steps.
    Simplicity,
    /// Steps that hold.
    Soundness,
    /// Attention to what is missing or misleading.
    Sensitivity,
}

impl Dimension {
    const ALL: [Self; 3] = [Self::Simplicity, Self::Soundness, Self::Sensitivity];

    /// The name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simplicity => "simplicity",
            Self::Soundness => "soundness",
            Self::Sensitivity => "sensitivity",
        }
    }

    /// The dimension of a category, spelled as in the files (`redundency` is theirs).
    pub fn of_category(category: &str) -> Option<Self> {
        match category {
            "redundency" | "circular" => Some(Self::Simplicity),
            "counterfactual" | "step_contradiction" | "domain_inconsistency" | "confidence" => {
                Some(Self::Soundness)
            }
            "missing_condition" | "deception" | "multi_solutions" => Some(Self::Sensitivity),
            _ => None,
        }
    }
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
    let of_dimension = |dimension: Dimension| -> Vec<Option<f64>> {
        categories
            .iter()
            .filter(|result| Dimension::of_category(&result.category) == Some(dimension))
            .map(|result| result.steps.score)
            .collect()
    };
    Dimension::ALL
        .into_iter()
        .map(|dimension| (dimension, of_dimension(dimension)))
        .filter(|(_, scores)| !scores.is_empty())
        .map(|(dimension, scores)| {
            let count = scores.len() as f64;
            let total: Option<f64> = scores.into_iter().sum();
            DimensionResult {
                dimension,
                score: total.map(|total| total / count),
            }
        })
        .collect()
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
        let (f1, negative_f1) = (counts.f1(), counts.negative_f1());
        let score = f1
            .zip(negative_f1)
            .map(|(f1, negative)| f64::midpoint(f1, negative));
        Self {
            counts,
            f1,
            negative_f1,
            score,
        }
    }
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
        let circular = result.categories[0].steps;
        assert_eq!(circular.f1, Some(0.8));
        assert_eq!(circular.negative_f1, Some(2.0 / 3.0));
        assert_eq!(result.overall.counts.total(), 8);
        assert_eq!(result.dimensions.len(), 2);
        assert_eq!(result.dimensions[0].score, circular.score);
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
