//! Prediction intervals: learned, stored, given by `score`, judged by `eval`, withheld and removed.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{copy_of_bundle, gradus, json_of, temp_dir, trained, write};

/// Distances of ratings from scores, in the order of the segments.
const DISTANCES: [f64; 5] = [0.05, -0.1, 0.2, -0.3, 0.4];

/// A copy of the bundle, and 120 records that it was not trained on, whose ratings lie at known distances from its scores.
fn rated() -> TempDir {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let generate = [
        "data",
        "generate",
        "--examples",
        "120",
        "--seed",
        "5",
        "-o",
        "new.jsonl",
    ];
    gradus(path, &generate).succeeds();
    let scored = gradus(path, &["score", "bundle", "new.jsonl"]).succeeds();
    let mut distances = DISTANCES.into_iter().cycle();
    let lines: Vec<String> = scored
        .lines()
        .map(|line| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            for segment in record["segments"].as_array_mut().unwrap() {
                let score = segment["score"].as_f64().unwrap();
                segment["rating"] = json!(score + distances.next().unwrap());
            }
            record.to_string()
        })
        .collect();
    write(path, "rated.jsonl", lines.join("\n"));
    directory
}

/// Score and ends of all segments.
fn ends(lines: &str) -> Vec<[Value; 3]> {
    let records = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    records
        .flat_map(|record: Value| record["segments"].as_array().unwrap().clone())
        .map(|segment| ["score", "low", "high"].map(|key| segment[key].clone()))
        .collect()
}

fn score(path: &Path, more: &[&str]) -> (Vec<[Value; 3]>, String) {
    let run = gradus(path, &[&["score", "bundle", "rated.jsonl"], more].concat());
    let told = run.stderr.clone();
    (ends(&run.succeeds()), told)
}

fn assert_ends(found: &[[Value; 3]], half_width: f64) {
    assert!(found.len() > 100);
    for segment in found {
        let [score, low, high] = segment.each_ref().map(|value| value.as_f64().unwrap());
        assert!((low - (score - half_width)).abs() < 1e-6, "{segment:?}");
        assert!((high - (score + half_width)).abs() < 1e-6, "{segment:?}");
    }
}

fn assert_no_ends(found: &[[Value; 3]]) {
    assert!(
        found
            .iter()
            .all(|[_, low, high]| low.is_null() && high.is_null())
    );
}

