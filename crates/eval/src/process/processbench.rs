//! ProcessBench: find the first wrong step (<https://arxiv.org/abs/2412.06559>).

use super::ThresholdChoice;
use super::groups::Groups;
use super::intervals::{FieldIntervals, mean_of_all, of_fields};
use crate::bootstrap::Bootstrap;
use serde::{Deserialize, Serialize};

/// A solution with the scores of its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The subset it belongs to (`gsm8k`, `math`, `olympiadbench`, `omnimath`).
    pub subset: String,
    /// One score per step; `None` = not scored.
    pub scores: Vec<Option<f64>>,
    /// Index of the first wrong step, from 0; `None` if all are right (-1 in the files).
    pub first_wrong: Option<usize>,
}

/// The prediction for a solution at a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// The first step that scores below it, all steps ahead being scored.
    FirstWrong(usize),
    /// Every step is scored, and none below it.
    AllRight,
    /// A step that has no usable score comes ahead of any that scores below it, or there is none.
    Undecided,
}

impl Prediction {
    /// Looks for the first score below `threshold`. A score that is not finite is none.
    pub fn of(scores: &[Option<f64>], threshold: f64) -> Self {
        for (step, score) in scores.iter().enumerate() {
            match score.filter(|score| score.is_finite()) {
                None => return Self::Undecided,
                Some(score) if score < threshold => return Self::FirstWrong(step),
                Some(_) => {}
            }
        }
        if scores.is_empty() {
            Self::Undecided
        } else {
            Self::AllRight
        }
    }

    /// Whether it equals the label.
    fn is_right(self, first_wrong: Option<usize>) -> bool {
        match first_wrong {
            Some(step) => self == Self::FirstWrong(step),
            None => self == Self::AllRight,
        }
    }
}

/// The figures of ProcessBench at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessBench {
    /// Scores below it call a step wrong.
    pub threshold: f64,
    /// By subset, in alphabetical order.
    pub subsets: Vec<SubsetResult>,
    /// Mean over subsets of [`SubsetResult::f1`], the benchmark's headline. `None` if a subset
    /// has none, or without subsets.
    pub average_f1: Option<f64>,
    /// Of `average_f1`; empty until [`add_intervals`](Self::add_intervals) fills it in.
    pub intervals: FieldIntervals,
}

/// The figures of a subset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SubsetResult {
    /// Its name.
    pub subset: String,
    /// Solutions with a wrong step.
    pub erroneous: usize,
    /// Solutions without.
    pub correct: usize,
    /// Solutions with a step that was not scored.
    pub partly_scored: usize,
    /// Those of them whose first wrong step cannot be told: see [`Prediction::Undecided`]. They
    /// count as judged wrongly, as the benchmark's own code counts an answer it cannot read.
    pub undecided: usize,
    /// Share of erroneous solutions whose first wrong step is exactly the first one called wrong.
    pub accuracy_erroneous: Option<f64>,
    /// Share of correct solutions in which no step is called wrong.
    pub accuracy_correct: Option<f64>,
    /// Harmonic mean of the two, 0 where either is 0. `None` if one does not exist.
    pub f1: Option<f64>,
    /// Of the last three; empty until [`ProcessBench::add_intervals`] fills it in.
    pub intervals: FieldIntervals,
}

/// The figures of a subset that have intervals, as [`Tally::rates`] gives them.
const RATES: [&str; 3] = ["accuracy_erroneous", "accuracy_correct", "f1"];

impl ProcessBench {
    /// Judges `solutions` with one threshold for all subsets.
    pub fn compute(solutions: &[Solution], threshold: f64) -> Self {
        let groups = Groups::new(solutions.iter().map(|solution| &*solution.subset));
        let members = groups.sums(|members: &mut Vec<&Solution>, item| {
            members.push(&solutions[item]);
        });
        let subsets = groups.names.iter().zip(members);
        let subsets: Vec<SubsetResult> = subsets
            .map(|(subset, solutions)| SubsetResult::compute(subset, &solutions, threshold))
            .collect();
        Self {
            threshold,
            average_f1: mean_of_all(subsets.iter().map(|subset| subset.f1)),
            subsets,
            intervals: FieldIntervals::new(),
        }
    }

    /// Adds intervals, resampling the `solutions` that this was computed from. The threshold stays
    /// as it is: that it was chosen is no part of them.
    pub fn add_intervals(&mut self, solutions: &[Solution], bootstrap: &Bootstrap) {
        let groups = Groups::new(solutions.iter().map(|solution| &*solution.subset));
        let verdict = |solution| Verdict::of(solution, self.threshold);
        let verdicts: Vec<Verdict> = solutions.iter().map(verdict).collect();
        let width = groups.names.len() * RATES.len() + 1;
        let mut found = bootstrap.several(verdicts.len(), width, |counts| {
            let tallies = groups.sums(|tally: &mut Tally, item| {
                tally.add(verdicts[item], counts[item].into());
            });
            let rates = tallies.iter().map(Tally::rates);
            let average = mean_of_all(rates.clone().map(|[.., f1]| f1));
            rates.flatten().chain([average]).collect()
        });
        for subset in &mut self.subsets {
            subset.intervals = of_fields(&RATES, &mut found);
        }
        self.intervals = of_fields(&["average_f1"], &mut found);
    }
}

