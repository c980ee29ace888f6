//! Responses that cannot be scored: they end no job, are counted, and come back as they were
//! written.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{gradus, temp_dir, train_arguments, trained, write};

fn bundle() -> String {
    trained().join("bundle").to_str().unwrap().to_owned()
}

/// Records of which only the first can be scored, rated as a whole; the ids say why.
fn place() -> TempDir {
    let directory = temp_dir();
    let long = "ten ".repeat(600);
    let records = [
        json!({"id": "good", "prompt": "p", "response": "Ten is even.", "rating": 1.0}),
        json!({"id": "empty", "prompt": "p", "context": "c", "response": "", "rating": 0.0}),
        json!({"id": "blank", "prompt": "p", "response": " \n\t ", "rating": 0.0}),
        json!({"id": "completions", "prompt": "p", "completions": [], "rating": 0.0}),
        json!({"id": "no_tokens", "prompt": "p", "response": "\u{200b}\u{200b}", "rating": 0.0,
               "segments": [{"start": 0, "end": 2}]}),
        json!({"id": "truncated", "prompt": "p", "response": long, "rating": 0.0,
               "segments": [{"start": 0, "end": 2400}]}),
    ];
    let lines = records.map(|record| record.to_string());
    write(directory.path(), "data.jsonl", lines.join("\n"));
    directory
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_response_that_cannot_be_scored_has_null_and_a_reason() {
    let directory = place();
    let run = gradus(
        directory.path(),
        &["score", &bundle(), "data.jsonl", "-o", "out.jsonl"],
    );
    for part in [
        "6 responses",
        "5 of 6 responses have no score",
        "3 empty",
        "1 no_tokens",
        "1 truncated",
    ] {
        assert!(
            run.stderr.contains(part),
            "missing `{part}` in {}",
            run.stderr
        );
    }
    run.succeeds();
    let text = fs_err::read_to_string(directory.path().join("out.jsonl")).unwrap();
    let scored = lines(&text);
    assert!(scored[0]["score"].is_number() && scored[0].get("unscored").is_none());
    for record in &scored[1..] {
        assert_eq!(record["score"], Value::Null, "{record}");
    }
    let reasons: Vec<&Value> = scored[1..]
        .iter()
        .map(|record| &record["unscored"])
        .collect();
    assert_eq!(
        reasons,
        ["empty", "empty", "empty", "no_tokens", "truncated"]
    );
    for key in [
        "context_tokens_dropped",
        "prompt_tokens_dropped",
        "response_tokens_dropped",
    ] {
        for record in &scored[..5] {
            assert_eq!(record[key], 0, "{record}");
        }
    }
    assert!(scored[5]["response_tokens_dropped"].as_u64().unwrap() > 0);
}

#[test]
fn strict_refuses_what_cannot_be_scored_and_writes_nothing() {
    let directory = place();
    let text = fs_err::read_to_string(directory.path().join("data.jsonl")).unwrap();
    let records = lines(&text);
    for (record, part) in [
        (&records[1], "an empty response"),
        (&records[2], "an empty response"),
        (&records[4], "no token"),
        (&records[5], "truncated before"),
    ] {
        let name = format!("record `{}`", record["id"].as_str().unwrap());
        write(
            directory.path(),
            "one.jsonl",
            format!("{}\n{record}", records[0]),
        );
        let arguments = [
            "score",
            &bundle(),
            "one.jsonl",
            "--strict",
            "-o",
            "strict.jsonl",
        ];
        gradus(directory.path(), &arguments).fails(2, &["one.jsonl", &name, part, "--strict"]);
        assert!(!directory.path().join("strict.jsonl").exists());
    }
    write(directory.path(), "one.jsonl", records[0].to_string());
    let arguments = ["score", &bundle(), "one.jsonl", "--strict"];
    gradus(directory.path(), &arguments).succeeds();
}

#[test]
fn what_was_written_is_read_back_by_eval_and_compare() {
    let directory = place();
    gradus(
        directory.path(),
        &["score", &bundle(), "data.jsonl", "-o", "out.jsonl"],
    )
    .succeeds();
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&gradus(directory.path(), arguments).succeeds()).unwrap()
    };
    let of_file = json(&["eval", "--scores", "out.jsonl", "data.jsonl", "--json"]);
    let of_bundle = json(&["eval", &bundle(), "data.jsonl", "--json"]);
    for found in [&of_file, &of_bundle] {
        let responses = &found["aspects"][0]["response_ratings"]["counts"];
        assert_eq!(
            (&responses["rated"], &responses["scored"]),
            (&json!(6), &json!(1))
        );
        for unscored in [
            &responses["unscored"],
            &found["counts"]["unscored_responses"],
        ] {
            assert_eq!(unscored["empty"], 3, "{found}");
            assert_eq!(unscored["no_tokens"], 1);
            assert_eq!(unscored["truncated"], 1);
        }
    }
    let figures =
        |found: &Value| found["aspects"][0]["response_ratings"]["figures"]["values"].clone();
    assert_eq!(figures(&of_file), figures(&of_bundle));
    let table = gradus(directory.path(), &["eval", &bundle(), "data.jsonl"]).succeeds();
    let line = "5 of 6 responses have no score: 1 truncated, 1 without a token, 3 empty";
    assert!(table.contains(line), "{table}");
    let bundle = format!("bundle={}", bundle());
    let run = gradus(
        directory.path(),
        &["compare", "file=out.jsonl", &bundle, "data.jsonl"],
    );
    assert!(
        run.stderr.contains("file: 5 of 6 responses have no score"),
        "{}",
        run.stderr
    );
    let table = run.succeeds();
    assert!(
        table.contains("rating: 1 of 6 rated responses compared; 5 left out"),
        "{table}"
    );
}

