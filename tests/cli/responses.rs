//! Ratings of whole responses, judged beside or without rated segments: eval, compare, calibrate.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Run, TINY, gradus, temp_dir, train_arguments, trained, write};

fn json_of(run: Run) -> Value {
    serde_json::from_str(&run.succeeds()).unwrap()
}

#[track_caller]
fn near(value: &Value, expected: f64) {
    let found = value.as_f64().unwrap_or_else(|| panic!("{value}"));
    // Scores in files are rounded to f32.
    assert!((found - expected).abs() < 1e-7, "{found} {expected}");
}

/// Three responses of two segments rated as a whole, 0, 0.5 and 1. With `segments` the first
/// segment of each is rated too.
fn place(segments: bool) -> TempDir {
    let directory = temp_dir();
    let lines: Vec<String> = [0.0, 0.5, 1.0]
        .iter()
        .enumerate()
        .map(|(k, rating)| {
            let of_segments = segments.then(|| json!([1.0 - rating, null]));
            let meta = json!({"topic": if k == 0 { "a" } else { "b" }});
            json!({"id": format!("r{k}"), "prompt": "p", "segments": ["One.", "Two."],
                   "ratings": of_segments, "rating": rating, "meta": meta})
            .to_string()
        })
        .collect();
    write(directory.path(), "data.jsonl", lines.join("\n"));
    directory
}

/// Writes a score file with `of`, the rest of each record, and evaluates it.
fn eval(directory: &Path, of: &[Value], more: &[&str]) -> Run {
    let lines = of.iter().enumerate().map(|(k, record)| {
        let mut record = record.clone();
        record["id"] = format!("r{k}").into();
        record.to_string()
    });
    let lines: Vec<String> = lines.collect();
    write(directory, "scores.jsonl", lines.join("\n"));
    let mut arguments = vec!["eval", "--scores", "scores.jsonl", "data.jsonl"];
    arguments.extend(more);
    gradus(directory, &arguments)
}

/// Means 0.2, 0.5 and 0.7.
fn of_segments() -> Vec<Value> {
    [[0.1, 0.3], [0.4, 0.6], [0.6, 0.8]]
        .map(|scores| json!({"scores": scores}))
        .to_vec()
}

#[test]
fn response_scores_are_held_against_the_ratings_of_responses() {
    let directory = place(false);
    let json = json_of(eval(
        directory.path(),
        &of_segments(),
        &["--json", "--slice", "topic"],
    ));
    let aspect = &json["aspects"][0];
    assert_eq!(aspect["counts"]["rated"], 0);
    assert_eq!(aspect["segment"]["values"]["mse"], Value::Null);
    let found = &aspect["response_ratings"];
    assert_eq!(found["given"], false);
    let counts = &found["counts"];
    assert_eq!(
        (&counts["rated"], &counts["scored"]),
        (&json!(3), &json!(3))
    );
    let values = &found["figures"]["values"];
    // By hand: errors 0.2, 0 and -0.3; covariance 0.25, squares 0.38 / 3 and 0.5.
    near(&values["mse"], 0.13 / 3.0);
    near(&values["bias"], -0.1 / 3.0);
    near(&values["pearson"], 0.25 / (0.38_f64 / 3.0 * 0.5).sqrt());
    near(&values["r2"], 1.0 - 0.13 / 0.5);
    near(&values["spearman"], 1.0);
    near(&values["midpoint"], 0.5);
    assert!(found["figures"]["intervals"]["mse"]["low"].is_number());
    assert!(found["reliability"]["expected_calibration_error"].is_number());

    let table = eval(directory.path(), &of_segments(), &[]).succeeds();
    for part in [
        "rating: 3 of 3 rated responses scored",
        "response ratings (mean)",
        "response ratings: MSE 0.0433 = bias²",
        "response ratings: calibration error",
    ] {
        assert!(table.contains(part), "missing `{part}` in\n{table}");
    }
    assert!(
        !table.contains("segment level") && !table.contains("nothing is both rated"),
        "of segments there is nothing to show:\n{table}"
    );
    assert!(
        table.lines().all(|line| line.chars().count() <= 100),
        "{table}"
    );
    let lowest = json_of(eval(
        directory.path(),
        &of_segments(),
        &["--json", "--aggregation", "min"],
    ));
    let values = &lowest["aspects"][0]["response_ratings"]["figures"]["values"];
    near(&values["mse"], (0.01 + 0.01 + 0.16) / 3.0);
}

