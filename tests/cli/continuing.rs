//! `train --from`: a bundle goes on with new ratings; `train --dry-run`: the plan alone.

use std::path::Path;

use crate::support::{Run, gradus, json_of, names, trained, write};
use crate::threshold::place;

/// A directory with a copy of the bundle of [`trained`], data that it has not seen, and `rated.jsonl`, which it scores
/// as rated.
fn prepared() -> tempfile::TempDir {
    let directory = place(|score| serde_json::json!(score));
    let path = directory.path();
    let generate = [
        "data",
        "generate",
        "--examples",
        "60",
        "--seed",
        "9",
        "-o",
        "new.jsonl",
    ];
    gradus(path, &generate).succeeds();
    gradus(path, &["data", "split", "new.jsonl", "-o", "new"]).succeeds();
    directory
}

fn train(path: &Path, more: &[&str]) -> Run {
    let first = [
        "train",
        "--train",
        "new/train.jsonl",
        "--valid",
        "new/valid.jsonl",
        "--epochs",
        "1",
    ];
    gradus(path, &[&first[..], more].concat())
}

#[test]
fn a_bundle_goes_on_and_its_old_test_data_is_judged_before_and_after() {
    let directory = prepared();
    let path = directory.path();
    let run = train(
        path,
        &[
            "--from",
            "bundle",
            "--output",
            "next",
            "--old-test",
            "test.jsonl",
            "--json",
        ],
    );
    for part in [
        "continuing bundle",
        "learning rates 2e-4 (encoder) and 2e-4 (head)",
        "before and after",
    ] {
        assert!(
            run.stderr.contains(part),
            "missing `{part}` in:\n{}",
            run.stderr
        );
    }
    let report = json_of(run);
    let comparison = &report["old_test"][0];
    assert_eq!(comparison["coverage"][0]["name"], "before");
    assert_eq!(comparison["coverage"][1]["name"], "after");
    let difference = &comparison["comparisons"][0]["difference"];
    assert!(
        difference["low"].is_number() && difference["high"].is_number(),
        "{difference}"
    );
    let run_toml = fs_err::read_to_string(path.join("next/run.toml")).unwrap();
    for part in [
        "from = \"bundle\"",
        "from_weights = ",
        "old_test = \"test.jsonl\"",
    ] {
        assert!(run_toml.contains(part), "{run_toml}");
    }
    let card = fs_err::read_to_string(path.join("next/README.md")).unwrap();
    assert!(
        card.contains("continued from the bundle `bundle`"),
        "{card}"
    );

    // What the old bundle was trained on, the new one was trained on, too.
    let old = trained().join("train.jsonl");
    let seen = gradus(path, &["eval", "next", old.to_str().unwrap()]);
    assert!(
        seen.stderr.contains("were in the training data"),
        "{}",
        seen.stderr
    );
    let seen = gradus(path, &["eval", "next", "new/train.jsonl"]);
    assert!(
        seen.stderr.contains("trained on these texts"),
        "{}",
        seen.stderr
    );

    // The file of the run is a run of its own: the same bundle, and the same weights.
    gradus(
        path,
        &["train", "--config", "next/run.toml", "--output", "again"],
    )
    .succeeds();
    let weights = |name: &str| fs_err::read(path.join(name).join("model.safetensors")).unwrap();
    assert!(weights("next") == weights("again"));
    assert!(weights("next") != weights("bundle"));
}

#[test]
fn old_test_data_that_was_trained_on_is_told_before_the_first_step() {
    let directory = prepared();
    let path = directory.path();
    // Of the old training data, of the new, and of neither.
    let lines = |path: &Path, count: usize| -> Vec<String> {
        let text = fs_err::read_to_string(path).unwrap();
        let without_id = |line| {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            record.as_object_mut().unwrap().remove("id");
            record.to_string()
        };
        text.lines().take(count).map(without_id).collect()
    };
    let mut mixed = lines(&trained().join("train.jsonl"), 3);
    mixed.extend(lines(&path.join("new/train.jsonl"), 2));
    mixed.extend(lines(&path.join("new/test.jsonl"), 4));
    write(path, "mixed.jsonl", mixed.join("\n"));
    let old = "--old-test mixed.jsonl: the bundle bundle was trained on 3 of 9 records";
    let new = "--old-test mixed.jsonl: the new training data has 2 of 9 records";
    for more in [&["--dry-run"][..], &[], &["--data-in", "disk"]] {
        let arguments = [
            "--from",
            "bundle",
            "--output",
            "next",
            "--old-test",
            "mixed.jsonl",
            "--overwrite",
        ];
        let run = train(path, &[&arguments[..], more].concat());
        let place = |part: &str| {
            let found = run.stderr.find(part);
            found.unwrap_or_else(|| panic!("missing `{part}` in:\n{}", run.stderr))
        };
        let plan = place("lowest");
        assert!(place(old) < plan && place(new) < plan, "{}", run.stderr);
        run.succeeds();
    }
}

