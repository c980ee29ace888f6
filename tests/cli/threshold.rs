//! The threshold of doubtful segments: chosen, stored, used by `score` and `eval`, removed.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{copy_of_bundle, gradus, json_of, names, temp_dir, trained, write};

/// A copy of the bundle, and records whose ratings `rated` makes of the bundle's scores.
pub(crate) fn place(rated: impl Fn(f64) -> Value) -> TempDir {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let all = trained().join("all.jsonl");
    let scored = gradus(path, &["score", "bundle", all.to_str().unwrap()]).succeeds();
    let lines: Vec<String> = scored
        .lines()
        .map(|line| {
            let mut record: Value = serde_json::from_str(line).unwrap();
            for segment in record["segments"].as_array_mut().unwrap() {
                segment["rating"] = rated(segment["score"].as_f64().unwrap());
            }
            record.to_string()
        })
        .collect();
    write(path, "rated.jsonl", lines.join("\n"));
    directory
}

/// Scores and flags of all segments.
fn flags(directory: &Path, more: &[&str]) -> Vec<(f64, Value)> {
    let arguments = [&["score", "bundle", "rated.jsonl"], more].concat();
    let out = gradus(directory, &arguments).succeeds();
    out.lines()
        .flat_map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            let segments = record["segments"].as_array().unwrap().clone();
            segments.into_iter().map(|segment| {
                let flag = segment.get("flag").cloned().unwrap_or_default();
                (segment["score"].as_f64().unwrap(), flag)
            })
        })
        .collect()
}

fn middle(mut scores: Vec<f64>) -> f64 {
    scores.sort_by(f64::total_cmp);
    scores[scores.len() / 2]
}

