//! Evaluation metrics for validation during training.

use std::collections::BTreeMap;

use gradus_eval::{Metric, ResponsePairs};
use gradus_train::{ValidMetrics, ValidScores};

/// All segment-level evaluation metrics, on the training scale; if no segment is rated, of response
/// scores against response ratings.
///
/// With several aspects, a metric is the mean over those for which it is defined. For AUROC, AUPRC
/// and F1, the threshold is the middle of the targets' range. The mean squared error is omitted,
/// because validation computes it already, weighted.
#[derive(Debug, Clone, Copy, Default)]
pub struct EvalMetrics;

fn metrics() -> impl Iterator<Item = Metric> {
    let all = Metric::all().into_iter();
    all.filter(|metric| *metric != Metric::MSE)
}

impl ValidMetrics for EvalMetrics {
    fn names(&self) -> Vec<String> {
        metrics().map(|metric| metric.name().to_owned()).collect()
    }

    fn compute(&self, scores: &ValidScores) -> BTreeMap<String, Option<f64>> {
        let rated = scores.aspects.iter().any(|responses| !responses.is_empty());
        let aspects: Vec<ResponsePairs> = if rated {
            scores.aspects.iter().map(|a| pairs(a)).collect()
        } else {
            scores.responses.iter().map(|a| whole(a)).collect()
        };
        let mean = |metric: Metric| {
            let values = aspects.iter().filter_map(|pairs| metric.compute(pairs));
            let values: Vec<f64> = values.collect();
            let count = values.len() as f64;
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)
        };
        metrics()
            .map(|metric| (metric.name().to_owned(), mean(metric)))
            .collect()
    }

    fn goodness(&self, name: &str, value: f64) -> f64 {
        name.parse::<Metric>()
            .map_or(value, |metric| metric.goodness(value))
    }
}

fn pairs(responses: &[Vec<(f64, f64)>]) -> ResponsePairs {
    let mut pairs = ResponsePairs::new();
    for response in responses {
        pairs.push_response(response.iter().copied());
    }
    let middle = pairs.middle_of_targets();
    pairs.with_midpoint(middle)
}

/// The metrics of whole responses.
fn whole(responses: &[(f64, f64)]) -> ResponsePairs {
    let pairs = ResponsePairs::ungrouped(responses.iter().copied());
    let middle = pairs.middle_of_targets();
    pairs.with_midpoint(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_segment_is_rated_the_metrics_are_those_of_responses() {
        let mut scores = ValidScores {
            aspects: vec![Vec::new()],
            responses: vec![vec![(0.2, 0.0), (0.5, 0.5), (0.7, 1.0)]],
        };
        let values = EvalMetrics.compute(&scores);
        let expected = 0.25 / (0.38_f64 / 3.0 * 0.5).sqrt();
        assert!((values["pearson"].unwrap() - expected).abs() < 1e-12);
        assert_eq!(values["pairwise_accuracy"], None);
        scores.aspects = vec![vec![vec![(0.9, 0.0), (0.1, 1.0)]]];
        assert_eq!(EvalMetrics.compute(&scores)["spearman"], Some(-1.0));
    }

    #[test]
    fn a_metric_is_the_mean_over_the_aspects_that_have_it() {
        let right = vec![vec![(0.1, 0.0), (0.9, 1.0)], vec![(0.5, 0.4)]];
        let wrong = vec![vec![(0.9, 0.0), (0.1, 1.0)]];
        let constant = vec![vec![(0.5, 0.0), (0.5, 1.0)]];
        let scores = ValidScores {
            aspects: vec![right, wrong, constant],
            ..ValidScores::default()
        };
        let values = EvalMetrics.compute(&scores);
        assert_eq!(values["spearman"], Some(0.0));
        assert_eq!(values["auroc"].map(|value| value > 0.4), Some(true));
        assert!(!values.contains_key("mse"));
        let mut names = EvalMetrics.names();
        names.sort();
        assert_eq!(values.into_keys().collect::<Vec<_>>(), names);
    }

    #[test]
    fn a_number_that_does_not_exist_is_none() {
        let scores = ValidScores {
            aspects: vec![vec![vec![(0.5, 0.0), (0.5, 1.0)]]],
            ..ValidScores::default()
        };
        assert_eq!(EvalMetrics.compute(&scores)["pearson"], None);
    }

    #[test]
    fn errors_are_better_when_they_are_smaller() {
        assert!(EvalMetrics.goodness("mae", 0.1) > EvalMetrics.goodness("mae", 0.2));
        assert!(EvalMetrics.goodness("pearson", 0.2) > EvalMetrics.goodness("pearson", 0.1));
    }
}
