//! `gradus compare`.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{gradus, temp_dir, trained, write};

/// Forty responses of three segments, and score files: `good` lies near the ratings, `poor` far
/// from them, `twin` is `good` under another name, `part` lacks the last ten responses and a
/// segment of the first.
fn systems(directory: &Path) {
    let rating =
        |response: usize, segment: usize| ((response * 3 + segment) * 7 % 10) as f64 / 10.0;
    let noise =
        |response: usize, segment: usize| ((response * 5 + segment * 3) % 7) as f64 / 7.0 - 0.5;
    let mut files = vec![String::new(); 5];
    for response in 0..40 {
        let row = |f: &dyn Fn(usize) -> f64| (0..3).map(f).collect::<Vec<f64>>();
        let ratings = row(&|k| rating(response, k));
        let good = row(&|k| rating(response, k) + 0.1 * noise(response, k));
        let poor = row(&|k| rating(response, k) + 1.5 * noise(response + 1, k));
        let data = json!({"id": format!("r{response}"), "prompt": "p", "segments": ["a", "b", "c"], "ratings": ratings});
        let scores = |scores: &Vec<f64>| json!({"id": format!("r{response}"), "scores": scores});
        let mut part = scores(&good);
        if response == 0 {
            part["scores"][1] = Value::Null;
        }
        let lines = [
            Some(data),
            Some(scores(&good)),
            Some(scores(&poor)),
            Some(scores(&good)),
            (response < 30).then_some(part),
        ];
        for (file, line) in files.iter_mut().zip(lines) {
            if let Some(line) = line {
                file.push_str(&line.to_string());
                file.push('\n');
            }
        }
    }
    for (name, file) in ["data", "good", "poor", "twin", "part"].iter().zip(files) {
        write(directory, &format!("{name}.jsonl"), file);
    }
}

fn comparison(directory: &Path, arguments: &[&str]) -> Value {
    let mut all = vec!["compare"];
    all.extend(arguments);
    all.push("--json");
    serde_json::from_str(&gradus(directory, &all).succeeds()).unwrap()
}

#[test]
fn a_clearly_better_system_is_named_first_and_in_a_sentence() {
    let directory = temp_dir();
    let path = directory.path();
    systems(path);
    let arguments = ["compare", "poor.jsonl", "ours=good.jsonl", "data.jsonl"];
    let text = gradus(path, &arguments).succeeds();
    assert!(
        text.contains("`ours` is better than `poor.jsonl`: MSE"),
        "{text}"
    );
    let rows: Vec<usize> = ["\nours ", "\npoor.jsonl "]
        .iter()
        .map(|row| {
            text.find(row)
                .unwrap_or_else(|| panic!("no {row:?} in\n{text}"))
        })
        .collect();
    assert!(rows.is_sorted(), "the best first\n{text}");
    let sentences = |line: &&str| line.starts_with('`');
    let too_wide: Vec<&str> = text
        .lines()
        .filter(|line| !sentences(line) && line.chars().count() > 100)
        .collect();
    assert!(too_wide.is_empty(), "{too_wide:?}");
    for metric in ["pearson", "mae"] {
        let report = comparison(
            path,
            &["poor.jsonl", "good.jsonl", "data.jsonl", "--metric", metric],
        );
        assert_eq!(report[0]["comparisons"][0]["verdict"], "second", "{metric}");
        assert_eq!(report[0]["systems"][0]["name"], "good.jsonl");
    }
}

