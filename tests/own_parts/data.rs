//! A segmenter and a data format of another program.

use serde_json::{Value, json};

use crate::support::{Program, run};

const TICKETS: &str = r#"{"question": "Open?", "answer": "Yes, we are; come in.", "stars": 5, "desk": 7}
{"question": "Late?", "answer": "No.", "stars": 2}
"#;

#[test]
fn own_records_are_imported_and_cut_by_an_own_segmenter() {
    let own = Program::new("own_data");
    own.write("tickets.jsonl", TICKETS);
    let import = [
        "data",
        "import",
        "ticket",
        "tickets.jsonl",
        "--segmenter",
        "clause:,;.",
    ];
    own.succeed(&[&import[..], &["-o", "data.jsonl"]].concat());
    let records = String::from_utf8(own.read("data.jsonl")).unwrap();
    let records: Vec<Value> = records
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let segment = |start: u32, end: u32| json!({"start": start, "end": end, "rating": 1.0});
    assert_eq!(
        records[0]["segments"],
        json!([segment(0, 4), segment(5, 12), segment(13, 21)])
    );
    assert_eq!(records[0]["meta"], json!({"desk": 7}));
    assert_eq!(records[1]["segments"][0]["rating"], json!(0.25));
    let parts = own.succeed(&["parts"]);
    assert!(
        parts.contains("clause:MARKS") && parts.contains("ticket"),
        "{parts}"
    );

    // The same words as for the formats of this program, with the place.
    own.write(
        "wrong.jsonl",
        &TICKETS.replace("\"stars\": 2", "\"stars\": \"two\""),
    );
    own.refuses(
        &["data", "import", "ticket", "wrong.jsonl", "-o", "x.jsonl"],
        &["wrong.jsonl:2: field `stars`: found the text \"two\", expected a number"],
    );
    let mut known = import;
    known[2] = "ragtruth";
    own.gradus_refuses(
        &[&known[..], &["-o", "x.jsonl"]].concat(),
        &["segmenter: found \"clause:,;.\", expected sentence, line"],
    );
    own.gradus_refuses(
        &["data", "import", "ticket", "tickets.jsonl", "-o", "x.jsonl"],
        &["format: found `ticket`, expected one of prmbench"],
    );
}

#[test]
fn a_bundle_keeps_its_segmenter_and_a_program_without_it_refuses_the_bundle() {
    let own = Program::new("own_data");
    let tables = r#"
[text]
segmenter = { kind = "clause", marks = "." }
[training]
epochs = 1
"#;
    own.write("run.toml", &run(tables));
    own.succeed(&["train", "--config", "run.toml"]);
    let expected = json!({"kind": "clause", "version": 1, "marks": "."});
    assert_eq!(
        own.json("bundle/manifest.json")["text"]["segmenter"],
        expected
    );
    own.write(
        "uncut.jsonl",
        r#"{"prompt": "Ok?", "response": "One, two. Three."}"#,
    );
    own.succeed(&["score", "bundle", "uncut.jsonl", "-o", "scores.jsonl"]);
    let segments = own.json("scores.jsonl")["segments"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(segments, 2);
    own.gradus_refuses(
        &["score", "bundle", "uncut.jsonl", "-o", "x.jsonl"],
        &["`clause`, which is not known to this program"],
    );
    own.write("wrong.toml", &run(&tables.replace("marks", "mark")));
    own.refuses(
        &["train", "--config", "wrong.toml", "--output", "x"],
        &["segmenter `clause`", "mark"],
    );
}
