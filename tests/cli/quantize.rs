//! Bundles in bytes: what they score, the gate before them, and who reads them.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Run, copy_of_bundle, gradus, json_of, names, temp_dir, trained, write};

const NOTE: &str = "computing in f32";

/// A copy of the bundle as `bundle`, and `small` made of it.
fn place(more: &[&str]) -> TempDir {
    let directory = temp_dir();
    copy_of_bundle(directory.path());
    quantize(directory.path(), more).succeeds();
    directory
}

fn quantize(directory: &Path, more: &[&str]) -> Run {
    let arguments = ["quantize", "bundle", "small", "--data", "test.jsonl"];
    gradus(directory, &[&arguments[..], more].concat())
}

fn scored(directory: &Path, bundle: &str, more: &[&str]) -> Run {
    gradus(
        directory,
        &[&["score", bundle, "test.jsonl"], more].concat(),
    )
}

#[test]
fn it_scores_as_int8_does_and_not_by_its_batch() {
    let directory = place(&["--embeddings", "f32"]);
    let path = directory.path();
    let expected = scored(path, "bundle", &["--precision", "int8"]);
    let is_rounded = !expected.stderr.contains(NOTE);
    let expected = expected.succeeds();
    if is_rounded {
        assert_eq!(scored(path, "small", &[]).succeeds(), expected);
        assert_ne!(scored(path, "bundle", &[]).succeeds(), expected);
    }
    let alone = scored(path, "small", &["--batch-tokens", "1"]).succeeds();
    assert_eq!(alone, scored(path, "small", &[]).succeeds());
    let in_f32 = scored(path, "small", &["--precision", "f32"]).succeeds();
    assert_eq!(in_f32 == alone, !is_rounded);
}

