//! Prediction intervals of the bundle beside scores.

use serde_json::{Value, json};

use crate::aspects::two_aspects;
use crate::native::{assert_scored_alike, scored_by};
use crate::server::Server;
use crate::support::temp_dir;

#[test]
fn scores_have_the_ends_of_the_intervals_that_hold_for_them() {
    let directory = temp_dir();
    let path = directory.path();
    fs_err::create_dir(path.join("bundle")).unwrap();
    for entry in fs_err::read_dir(two_aspects().join("bundle")).unwrap() {
        let entry = entry.unwrap();
        fs_err::copy(entry.path(), path.join("bundle").join(entry.file_name())).unwrap();
    }
    fs_err::copy(
        two_aspects().join("records.jsonl"),
        path.join("records.jsonl"),
    )
    .unwrap();
    let manifest_file = path.join("bundle/manifest.json");
    let mut manifest: Value =
        serde_json::from_slice(&fs_err::read(&manifest_file).unwrap()).unwrap();
    manifest["prediction_intervals"] = json!({"clear": {
        "coverage": 0.9,
        "half_width": 0.25,
        "scored_with": {"recalibrated": false, "precision": "f32", "cut_segments": "drop"},
        "fitted_on": "valid.jsonl",
        "responses": 9,
        "segments": 20
    }});
    fs_err::write(manifest_file, manifest.to_string()).unwrap();

    let scored = scored_by(path, "records.jsonl", &[]);
    let server = Server::within(path, &["bundle"], &[]);
    for (record, written) in scored.iter().take(8) {
        let answer = server.score(record).json(200);
        assert_scored_alike(&answer, written);
        for segment in answer["segments"].as_array().unwrap() {
            let score = segment["scores"]["clear"].as_f64().unwrap();
            for (key, end) in [("low", score - 0.25), ("high", score + 0.25)] {
                let found = segment[key].as_object().unwrap();
                assert_eq!(found.len(), 1, "only one aspect has an interval: {segment}");
                assert!(
                    (found["clear"].as_f64().unwrap() - end).abs() < 1e-6,
                    "{segment}"
                );
            }
        }
        // It was learned without windows, and holds for no request with some.
        let mut windows = record.clone();
        windows["stride"] = json!(8);
        let answer = server.score(&windows).json(200);
        for segment in answer["segments"].as_array().unwrap() {
            assert!(segment.get("low").is_none(), "{segment}");
        }
    }
}
