//! `stack`: a bundle and a trivial baseline in one score.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{copy_of_bundle, gradus, json_of, temp_dir, trained};

fn split(name: &str) -> String {
    trained().join(name).to_str().unwrap().to_owned()
}

/// The mean squared error of the only aspect.
fn mse(path: &Path, bundle: &str, data: &str) -> f64 {
    let report = json_of(gradus(
        path,
        &["eval", bundle, data, "--json", "--resamples", "0"],
    ));
    report["aspects"][0]["segment"]["values"]["mse"]
        .as_f64()
        .unwrap()
}

#[test]
fn the_weighted_sum_is_better_on_the_data_of_the_fit_by_what_is_printed() {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let valid = split("valid.jsonl");
    let stack = ["stack", "bundle", "-o", "stacked", "--valid", &valid];
    let report = json_of(gradus(path, &[&stack[..], &["--json"]].concat()));
    let [one] = report.as_array().unwrap().as_slice() else {
        panic!("{report}")
    };
    let number = |key: &str| one[key].as_f64().unwrap();
    assert!(number("model") >= 0.0 && number("weight") > 0.0, "{one}");
    assert!(number("model") + number("weight") <= 1.0 + 1e-9, "{one}");
    assert!(number("mse_after") < number("mse_before"), "{one}");
    assert!((mse(path, "bundle", &valid) - number("mse_before")).abs() < 1e-9);
    let after = mse(path, "stacked", &valid);
    assert!((after - number("mse_after")).abs() < 1e-6, "{after}, {one}");
    let inspected = gradus(path, &["inspect", "stacked"]).succeeds();
    assert!(inspected.contains("added after training"), "{inspected}");
    // The table, and what is refused.
    let table = gradus(path, &[&stack[..], &["--overwrite"]].concat()).succeeds();
    assert!(table.contains("stacked") && table.contains("0."), "{table}");
    gradus(path, &stack).fails(2, &["stacked", "already exists"]);
    gradus(
        path,
        &["stack", "stacked", "-o", "twice", "--valid", &valid],
    )
    .fails(2, &["offset", "a baseline is added once"]);
    gradus(
        path,
        &[
            "stack",
            "bundle",
            "-o",
            "bundle",
            "--valid",
            &valid,
            "--overwrite",
        ],
    )
    .fails(2, &["the bundle itself, expected another directory"]);
    let train = split("train.jsonl");
    gradus(path, &["stack", "bundle", "-o", "seen", "--valid", &train])
        .fails(2, &["records were in the training data"]);
    assert!(!path.join("seen").exists() && !path.join("twice").exists());
    gradus(path, &["score", "stacked", &valid, "--offset", "drop"])
        .fails(2, &["--offset drop", "after training"]);
    gradus(
        path,
        &[
            "score",
            "stacked",
            &valid,
            "--offset",
            "keep",
            "-o",
            "kept.jsonl",
        ],
    )
    .succeeds();
}

#[test]
fn a_manifest_that_denies_the_baseline_is_refused() {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let valid = split("valid.jsonl");
    gradus(
        path,
        &["stack", "bundle", "-o", "stacked", "--valid", &valid],
    )
    .succeeds();
    let file = path.join("stacked/manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
    assert_eq!(manifest["stacked"], json!(true));
    manifest["stacked"] = json!(false);
    fs_err::write(&file, manifest.to_string()).unwrap();
    gradus(path, &["score", "stacked", &valid]).fails(2, &["stacked", "offset.json"]);
}