#[test]
fn what_was_fitted_to_the_scores_of_before_stays_behind() {
    let directory = prepared();
    let path = directory.path();
    gradus(path, &["calibrate", "bundle", "rated.jsonl"]).succeeds();
    let wish = ["--cost", "wrong:missed=1:1"];
    gradus(
        path,
        &[&["threshold", "bundle", "rated.jsonl"][..], &wish].concat(),
    )
    .succeeds();
    let run = train(path, &["--from", "bundle", "--output", "next"]);
    for part in [
        "not taken over",
        "recalibration, thresholds",
        "--old-test FILE",
    ] {
        assert!(
            run.stderr.contains(part),
            "missing `{part}` in:\n{}",
            run.stderr
        );
    }
    run.succeeds();
    let manifest = fs_err::read(path.join("next/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let from = &manifest["training"]["from"];
    assert_eq!(
        from["left_behind"],
        serde_json::json!(["recalibration", "thresholds"])
    );
    assert!(manifest.get("thresholds").is_none());
    assert!(!path.join("next/recalibration.json").exists());
}

#[test]
fn settings_that_are_not_the_bundles_are_refused_and_the_file_says_which_bundle_it_was() {
    let directory = prepared();
    let path = directory.path();
    let from = ["--from", "bundle", "--output", "next"];
    for (more, part) in [
        (&["--scale", "standardized"][..], "`text.scale`"),
        (&["--head", "mlp:4"], "`model.head`"),
        (&["--aspects", "beauty"], "`text.aspects`"),
        (&["--use-context"], "`text.use_context`"),
        (&["--lora", "2"], "`model.lora`"),
        (&["--old-test", "new/nothing.jsonl"], "nothing.jsonl"),
    ] {
        train(path, &[&from[..], more].concat()).fails(2, &[part]);
    }
    train(
        path,
        &["--from", "bundle", "--encoder", "x", "--output", "next"],
    )
    .fails(2, &["--encoder"]);
    train(path, &["--output", "next", "--old-test", "test.jsonl"]).fails(2, &["--from"]);
    train(
        path,
        &["--from", "bundle", "--output", "bundle", "--overwrite"],
    )
    .fails(2, &["the output"]);
    write(
        path,
        "other.toml",
        "from = \"bundle\"\nfrom_weights = \"00ff\"\n",
    );
    train(path, &["--config", "other.toml", "--output", "next"])
        .fails(2, &["00ff", "changed since"]);
    // Old test data without a rating that the bundle knows ends the run before the first step.
    let text = fs_err::read_to_string(path.join("test.jsonl")).unwrap();
    write(path, "other.jsonl", renamed_aspect(&text, "beauty"));
    let run = train(path, &[&from[..], &["--old-test", "other.jsonl"]].concat());
    assert!(!path.join("next").exists());
    run.fails(2, &["other.jsonl", "an aspect of the bundle", "rating"]);
    // A scratch table of the first run does no harm; it is said that nothing comes of it.
    let config = trained().join("tiny.toml");
    let run = train(
        path,
        &[&from[..], &["--config", config.to_str().unwrap()]].concat(),
    );
    assert!(run.stderr.contains("is not used"), "{}", run.stderr);
    run.succeeds();
}

/// The records, with all ratings of segments on the given aspect.
fn renamed_aspect(text: &str, aspect: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        for segment in record["segments"].as_array_mut().unwrap() {
            let rating = segment["rating"].take();
            segment["rating"] = serde_json::json!({ aspect: rating });
        }
        record.to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn aspects_that_only_one_side_has_are_named() {
    let directory = prepared();
    let path = directory.path();
    let text = fs_err::read_to_string(path.join("new/train.jsonl")).unwrap();
    let mut lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines[0]["segments"][0]["rating"] = serde_json::json!({"rating": 0.5, "beauty": 1.0});
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    write(path, "new/train.jsonl", text.join("\n"));
    let run = train(path, &["--from", "bundle", "--output", "next"]);
    assert!(
        run.stderr.contains("beauty: its ratings are not learned"),
        "{}",
        run.stderr
    );
    run.succeeds();
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let directory = prepared();
    let path = directory.path();
    let before = names(path);
    let run = train(
        path,
        &[
            "--from",
            "bundle",
            "--output",
            "next",
            "--dry-run",
            "--old-test",
            "test.jsonl",
        ],
    );
    for part in ["continuing bundle", "lowest", "context read in"] {
        assert!(
            run.stderr.contains(part),
            "missing `{part}` in:\n{}",
            run.stderr
        );
    }
    let stdout = run.succeeds();
    assert!(
        stdout.contains("3 steps in 1 epochs") && stdout.contains("of memory"),
        "{stdout}"
    );
    let report = json_of(train(
        path,
        &[
            "--from",
            "bundle",
            "--output",
            "next",
            "--dry-run",
            "--json",
        ],
    ));
    assert_eq!(report["steps"], 3);
    assert_eq!(names(path), before);
}
