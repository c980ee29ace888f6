//! Tests whether two systems differ on the same ratings.
//!
//! Systems are compared on the segments, or on the responses rated as a whole, that all of them score. Every
//! pair of systems gets three tests: a paired bootstrap over responses on the chosen metric, which decides the
//! verdict, and a paired t-test and Wilcoxon's signed-rank test on the mean squared error of each response.

mod paired;
mod report;
mod sentence;
mod shared;
mod wilcoxon;

pub use paired::{TestResult, holm, paired_t_test};
pub use report::{Comparison, ComparisonReport, SystemValue, Verdict};
pub use shared::SharedPairs;
pub use wilcoxon::wilcoxon_signed_rank;

use crate::bootstrap::{Bootstrap, Interval, WeightedMetrics};
use crate::metrics::same;
use crate::{JudgedAspect, Metric, ResponsePairs, Result};
use serde::{Deserialize, Serialize};

/// A system to compare: its name and its scores on the shared data, for one aspect.
#[derive(Clone, Debug)]
pub struct System {
    /// Name in the report.
    pub name: String,
    /// Its scores with the ratings of segments ([`JudgedAspect::collect`]) or of whole responses
    /// ([`JudgedAspect::collect_responses`]). All systems need the same kind, and the same records in the same
    /// order.
    pub judged: JudgedAspect,
}

/// Options of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompareOptions {
    /// The metric that decides the verdict. Default mean squared error.
    pub metric: Metric,
    /// The midpoint that separates low from high ratings, for metrics that need it. Default: halfway between the
    /// lowest and the highest rating.
    pub midpoint: Option<f64>,
    /// The resampling of responses.
    pub bootstrap: Bootstrap,
    /// Significance level: the maximum probability of calling equal systems different. Range `(0, 1)`, default 0.05.
    /// It holds for all verdicts of a report together (Holm's correction).
    pub significance: f64,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            metric: Metric::MSE,
            midpoint: None,
            bootstrap: Bootstrap::default(),
            significance: 0.05,
        }
    }
}

/// Compares every pair of `systems` on the segments, or whole responses, that all of them score.
///
/// # Errors
/// [`EvalError::DifferentRatings`](crate::EvalError::DifferentRatings) if two systems have different ratings.
pub fn compare(systems: &[System], options: &CompareOptions) -> Result<ComparisonReport> {
    let shared = SharedPairs::of(systems, options.midpoint)?;
    let values: Vec<Option<f64>> = shared
        .systems
        .iter()
        .map(|pairs| options.metric.compute(pairs))
        .collect();
    let mut comparisons = Vec::new();
    for first in 0..systems.len() {
        for second in first + 1..systems.len() {
            let mut comparison =
                compare_two(&shared.systems[first], &shared.systems[second], options);
            comparison.a.clone_from(&systems[first].name);
            comparison.b.clone_from(&systems[second].name);
            comparisons.push(comparison);
        }
    }
    decide(&mut comparisons, options);
    let mut values: Vec<SystemValue> = systems
        .iter()
        .zip(values)
        .map(|(system, value)| SystemValue {
            name: system.name.clone(),
            value,
            pairs_left_out: system.judged.counts.scored - shared.pairs,
        })
        .collect();
    let goodness = |system: &SystemValue| {
        system
            .value
            .map_or(f64::NEG_INFINITY, |value| options.metric.goodness(value))
    };
    values.sort_by(|a, b| goodness(b).total_cmp(&goodness(a)));
    Ok(ComparisonReport {
        metric: options.metric,
        pairs: shared.pairs,
        responses: shared
            .systems
            .first()
            .map_or(0, ResponsePairs::num_responses),
        systems: values,
        comparisons,
    })
}

/// Compares one pair, without names, correction and verdict.
fn compare_two(a: &ResponsePairs, b: &ResponsePairs, options: &CompareOptions) -> Comparison {
    let metric = options.metric;
    let (errors_a, errors_b) = (errors_by_response(a), errors_by_response(b));
    let both = || errors_a.iter().zip(&errors_b);
    let difference = difference_interval(a, b, options);
    Comparison {
        a: String::new(),
        b: String::new(),
        value_a: metric.compute(a),
        value_b: metric.compute(b),
        bootstrap_p: difference.as_ref().map(|(_, p)| *p),
        difference: difference.map(|(interval, _)| interval),
        adjusted_p: None,
        t_test: paired_t_test(&errors_a, &errors_b),
        wilcoxon: wilcoxon_signed_rank(&errors_a, &errors_b),
        wins: both().filter(|(a, b)| a < b).count(),
        ties: both().filter(|(a, b)| same(**a, **b)).count(),
        losses: both().filter(|(a, b)| a > b).count(),
        verdict: Verdict::NotComparable,
        sentence: String::new(),
    }
}

