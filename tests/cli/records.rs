//! Wrong records: each refused with place, what was found and what was expected, and exit code 2.
//! And many of them, of which only a few are in memory at a time.

use serde_json::Value;

use crate::support::{gradus, temp_dir, trained, write};

/// Scores a file with one good record and then `line`; the bad one is on line 2.
#[track_caller]
fn refuses(line: &str, parts: &[&str]) {
    let directory = temp_dir();
    let good = r#"{"id":"good","prompt":"p","response":"Yes.","segments":[{"start":0,"end":4,"rating":0.5}]}"#;
    write(directory.path(), "data.jsonl", format!("{good}\n{line}\n"));
    let bundle = trained().join("bundle");
    let bundle = bundle.to_str().unwrap();
    let mut expected = vec!["data.jsonl:2"];
    expected.extend(parts);
    gradus(directory.path(), &["eval", bundle, "data.jsonl"]).fails(2, &expected);
    gradus(
        directory.path(),
        &["score", bundle, "data.jsonl", "-o", "out.jsonl"],
    )
    .fails(2, &expected);
    assert!(
        !directory.path().join("out.jsonl").exists(),
        "half a file was left"
    );
    gradus(directory.path(), &["data", "stats", "data.jsonl"]).fails(2, &expected);
}

fn record(segments: &str) -> String {
    format!(r#"{{"id":"bad","prompt":"p","response":"Ten chars.","segments":[{segments}]}}"#)
}

#[test]
fn text_that_is_not_json() {
    refuses("{\"id\":", &["JSON"]);
    refuses("[1, 2]", &["object"]);
}

#[test]
fn a_span_past_the_end() {
    refuses(
        &record(r#"{"start":0,"end":11,"rating":1}"#),
        &["segments[0]", "11", "10"],
    );
}

#[test]
fn a_text_beside_a_span_that_does_not_cover_it() {
    let of = |more: &str| format!("{{\"start\":0,\"end\":3,{more},\"rating\":1}}");
    refuses(&record(&of("\"text\":\"Two.\"")), &["`segments[0].text`"]);
    refuses(
        &record(&of("\"text\":[\"Ten\"]")),
        &["`segments[0].text`", "the text that the span covers"],
    );
    refuses(
        &record(&of("\"quote\":\"chars\"")),
        &["`segments[0].quote`", "4..9"],
    );
}

#[test]
fn overlapping_spans() {
    let two = r#"{"start":0,"end":5,"rating":1},{"start":4,"end":8,"rating":1}"#;
    refuses(&record(two), &["segments[1]", "overlap"]);
}

#[test]
fn a_backwards_span_and_an_empty_one() {
    refuses(
        &record(r#"{"start":5,"end":2,"rating":1}"#),
        &["segments[0]", "5", "2"],
    );
    refuses(
        &record(r#"{"start":5,"end":5,"rating":1}"#),
        &["segments[0]", "empty"],
    );
}

#[test]
fn a_rating_that_is_not_a_finite_number() {
    refuses(&record(r#"{"start":0,"end":5,"rating":NaN}"#), &["NaN"]);
    refuses(&record(r#"{"start":0,"end":5,"rating":1e999}"#), &["1e999"]);
    refuses(
        &record(r#"{"start":0,"end":5,"rating":"good"}"#),
        &["rating", "good"],
    );
}

#[test]
fn counts_that_differ() {
    let line = r#"{"id":"bad","prompt":"p","segments":["a","b"],"ratings":[1.0]}"#;
    refuses(line, &["ratings", "1", "2"]);
    refuses(
        r#"{"id":"bad","prompt":"p","completions":["a"],"labels":[true,false]}"#,
        &["labels"],
    );
}

#[test]
fn an_empty_file_a_directory_and_a_missing_file() {
    let directory = temp_dir();
    write(directory.path(), "empty.jsonl", "");
    gradus(directory.path(), &["data", "stats", "empty.jsonl"])
        .fails(2, &["empty.jsonl", "no record"]);
    // The only data file of the directory is the empty one.
    gradus(directory.path(), &["data", "stats", "."]).fails(2, &["empty.jsonl", "no record"]);
    fs_err::create_dir(directory.path().join("none")).unwrap();
    gradus(directory.path(), &["data", "stats", "none"]).fails(2, &["none", "no data file"]);
    gradus(directory.path(), &["data", "stats", "nowhere.jsonl"]).fails(2, &["nowhere.jsonl"]);
    write(directory.path(), "cut.jsonl.gz", [0x1f, 0x8b, 8, 0, 0, 0]);
    gradus(directory.path(), &["data", "stats", "cut.jsonl.gz"]).fails(2, &["cut.jsonl.gz"]);
}

#[test]
fn an_id_used_twice_is_named_with_both_lines() {
    let directory = temp_dir();
    let line = r#"{"id":"same","prompt":"p","response":"Yes.","segments":[{"start":0,"end":4,"rating":0.5}]}"#;
    write(directory.path(), "twice.jsonl", format!("{line}\n{line}\n"));
    let bundle = trained().join("bundle");
    gradus(
        directory.path(),
        &["eval", bundle.to_str().unwrap(), "twice.jsonl"],
    )
    .fails(2, &["twice.jsonl:2", "`same`", "line 1"]);
}

#[test]
fn validate_lists_every_wrong_record_and_fails() {
    let directory = temp_dir();
    let good = r#"{"id":"a","prompt":"p","response":"Yes.","segments":[]}"#;
    write(directory.path(), "mixed.jsonl", format!("{{\n{good}\n[]\n"));
    let run = gradus(directory.path(), &["data", "validate", "mixed.jsonl"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stdout.contains("mixed.jsonl:1") && run.stdout.contains("mixed.jsonl:3"),
        "{}",
        run.stdout
    );
}

/// More records than are scored together, of different lengths, so that batches mix them.
fn many() -> Vec<String> {
    let record = |id: usize| {
        let response = "Ten is even. ".repeat(1 + id % 7);
        format!(r#"{{"id":"{id}","prompt":"p","response":"{response}"}}"#)
    };
    (0..1_300).map(record).collect()
}

#[test]
fn many_records_are_scored_in_their_order() {
    let directory = temp_dir();
    write(directory.path(), "many.jsonl", many().join("\n"));
    let bundle = trained().join("bundle");
    let scored = gradus(
        directory.path(),
        &["score", bundle.to_str().unwrap(), "many.jsonl"],
    )
    .succeeds();
    let scored: Vec<Value> = scored
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(scored.len(), 1_300);
    for (id, record) in scored.iter().enumerate() {
        assert_eq!(record["id"], id.to_string());
        let segments = record["segments"].as_array().unwrap();
        assert_eq!(segments.len(), 1 + id % 7);
        // The same text has the same score, whatever it is scored beside.
        for (segment, first) in segments
            .iter()
            .zip(&scored[id % 7]["segments"].as_array().unwrap()[..])
        {
            let difference = segment["score"].as_f64().unwrap() - first["score"].as_f64().unwrap();
            assert!(difference.abs() < 1e-5, "{record}");
        }
    }
}

#[test]
fn a_wrong_record_far_down_is_named_with_its_line() {
    let directory = temp_dir();
    let mut lines = many();
    lines[1_200] = "[]".into();
    write(directory.path(), "many.jsonl", lines.join("\n"));
    let bundle = trained().join("bundle");
    let bundle = bundle.to_str().unwrap();
    gradus(
        directory.path(),
        &["score", bundle, "many.jsonl", "-o", "out.jsonl"],
    )
    .fails(2, &["many.jsonl:1201", "object"]);
    assert!(!directory.path().join("out.jsonl").exists());
}