#[test]
fn both_kinds_of_ratings_are_shown_under_their_names() {
    let directory = place(true);
    let json = json_of(eval(directory.path(), &of_segments(), &["--json"]));
    let aspect = &json["aspects"][0];
    // Segment ratings 1, 0.5 and 0 against 0.1, 0.4 and 0.6: neither changes the other.
    near(
        &aspect["segment"]["values"]["mse"],
        (0.81 + 0.01 + 0.36) / 3.0,
    );
    near(
        &aspect["response"]["values"]["mse"],
        (0.81 + 0.01 + 0.36) / 3.0,
    );
    near(
        &aspect["response_ratings"]["figures"]["values"]["mse"],
        0.13 / 3.0,
    );
    let page = eval(directory.path(), &of_segments(), &["--markdown", "-"]).succeeds();
    for part in [
        "3 of 3 rated segments scored, in 3 responses; 3 of 3 rated responses scored.",
        "### Segments\n",
        "### Responses\n",
        "### Response ratings (mean)\n",
        "### Response ratings, ratings cut at 0.5\n",
    ] {
        assert!(page.contains(part), "missing `{part}` in\n{page}");
    }
    let table = eval(directory.path(), &of_segments(), &[]).succeeds();
    let places = [
        "segment level",
        "response level (mean)",
        "response ratings (mean)",
    ]
    .map(|part| {
        table
            .find(part)
            .unwrap_or_else(|| panic!("no {part} in\n{table}"))
    });
    assert!(places.is_sorted(), "{table}");
}

#[test]
fn a_score_of_the_response_in_the_file_stands_before_the_aggregated_one() {
    let directory = place(false);
    let with = |scores: [Value; 3]| -> Vec<Value> {
        let records = of_segments().into_iter().zip(scores);
        records
            .map(|(mut record, score)| {
                record["score"] = score;
                record
            })
            .collect()
    };
    let records = with([json!(0.25), json!(0.5), json!(null)]);
    let json = json_of(eval(directory.path(), &records, &["--json"]));
    let found = &json["aspects"][0]["response_ratings"];
    assert_eq!(found["given"], true);
    near(&found["figures"]["values"]["mse"], 0.0625 / 2.0);
    assert_eq!(found["counts"]["unscored"]["missing"], 1);
    let table = eval(directory.path(), &records, &[]).succeeds();
    assert!(table.contains("response ratings (as given)"), "{table}");
    assert!(
        table.contains("2 of 3 rated responses scored (without a score: 1 missing)"),
        "{table}"
    );
    // Asked for, an aggregation of segments it is.
    let json = json_of(eval(
        directory.path(),
        &records,
        &["--json", "--aggregation", "mean"],
    ));
    near(
        &json["aspects"][0]["response_ratings"]["figures"]["values"]["mse"],
        0.13 / 3.0,
    );
    // A file may know nothing of segments.
    let only = [0.25, 0.5, 0.75].map(|score| json!({"score": score}));
    let json = json_of(eval(directory.path(), &only, &["--json"]));
    near(
        &json["aspects"][0]["response_ratings"]["figures"]["values"]["mse"],
        0.125 / 3.0,
    );
    // A plain number beside named scores of segments does not say what it is a score of.
    let other =
        [0.2, 0.5, 0.7].map(|score| json!({"scores": {"rating": [score, score]}, "score": 9.0}));
    let run = eval(directory.path(), &other, &["--json"]);
    assert!(
        run.stderr.contains("`score` of 3 responses left out"),
        "{}",
        run.stderr
    );
    near(
        &json_of(run)["aspects"][0]["response_ratings"]["figures"]["values"]["mse"],
        0.13 / 3.0,
    );
    let text = [
        json!({"score": "good"}),
        json!({"score": 1}),
        json!({"score": 1}),
    ];
    eval(directory.path(), &text, &[]).fails(2, &["scores.jsonl:1", "`score`", "\"good\""]);
}