/// Mean squared error of every response.
fn errors_by_response(pairs: &ResponsePairs) -> Vec<f64> {
    pairs
        .responses()
        .map(|(predictions, targets)| {
            let squares = predictions
                .iter()
                .zip(targets)
                .map(|(p, t)| (p - t) * (p - t));
            squares.sum::<f64>() / predictions.len() as f64
        })
        .collect()
}

/// The interval of the difference and the two-sided p of the paired bootstrap.
fn difference_interval(
    a: &ResponsePairs,
    b: &ResponsePairs,
    options: &CompareOptions,
) -> Option<(Interval, f64)> {
    let metric = options.metric;
    let (prepared_a, prepared_b) = (
        WeightedMetrics::prepare(a, &[metric]),
        WeightedMetrics::prepare(b, &[metric]),
    );
    let better = metric.definition().better();
    let difference = |counts: &[u32]| -> Option<f64> {
        let (a, b) = (prepared_a.at(counts)[0]?, prepared_b.at(counts)[0]?);
        Some(better.compared(a) - better.compared(b))
    };
    let responses = a.num_responses();
    let (interval, replicates) = options
        .bootstrap
        .interval_and_replicates(responses, difference)?;
    Some((interval, two_sided_p(&replicates, responses)))
}

fn two_sided_p(replicates: &[f64], responses: usize) -> f64 {
    let count = |side: fn(&f64) -> bool| replicates.iter().copied().filter(side).count() + 1;
    let not_above = count(|&difference| difference <= 0.0);
    let not_below = count(|&difference| difference >= 0.0);
    let p = 2.0 * not_above.min(not_below) as f64 / (replicates.len() + 1) as f64;
    let coin_flips = 2f64.powf(1.0 - responses as f64);
    p.max(coin_flips).min(1.0)
}

