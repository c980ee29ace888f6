//! What a request may set: each setting does what the option of `gradus score` does, wherever it stands.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::native::{assert_scored_alike, scored_by};
use crate::server::Server;
use crate::support::{gradus, temp_dir, train_arguments, trained, write};

/// A directory with a `bundle` that reads few tokens, scores segments of which it reads a part, and is recalibrated;
/// and `long.jsonl`, most of whose responses are too long for it.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<TempDir> = OnceLock::new();
    let directory = DIRECTORY.get_or_init(|| {
        let directory = temp_dir();
        let bundle = directory.path().join("bundle");
        let output = ["--output", bundle.to_str().unwrap()];
        let text = ["--max-length", "32", "--cut-segments", "score"];
        gradus(trained(), &train_arguments(&[&output[..], &text].concat())).succeeds();
        let calibrate = ["calibrate", output[1], "valid.jsonl", "--kind", "linear"];
        gradus(trained(), &calibrate).succeeds();
        let records = fs_err::read_to_string(trained().join("test.jsonl")).unwrap();
        let long = records.lines().take(6).enumerate().map(|(number, line)| {
            let record: Value = serde_json::from_str(line).unwrap();
            let response = record["response"].as_str().unwrap().to_owned() + " ";
            let response = response.repeat(number % 3 + 1);
            json!({"prompt": record["prompt"], "response": response}).to_string() + "\n"
        });
        write(directory.path(), "long.jsonl", long.collect::<String>());
        directory
    });
    directory.path()
}

/// The settings as part of a URL.
fn query(settings: &Map<String, Value>) -> String {
    let texts = settings.iter().map(|(key, value)| {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        format!("{key}={text}")
    });
    texts.collect::<Vec<_>>().join("&")
}

/// What a server answers to records with settings, at each of the places where these may stand.
fn answered(server: &Server, records: &[Value], settings: &Map<String, Value>) -> [Vec<Value>; 4] {
    let beside_a_record = records.iter().map(|record| {
        let mut record = record.as_object().unwrap().clone();
        record.extend(settings.clone());
        server.score(&record.into()).json(200)
    });
    let mut beside_records = settings.clone();
    beside_records.insert("records".into(), json!(records));
    let beside_records = server.score(&beside_records.into()).json(200);
    let path = format!("/v1/score?{}", query(settings));
    let in_the_url = server.post(&path, json!(records).to_string()).json(200);
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    let kind = [("content-type", "application/jsonl")];
    let mut connection = server.connect();
    let streamed = connection.ask("POST", &path, &kind, lines.join("\n").as_bytes());
    let streamed = streamed.unwrap();
    let streamed = streamed.text().lines();
    let list = |value: &Value| value.as_array().unwrap().clone();
    [
        beside_a_record.collect(),
        list(&beside_records["records"]),
        list(&in_the_url),
        streamed
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    ]
}

#[test]
fn each_setting_does_what_the_option_of_the_command_does() {
    let server = Server::within(directory(), &["bundle"], &[]);
    let by_default = scored_by(directory(), "long.jsonl", &[]);
    for (settings, flags) in [
        (json!({}), &[][..]),
        (json!({"aggregation": "min"}), &["--aggregation", "min"]),
        (
            json!({"aggregation": "softmin:0.5"}),
            &["--aggregation", "softmin:0.5"],
        ),
        (json!({"raw": true}), &["--raw"]),
        (json!({"stride": 8}), &["--stride", "8"]),
        (
            json!({"stride": 8, "raw": true, "aggregation": "sum"}),
            &["--stride", "8", "--raw", "--aggregation", "sum"],
        ),
    ] {
        let written = scored_by(directory(), "long.jsonl", flags);
        assert_eq!(written == by_default, flags.is_empty(), "{settings}");
        let records: Vec<Value> = written.iter().map(|(record, _)| record.clone()).collect();
        for answers in answered(&server, &records, settings.as_object().unwrap()) {
            assert_eq!(answers.len(), written.len());
            for (answer, (_, written)) in answers.iter().zip(&written) {
                assert_scored_alike(answer, written);
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn an_offset_is_kept_where_every_bundle_has_one_and_dropped_anywhere() {
    let server = Server::spawn(trained(), &["bundle", "--offset", "keep"], &[]);
    let (code, said) = server.end();
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("--offset keep: found the bundle `bundle` without an offset"),
        "{said}"
    );
    let directory = temp_dir();
    let path = directory.path();
    let tiny = fs_err::read_to_string(trained().join("tiny.toml")).unwrap();
    let config = format!("{tiny}offset = \"position+length\"\n");
    write(path, "offset.toml", config);
    let of = |name: &str| path.join(name).to_str().unwrap().to_owned();
    let (config, bundle) = (of("offset.toml"), of("bundle"));
    let mut train = train_arguments(&["--output", &bundle]);
    train[2] = &config;
    gradus(trained(), &train).succeeds();
    // So few steps do not make scores that rise with the ratings: ratings are the scores themselves.
    let scored = gradus(trained(), &["score", &bundle, "valid.jsonl"]).succeeds();
    let rated = scored.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        for segment in record["segments"].as_array_mut().unwrap() {
            segment["rating"] = segment["score"].take();
        }
        let [prompt, response, segments] =
            ["prompt", "response", "segments"].map(|key| &record[key]);
        json!({"prompt": prompt, "response": response, "segments": segments}).to_string() + "\n"
    });
    write(path, "rated.jsonl", rated.collect::<String>());
    let rated = of("rated.jsonl");
    let calibrate = ["calibrate", &bundle, &rated, "--kind", "linear"];
    gradus(trained(), &calibrate).succeeds();
    let server = Server::within(path, &["bundle", "--offset", "drop"], &[]);
    assert_eq!(server.get("/info").json(200)["models"][0]["offset"], "drop");
    server.signal("-TERM");
    let (_, said) = server.end();
    for part in [
        "offset: drop",
        "not used: the recalibration of `bundle`, fitted to scores with the offset",
    ] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
}

#[test]
fn a_score_of_a_part_of_a_segment_is_marked_and_windows_are_counted() {
    let server = Server::within(directory(), &["bundle"], &[]);
    let (record, _) = scored_by(directory(), "long.jsonl", &[]).swap_remove(2);
    let answer = server.score(&record).json(200);
    let segments = answer["segments"].as_array().unwrap();
    let cut: Vec<&Value> = segments.iter().filter(|one| one["cut"] == true).collect();
    assert_eq!(cut.len(), 1, "{answer}");
    assert!(cut[0]["score"].is_f64() && cut[0].get("unscored").is_none());
    assert!(answer["truncated"].get("windows").is_none(), "{answer}");
    let mut record = record;
    record["stride"] = json!(8);
    let answer = server.score(&record).json(200);
    assert!(
        answer["truncated"]["windows"].as_u64() > Some(1),
        "{answer}"
    );
    assert!(!answer.to_string().contains("cut"), "{answer}");
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
