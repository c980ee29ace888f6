//! Every figure against NumPy, SciPy and scikit-learn: `golden/metrics.json`, `golden/extra.json` and
//! `golden/process.json` (`golden/make_metrics.py`, `make_extra.py` and `make_process.py` make them).

#![allow(clippy::unwrap_used)] // A reference file that does not parse fails the test.

use gradus_eval::baselines::{Baseline, BaselineExample, BaselineSegment, FittedBaseline};
use gradus_eval::bootstrap::{Interval, IntervalMethod, WeightedMetrics};
use gradus_eval::calibration::{RecalibrationKind, Reliability, fit_recalibration};
use gradus_eval::compare::{paired_t_test, wilcoxon_signed_rank};
use gradus_eval::process::{
    BestOfN, Candidate, LowestIsLast, PrmBench, PrmBenchSample, ProcessBench, Solution, StepResult,
    choose_threshold,
};
use gradus_eval::{Aggregation, Metric, MetricValues, ResponsePairs, metrics};
use serde_json::Value;

fn load(name: &str) -> Value {
    let text = match name {
        "metrics" => include_str!("golden/metrics.json"),
        "process" => include_str!("golden/process.json"),
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
        for metric in Metric::all() {
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
    let weighted = WeightedMetrics::prepare(&pairs, &Metric::all());
    for resample in list(&golden["resamples"]) {
        let counts: Vec<u32> = serde_json::from_value(resample["counts"].clone()).unwrap();
        for (metric, value) in Metric::all().into_iter().zip(weighted.at(&counts)) {
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
            let fitted = fit_recalibration(kind, &scores, &ratings).unwrap();
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
                    start: 0,
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

fn solutions(value: &Value) -> Vec<Solution> {
    let solution = |value: &Value| Solution {
        subset: value["subset"].as_str().unwrap().to_owned(),
        scores: floats(&value["scores"]).into_iter().map(Some).collect(),
        first_wrong: serde_json::from_value(value["first_wrong"].clone()).unwrap(),
    };
    list(value).iter().map(solution).collect()
}

#[test]
fn processbench_equals_a_loop_over_thresholds_and_solutions() {
    let golden = &load("process")["processbench"];
    let choice = choose_threshold(&solutions(&golden["valid"]), "valid", 50).unwrap();
    assert_close(Some(choice.threshold), &golden["threshold"], "threshold");
    assert_close(Some(choice.score), &golden["valid_f1"], "F1 on valid");
    let result = ProcessBench::compute(&solutions(&golden["test"]), choice.threshold);
    assert_close(result.average_f1, &golden["average_f1"], "average");
    assert_eq!(result.subsets.len(), 3);
    for subset in &result.subsets {
        let expected = &golden["subsets"][&subset.subset];
        let (name, erroneous) = (&subset.subset, subset.accuracy_erroneous);
        assert_close(erroneous, &expected["accuracy_erroneous"], name);
        assert_close(subset.accuracy_correct, &expected["accuracy_correct"], name);
        assert_close(subset.f1, &expected["f1"], name);
    }
}

#[test]
fn prmbench_equals_scikit_learn() {
    let golden = &load("process")["prmbench"];
    let sample = |value: &Value| PrmBenchSample {
        category: value["category"].as_str().unwrap().to_owned(),
        scores: floats(&value["scores"]).into_iter().map(Some).collect(),
        wrong: serde_json::from_value(value["wrong"].clone()).unwrap(),
        redundancy: None,
    };
    let samples: Vec<PrmBenchSample> = list(&golden["samples"]).iter().map(sample).collect();
    let result = PrmBench::compute(&samples, 0.5);
    let check = |steps: &StepResult, expected: &Value, name: &str| {
        assert_close(steps.f1, &expected["f1"], name);
        assert_close(steps.negative_f1, &expected["negative_f1"], name);
        assert_close(steps.score, &expected["score"], name);
    };
    check(&result.overall, &golden["overall"], "overall");
    assert_eq!(result.categories.len(), 5);
    for category in &result.categories {
        let name = &category.category;
        check(&category.steps, &golden["categories"][name], name);
    }
    assert_eq!(result.dimensions.len(), 3);
    for dimension in &result.dimensions {
        let name = dimension.dimension.name();
        assert_close(dimension.score, &golden["dimensions"][name], name);
    }
}

#[test]
fn best_of_n_and_lowest_is_last_equal_numpy() {
    let golden = &load("process")["best_of_n"];
    let candidate = |value: &Value| Candidate {
        scores: floats(&value["scores"]),
        value: value["value"].as_f64().unwrap(),
        answer: None,
    };
    let group = |value: &Value| list(value).iter().map(candidate).collect();
    let groups: Vec<Vec<Candidate>> = list(&golden["groups"]).iter().map(group).collect();
    let result = BestOfN::compute(&groups);
    assert_close(result.random, &golden["random"], "random");
    assert_close(result.oracle, &golden["oracle"], "oracle");
    for by in &result.selected {
        let name = by.aggregation.name();
        assert_close(by.value, &golden["selected"][name], name);
    }

    let golden = &load("process")["lowest_is_last"];
    let responses: Vec<Vec<f64>> = list(&golden["responses"]).iter().map(floats).collect();
    let found = LowestIsLast::compute(responses.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(found.responses as u64, golden["count"].as_u64().unwrap());
    assert_close(Some(found.share), &golden["share"], "share");
    assert_close(Some(found.by_chance), &golden["by_chance"], "by chance");
}