#[test]
fn a_threshold_is_chosen_stored_used_and_removed() {
    let directory = place(|score| json!(score));
    let path = directory.path();
    let manifest = || fs_err::read(path.join("bundle/manifest.json")).unwrap();
    let before = manifest();
    let unflagged = flags(path, &[]);
    assert!(unflagged.iter().all(|(_, flag)| flag.is_null()));
    let midpoint = middle(unflagged.iter().map(|(score, _)| *score).collect()).to_string();

    let arguments = [
        "threshold",
        "bundle",
        "rated.jsonl",
        "--recall",
        "0.8",
        "--midpoint",
        &midpoint,
    ];
    let dry = json_of(gradus(
        path,
        &[&arguments[..], &["--json", "--dry-run"]].concat(),
    ));
    assert_eq!(manifest(), before, "a dry run stores nothing");
    let found = json_of(gradus(path, &[&arguments[..], &["--json"]].concat()));
    assert_eq!(dry, found);
    let threshold = found[0]["threshold"].as_f64().unwrap();
    // Scores tell low and high apart without a mistake.
    assert_eq!(found[0]["figures"]["precision"], 1.0);
    assert!(found[0]["bound"].as_f64().unwrap() >= 0.8, "{found}");
    assert!(found[0]["held_out"]["figures"]["recall"].as_f64() >= Some(0.75));
    let curve = found[0]["curve"].as_array().unwrap();
    assert!(curve.len() > 10);
    assert_eq!(
        curve.iter().filter(|point| point["chosen"] == true).count(),
        1
    );

    let flagged = flags(path, &[]);
    for (score, flag) in &flagged {
        let expected = if *score <= threshold {
            json!("doubtful")
        } else {
            Value::Null
        };
        assert_eq!(*flag, expected, "{score} beside {threshold}");
    }
    // An isotonic map makes scores equal; flags stay those of the scores before it.
    gradus(path, &["calibrate", "bundle", "test.jsonl"]).succeeds();
    let only_flags = |scored: Vec<(f64, Value)>| -> Vec<Value> {
        scored.into_iter().map(|(_, flag)| flag).collect()
    };
    let expected = only_flags(flagged);
    assert_eq!(only_flags(flags(path, &[])), expected);
    assert_eq!(only_flags(flags(path, &["--raw"])), expected);

    let eval = ["eval", "bundle", "rated.jsonl", "--midpoint", &midpoint];
    let evaluated = json_of(gradus(path, &[&eval[..], &["--json"]].concat()));
    let doubtful = &evaluated["aspects"][0]["doubtful"];
    assert_eq!(doubtful["figures"]["counts"], found[0]["figures"]["counts"]);
    assert_eq!(doubtful["wish"], json!({"recall": 0.8}));
    let run = gradus(path, &eval);
    let warned = "the threshold of doubtful segments (rating) was chosen on 120 of 120";
    assert!(run.stderr.contains(warned), "{}", run.stderr);
    let table = run.succeeds();
    let page = gradus(path, &[&eval[..], &["--markdown", "-"]].concat()).succeeds();
    gradus(path, &[&eval[..], &["--html", "page.html"]].concat()).succeeds();
    let html = fs_err::read_to_string(path.join("page.html")).unwrap();
    for text in [table, page, html] {
        for part in [
            "doubtful, ",
            "low, at most",
            "rare",
            "positive",
            "recall of at least 0.8",
        ] {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
    }

    gradus(path, &["calibrate", "bundle", "--remove"]).succeeds();
    gradus(path, &["threshold", "bundle", "--remove"]).succeeds();
    assert_eq!(manifest(), before);
    assert_eq!(flags(path, &[]), unflagged);
    gradus(path, &["threshold", "bundle", "--remove"]).fails(2, &["found no threshold"]);
    for format in ["--json", "--markdown"] {
        gradus(path, &["threshold", "bundle", "--remove", format])
            .fails(2, &["cannot be used with", format]);
    }
    assert!(names(path).iter().all(|name| !name.starts_with('.')));
}

#[test]
fn tables_and_markdown_say_what_was_chosen() {
    let directory = place(|score| json!(score));
    let path = directory.path();
    let arguments = [
        "threshold",
        "bundle",
        "rated.jsonl",
        "--cost",
        "wrong:missed=2:1",
    ];
    let table = gradus(path, &arguments).succeeds();
    for part in [
        "least cost at wrong:missed=2:1",
        "(chosen)",
        "cost per segment",
        "held-out",
    ] {
        assert!(table.contains(part), "no `{part}` in {table}");
    }
    let page = gradus(path, &[&arguments[..], &["--markdown"]].concat()).succeeds();
    assert!(
        page.starts_with("## rating\n\n- segments with a score"),
        "{page}"
    );
    assert!(
        page.contains("| score at most |") || page.contains("| score at most "),
        "{page}"
    );
    let shown = gradus(path, &["inspect", "bundle"]).succeeds();
    assert!(shown.contains("least cost at wrong:missed=2:1"), "{shown}");
}

#[test]
fn what_no_threshold_reaches_and_what_is_no_wish_are_refused_and_nothing_is_stored() {
    // Ratings that have nothing to do with the score.
    let directory = place(|score| json!(u8::from((score * 1e5).fract() < 0.5)));
    let path = directory.path();
    let manifest = || fs_err::read(path.join("bundle/manifest.json")).unwrap();
    let before = manifest();
    let threshold = |more: &[&str]| {
        gradus(
            path,
            &[&["threshold", "bundle", "rated.jsonl"], more].concat(),
        )
    };
    threshold(&["--precision", "0.9"]).fails(
        2,
        &[
            "no threshold is sure to have a precision of 0.9",
            "midpoint 0.5",
            "left as it was",
        ],
    );
    for (more, parts) in [
        (&[][..], &["--precision", "required"][..]),
        (
            &["--precision", "0.8", "--recall", "0.8"],
            &["cannot be used with"],
        ),
        (&["--precision", "1.5"], &["--precision: found 1.5"]),
        (&["--recall", "-1"], &["--recall: found -1"]),
        (
            &["--cost", "5:1"],
            &["'--cost", "found `5:1`", "wrong:missed=5:1"],
        ),
        (
            &["--recall", "0.5", "--aspects", "tone"],
            &["tone", "rating"],
        ),
        (
            &["--recall", "0.5", "--midpoint", "9"],
            &["everything is low", "--midpoint"],
        ),
        (&["--recall", "0.5", "--confidence", "1"], &["--confidence"]),
    ] {
        threshold(more).fails(2, parts);
    }
    gradus(
        path,
        &["threshold", "nothing", "rated.jsonl", "--recall", "0.5"],
    )
    .fails(2, &["nothing"]);
    assert_eq!(manifest(), before);
}

#[test]
fn the_model_card_says_what_was_measured_and_what_changed() {
    let directory = place(|score| json!(score));
    let path = directory.path();
    let card = || fs_err::read_to_string(path.join("bundle/README.md")).unwrap();
    let trained = card();
    let manifest = fs_err::read_to_string(path.join("bundle/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    for split in ["train", "valid"] {
        let digest = manifest["training"]["data"][split]["sha256"].as_str();
        assert!(
            trained.contains(digest.unwrap()),
            "no digest of {split} in {trained}"
        );
    }
    for part in [
        "## Limits",
        "Do not use it alone to decide about people",
        "library_name: gradus",
        "SHA-256 of their texts",
        "loss: mse",
        "--card",
    ] {
        assert!(trained.contains(part), "no `{part}` in {trained}");
    }
    gradus(
        path,
        &[
            "eval",
            "bundle",
            "rated.jsonl",
            "--resamples",
            "50",
            "--card",
        ],
    )
    .succeeds();
    let measured = card();
    for part in [
        "On `rated.jsonl` (120 records",
        "of scores without recalibration:",
        "| **model**",
        "train mean",
        "low, at most",
    ] {
        assert!(measured.contains(part), "no `{part}` in {measured}");
    }
    gradus(path, &["calibrate", "bundle", "rated.jsonl"]).succeeds();
    let threshold = [
        "threshold",
        "bundle",
        "rated.jsonl",
        "--cost",
        "wrong:missed=1:1",
    ];
    gradus(path, &threshold).succeeds();
    let changed = card();
    for part in [
        "isotonic recalibration",
        "is doubtful, for a least cost",
        "On `rated.jsonl`",
        "of scores without recalibration:",
    ] {
        assert!(changed.contains(part), "no `{part}` in {changed}");
    }
    gradus(path, &["threshold", "bundle", "--remove"]).succeeds();
    gradus(path, &["calibrate", "bundle", "--remove"]).succeeds();
    assert_eq!(card(), measured);
    gradus(path, &["calibrate", "bundle", "rated.jsonl"]).succeeds();
    let eval = ["eval", "bundle", "rated.jsonl"];
    for (more, part) in [
        (&["--card"][..], "of recalibrated scores:"),
        (
            &["--card", "--precision", "int8"],
            "of recalibrated scores in int8:",
        ),
        (
            &["--card", "--raw", "--resamples", "50"],
            "of scores without recalibration:",
        ),
    ] {
        let all = [&eval[..], more].concat();
        gradus(path, &all).succeeds();
        assert!(card().contains(part), "no `{part}` in {}", card());
    }
    // Somebody's own words stay.
    write(&path.join("bundle"), "README.md", "My model.");
    let run = gradus(path, &["calibrate", "bundle", "rated.jsonl"]);
    assert!(
        run.stderr.contains("README.md: left as it is"),
        "{}",
        run.stderr
    );
    run.succeeds();
    assert_eq!(card(), "My model.");
    let scores = ["eval", "--scores", "rated.jsonl", "rated.jsonl", "--card"];
    gradus(path, &scores).fails(2, &["--card", "--scores"]);
}