#[test]
fn baselines_of_responses_are_fitted_on_ratings_of_responses() {
    let directory = place(false);
    let json = json_of(eval(
        directory.path(),
        &of_segments(),
        &["--json", "--train", "data.jsonl"],
    ));
    let baselines = json["aspects"][0]["response_ratings"]["baselines"]
        .as_array()
        .unwrap();
    let names: Vec<&Value> = baselines.iter().map(|baseline| &baseline["name"]).collect();
    assert_eq!(names, ["train mean", "length", "bag of words"]);
    near(&baselines[0]["values"]["mse"], 0.5 / 3.0);
    let table = eval(directory.path(), &of_segments(), &["--train", "data.jsonl"]).succeeds();
    assert!(table.contains("train mean"), "{table}");

    // A training split without such ratings has none, and that is said.
    let line = json!({"prompt": "p", "segments": ["One."], "ratings": [0.5]}).to_string();
    write(directory.path(), "train.jsonl", line);
    let table = eval(
        directory.path(),
        &of_segments(),
        &["--train", "train.jsonl"],
    )
    .succeeds();
    assert!(
        table.contains("no response of the training data is rated"),
        "{table}"
    );
}

#[test]
fn ratings_on_what_nothing_scores_are_named() {
    let directory = temp_dir();
    let line = json!({"id": "r0", "prompt": "p", "segments": ["One."], "ratings": [0.5],
                      "rating": {"overall": 1.0}});
    write(directory.path(), "data.jsonl", line.to_string());
    let run = eval(directory.path(), &[json!({"scores": [0.25]})], &["--json"]);
    assert!(
        run.stderr.contains("ratings of responses not evaluated"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("overall"), "{}", run.stderr);
    assert_eq!(json_of(run)["aspects"][0]["response_ratings"], Value::Null);
}

#[test]
fn systems_are_compared_on_ratings_of_responses() {
    let directory = place(true);
    let path = directory.path();
    let lines = |scores: [f64; 3]| -> String {
        let lines = scores.iter().enumerate();
        let lines = lines
            .map(|(k, score)| json!({"id": format!("r{k}"), "scores": [score, score]}).to_string());
        lines.collect::<Vec<_>>().join("\n")
    };
    write(path, "a.jsonl", lines([0.0, 0.5, 0.75]));
    write(path, "b.jsonl", lines([1.0, 0.5, 0.25]));
    let found = json_of(gradus(
        path,
        &["compare", "a.jsonl", "b.jsonl", "data.jsonl", "--json"],
    ));
    let [segments, responses] = &found.as_array().unwrap()[..] else {
        panic!("{found}")
    };
    assert_eq!(
        (&segments["ratings"], &responses["ratings"]),
        (&json!("segments"), &json!("responses"))
    );
    assert_eq!(
        (&segments["pairs"], &responses["pairs"]),
        (&json!(3), &json!(3))
    );
    // b follows the segments and a the responses.
    assert_eq!(segments["systems"][0]["name"], "b.jsonl");
    assert_eq!(responses["systems"][0]["name"], "a.jsonl");
    near(&responses["systems"][0]["value"], 0.0625 / 3.0);
    let table = gradus(path, &["compare", "a.jsonl", "b.jsonl", "data.jsonl"]).succeeds();
    assert!(
        table.contains("rating: 3 of 3 rated responses compared\n"),
        "{table}"
    );

    let unrated = json!({"id": "r0", "prompt": "p", "segments": ["One.", "Two."]}).to_string();
    write(path, "unrated.jsonl", unrated);
    let one = json!({"id": "r0", "scores": [0.5, 0.5]}).to_string();
    write(path, "one.jsonl", &one);
    write(path, "other.jsonl", &one);
    gradus(
        path,
        &["compare", "one.jsonl", "other.jsonl", "unrated.jsonl"],
    )
    .fails(2, &["the data has no ratings", "data stats"]);
}

/// A bundle that learned from ratings of responses alone, with its splits: the mean of the
/// segments' ratings, which are left out.
fn learned() -> &'static Path {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = temp_dir();
        let path = directory.path();
        for split in ["train.jsonl", "valid.jsonl", "test.jsonl"] {
            let text = fs_err::read_to_string(trained().join(split)).unwrap();
            let lines: Vec<String> = text.lines().map(rated_as_a_whole).collect();
            write(path, split, lines.join("\n"));
        }
        let config = format!("{TINY}response_loss = {{ weight = 1.0, aggregation = \"mean\" }}\n");
        write(path, "tiny.toml", config);
        gradus(path, &train_arguments(&["--output", "bundle"])).succeeds();
        directory
    });
    directory.path()
}