#[test]
fn an_interval_is_learned_stored_given_judged_and_removed() {
    let directory = rated();
    let path = directory.path();
    let manifest = || fs_err::read(path.join("bundle/manifest.json")).unwrap();
    let before = manifest();
    assert_no_ends(&score(path, &[]).0);

    let learn = ["interval", "bundle", "rated.jsonl", "--json"];
    let dry = json_of(gradus(path, &[&learn[..], &["--dry-run"]].concat()));
    assert_eq!(manifest(), before, "a dry run stores nothing");
    let found = json_of(gradus(path, &learn));
    assert_eq!(dry, found);
    // Each distance has a fifth of the segments, so that nine tenths reach into the largest.
    let half_width = found[0]["half_width"].as_f64().unwrap();
    assert!((half_width - 0.4).abs() < 1e-6, "{found}");
    assert_eq!(found[0]["coverage"], 0.9);
    assert_eq!(found[0]["responses"], 120);
    let narrow = [
        "interval",
        "bundle",
        "rated.jsonl",
        "--coverage",
        "0.5",
        "--dry-run",
        "--json",
    ];
    let narrow = json_of(gradus(path, &narrow));
    assert!(
        (narrow[0]["half_width"].as_f64().unwrap() - 0.2).abs() < 1e-6,
        "{narrow}"
    );

    let (scored, told) = score(path, &[]);
    assert_ends(&scored, half_width);
    assert!(!told.contains("no prediction intervals"), "{told}");
    gradus(
        path,
        &["score", "bundle", "rated.jsonl", "-o", "scored.parquet"],
    )
    .succeeds();
    let converted = ["data", "convert", "scored.parquet", "-"];
    assert_eq!(ends(&gradus(path, &converted).succeeds()), scored);

    let eval = ["eval", "bundle", "rated.jsonl"];
    let evaluated = json_of(gradus(path, &[&eval[..], &["--json"]].concat()));
    let judged = &evaluated["aspects"][0]["prediction_interval"];
    assert_eq!(judged["promised"], 0.9);
    let covered = judged["covered"].as_f64().unwrap();
    assert!((0.9..=1.0).contains(&covered), "{judged}");
    assert!((judged["mean_width"].as_f64().unwrap() - 0.8).abs() < 1e-6);
    assert!(judged["covered_interval"]["low"].as_f64() <= Some(covered));
    let run = gradus(path, &eval);
    let warned = "the prediction interval (rating) was learned on 120 of 120";
    assert!(run.stderr.contains(warned), "{}", run.stderr);
    let table = run.succeeds();
    let page = gradus(path, &[&eval[..], &["--markdown", "-"]].concat()).succeeds();
    for text in [table, page] {
        assert!(
            text.contains("prediction interval, score ± 0.4000"),
            "{text}"
        );
    }
    gradus(path, &[&eval[..], &["--html", "page.html"]].concat()).succeeds();
    let html = fs_err::read_to_string(path.join("page.html")).unwrap();
    assert!(html.contains("Prediction intervals, score ± 0.4"));
    let inspected = gradus(path, &["inspect", "bundle"]).succeeds();
    assert!(
        inspected.contains("rating: score ± 0.4 holds 90 % of ratings"),
        "{inspected}"
    );
    let card = fs_err::read_to_string(path.join("bundle/README.md")).unwrap();
    assert!(card.contains("90 % of ratings lie at most 0.4"), "{card}");

    // What an earlier scoring left goes when the bundle has no interval.
    gradus(
        path,
        &["score", "bundle", "rated.jsonl", "-o", "scored.jsonl"],
    )
    .succeeds();
    gradus(path, &["interval", "bundle", "--remove"]).succeeds();
    assert_eq!(manifest(), before);
    assert_no_ends(&ends(
        &gradus(path, &["score", "bundle", "scored.jsonl"]).succeeds(),
    ));
    gradus(path, &["interval", "bundle", "--remove"])
        .fails(2, &["found no prediction interval to remove"]);
}

#[test]
fn an_interval_is_withheld_from_scores_that_come_about_otherwise_and_this_is_said() {
    let directory = rated();
    let path = directory.path();
    gradus(path, &["interval", "bundle", "rated.jsonl"]).succeeds();
    for (options, differs) in [
        (["--precision", "int8"], "(differs: precision)"),
        (["--stride", "8"], "(differs: stride)"),
        (["--cut-segments", "score"], "(differs: cut-segments)"),
    ] {
        let (scored, told) = score(path, &options);
        assert_no_ends(&scored);
        assert!(told.contains(differs), "{told}");
        let eval = [&["eval", "bundle", "rated.jsonl", "--json"], &options[..]].concat();
        let run = gradus(path, &eval);
        assert!(run.stderr.contains(differs), "{}", run.stderr);
        let judged = json_of(run)["aspects"][0]["prediction_interval"].clone();
        assert!(judged.is_null(), "{judged}");
        // Learned for such scores, it holds for them, and for no others.
        let learn = [&["interval", "bundle", "rated.jsonl"], &options[..]].concat();
        gradus(path, &learn).succeeds();
        let (scored, told) = score(path, &options);
        assert!(scored.iter().any(|[_, low, _]| low.is_number()), "{told}");
        assert_no_ends(&score(path, &[]).0);
        gradus(path, &["interval", "bundle", "rated.jsonl"]).succeeds();
    }
    // Nothing is recalibrated, so that --raw changes nothing.
    assert_ends(&score(path, &["--raw"]).0, 0.4);
}

