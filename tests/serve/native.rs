//! `POST /v1/score`: what it answers is what `gradus score` writes.

use std::path::Path;

use serde_json::{Value, json};

use crate::server::Server;
use crate::support::{copy_of_bundle, gradus, temp_dir, trained, write};

/// The first records of the test split, and what `gradus score` makes of them.
pub(crate) fn scored_by_the_command(count: usize) -> Vec<(Value, Value)> {
    let mut scored = scored_by(trained(), "test.jsonl", &[]);
    scored.truncate(count);
    scored
}

/// The records of a file, and what `gradus score` with the bundle beside it makes of them.
pub(crate) fn scored_by(directory: &Path, file: &str, flags: &[&str]) -> Vec<(Value, Value)> {
    let of = |text: String| -> Vec<Value> {
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let records = of(fs_err::read_to_string(directory.join(file)).unwrap());
    let arguments = [&["score", "bundle", file], flags].concat();
    let scored = of(gradus(directory, &arguments).succeeds());
    assert_eq!(records.len(), scored.len());
    records.into_iter().zip(scored).collect()
}

/// Asserts that an answer has the segments and scores, to the bit, of a record that `gradus score` wrote.
#[track_caller]
pub(crate) fn assert_scored_alike(answer: &Value, written: &Value) {
    // Of several aspects, the server calls them `scores`.
    let score = |of: &Value| of.get("scores").unwrap_or(&of["score"]).clone();
    let of = |record: &Value| -> Vec<Value> {
        let segments = record["segments"].as_array().unwrap().iter();
        segments
            .map(|segment| {
                json!([
                    segment["start"],
                    segment["end"],
                    score(segment),
                    segment["unscored"],
                    segment["cut"],
                    segment["flag"],
                    segment["low"],
                    segment["high"]
                ])
            })
            .collect()
    };
    assert_eq!(of(answer), of(written));
    assert_eq!(score(answer), score(written));
    for key in ["unscored", "aggregation"] {
        assert_eq!(answer[key], written[key], "{key}");
    }
    for key in [
        "context_tokens_dropped",
        "prompt_tokens_dropped",
        "response_tokens_dropped",
        "windows",
    ] {
        assert_eq!(answer["truncated"][key], written[key], "{key}");
    }
}

#[test]
fn answers_are_what_the_command_writes_alone_and_in_a_list() {
    let server = Server::start();
    let expected = scored_by_the_command(12);
    for (record, written) in &expected {
        let answer = server.score(record).json(200);
        assert_eq!(answer["id"], record["id"]);
        assert_scored_alike(&answer, written);
    }
    let records: Vec<&Value> = expected.iter().map(|(record, _)| record).collect();
    let list = server.score(&json!(records)).json(200);
    let wrapped = server.score(&json!({"records": records})).json(200);
    assert_eq!(list, wrapped["records"]);
    assert_eq!(list.as_array().unwrap().len(), expected.len());
    for (answer, (_, written)) in list.as_array().unwrap().iter().zip(&expected) {
        assert_scored_alike(answer, written);
    }
}

#[test]
fn all_four_shapes_are_read_and_what_has_no_score_says_why() {
    let server = Server::start();
    let shapes = json!([
        {"prompt": "p", "response": "One. Two.", "segments": [{"start": 0, "end": 4, "rating": 0.7}, {"start": 5, "end": 9, "rating": null}]},
        {"prompt": "p", "response": "One. Two.", "segments": [{"start": 0, "end": 4, "rating": {"a": 1.0}}]},
        {"prompt": "p", "segments": ["One.", "Two."], "ratings": [1.0, 0.2]},
        {"prompt": "p", "completions": ["One.", "Two."], "labels": [true, false]},
        {"prompt": "p", "response": ""},
        {"prompt": "p", "response": "***"},
    ]);
    let answers = server.score(&shapes).json(200);
    let counts: Vec<usize> = (0..6)
        .map(|k| answers[k]["segments"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts[..4], [2, 1, 2, 2]);
    assert_eq!(answers[4]["unscored"], "empty");
    assert_eq!(answers[4]["score"], Value::Null);
    for k in 0..4 {
        assert!(answers[k]["score"].is_f64(), "{}", answers[k]);
        assert!(answers[k].get("unscored").is_none());
    }
    let long = json!({"prompt": "p", "response": "One two three four. ".repeat(2000)});
    let answer = server.score(&long).json(200);
    assert!(
        answer["truncated"]["response_tokens_dropped"]
            .as_u64()
            .unwrap()
            > 1000
    );
    let segments = answer["segments"].as_array().unwrap();
    assert_eq!(segments.last().unwrap()["unscored"], "truncated");
    assert_eq!(segments.last().unwrap()["score"], Value::Null);
}

#[test]
fn info_says_what_is_served() {
    let server = Server::with(&["first=bundle", "second=bundle"]);
    let info = server.get("/info").json(200);
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    let names: Vec<&str> = info["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["first", "second"]);
    let model = &info["models"][0];
    assert_eq!(model["aspects"], json!(["rating"]));
    assert_eq!(model["segmenter"], "sentence");
    assert_eq!(model["digest"].as_str().unwrap().len(), 64);
    let record = json!({"prompt": "p", "response": "One.", "model": "second"});
    assert!(server.score(&record).json(200)["score"].is_f64());
    assert_eq!(server.get("/health").json(200), json!({"status": "ok"}));
    assert_eq!(server.get("/ready").json(200), json!({"status": "ready"}));
}

#[test]
fn segments_at_or_below_the_threshold_have_the_flag_that_the_command_writes() {
    let directory = temp_dir();
    let path = directory.path();
    copy_of_bundle(path);
    let rated = scored_by_the_command(12)
        .into_iter()
        .map(|(_, mut record)| {
            for segment in record["segments"].as_array_mut().unwrap() {
                segment["rating"] = segment["score"].clone();
            }
            record.to_string() + "\n"
        });
    write(path, "rated.jsonl", rated.collect::<String>());
    let threshold = [
        "threshold",
        "bundle",
        "rated.jsonl",
        "--cost",
        "wrong:missed=1:1",
    ];
    gradus(path, &threshold).succeeds();
    let written = gradus(path, &["score", "bundle", "test.jsonl"]).succeeds();
    let server = Server::within(path, &["m=bundle"], &[]);
    let asked = fs_err::read_to_string(path.join("test.jsonl")).unwrap();
    let mut flags = Vec::new();
    for (asked, written) in asked.lines().zip(written.lines()) {
        let [asked, record] =
            [asked, written].map(|line| serde_json::from_str::<Value>(line).unwrap());
        let answer = server.score(&asked).json(200);
        let segments = answer["segments"].as_array().unwrap().iter();
        for (segment, written) in segments.zip(record["segments"].as_array().unwrap()) {
            assert_eq!(segment.get("flag"), written.get("flag"), "{segment}");
            flags.push(segment.get("flag").cloned());
        }
    }
    assert!(
        flags.contains(&Some(json!("doubtful"))) && flags.contains(&None),
        "{flags:?}"
    );
}