/// Corrects p-values for the number of comparisons and sets the verdicts.
fn decide(comparisons: &mut [Comparison], options: &CompareOptions) {
    let tested: Vec<f64> = comparisons.iter().filter_map(|c| c.bootstrap_p).collect();
    let tests = tested.len();
    let mut adjusted = holm(&tested).into_iter();
    for comparison in comparisons {
        if comparison.bootstrap_p.is_some() {
            comparison.adjusted_p = adjusted.next();
        }
        comparison.verdict = comparison.decide(options);
        comparison.sentence = sentence::sentence(comparison, options, tests);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AspectCounts, JudgedResponse, JudgedSegment};

    /// Ratings 0, 0.1, .. with an error of `size` times a pattern.
    fn system(name: &str, responses: usize, size: f64, offset: f64) -> System {
        let responses: Vec<JudgedResponse> = (0..responses)
            .map(|index| JudgedResponse {
                index,
                segments: (0..3)
                    .map(|segment| {
                        let place = (3 * index + segment) as f64;
                        let rating = (place * 0.7).sin();
                        let score = rating + size * (place * 1.3 + offset).cos();
                        JudgedSegment {
                            index: segment,
                            score,
                            rating,
                        }
                    })
                    .collect(),
            })
            .collect();
        let scored = 3 * responses.len();
        let counts = AspectCounts {
            rated: scored,
            scored,
            ..AspectCounts::default()
        };
        System {
            name: name.into(),
            judged: JudgedAspect { responses, counts },
        }
    }

    #[test]
    fn a_system_cannot_be_told_from_itself() {
        let systems = [system("one", 50, 0.3, 0.0), system("other", 50, 0.3, 0.0)];
        let report = compare(&systems, &CompareOptions::default()).unwrap();
        let [comparison] = &report.comparisons[..] else {
            panic!("{report:?}")
        };
        assert_eq!(comparison.verdict, Verdict::CannotTell);
        assert_eq!(
            (comparison.wins, comparison.ties, comparison.losses),
            (0, 50, 0)
        );
        assert_eq!(comparison.bootstrap_p, Some(1.0));
        assert_eq!((comparison.t_test, comparison.wilcoxon), (None, None));
        assert!(
            comparison.sentence.contains("cannot be told apart"),
            "{}",
            comparison.sentence
        );
    }

    #[test]
    fn a_clearly_better_system_is_named_whichever_comes_first() {
        for metric in [
            Metric::MSE,
            Metric::PEARSON,
            Metric::SPEARMAN,
            Metric::KENDALL_TAU_B,
        ] {
            let options = CompareOptions {
                metric,
                ..CompareOptions::default()
            };
            let (good, poor) = (system("good", 60, 0.2, 0.0), system("poor", 60, 0.9, 1.0));
            let report = compare(&[good.clone(), poor.clone()], &options).unwrap();
            assert_eq!(report.comparisons[0].verdict, Verdict::First, "{metric}");
            assert_eq!(report.systems[0].name, "good");
            let report = compare(&[poor, good], &options).unwrap();
            assert_eq!(report.comparisons[0].verdict, Verdict::Second, "{metric}");
            let sentence = &report.comparisons[0].sentence;
            assert!(
                sentence.starts_with("`good` is better than `poor`"),
                "{sentence}"
            );
        }
    }

    #[test]
    fn three_responses_prove_nothing() {
        let systems = [system("good", 3, 0.0, 0.0), system("poor", 3, 0.9, 1.0)];
        let report = compare(&systems, &CompareOptions::default()).unwrap();
        assert_eq!(report.comparisons[0].bootstrap_p, Some(0.25));
        assert_eq!(report.comparisons[0].verdict, Verdict::CannotTell);
    }

    #[test]
    fn one_response_is_not_comparable() {
        let systems = [system("a", 1, 0.1, 0.0), system("b", 1, 0.9, 1.0)];
        let comparison = &compare(&systems, &CompareOptions::default())
            .unwrap()
            .comparisons[0];
        assert_eq!(comparison.verdict, Verdict::NotComparable);
        assert!(
            comparison.sentence.contains("cannot be compared"),
            "{}",
            comparison.sentence
        );
    }

    #[test]
    fn only_segments_that_all_systems_score_are_compared() {
        let (a, mut b) = (system("a", 20, 0.1, 0.0), system("b", 20, 0.2, 0.0));
        b.judged.responses.remove(4);
        b.judged.responses[7].segments.remove(1);
        b.judged.counts.scored -= 4;
        let report = compare(&[a, b], &CompareOptions::default()).unwrap();
        assert_eq!((report.pairs, report.responses), (56, 19));
        let left_out: Vec<usize> = report.systems.iter().map(|s| s.pairs_left_out).collect();
        assert_eq!(left_out, [4, 0]);
    }

    #[test]
    fn every_pair_of_three_systems_is_compared_and_corrected() {
        let systems = [
            system("a", 40, 0.2, 0.0),
            system("b", 40, 0.21, 2.0),
            system("c", 40, 0.8, 1.0),
        ];
        let report = compare(&systems, &CompareOptions::default()).unwrap();
        assert_eq!(report.comparisons.len(), 3);
        for comparison in &report.comparisons {
            assert!(comparison.adjusted_p >= comparison.bootstrap_p);
            assert!(comparison.sentence.contains("corrected for 3 comparisons"));
        }
        // Holm multiplies the smallest of three by three.
        let smallest = |p: fn(&Comparison) -> Option<f64>| {
            report
                .comparisons
                .iter()
                .filter_map(p)
                .reduce(f64::min)
                .unwrap()
        };
        let (raw, adjusted) = (smallest(|c| c.bootstrap_p), smallest(|c| c.adjusted_p));
        assert!((adjusted - 3.0 * raw).abs() < 1e-12, "{raw} {adjusted}");
        assert_eq!(report.comparisons[1].verdict, Verdict::First);
    }

    #[test]
    fn systems_judged_by_different_ratings_are_refused() {
        let (a, mut b) = (system("a", 5, 0.1, 0.0), system("b", 5, 0.2, 0.0));
        b.judged.responses[3].segments[2].rating = 0.5;
        let error = compare(&[a, b], &CompareOptions::default()).unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("`b`, response 3, segment 2: found rating 0.5"),
            "{message}"
        );
    }
}
