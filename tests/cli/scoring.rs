//! What `score` writes on request: texts, positions in other units, and each answer at once.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{gradus, temp_dir, trained, write};

fn bundle() -> String {
    trained().join("bundle").to_str().unwrap().to_owned()
}

#[test]
fn texts_and_positions_in_other_units_stand_beside_the_spans() {
    let directory = temp_dir();
    let path = directory.path();
    let response = "Schöne 😊 Grüße. Und noch ein Satz 🎉🎉!";
    write(
        path,
        "data.jsonl",
        json!({"prompt": "p", "response": response}).to_string(),
    );
    let bundle = bundle();
    let score = |more: &[&str]| -> Value {
        let arguments = [&["score", &bundle, "data.jsonl"], more].concat();
        serde_json::from_str(&gradus(path, &arguments).succeeds()).unwrap()
    };
    let plain = score(&[]);
    let number =
        |segment: &Value, key: &str| usize::try_from(segment[key].as_u64().unwrap()).unwrap();
    for (unit, more) in [
        ("utf16", ["--offsets", "utf16"]),
        ("bytes", ["--offsets", "bytes"]),
    ] {
        let record = score(&[&["--text"], &more[..]].concat());
        let segments = record["segments"].as_array().unwrap();
        assert_eq!(segments.len(), 2, "{record}");
        for (segment, plain) in segments.iter().zip(plain["segments"].as_array().unwrap()) {
            for key in ["start", "end", "score"] {
                assert_eq!(segment[key], plain[key]);
            }
            let [start, end] =
                ["start", "end"].map(|key| number(segment, &format!("{key}_{unit}")));
            let text = if unit == "utf16" {
                let units: Vec<u16> = response.encode_utf16().collect();
                String::from_utf16(&units[start..end]).unwrap()
            } else {
                response[start..end].to_owned()
            };
            assert_eq!(segment["text"], text);
        }
    }
    assert_eq!(score(&["--offsets", "chars"]), plain);
    gradus(
        path,
        &["score", &bundle, "data.jsonl", "--offsets", "words"],
    )
    .fails(2, &["words", "chars, utf16, bytes"]);
    // Into a directory, with other options a run does not go on.
    gradus(
        path,
        &["score", &bundle, "data.jsonl", "-o", "out/", "--text"],
    )
    .succeeds();
    let out = fs_err::read_to_string(path.join("out/data.jsonl")).unwrap();
    assert!(out.contains("\"text\":\"Schöne 😊 Grüße."), "{out}");
    gradus(
        path,
        &["score", &bundle, "data.jsonl", "-o", "out/", "--resume"],
    )
    .fails(2, &["--text"]);
    // What is written is data again.
    gradus(path, &["data", "validate", "out/data.jsonl"]).succeeds();
}

#[test]
fn each_record_is_answered_before_the_next_is_asked() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(["score", &bundle(), "-", "--unbuffered"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut questions = child.stdin.take().unwrap();
    let answers = BufReader::new(child.stdout.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in answers.lines() {
            sender.send(line.unwrap()).unwrap();
        }
    });
    let mut ask = |question: &str| -> Value {
        writeln!(questions, "{question}").unwrap();
        questions.flush().unwrap();
        // Only a program that waits for more would take as long.
        let answer = receiver.recv_timeout(Duration::from_mins(5));
        serde_json::from_str(&answer.expect("an answer")).unwrap()
    };
    for k in 0..5 {
        let record =
            json!({"id": format!("r{k}"), "prompt": "p", "response": format!("Number {k}. Yes.")});
        let answer = ask(&record.to_string());
        assert_eq!(answer["id"], record["id"]);
        assert!(answer["score"].is_f64(), "{answer}");
    }
    // What is wrong is answered, too, and the next record as if nothing had happened.
    for (number, (question, part)) in (6..).zip([
        ("{\"prompt\":", "not JSON"),
        (r#"{"prompt":"p"}"#, "response"),
    ]) {
        let answer = ask(question);
        assert_eq!(answer["file"], "-");
        assert_eq!(answer["number"], number);
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(part), "{error}");
        assert!(answer.get("score").is_none(), "{answer}");
    }
    let answer = ask(r#"{"id":"last","prompt":"p","response":"Yes."}"#);
    assert_eq!(answer["id"], "last");
    drop(questions);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("2 of 8 records"), "{said}");
    reader.join().unwrap();
}
