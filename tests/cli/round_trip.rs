//! Train, evaluate, score: what comes out of the pipeline, and the promises it keeps.

use serde_json::Value;

use crate::support::{gradus, temp_dir, train_arguments, trained, write};

/// Scores records and returns the written lines.
fn score(input: &str, more: &[&str]) -> Vec<Value> {
    let mut arguments = vec!["score", "bundle", input];
    arguments.extend(more);
    let out = gradus(trained(), &arguments).succeeds();
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn scores(record: &Value) -> Vec<f64> {
    let segments = record["segments"].as_array().unwrap();
    segments
        .iter()
        .map(|segment| segment["score"].as_f64().unwrap())
        .collect()
}

#[test]
fn a_score_does_not_depend_on_the_batch_it_was_computed_in() {
    let together = score("test.jsonl", &[]);
    let alone = score("test.jsonl", &["--batch-tokens", "1"]);
    assert_eq!(together.len(), alone.len());
    for (together, alone) in together.iter().zip(&alone) {
        assert_eq!(together["id"], alone["id"]);
        for (a, b) in scores(together).iter().zip(scores(alone)) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

#[test]
fn scoring_keeps_records_whole_and_in_order() {
    let directory = temp_dir();
    let line = r#"{"id":"z","prompt":"p","response":"One is here. Two is there.","segments":[{"start":0,"end":12,"rating":0.25,"note":"mine"}],"source":"me"}"#;
    let input = write(directory.path(), "in.jsonl", line);
    let scored = score(input.to_str().unwrap(), &[]);
    assert_eq!(scored[0]["source"], "me");
    assert_eq!(scored[0]["segments"][0]["note"], "mine");
    assert_eq!(scored[0]["segments"][0]["rating"], 0.25);
    assert_eq!(scored[0]["score"], scored[0]["segments"][0]["score"]);
}

#[test]
fn a_response_without_segments_is_cut_into_sentences() {
    let directory = temp_dir();
    let line = r#"{"prompt":"p","response":"One is here. Two is there."}"#;
    let input = write(directory.path(), "in.jsonl", line);
    let scored = score(input.to_str().unwrap(), &["--aggregation", "sum"]);
    let spans: Vec<_> = scored[0]["segments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (&s["start"], &s["end"]))
        .collect();
    assert_eq!(
        format!("{spans:?}"),
        "[(Number(0), Number(12)), (Number(13), Number(26))]"
    );
    let sum: f64 = scores(&scored[0]).iter().sum();
    // The response score is written as an f32, like those of the segments.
    assert!((scored[0]["score"].as_f64().unwrap() - sum).abs() < 1e-6);
}

#[test]
fn what_truncation_drops_is_marked_and_counted() {
    let directory = temp_dir();
    let words = "One two three. ".repeat(150);
    let record = serde_json::json!({"prompt": "p", "response": words});
    let input = write(directory.path(), "long.jsonl", record.to_string());
    let run = gradus(trained(), &["score", "bundle", input.to_str().unwrap()]);
    assert!(run.stderr.contains("dropped"), "{}", run.stderr);
    let scored: Value = serde_json::from_str(&run.succeeds()).unwrap();
    let segments = scored["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 150);
    let (kept, dropped): (Vec<_>, Vec<_>) = segments.iter().partition(|s| s["score"].is_number());
    assert!(!kept.is_empty() && !dropped.is_empty());
    assert!(
        dropped
            .iter()
            .all(|s| s["score"].is_null() && s["unscored"] == "truncated")
    );
}

#[test]
fn the_same_seed_gives_the_same_losses_and_another_gives_others() {
    let directory = temp_dir();
    let losses = |name: &str, seed: &str| {
        let output = directory.path().join(name);
        let more = [
            "--output",
            output.to_str().unwrap(),
            "--seed",
            seed,
            "--json",
        ];
        let log: Value =
            serde_json::from_str(&gradus(trained(), &train_arguments(&more)).succeeds()).unwrap();
        let steps = log["history"]["steps"].as_array().unwrap();
        steps
            .iter()
            .map(|step| step["loss"].to_string())
            .collect::<Vec<_>>()
    };
    let first = losses("a", "3");
    assert_eq!(first, losses("b", "3"));
    assert_ne!(first, losses("c", "4"));
}

#[test]
fn the_bundle_holds_its_configuration_which_trains_the_same_again() {
    let directory = temp_dir();
    let config = trained().join("bundle/run.toml");
    let output = directory.path().join("again");
    gradus(
        trained(),
        &[
            "train",
            "--config",
            config.to_str().unwrap(),
            "--output",
            output.to_str().unwrap(),
        ],
    )
    .succeeds();
    let weights =
        |bundle: &std::path::Path| fs_err::read(bundle.join("model.safetensors")).unwrap();
    assert!(
        weights(&output) == weights(&trained().join("bundle")),
        "other weights"
    );
}

#[test]
fn evaluation_is_a_table_for_people_and_json_for_programs() {
    let table = gradus(trained(), &["eval", "bundle", "test.jsonl"]).succeeds();
    for word in [
        "segment level",
        "response level (mean)",
        "Pearson",
        "train mean",
        "position + length",
    ] {
        assert!(table.contains(word), "{word} is missing in\n{table}");
    }
    let json = gradus(trained(), &["eval", "bundle", "test.jsonl", "--json"]).succeeds();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(
        json["aspects"][0]["segment"]["values"]["mse"].is_number(),
        "{json}"
    );
}

#[test]
fn evaluating_what_is_not_rated_says_so() {
    let directory = temp_dir();
    let line = r#"{"prompt":"p","response":"Yes.","segments":[{"start":0,"end":4,"rating":{"beauty":1.0}}]}"#;
    let input = write(directory.path(), "other.jsonl", line);
    gradus(trained(), &["eval", "bundle", input.to_str().unwrap()])
        .fails(2, &["rating", "gradus data stats"]);
}
