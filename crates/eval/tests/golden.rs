//! Every figure against NumPy, SciPy and scikit-learn: `golden/metrics.json` and `golden/extra.json`
//! (`golden/make_metrics.py` and `golden/make_extra.py` make them).

#![allow(clippy::unwrap_used)] // A reference file that does not parse fails the test.

use gradus_eval::baselines::{Baseline, BaselineExample, BaselineSegment, FittedBaseline};
use gradus_eval::bootstrap::{Interval, IntervalMethod, WeightedMetrics};
use gradus_eval::calibration::{Recalibration, RecalibrationKind, Reliability};
use gradus_eval::compare::{paired_t_test, wilcoxon_signed_rank};
use gradus_eval::{Aggregation, Metric, MetricValues, ResponsePairs, metrics};
use serde_json::Value;

fn load(name: &str) -> Value {
    let text = match name {
        "metrics" => include_str!("golden/metrics.json"),
        _ => include_str!("golden/extra.json"),
    };
    serde_json::from_str(text).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    list(value)
        .iter()
        .map(|number| number.as_f64().unwrap())
        .collect()
}

/// Equal to 1e-9, relative to numbers larger than 1; `null` is `None` and nothing else.
#[track_caller]
fn assert_close(found: Option<f64>, expected: &Value, what: &str) {
    match (found, expected.as_f64()) {
        (None, None) => assert!(expected.is_null(), "{what}: {expected}"),
        (Some(found), Some(expected)) => {
            let scale = expected.abs().max(1.0);
            let close = (found - expected).abs() <= 1e-9 * scale;
            assert!(close, "{what}: found {found}, expected {expected}");
        }
        _ => panic!("{what}: found {found:?}, expected {expected}"),
    }
}

#[test]
fn metrics_equal_scipy_in_all_nine_cases() {
    let golden = load("metrics");
    assert_eq!(list(&golden["rows"]).len(), 9);
    for row in list(&golden["rows"]) {
        let name = row["name"].as_str().unwrap();
        let (p, t) = (floats(&row["predictions"]), floats(&row["targets"]));
        let found = [
            ("mse", metrics::mse(&p, &t)),
            ("rmse", metrics::rmse(&p, &t)),
            ("mae", metrics::mae(&p, &t)),
            ("bias", metrics::bias(&p, &t)),
            ("r2", metrics::r2(&p, &t)),
            ("pearson", metrics::pearson(&p, &t)),
            ("spearman", metrics::spearman(&p, &t)),
            ("kendall_tau_b", metrics::kendall_tau_b(&p, &t)),
            ("auroc_above_half", metrics::auroc(&p, &t, 0.5)),
        ];
        for (key, value) in found {
            assert_close(value, &row[key], &format!("{name}: {key}"));
        }
        let parts = metrics::decompose_mse(&p, &t).unwrap();
        let expected = &row["decomposition"];
        assert_close(Some(parts.bias_squared), &expected["bias2"], name);
        assert_close(Some(parts.spread), &expected["spread"], name);
        assert_close(Some(parts.correlation), &expected["correlation"], name);
        assert_close(Some(parts.total()), &row["mse"], name);
    }
}

#[test]
fn aggregations_equal_the_reference() {
    let golden = &load("metrics")["aggregation"];
    let scores = floats(&golden["scores"]);
    for aggregation in Aggregation::ALL {
        let expected = &golden[aggregation.name()];
        assert_close(aggregation.aggregate(&scores), expected, aggregation.name());
    }
}

#[test]
fn paired_tests_equal_scipy_in_every_branch() {
    let golden = load("metrics");
    let (a, b) = (
        floats(&golden["paired"]["a"]),
        floats(&golden["paired"]["b"]),
    );
    let t = paired_t_test(&a, &b).unwrap();
    assert_close(Some(t.statistic), &golden["paired"]["ttest_t"], "t");
    assert_close(Some(t.p), &golden["paired"]["ttest_p"], "p of t");
    let wilcoxon = wilcoxon_signed_rank(&a, &b).unwrap();
    assert_close(
        Some(wilcoxon.p),
        &golden["paired"]["wilcoxon_p"],
        "p of Wilcoxon",
    );
    for case in list(&load("extra")["paired"]) {
        let name = case["name"].as_str().unwrap();
        let (a, b) = (floats(&case["a"]), floats(&case["b"]));
        let t = paired_t_test(&a, &b).unwrap();
        assert_close(Some(t.statistic), &case["t"], name);
        assert_close(Some(t.p), &case["t_p"], name);
        let wilcoxon = wilcoxon_signed_rank(&a, &b).unwrap();
        assert_close(Some(wilcoxon.statistic), &case["wilcoxon"], name);
        assert_close(Some(wilcoxon.p), &case["wilcoxon_p"], name);
    }
}

fn grouped(groups: &Value, midpoint: &Value) -> ResponsePairs {
    let mut pairs = ResponsePairs::new();
    for group in list(groups) {
        pairs.push_response(floats(&group[0]).into_iter().zip(floats(&group[1])));
    }
    pairs.with_midpoint(midpoint.as_f64())
}