#[test]
fn scoring_again_leaves_no_old_reason_behind() {
    let directory = temp_dir();
    let record = json!({"id": "a", "prompt": "p", "response": "Ten is even.", "score": null, "unscored": "empty",
        "context_tokens_dropped": 9,
        "segments": [{"start": 0, "end": 12, "rating": 0.5, "score": null, "unscored": "truncated"}]});
    write(directory.path(), "old.jsonl", record.to_string());
    let scored = gradus(directory.path(), &["score", &bundle(), "old.jsonl"]).succeeds();
    let record = &lines(&scored)[0];
    assert!(record["score"].is_number() && record["segments"][0]["score"].is_number());
    assert!(record.get("unscored").is_none(), "{record}");
    assert!(record["segments"][0].get("unscored").is_none(), "{record}");
    assert_eq!(record["context_tokens_dropped"], 0);
}

#[test]
fn what_was_cut_off_the_prompt_and_the_context_is_in_the_record() {
    let directory = temp_dir();
    let record =
        json!({"id": "a", "prompt": "is ten even? ".repeat(400), "response": "Ten is even."});
    write(directory.path(), "long.jsonl", record.to_string());
    let run = gradus(directory.path(), &["score", &bundle(), "long.jsonl"]);
    let total = run.stderr.clone();
    let record = &lines(&run.succeeds())[0];
    let dropped = record["prompt_tokens_dropped"].as_u64().unwrap();
    assert!(
        dropped > 0 && record["response_tokens_dropped"] == 0,
        "{record}"
    );
    assert!(total.contains(&format!("(-{dropped} tokens)")), "{total}");
}

#[test]
fn empty_responses_in_training_data_are_counted() {
    let directory = temp_dir();
    for split in ["train.jsonl", "valid.jsonl"] {
        let mut text = fs_err::read_to_string(trained().join(split)).unwrap();
        text.push_str("{\"id\":\"none\",\"prompt\":\"p\",\"response\":\"\"}\n");
        write(directory.path(), split, text);
    }
    write(directory.path(), "tiny.toml", crate::support::TINY);
    let run = gradus(directory.path(), &train_arguments(&["--output", "out"]));
    assert!(
        run.stderr.contains("1 of them with an empty response"),
        "{}",
        run.stderr
    );
    run.succeeds();
    let stats = gradus(directory.path(), &["data", "stats", "train.jsonl"]).succeeds();
    assert!(
        stats.contains("empty responses, with nothing to score: 1"),
        "{stats}"
    );
}