#[test]
fn a_recalibration_removes_the_interval_and_one_learned_on_its_records_holds_them_out() {
    let directory = rated();
    let path = directory.path();
    let learn = ["interval", "bundle", "rated.jsonl", "--json"];
    gradus(path, &learn).succeeds();
    let run = gradus(
        path,
        &["calibrate", "bundle", "rated.jsonl", "--kind", "linear"],
    );
    assert!(
        run.stderr.contains("prediction intervals removed (rating)"),
        "{}",
        run.stderr
    );
    run.succeeds();
    assert_no_ends(&score(path, &[]).0);

    let found = json_of(gradus(path, &learn));
    assert_eq!(found[0]["map_held_out"], true);
    assert_eq!(found[0]["scored_with"]["recalibrated"], true);
    let half_width = found[0]["half_width"].as_f64().unwrap();
    assert_ends(&score(path, &[]).0, half_width);
    let (scored, told) = score(path, &["--raw"]);
    assert_no_ends(&scored);
    assert!(told.contains("(differs: recalibration)"), "{told}");

    // Some of the records of the map, and others.
    let lines = fs_err::read_to_string(path.join("rated.jsonl")).unwrap();
    let some: Vec<&str> = lines.lines().take(60).collect();
    write(path, "some.jsonl", some.join("\n"));
    gradus(path, &["interval", "bundle", "some.jsonl"]).fails(
        2,
        &["was fitted to some of its records and to others", "--raw"],
    );
    gradus(path, &["interval", "bundle", "some.jsonl", "--raw"]).succeeds();

    gradus(path, &learn).succeeds();
    let run = gradus(path, &["calibrate", "bundle", "--remove"]);
    assert!(
        run.stderr.contains("prediction intervals removed"),
        "{}",
        run.stderr
    );
    assert_no_ends(&score(path, &[]).0);
}

#[test]
fn data_that_cannot_teach_an_interval_is_refused_and_the_bundle_stays() {
    let directory = rated();
    let path = directory.path();
    let manifest = || fs_err::read(path.join("bundle/manifest.json")).unwrap();
    let before = manifest();
    for share in ["0", "1", "-0.5", "nan"] {
        gradus(
            path,
            &["interval", "bundle", "rated.jsonl", "--coverage", share],
        )
        .fails(2, &["--coverage: found", "above 0 and below 1"]);
    }
    let lines = fs_err::read_to_string(path.join("rated.jsonl")).unwrap();
    let few: Vec<&str> = lines.lines().take(8).collect();
    write(path, "few.jsonl", few.join("\n"));
    gradus(path, &["interval", "bundle", "few.jsonl"])
        .fails(2, &["found 8 responses", "expected at least 9"]);
    let train = trained().join("train.jsonl");
    gradus(path, &["interval", "bundle", train.to_str().unwrap()])
        .fails(2, &["were in the training data of the bundle"]);
    assert_eq!(manifest(), before);
    let other = temp_dir();
    copy_of_bundle(other.path());
    gradus(other.path(), &["interval", "bundle"]).fails(2, &["<VALID>"]);
}

#[test]
fn a_quantized_bundle_has_no_interval_of_before() {
    let directory = rated();
    let path = directory.path();
    gradus(path, &["interval", "bundle", "rated.jsonl"]).succeeds();
    let quantize = [
        "quantize",
        "bundle",
        "small",
        "--data",
        "rated.jsonl",
        "--limit",
        "9",
    ];
    let run = gradus(path, &quantize);
    assert!(
        run.stderr
            .contains("the prediction intervals are not taken over"),
        "{}",
        run.stderr
    );
    run.succeeds();
    assert_no_ends(&ends(
        &gradus(path, &["score", "small", "rated.jsonl"]).succeeds(),
    ));
}