fn rated_as_a_whole(line: &str) -> String {
    let mut record: Value = serde_json::from_str(line).unwrap();
    let segments = record["segments"].as_array_mut().unwrap();
    let ratings: Vec<f64> = segments
        .iter_mut()
        .filter_map(|segment| segment["rating"].take().as_f64())
        .collect();
    record["rating"] = (ratings.iter().sum::<f64>() / ratings.len() as f64).into();
    record.to_string()
}

/// The mean squared error of the scores that `gradus score` writes against the ratings.
fn error_of(directory: &Path, bundle: &str) -> f64 {
    let scored = gradus(directory, &["score", bundle, "test.jsonl"]).succeeds();
    let squares: Vec<f64> = scored
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            (record["score"].as_f64().unwrap() - record["rating"].as_f64().unwrap()).powi(2)
        })
        .collect();
    squares.iter().sum::<f64>() / squares.len() as f64
}

#[test]
fn a_bundle_that_learned_from_responses_is_judged_by_them() {
    let path = learned();
    let json = json_of(gradus(path, &["eval", "bundle", "test.jsonl", "--json"]));
    let found = &json["aspects"][0]["response_ratings"];
    near(&found["figures"]["values"]["mse"], error_of(path, "bundle"));
    assert!(found["figures"]["values"]["pearson"].is_number());
    assert!(found["figures"]["intervals"]["pearson"]["low"].is_number());
    assert_eq!(
        found["baselines"].as_array().unwrap().len(),
        3,
        "those of the bundle"
    );
    assert!(found["slices"].as_array().is_some());
}

#[test]
fn the_score_of_a_response_is_recalibrated_by_ratings_of_responses() {
    let directory = temp_dir();
    let bundle = directory.path().join("bundle");
    fs_err::create_dir(&bundle).unwrap();
    for entry in fs_err::read_dir(learned().join("bundle")).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), bundle.join(entry.file_name())).unwrap();
    }
    let bundle = bundle.to_str().unwrap();
    let before = error_of(learned(), bundle);
    let run = gradus(
        learned(),
        &["calibrate", bundle, "test.jsonl", "--kind", "linear"],
    );
    assert!(
        run.stderr.contains("only responses are rated"),
        "{}",
        run.stderr
    );
    let table = run.succeeds();
    assert!(table.contains("rating, responses (mean)"), "{table}");
    let after = error_of(learned(), bundle);
    assert!(after < before, "{after} {before}");
    let json = json_of(gradus(learned(), &["eval", bundle, "test.jsonl", "--json"]));
    let found = &json["aspects"][0]["response_ratings"];
    near(&found["figures"]["values"]["mse"], after);
    near(&found["recalibrated"]["before"]["values"]["mse"], before);
    near(&found["recalibrated"]["after"]["values"]["mse"], after);
    // It holds for the aggregation it was fitted for, and --raw leaves it out.
    let raw = json_of(gradus(
        learned(),
        &["eval", bundle, "test.jsonl", "--json", "--raw"],
    ));
    near(
        &raw["aspects"][0]["response_ratings"]["figures"]["values"]["mse"],
        before,
    );
    let sum = [
        "eval",
        bundle,
        "test.jsonl",
        "--json",
        "--aggregation",
        "sum",
    ];
    let sum = json_of(gradus(learned(), &sum));
    assert_eq!(
        sum["aspects"][0]["response_ratings"]["recalibrated"],
        Value::Null
    );

    let unrated = json!({"prompt": "p", "response": "Ten is even."}).to_string();
    write(directory.path(), "unrated.jsonl", unrated);
    gradus(directory.path(), &["calibrate", bundle, "unrated.jsonl"])
        .fails(2, &["the data has no ratings", "data stats"]);
}