/// The prediction for a solution at a threshold.
#[derive(Clone, Copy)]
struct Verdict {
    erroneous: bool,
    right: bool,
}

impl Verdict {
    fn of(solution: &Solution, threshold: f64) -> Self {
        Self {
            erroneous: solution.first_wrong.is_some(),
            right: Prediction::of(&solution.scores, threshold).is_right(solution.first_wrong),
        }
    }
}

/// Solutions with a wrong step and without, those judged right and all.
#[derive(Clone, Copy, Default)]
struct Tally {
    erroneous: [u64; 2],
    correct: [u64; 2],
}

impl Tally {
    fn add(&mut self, verdict: Verdict, times: u64) {
        let [right, all] = if verdict.erroneous {
            &mut self.erroneous
        } else {
            &mut self.correct
        };
        *right += times * u64::from(verdict.right);
        *all += times;
    }

    fn rates(&self) -> [Option<f64>; 3] {
        let accuracy = |[right, all]: [u64; 2]| (all > 0).then(|| right as f64 / all as f64);
        let (erroneous, correct) = (accuracy(self.erroneous), accuracy(self.correct));
        [erroneous, correct, harmonic_mean(erroneous, correct)]
    }
}

impl SubsetResult {
    fn compute(subset: &str, solutions: &[&Solution], threshold: f64) -> Self {
        let mut tally = Tally::default();
        for solution in solutions {
            tally.add(Verdict::of(solution, threshold), 1);
        }
        let [accuracy_erroneous, accuracy_correct, f1] = tally.rates();
        let of_kind = |erroneous: bool| {
            let of_kind = |s: &&&Solution| s.first_wrong.is_some() == erroneous;
            solutions.iter().filter(of_kind).count()
        };
        let unscored = |score: &Option<f64>| !score.is_some_and(f64::is_finite);
        Self {
            subset: subset.to_owned(),
            erroneous: of_kind(true),
            correct: of_kind(false),
            partly_scored: solutions
                .iter()
                .filter(|s| s.scores.iter().any(unscored))
                .count(),
            undecided: solutions
                .iter()
                .filter(|s| Prediction::of(&s.scores, threshold) == Prediction::Undecided)
                .count(),
            accuracy_erroneous,
            accuracy_correct,
            f1,
            intervals: FieldIntervals::new(),
        }
    }
}

fn harmonic_mean(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    let (a, b) = (a?, b?);
    Some(if a + b > 0.0 {
        2.0 * a * b / (a + b)
    } else {
        0.0
    })
}

