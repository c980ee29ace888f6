//! Flags of segments that score at most the threshold of the bundle.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::aspects::two_aspects;
use crate::native::{assert_scored_alike, scored_by};
use crate::server::Server;
use crate::support::{gradus, temp_dir, trained};

/// Scores of segments by aspect; that of a bundle with one aspect stands under its name.
fn scores(segment: &Value) -> Map<String, Value> {
    match &segment["score"] {
        Value::Object(scores) => scores.clone(),
        score => Map::from_iter([("rating".to_owned(), score.clone())]),
    }
}

/// Copies the bundle and records of a directory, and sets the threshold of each aspect to a score in the middle.
fn with_thresholds(from: &Path, records: &str, to: &Path) {
    fs_err::create_dir(to.join("bundle")).unwrap();
    for entry in fs_err::read_dir(from.join("bundle")).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), to.join("bundle").join(entry.file_name())).unwrap();
    }
    fs_err::copy(from.join(records), to.join("records.jsonl")).unwrap();
    let threshold = ["threshold", "bundle", "records.jsonl", "--resamples", "0"];
    gradus(
        to,
        &[&threshold[..], &["--cost", "wrong:missed=1:1"]].concat(),
    )
    .succeeds();
    let scored = scored_by(to, "records.jsonl", &[]);
    let path = to.join("bundle/manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    for (aspect, chosen) in manifest["thresholds"].as_object_mut().unwrap() {
        let segments = scored
            .iter()
            .flat_map(|(_, record)| record["segments"].as_array().unwrap());
        let of_aspect = segments.filter_map(|segment| scores(segment)[aspect].as_f64());
        let mut all: Vec<f64> = of_aspect.collect();
        all.sort_by(f64::total_cmp);
        chosen["threshold"] = json!(all[all.len() / 2]);
    }
    fs_err::write(path, manifest.to_string()).unwrap();
}

#[test]
fn segments_that_the_command_flags_are_flagged_and_no_others() {
    for (from, records, aspects) in [
        (trained(), "test.jsonl", 1),
        (two_aspects(), "records.jsonl", 2),
    ] {
        let directory = temp_dir();
        with_thresholds(from, records, directory.path());
        let scored = scored_by(directory.path(), "records.jsonl", &[]);
        let server = Server::within(directory.path(), &["bundle"], &[]);
        let mut flags = Vec::new();
        for (record, written) in scored.iter().take(12) {
            let answer = server.score(record).json(200);
            assert_scored_alike(&answer, written);
            let segments = answer["segments"].as_array().unwrap();
            flags.extend(segments.iter().map(|segment| segment["flag"].clone()));
        }
        // Where there are two aspects, a flag names those on which the segment is doubtful.
        let doubtful: &[Value] = if aspects == 1 {
            &[json!("doubtful"), Value::Null]
        } else {
            &[
                json!({"clear": "doubtful"}),
                json!({"right": "doubtful"}),
                Value::Null,
            ]
        };
        for flag in doubtful {
            assert!(flags.contains(flag), "{flag} in {flags:?}");
        }
    }
}