#[test]
fn model_choice_and_explanation_look_at_ratings_of_responses() {
    let path = learned();
    let log = fs_err::read_to_string(path.join("bundle/metrics.jsonl")).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found: Vec<Value> = lines.map(|line| line["eval/pearson"].clone()).collect();
    assert!(found.iter().any(Value::is_number), "{log}");

    let explained = json_of(gradus(
        path,
        &["explain", "bundle", "test.jsonl", "--json", "--top", "0"],
    ));
    assert_eq!(explained["loss"], Value::Null);
    let loss = explained["responses"]["loss"].as_f64().unwrap();
    assert!((loss - error_of(path, "bundle")).abs() < 1e-6, "{loss}");
    let shares = explained["responses"]["responses"]
        .as_array()
        .unwrap()
        .iter();
    let sum: f64 = shares
        .map(|r| r["share"]["loss_share"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    let table = gradus(path, &["explain", "bundle", "test.jsonl"]).succeeds();
    assert!(
        table.contains("rated responses") && !table.contains("[unrated]"),
        "{table}"
    );

    let directory = place(true);
    eval(directory.path(), &of_segments(), &[]).succeeds();
    let arguments = [
        "explain",
        "--scores",
        "scores.jsonl",
        "data.jsonl",
        "--json",
    ];
    let explained = json_of(gradus(directory.path(), &arguments));
    near(&explained["loss"], (0.81 + 0.01 + 0.36) / 3.0);
    near(&explained["responses"]["loss"], 0.13 / 3.0);
    assert_eq!(explained["responses"]["responses"][0]["id"], "r2");
}

#[test]
fn another_aggregation_than_the_trained_one_is_said() {
    let directory = temp_dir();
    for split in ["train.jsonl", "valid.jsonl"] {
        fs_err::copy(learned().join(split), directory.path().join(split)).unwrap();
    }
    let config =
        format!("{TINY}response_loss = {{ weight = 1.0, aggregation = \"softmin:0.25\" }}\n");
    write(directory.path(), "tiny.toml", config);
    gradus(directory.path(), &train_arguments(&["--output", "out"])).succeeds();
    let bundle = directory.path().join("out");
    let bundle = bundle.to_str().unwrap();
    let json = json_of(gradus(learned(), &["eval", bundle, "test.jsonl", "--json"]));
    assert_eq!(
        json["aggregation"], "softmin:0.25",
        "what was trained is judged"
    );
    near(
        &json["aspects"][0]["response_ratings"]["figures"]["values"]["mse"],
        error_of(learned(), bundle),
    );
    let other = train_arguments(&["--output", "other", "--aggregation", "min"]);
    let run = gradus(directory.path(), &other);
    let said = "will be the min of their segments; the response loss trains the softmin:0.25";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    run.succeeds();
}

#[test]
fn the_page_shows_ratings_of_responses() {
    for segments in [false, true] {
        let directory = place(segments);
        eval(directory.path(), &of_segments(), &["--html", "page.html"]).succeeds();
        let page = fs_err::read_to_string(directory.path().join("page.html")).unwrap();
        for part in [
            "3 of 3 rated responses scored.",
            "<h3>Response ratings</h3>",
            "No trivial baseline was fitted for the response scores",
            "\"whole\":[[0.0,0.2]]",
        ] {
            assert!(page.contains(part), "missing `{part}`");
        }
        assert_eq!(page.contains("Segment level"), segments);
    }
}