#[test]
fn grouped_metrics_equal_scikit_learn_and_loops_over_pairs() {
    for case in list(&load("extra")["grouped"]) {
        let pairs = grouped(&case["groups"], &case["midpoint"]);
        let values = MetricValues::compute(&pairs);
        for metric in Metric::ALL {
            let what = format!("{}: {metric}", case["name"]);
            assert_close(values.get(metric), &case["metrics"][metric.name()], &what);
            assert_eq!(values.get(metric), metric.compute(&pairs), "{what}");
        }
    }
}

#[test]
fn metrics_of_counted_resamples_equal_those_of_resamples_written_out() {
    let golden = &load("extra")["bootstrap"];
    let pairs = grouped(&golden["groups"], &golden["midpoint"]);
    let weighted = WeightedMetrics::prepare(&pairs, &Metric::ALL);
    for resample in list(&golden["resamples"]) {
        let counts: Vec<u32> = serde_json::from_value(resample["counts"].clone()).unwrap();
        for (metric, value) in Metric::ALL.into_iter().zip(weighted.at(&counts)) {
            assert_close(value, &resample["metrics"][metric.name()], metric.name());
        }
    }
}

#[test]
fn intervals_equal_scipy_on_its_resamples() {
    for case in list(&load("extra")["bootstrap"]["intervals"]) {
        let option =
            |value: &Value| -> Vec<Option<f64>> { list(value).iter().map(Value::as_f64).collect() };
        let method = match case["method"].as_str().unwrap() {
            "percentile" => IntervalMethod::Percentile,
            _ => IntervalMethod::Bca,
        };
        let interval = Interval::from_resamples(
            case["estimate"].as_f64().unwrap(),
            &option(&case["replicates"]),
            &option(&case["jackknife"]),
            case["confidence"].as_f64().unwrap(),
            method,
        )
        .unwrap();
        let what = format!("{} {}", case["metric"], case["method"]);
        assert_close(Some(interval.low), &case["low"], &what);
        assert_close(Some(interval.high), &case["high"], &what);
    }
}

#[test]
fn calibration_equals_scikit_learn_and_numpy() {
    for case in list(&load("extra")["calibration"]) {
        let name = case["name"].as_str().unwrap();
        let (scores, ratings) = (floats(&case["scores"]), floats(&case["ratings"]));
        for (kind, key) in [
            (RecalibrationKind::Isotonic, "isotonic"),
            (RecalibrationKind::Linear, "linear"),
        ] {
            let fitted = Recalibration::fit(kind, &scores, &ratings).unwrap();
            for (probe, expected) in floats(&case["probes"]).iter().zip(list(&case[key])) {
                assert_close(
                    Some(fitted.apply(*probe)),
                    expected,
                    &format!("{name} {key} {probe}"),
                );
            }
        }
        let reliability = Reliability::compute(&scores, &ratings, 10).unwrap();
        assert_close(
            Some(reliability.expected_calibration_error),
            &case["ece"],
            name,
        );
        assert_close(Some(reliability.max_calibration_error), &case["mce"], name);
        assert_eq!(reliability.bins.len(), list(&case["bins"]).len());
        for (bin, expected) in reliability.bins.iter().zip(list(&case["bins"])) {
            assert_eq!(bin.count as u64, expected["count"].as_u64().unwrap());
            assert_close(Some(bin.mean_score), &expected["mean_score"], name);
            assert_close(Some(bin.mean_rating), &expected["mean_rating"], name);
        }
    }
}

fn examples(value: &Value) -> Vec<BaselineExample<'_>> {
    let segment = |segment: &'_ Value| -> Option<f64> { segment["rating"].as_f64() };
    list(value)
        .iter()
        .map(|example| BaselineExample {
            prompt: example["prompt"].as_str().unwrap(),
            response: example["response"].as_str().unwrap(),
            segments: list(&example["segments"])
                .iter()
                .map(|s| BaselineSegment {
                    text: s["text"].as_str().unwrap(),
                    rating: segment(s),
                })
                .collect(),
        })
        .collect()
}

#[test]
fn baselines_equal_scikit_learn_on_dense_matrices() {
    let golden = &load("extra")["baselines"];
    let (train, test) = (examples(&golden["train"]), examples(&golden["test"]));
    let fit = |baseline: Baseline| baseline.fit(&train).unwrap();
    let FittedBaseline::TrainMean(mean) = fit(Baseline::TrainMean) else {
        panic!()
    };
    assert_close(Some(mean.mean()), &golden["train_mean"], "train mean");
    let FittedBaseline::BagOfWords(words) = fit(Baseline::BagOfWords) else {
        panic!()
    };
    assert_close(Some(words.penalty()), &golden["penalty"], "penalty");
    for (baseline, key) in [
        (Baseline::PositionLength, "position_length"),
        (Baseline::BagOfWords, "bag_of_words"),
    ] {
        let scores = fit(baseline).scores("rating", &test).scores;
        assert_eq!(scores.len(), list(&golden[key]).len());
        for (found, expected) in scores.iter().zip(list(&golden[key])) {
            assert_eq!(found.len(), list(expected).len());
            for (found, expected) in found.iter().zip(list(expected)) {
                assert_close(Some(*found), expected, key);
            }
        }
    }
}