#[test]
fn it_is_smaller_and_tells_how_far_its_scores_moved() {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let report = json_of(quantize(path, &["--json"]));
    let [before, after] = [0, 1].map(|place| report["weights"][place].as_u64().unwrap());
    assert!(after * 2 < before, "{report}");
    let measured = &report["measured"];
    let (_, change) = measured["aspects"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    assert!(change["mean"].as_f64().unwrap() > 0.0, "{report}");
    assert!(change["max"].as_f64() >= change["mean"].as_f64());
    assert!(change["spearman"].as_f64().unwrap() > 0.9);
    let [low, high] = [0, 1].map(|end| change["mse_interval"][end].as_f64().unwrap());
    let [mse, rounded] = [0, 1].map(|place| change["mse"][place].as_f64().unwrap());
    assert!(low <= rounded - mse && rounded - mse <= high, "{report}");

    let inspected = json_of(gradus(path, &["inspect", "small", "--json"]));
    assert_eq!(inspected["quantization"]["measured"], *measured);
    let shown = gradus(path, &["inspect", "small"]).succeeds();
    assert!(
        shown.contains("layers in int8, embeddings in int8"),
        "{shown}"
    );
    // The MSE of `eval` is that of the gate.
    let eval = json_of(gradus(path, &["eval", "small", "test.jsonl", "--json"]));
    let found = &eval["aspects"][0]["segment"]["values"]["mse"];
    assert!((found.as_f64().unwrap() - rounded).abs() < 1e-9, "{eval}");
    let old = json_of(gradus(path, &["inspect", "bundle", "--json"]));
    assert_eq!(old.get("quantization"), None);
}

#[test]
fn scores_that_move_too_far_are_refused_and_nothing_is_written() {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let before = names(path);
    quantize(path, &["--limit", "0.000001"]).fails(
        2,
        &[
            "scores move by",
            "standard deviations",
            "nothing was written",
        ],
    );
    assert_eq!(names(path), before);
    quantize(path, &["--limit", "-1"]).fails(2, &["--limit: found -1"]);
    quantize(path, &["--limit", "nan"]).fails(2, &["--limit: found NaN"]);
    quantize(path, &["--embeddings", "f8"]).fails(2, &["expected int8, f16 or f32"]);
    write(
        path,
        "bare.jsonl",
        r#"{"prompt":"p","response":"One. Two."}"#,
    );
    gradus(
        path,
        &["quantize", "bundle", "small", "--data", "bare.jsonl"],
    )
    .fails(2, &["the data has no ratings"]);
    write(
        path,
        "other.jsonl",
        r#"{"prompt":"p","response":"One. Two.","segments":[{"start":0,"end":4,"rating":{"style":1}}]}"#,
    );
    gradus(
        path,
        &["quantize", "bundle", "small", "--data", "other.jsonl"],
    )
    .fails(
        2,
        &[
            "other.jsonl",
            "no segment and no response is rated on what is scored",
        ],
    );
    gradus(
        path,
        &[
            "quantize",
            "bundle",
            "bundle",
            "--data",
            "test.jsonl",
            "--overwrite",
        ],
    )
    .fails(2, &["found the bundle itself"]);
    assert!(!path.join("small").exists());
}

#[test]
fn thresholds_and_recalibration_are_taken_over_and_it_is_said() {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    gradus(path, &["calibrate", "bundle", "valid.jsonl"]).succeeds();
    gradus(
        path,
        &[
            "threshold",
            "bundle",
            "valid.jsonl",
            "--cost",
            "wrong:missed=1:1",
        ],
    )
    .succeeds();
    let run = quantize(path, &[]);
    let stderr = run.stderr.clone();
    run.succeeds();
    assert!(
        stderr.contains("the recalibration is taken over"),
        "{stderr}"
    );
    assert!(stderr.contains("segments change sides"), "{stderr}");
    let manifest = |bundle: &str| -> Value {
        let bytes = fs_err::read(path.join(bundle).join("manifest.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    assert_eq!(
        manifest("small")["thresholds"],
        manifest("bundle")["thresholds"]
    );
    // Both can be fitted anew, and the weights stay as they are.
    let weights = || manifest("small")["parts"]["model.safetensors"].clone();
    let before = weights();
    gradus(path, &["calibrate", "small", "valid.jsonl"]).succeeds();
    gradus(path, &["threshold", "small", "--remove"]).succeeds();
    assert_eq!(weights(), before);
    gradus(path, &["score", "small", "test.jsonl"]).succeeds();
}

#[test]
fn other_commands_read_it_or_refuse_it_by_name() {
    let directory = place(&[]);
    let path = directory.path();
    for arguments in [
        &["explain", "small", "test.jsonl"][..],
        &["compare", "bundle", "small", "test.jsonl"],
        &["audit", "small", "test.jsonl", "--prompts", "5"],
        &["eval", "small", "test.jsonl", "--precision", "bf16"],
        &[
            "bench",
            "--bundle",
            "small",
            "--mode",
            "score",
            "--length",
            "16",
            "--repetitions",
            "1",
            "--at-least",
            "0",
        ],
    ] {
        gradus(path, arguments).succeeds();
    }
    let run = gradus(path, &["export", "small", "exported"]);
    assert!(
        run.stderr.contains("rounded weights are exported"),
        "{}",
        run.stderr
    );
    run.succeeds();
    let [train, valid] = ["train.jsonl", "valid.jsonl"].map(|name| trained().join(name));
    let [train, valid] = [&train, &valid].map(|path| path.to_str().unwrap());
    let continued = [
        "train", "--from", "small", "--train", train, "--valid", valid, "-o", "next",
    ];
    gradus(path, &continued).fails(2, &["small", "found a quantized bundle", "to train it"]);
    gradus(
        path,
        &["quantize", "small", "smaller", "--data", "test.jsonl"],
    )
    .fails(2, &["small", "found a quantized bundle"]);
    gradus(path, &["bench", "--bundle", "small"]).fails(2, &["quantized bundle", "--mode score"]);
}
