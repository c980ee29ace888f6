//! `POST /v1/score`: what it answers is what `gradus score` writes.

use serde_json::{Value, json};

use crate::server::Server;
use crate::support::{gradus, trained};

/// The first records of the test split, and what `gradus score` makes of them.
pub(crate) fn scored_by_the_command(count: usize, more: &[&str]) -> Vec<(Value, Value)> {
    let directory = trained();
    let text = fs_err::read_to_string(directory.join("test.jsonl")).unwrap();
    let records: Vec<Value> = text
        .lines()
        .take(count)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut arguments = vec!["score", "bundle", "test.jsonl"];
    arguments.extend(more);
    let scored = gradus(directory, &arguments).succeeds();
    let scored = scored
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    records.into_iter().zip(scored).collect()
}

/// Asserts that an answer has the segments and scores, to the bit, of a record that `gradus score` wrote.
#[track_caller]
pub(crate) fn assert_scored_alike(answer: &Value, written: &Value) {
    let of = |record: &Value| -> Vec<Value> {
        let segments = record["segments"].as_array().unwrap().iter();
        segments
            .map(|segment| {
                json!([
                    segment["start"],
                    segment["end"],
                    segment["score"],
                    segment["unscored"]
                ])
            })
            .collect()
    };
    assert_eq!(of(answer), of(written));
    assert_eq!(answer["score"], written["score"]);
    assert_eq!(answer["aggregation"], written["aggregation"]);
    for key in [
        "context_tokens_dropped",
        "prompt_tokens_dropped",
        "response_tokens_dropped",
    ] {
        assert_eq!(answer["truncated"][key], written[key], "{key}");
    }
}

#[test]
fn answers_are_what_the_command_writes_alone_and_in_a_list() {
    let server = Server::start();
    let expected = scored_by_the_command(12, &[]);
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
fn settings_are_those_of_the_command() {
    let server = Server::start();
    for (setting, value, flags) in [
        ("aggregation", json!("min"), vec!["--aggregation", "min"]),
        (
            "aggregation",
            json!("softmin:0.5"),
            vec!["--aggregation", "softmin:0.5"],
        ),
        ("raw", json!(true), vec!["--raw"]),
        ("stride", json!(16), vec!["--stride", "16"]),
    ] {
        for (record, written) in scored_by_the_command(4, &flags) {
            let mut record = record;
            record[setting] = value.clone();
            assert_scored_alike(&server.score(&record).json(200), &written);
        }
    }
}

#[test]
fn a_response_is_cut_as_the_bundle_or_the_request_says() {
    let server = Server::start();
    let record = json!({"prompt": "Who?", "response": "One. Two.\nThree é🙂."});
    let spans = |record: &Value| -> Vec<(u64, u64)> {
        let answer = server.score(record).json(200);
        let segments = answer["segments"].as_array().unwrap().iter();
        segments
            .map(|segment| {
                (
                    segment["start"].as_u64().unwrap(),
                    segment["end"].as_u64().unwrap(),
                )
            })
            .collect()
    };
    assert_eq!(spans(&record), [(0, 4), (5, 9), (10, 19)]);
    let with = |segmenter: &str| {
        let mut record = record.clone();
        record["segmenter"] = json!(segmenter);
        spans(&record)
    };
    assert_eq!(with("line"), [(0, 9), (10, 19)]);
    assert_eq!(with("delimiter:. "), [(0, 4), (5, 19)]);
    assert!(with("tokens:2").len() > 2);
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