#[test]
fn a_system_cannot_be_told_from_itself_under_another_name() {
    let directory = temp_dir();
    let path = directory.path();
    systems(path);
    let text = gradus(path, &["compare", "good.jsonl", "twin.jsonl", "data.jsonl"]).succeeds();
    assert!(
        text.contains("`good.jsonl` and `twin.jsonl` cannot be told apart"),
        "{text}"
    );
    assert!(text.contains("0/40/0"), "{text}");
    // A bundle as well, and with a score file made from it.
    let scored = path.join("scored.jsonl");
    let scored = scored.to_str().unwrap();
    gradus(trained(), &["score", "bundle", "test.jsonl", "-o", scored]).succeeds();
    let file = format!("file={scored}");
    let report = comparison(trained(), &["a=bundle", "b=bundle", &file, "test.jsonl"]);
    let comparisons = report[0]["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.len(), 3);
    assert!(
        comparisons
            .iter()
            .all(|pair| pair["verdict"] == "cannot_tell"),
        "{comparisons:?}"
    );
}

#[test]
fn what_a_system_lacks_is_left_out_and_counted() {
    let directory = temp_dir();
    let path = directory.path();
    systems(path);
    let arguments = ["compare", "good.jsonl", "part.jsonl", "data.jsonl"];
    let text = gradus(path, &arguments).succeeds();
    assert!(
        text.contains("89 of 120 rated segments compared, in 30 responses; 31 left out"),
        "{text}"
    );
    let report = comparison(path, &arguments[1..]);
    assert_eq!(report[0]["pairs"], 89);
    let coverage = &report[0]["coverage"];
    assert_eq!(
        (&coverage[0]["scored"], &coverage[1]["scored"]),
        (&json!(120), &json!(89))
    );
    assert_eq!(coverage[1]["unscored"]["missing"], 31);
    assert_eq!(report[0]["comparisons"][0]["verdict"], "cannot_tell");
}

#[test]
fn systems_of_different_aspects_are_not_compared() {
    let directory = temp_dir();
    let path = directory.path();
    let both = json!({"id": "a", "prompt": "p", "segments": ["a", "b"], "ratings": {"x": [0, 1], "y": [1, 0]}});
    write(path, "data.jsonl", both.to_string());
    for (name, aspects) in [("x", &["x"][..]), ("y", &["y"]), ("xy", &["y", "x"])] {
        let scores: serde_json::Map<String, Value> = aspects
            .iter()
            .map(|aspect| ((*aspect).to_owned(), json!([0.5, 0.25])))
            .collect();
        write(
            path,
            &format!("{name}.jsonl"),
            json!({"id": "a", "scores": scores}).to_string(),
        );
    }
    gradus(path, &["compare", "x.jsonl", "xy.jsonl", "data.jsonl"]).fails(
        2,
        &["`x.jsonl` scores x", "`xy.jsonl` scores x, y", "--aspect"],
    );
    gradus(
        path,
        &[
            "compare",
            "x.jsonl",
            "y.jsonl",
            "data.jsonl",
            "--aspect",
            "x",
        ],
    )
    .fails(2, &["`y.jsonl`", "`x`", "y"]);
    // One response: there is nothing to resample, and a reason instead of a number.
    let text = gradus(
        path,
        &[
            "compare",
            "x.jsonl",
            "xy.jsonl",
            "data.jsonl",
            "--aspect",
            "x",
        ],
    )
    .succeeds();
    assert!(text.contains("cannot be compared"), "{text}");
}

#[test]
fn wrong_usage_is_answered_with_what_was_expected() {
    let directory = temp_dir();
    let path = directory.path();
    systems(path);
    let fails = |arguments: &[&str], parts: &[&str]| {
        let mut all = vec!["compare", "good.jsonl", "poor.jsonl", "data.jsonl"];
        all.extend(arguments);
        gradus(path, &all).fails(2, parts);
    };
    fails(&["--metric", "beauty"], &["beauty", "pearson"]);
    fails(&["--significance", "1.5"], &["--significance", "1.5"]);
    fails(&["--resamples", "3"], &["--resamples", "100"]);
    fails(&["--aspect", "tone"], &["`good.jsonl`", "`tone`", "rating"]);
    gradus(path, &["compare", "good.jsonl", "data.jsonl"]).fails(2, &["DATA"]);
    gradus(path, &["compare", "good.jsonl", "good.jsonl", "data.jsonl"])
        .fails(2, &["`good.jsonl` twice", "NAME=PATH"]);
    gradus(path, &["compare", "good.jsonl", "none.jsonl", "data.jsonl"]).fails(2, &["none.jsonl"]);
    let unrated = r#"{"id":"r0","prompt":"p","response":"a b c","segments":[{"start":0,"end":1}]}"#;
    write(path, "unrated.jsonl", unrated);
    write(path, "s.jsonl", r#"{"id":"r0","scores":[0.5]}"#);
    write(path, "t.jsonl", r#"{"id":"r0","scores":[0.7]}"#);
    gradus(path, &["compare", "s.jsonl", "t.jsonl", "unrated.jsonl"])
        .fails(2, &["the data has no ratings", "1 records"]);
}

#[test]
fn markdown_is_a_table_others_can_render() {
    let directory = temp_dir();
    let path = directory.path();
    systems(path);
    let arguments = [
        "compare",
        "good.jsonl",
        "poor.jsonl",
        "data.jsonl",
        "--markdown",
    ];
    let text = gradus(path, &arguments).succeeds();
    assert!(
        text.lines()
            .filter(|line| line.starts_with('|') && line.ends_with('|'))
            .count()
            >= 6,
        "{text}"
    );
    assert!(text.contains("\n- `good.jsonl` is better"), "{text}");
}

#[test]
fn the_same_seed_gives_the_same_interval() {
    let directory = temp_dir();
    let path = directory.path();
    systems(path);
    let interval = |seed: &str| {
        let report = comparison(
            path,
            &["good.jsonl", "poor.jsonl", "data.jsonl", "--seed", seed],
        );
        report[0]["comparisons"][0]["difference"].clone()
    };
    assert_eq!(interval("1"), interval("1"));
    assert_ne!(interval("1"), interval("2"));
}
