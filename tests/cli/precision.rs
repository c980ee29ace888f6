//! Scoring and training in reduced precision.

use serde_json::Value;

use crate::support::{Run, gradus, json_of, temp_dir, trained, write};

const NOTE: &str = "computing in f32";

fn score(more: &[&str]) -> Run {
    gradus(
        trained(),
        &[&["score", "bundle", "test.jsonl"], more].concat(),
    )
}

fn scores(run: Run) -> Vec<f64> {
    let records = run.succeeds();
    let records = records
        .lines()
        .map(|line| -> Value { serde_json::from_str(line).unwrap() });
    let of_record = |record: Value| -> Vec<f64> {
        let segments = record["segments"].as_array().unwrap();
        segments
            .iter()
            .filter_map(|segment| segment["score"].as_f64())
            .collect()
    };
    records.flat_map(of_record).collect()
}

#[test]
fn a_format_that_the_device_lacks_is_computed_in_f32_and_said() {
    let run = score(&["--precision", "f16", "--device", "cpu"]);
    assert!(
        run.stderr.contains("no products in f16: computing in f32"),
        "{}",
        run.stderr
    );
    assert_eq!(scores(run), scores(score(&["--device", "cpu"])));
}

#[test]
fn scores_are_close_and_do_not_depend_on_their_batch() {
    let exact = scores(score(&[]));
    for (precision, most) in [("bf16", 0.02), ("int8", 0.1)] {
        let run = score(&["--precision", precision]);
        let computed = !run.stderr.contains(NOTE);
        let found = scores(run);
        assert_eq!(found.len(), exact.len());
        let differences = found.iter().zip(&exact).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f64::max);
        assert!(largest < most, "{precision}: {largest}");
        assert_eq!(largest > 0.0, computed, "{precision}");
        let alone = scores(score(&["--precision", precision, "--batch-tokens", "1"]));
        assert_eq!(alone, found, "{precision}");
    }
    assert_eq!(scores(score(&["--precision", "f32"])), exact);
}

#[test]
fn eval_and_bench_take_a_precision() {
    let eval = |precision: &str| {
        let arguments = [
            "eval",
            "bundle",
            "test.jsonl",
            "--json",
            "--precision",
            precision,
        ];
        json_of(gradus(trained(), &arguments))
    };
    let (exact, found) = (eval("f32"), eval("bf16"));
    let mse = |report: &Value| {
        report["aspects"][0]["segment"]["values"]["mse"]
            .as_f64()
            .unwrap()
    };
    assert!((mse(&exact) - mse(&found)).abs() < 0.01);
    let quick = [
        "bench",
        "--bundle",
        "bundle",
        "--repetitions",
        "1",
        "--at-least",
        "0",
        "--json",
    ];
    let bench = |more: &[&str]| gradus(trained(), &[&quick[..], more].concat());
    let run = bench(&["--mode", "score", "--length", "16", "--precision", "bf16"]);
    let expected = if run.stderr.contains(NOTE) {
        "f32"
    } else {
        "bf16"
    };
    assert_eq!(json_of(run)["precision"], expected);
    let quick = ["--mode", "train", "--length", "16", "--precision", "bf16"];
    assert_eq!(json_of(bench(&quick))["precision"], expected);
    bench(&["--precision", "int8"]).fails(2, &["found int8 for training", "--mode score"]);
}

#[test]
fn a_run_goes_on_in_its_own_precision_only() {
    let directory = temp_dir();
    let path = directory.path();
    let bundle = trained().join("bundle");
    let bundle = bundle.to_str().unwrap();
    write(
        path,
        "data.jsonl",
        r#"{"prompt":"p","response":"One. Two."}"#,
    );
    let run = |more: &[&str]| {
        gradus(
            path,
            &[&["score", bundle, "data.jsonl", "-o", "out/"], more].concat(),
        )
    };
    run(&["--precision", "bf16"]).succeeds();
    run(&["--resume"]).fails(2, &["--precision bf16"]);
    run(&["--precision", "half"]).fails(2, &["half", "expected f32, bf16, f16 or int8"]);
}