/// Chooses the threshold with the highest mean F1 on `solutions`, the split called `split`, among
/// `quantiles + 1` quantiles of its step scores.
///
/// `None` without quantiles, where no step has a score, or where F1 exists for no threshold: the
/// split needs correct and erroneous solutions in every subset.
pub fn choose_threshold(
    solutions: &[Solution],
    split: &str,
    quantiles: usize,
) -> Option<ThresholdChoice> {
    let scores = solutions.iter().flat_map(|s| s.scores.iter().copied());
    ThresholdChoice::best(scores.flatten(), split, quantiles, |threshold| {
        ProcessBench::compute(solutions, threshold).average_f1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solution(subset: &str, scores: &[f64], first_wrong: Option<usize>) -> Solution {
        let scores = scores.iter().copied().map(Some).collect();
        Solution {
            subset: subset.into(),
            scores,
            first_wrong,
        }
    }

    fn solutions() -> Vec<Solution> {
        vec![
            solution("gsm8k", &[0.9, 0.2, 0.1], Some(1)),
            solution("gsm8k", &[0.9, 0.8, 0.3], Some(1)),
            solution("gsm8k", &[0.9, 0.9], None),
            solution("math", &[0.4], Some(0)),
            solution("math", &[0.6, 0.4], None),
            solution("math", &[0.6, 0.7], None),
        ]
    }

    #[test]
    fn only_the_exact_first_wrong_step_counts() {
        let result = ProcessBench::compute(&solutions(), 0.5);
        let [gsm8k, math] = &result.subsets[..] else {
            panic!("{result:?}")
        };
        assert_eq!((gsm8k.erroneous, gsm8k.correct), (2, 1));
        assert_eq!(
            (gsm8k.accuracy_erroneous, gsm8k.accuracy_correct),
            (Some(0.5), Some(1.0))
        );
        assert_eq!(
            (math.accuracy_erroneous, math.accuracy_correct),
            (Some(1.0), Some(0.5))
        );
        let f1 = 2.0 * 0.5 / 1.5;
        assert!((result.average_f1.unwrap() - f1).abs() < 1e-12);
    }

    #[test]
    fn a_subset_without_errors_has_no_f1_and_two_zeros_have_zero() {
        let result = ProcessBench::compute(&[solution("math", &[0.1], None)], 0.5);
        assert_eq!((result.subsets[0].f1, result.average_f1), (None, None));
        let both_wrong = [
            solution("math", &[0.1], None),
            solution("math", &[0.9], Some(0)),
        ];
        assert_eq!(
            ProcessBench::compute(&both_wrong, 0.5).average_f1,
            Some(0.0)
        );
        assert_eq!(ProcessBench::compute(&[], 0.5).average_f1, None);
    }

    #[test]
    fn a_solution_is_judged_as_far_as_it_is_scored() {
        let of = |scores: &[Option<f64>]| Prediction::of(scores, 0.5);
        let (right, wrong) = (Some(0.5), Some(0.4));
        assert_eq!(of(&[right, wrong, None]), Prediction::FirstWrong(1));
        assert_eq!(
            of(&[right, right]),
            Prediction::AllRight,
            "at the threshold"
        );
        assert_eq!(of(&[right, None]), Prediction::Undecided);
        assert_eq!(of(&[Some(f64::NAN), wrong]), Prediction::Undecided);
        assert_eq!(of(&[]), Prediction::Undecided);
    }

    #[test]
    fn what_cannot_be_told_counts_as_judged_wrongly_and_is_counted() {
        let partly = |scores: &[Option<f64>], first_wrong| Solution {
            subset: "math".into(),
            scores: scores.to_vec(),
            first_wrong,
        };
        let solutions = [
            partly(&[Some(0.9), None], None),
            partly(&[Some(0.9), Some(0.9)], None),
            partly(&[None, Some(0.1)], Some(1)),
            partly(&[Some(0.1), None], Some(0)),
        ];
        let subset = &ProcessBench::compute(&solutions, 0.5).subsets[0];
        assert_eq!((subset.partly_scored, subset.undecided), (3, 2));
        assert_eq!(
            (subset.accuracy_erroneous, subset.accuracy_correct),
            (Some(0.5), Some(0.5))
        );
    }

    #[test]
    fn every_figure_that_exists_gets_an_interval_around_it() {
        let solutions: Vec<Solution> = (0..20).flat_map(|_| solutions()).collect();
        let mut result = ProcessBench::compute(&solutions, 0.5);
        result.add_intervals(&solutions, &Bootstrap::default());
        for subset in &result.subsets {
            let figures = [
                subset.accuracy_erroneous,
                subset.accuracy_correct,
                subset.f1,
            ];
            for (field, figure) in RATES.iter().zip(figures) {
                let interval = &subset.intervals[*field];
                assert_eq!(Some(interval.estimate), figure, "{field}");
                assert!(interval.contains(interval.estimate), "{interval:?}");
            }
        }
        let average = &result.intervals["average_f1"];
        assert_eq!(Some(average.estimate), result.average_f1);
        assert!(average.low < average.estimate && average.estimate < average.high);
        // A share of 40 solutions of which half are found: two standard deviations are 0.16.
        let gsm8k = &result.subsets[0].intervals["accuracy_erroneous"];
        assert!((gsm8k.low - 0.34).abs() < 0.03, "{gsm8k:?}");
        assert!((gsm8k.high - 0.66).abs() < 0.03, "{gsm8k:?}");
    }

    #[test]
    fn a_figure_that_does_not_exist_has_no_interval() {
        let solutions = vec![solution("math", &[0.1], None); 8];
        let mut result = ProcessBench::compute(&solutions, 0.5);
        result.add_intervals(&solutions, &Bootstrap::default());
        let fields: Vec<&String> = result.subsets[0].intervals.keys().collect();
        assert_eq!(fields, ["accuracy_correct"]);
        assert!(result.intervals.is_empty());
    }

    #[test]
    fn the_threshold_is_found_among_crowded_scores() {
        // Everything between 0.9990 and 0.9999: a grid of hundredths would see nothing.
        let crowded: Vec<Solution> = solutions()
            .into_iter()
            .map(|mut solution| {
                for score in solution.scores.iter_mut().flatten() {
                    *score = 0.999 + 0.001 * *score;
                }
                solution
            })
            .collect();
        let choice = choose_threshold(&crowded, "valid", 100).unwrap();
        assert!(choice.threshold > 0.999 && choice.score > 0.6, "{choice:?}");
        assert_eq!(choice.split, "valid");
        assert_eq!(choose_threshold(&crowded, "valid", 0), None);
        assert_eq!(choose_threshold(&[], "valid", 10), None);
    }
}
