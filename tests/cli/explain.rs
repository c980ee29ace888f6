//! `gradus explain`.

use serde_json::Value;

use crate::support::{gradus, temp_dir, trained, write};

fn explanation(arguments: &[&str]) -> Value {
    let mut all = vec!["explain", "bundle"];
    all.extend(arguments);
    all.push("--json");
    serde_json::from_str(&gradus(trained(), &all).succeeds()).unwrap()
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn the_loss_is_that_of_eval_and_its_parts_add_up() {
    let explained = explanation(&["test.jsonl", "--top", "0"]);
    let eval = gradus(trained(), &["eval", "bundle", "test.jsonl", "--json"]).succeeds();
    let eval: Value = serde_json::from_str(&eval).unwrap();
    let mse = number(&eval["aspects"][0]["segment"]["values"]["mse"]);
    assert!((number(&explained["loss"]) - mse).abs() < 1e-6, "{mse}");
    assert!((number(&explained["objective"]) + mse).abs() < 1e-6);
    let segments = explained["segments"].as_array().unwrap();
    let sum = |key: &str| {
        segments
            .iter()
            .map(|s| number(&s["share"][key]))
            .sum::<f64>()
    };
    assert!((sum("loss_share") - 1.0).abs() < 1e-9);
    assert!((sum("head_gradient_share") - 1.0).abs() < 1e-9);
    let squared: Vec<f64> = segments
        .iter()
        .map(|s| number(&s["share"]["squared_error"]))
        .collect();
    assert!(
        squared.is_sorted_by(|a, b| a >= b),
        "the worst first: {squared:?}"
    );
    for segment in segments {
        let gradient = 2.0 * number(&segment["share"]["error"]) / segments.len() as f64;
        assert!((number(&segment["share"]["gradient"]) - gradient).abs() < 1e-12);
        // |g| sqrt(|h|² + 1) is more than |g|: the state is not zero.
        assert!(number(&segment["share"]["head_gradient"]) > gradient.abs());
    }
}

#[test]
fn one_record_is_explained_by_itself() {
    let all = explanation(&["test.jsonl", "--top", "0"]);
    let id = all["segments"][0]["id"].as_str().unwrap().to_owned();
    let one = explanation(&["test.jsonl", "--id", &id]);
    let segments = one["segments"].as_array().unwrap();
    assert!(segments.len() > 1 && segments.iter().all(|segment| segment["id"] == *id));
    let table = gradus(trained(), &["explain", "bundle", "test.jsonl", "--id", &id]).succeeds();
    for part in ["gradient", "head", "error²", &id, "loss 0.", "J -0."] {
        assert!(table.contains(part), "missing `{part}` in\n{table}");
    }
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "{table}"
    );
}

#[test]
fn an_unknown_id_is_answered_with_those_that_are_like_it() {
    gradus(
        trained(),
        &["explain", "bundle", "all.jsonl", "--id", "synthetic_12"],
    )
    .fails(2, &["`synthetic_12`", "did you mean", "`synthetic-12`"]);
    gradus(trained(), &["explain", "bundle", "all.jsonl", "--id", "§"]).fails(2, &["`§`"]);
    gradus(
        trained(),
        &["explain", "bundle", "all.jsonl", "--aspect", "beauty"],
    )
    .fails(2, &["`beauty`", "rating"]);
}

#[test]
fn unrated_and_cut_off_segments_are_shown_without_a_share() {
    let directory = temp_dir();
    let lines = [
        r#"{"id":"half","prompt":"p","segments":["First: 3.","Then: 4."],"ratings":[0.5,null]}"#
            .to_owned(),
        serde_json::json!({
            "id": "long", "prompt": "p",
            "segments": vec!["One two three."; 150], "ratings": vec![1.0; 150],
        })
        .to_string(),
    ];
    let input = write(directory.path(), "in.jsonl", lines.join("\n"));
    let input = input.to_str().unwrap();
    let explained = explanation(&[input, "--top", "0"]);
    let of = |f: &dyn Fn(&Value) -> bool| {
        let segments = explained["segments"].as_array().unwrap();
        segments
            .iter()
            .filter(|s| f(s))
            .cloned()
            .collect::<Vec<_>>()
    };
    let unrated = of(&|s| s["rating"].is_null());
    assert_eq!(unrated.len(), 1);
    assert!(
        unrated[0]["score"].is_number() && unrated[0]["share"].is_null(),
        "{unrated:?}"
    );
    let cut_off = of(&|s| s["unscored"] == "truncated");
    assert!(!cut_off.is_empty());
    assert!(
        cut_off
            .iter()
            .all(|s| s["score"].is_null() && s["share"].is_null() && s["target"] == 1.0)
    );
    assert_eq!(explained["rated_without_score"], cut_off.len());
    assert_eq!(explained["pairs"], 151 - cut_off.len());
    let run = gradus(trained(), &["explain", "bundle", input, "--top", "0"]);
    assert!(run.stderr.contains("dropped"), "{}", run.stderr);
    let table = run.succeeds();
    assert!(
        table.contains("[truncated]") && table.contains("[unrated]"),
        "{table}"
    );
}

#[test]
fn what_is_not_rated_has_no_loss() {
    let directory = temp_dir();
    let line = r#"{"prompt":"p","response":"One is here. Two is there."}"#;
    let input = write(directory.path(), "in.jsonl", line);
    let input = input.to_str().unwrap();
    let explained = explanation(&[input]);
    assert!(explained["loss"].is_null());
    assert_eq!(explained["unrated"], 2);
    let table = gradus(trained(), &["explain", "bundle", input]).succeeds();
    assert!(table.contains("loss -, J -"), "{table}");
}

#[test]
fn scores_of_a_file_are_explained_without_a_head() {
    let directory = temp_dir();
    let path = directory.path();
    let data = r#"{"id":"x","prompt":"p","segments":["a","b","c"],"ratings":[0.9,0.1,-0.6]}
{"id":"y","prompt":"p","segments":["d"],"ratings":[1.0]}"#;
    let scores = "{\"id\":\"x\",\"scores\":[0.8,0.5,-0.7]}\n{\"id\":\"y\",\"scores\":[0.0]}";
    write(path, "data.jsonl", data);
    write(path, "scores.jsonl", scores);
    let arguments = [
        "explain",
        "--scores",
        "scores.jsonl",
        "data.jsonl",
        "--id",
        "x",
    ];
    let run = gradus(path, &arguments);
    assert!(run.stderr.contains("no head"), "{}", run.stderr);
    for option in [
        ["--offset", "keep"],
        ["--device", "cpu"],
        ["--cut-segments", "score"],
    ] {
        let all = [&arguments[..], &option].concat();
        gradus(path, &all).fails(2, &[option[0], "--scores"]);
    }
    let table = run.succeeds();
    for part in [
        "0.160",
        "88.9 %",
        "+2.7e-1",
        "loss 0.06000, J -0.06000 over 3 rated segments",
    ] {
        assert!(table.contains(part), "missing `{part}` in\n{table}");
    }
    let first = table.lines().nth(1).unwrap();
    assert!(
        first.starts_with("x #1") && first.contains(" - "),
        "{table}"
    );
}
