//! A metric that this crate does not have, in everything that takes metrics.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test")]

use std::collections::BTreeMap;

use gradus_eval::bootstrap::{Bootstrap, WeightedMetrics};
use gradus_eval::compare::{CompareOptions, System, Verdict, compare};
use gradus_eval::metrics::{Better, SegmentMetric, WeightedPairs};
use gradus_eval::slices::SliceKey;
use gradus_eval::{
    Aggregation, Aspect, Evaluation, JudgedAspect, Metric, ResponsePairs, ScoredResponse,
    ScoredSegment,
};

/// Mean error where the score is too high counting three times as much as where it is too low.
struct Overrating;

impl SegmentMetric for Overrating {
    fn name(&self) -> &'static str {
        "overrating"
    }

    fn compute(&self, pairs: &WeightedPairs) -> Option<f64> {
        let (mut errors, mut all) = (0.0, 0.0);
        for (score, rating, weight) in pairs.weighted() {
            let error = score - rating;
            errors += weight * if error > 0.0 { 3.0 * error } else { -error };
            all += weight;
        }
        Some(errors / all)
    }

    fn better(&self) -> Better {
        Better::Lower
    }
}

/// Twelve responses of two segments, whose scores are off by `error`.
fn scored(error: f64) -> Vec<ScoredResponse> {
    let response = |index: u32| {
        let segment = |k: u32| {
            let rating = f64::from(index) / 12.0 + f64::from(k) / 4.0;
            let error = error * f64::from(1 + index % 3 + 2 * k);
            let ratings = BTreeMap::from([("rating".to_owned(), rating)]);
            ScoredSegment::scored(0, 1, ratings, vec![rating + error])
        };
        ScoredResponse {
            id: index.to_string(),
            segments: vec![segment(0), segment(1)],
            ..ScoredResponse::default()
        }
    };
    (0..12).map(response).collect()
}

#[test]
fn an_own_metric_has_values_intervals_comparisons_and_slices() {
    let metric = Metric::register(&Overrating).unwrap();
    assert_eq!(Metric::all().last(), Some(&metric));
    assert_eq!("overrating".parse::<Metric>().unwrap(), metric);
    assert!(metric.goodness(0.1) > metric.goodness(0.2));
    assert!(Metric::register(&Overrating).is_err(), "the name is taken");

    // Mean factors of the error are 2 and 4.
    let (high, low) = (scored(0.01), scored(-0.01));
    let aspects = [Aspect::named("rating")];
    let mut evaluation = Evaluation::compute(&high, &aspects, Aggregation::Mean, &[]).unwrap();
    evaluation.add_intervals(&high, &aspects, &Bootstrap::default(), &Metric::all());
    evaluation.add_slices(&high, &aspects, &[SliceKey::Position], 1);
    let segment = &evaluation.aspects[0].segment;
    assert!((segment.values.get(metric).unwrap() - 0.09).abs() < 1e-12);
    let interval = segment.intervals[&metric];
    assert!(interval.low < 0.09 && 0.09 < interval.high, "{interval:?}");
    let of_last = &evaluation.aspects[0].slices[0];
    assert_eq!(of_last.part, "last");
    assert!((of_last.values.get(metric).unwrap() - 0.12).abs() < 1e-12);

    let json = serde_json::to_string(&evaluation).unwrap();
    assert!(json.contains(r#""overrating":0.0"#), "{json}");
    assert_eq!(
        serde_json::from_str::<Evaluation>(&json).unwrap(),
        evaluation
    );

    let system = |name: &str, scored: &[ScoredResponse]| System {
        name: name.to_owned(),
        judged: JudgedAspect::collect(scored, 0, "rating"),
    };
    let options = CompareOptions {
        metric,
        ..CompareOptions::default()
    };
    let report = compare(&[system("high", &high), system("low", &low)], &options).unwrap();
    // Equal squared errors, but the one is too high and the other too low.
    assert_eq!(report.comparisons[0].verdict, Verdict::Second);
    assert_eq!(report.systems[0].name, "low");
}

#[test]
fn weights_count_responses_as_often_as_they_are_drawn() {
    let mut pairs = ResponsePairs::new();
    pairs.push_response([(1.0, 0.0), (0.0, 1.0)]);
    pairs.push_response([(0.5, 1.0)]);
    let metric = Metric::of(&Overrating);
    assert_eq!(metric.compute(&pairs), Some(4.5 / 3.0));
    let weighted = WeightedMetrics::prepare(&pairs, &[metric]);
    assert_eq!(weighted.at(&[1, 1]), [Some(4.5 / 3.0)]);
    assert_eq!(weighted.at(&[0, 2]), [Some(0.5)]);
    assert_eq!(weighted.at(&[2, 1]), [Some(8.5 / 5.0)]);
    assert_eq!(weighted.at(&[0, 0]), [None]);
}
