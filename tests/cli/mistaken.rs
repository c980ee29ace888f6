//! A file of one kind where another kind belongs: told in words, with a failing exit code.

use std::path::Path;

use crate::support::{gradus, temp_dir, trained, write};

/// A place with a score file, a report in JSON and the data they are about.
fn place() -> tempfile::TempDir {
    let place = temp_dir();
    let test = fs_err::read_to_string(trained().join("test.jsonl")).unwrap();
    write(place.path(), "data.jsonl", test);
    let bundle = bundle();
    gradus(
        place.path(),
        &["score", &bundle, "data.jsonl", "-o", "scores.jsonl"],
    )
    .succeeds();
    let report = gradus(place.path(), &["eval", &bundle, "data.jsonl", "--json"]).succeeds();
    write(place.path(), "report.json", report);
    place
}

fn bundle() -> String {
    trained().join("bundle").to_str().unwrap().to_owned()
}

#[test]
fn data_is_no_score_file() {
    let place = place();
    let run = |arguments: &[&str]| gradus(place.path(), arguments);
    let parts = [
        "data.jsonl:1",
        "without the key `score`",
        "looks like a data file",
    ];
    run(&["eval", "--scores", "data.jsonl", "data.jsonl"]).fails(2, &parts);
    run(&["compare", "scores.jsonl", "data.jsonl", "data.jsonl"]).fails(2, &parts);
    run(&["compare", &bundle(), "data.jsonl", "data.jsonl"]).fails(2, &parts);
    let explain = ["explain", "--scores", "data.jsonl", "data.jsonl"];
    run(&explain).fails(2, &parts);
}

#[test]
fn reports_run_files_and_directories_are_no_data_and_no_scores() {
    let place = place();
    let bundle = bundle();
    let run_file = Path::new(&bundle).join("run.toml");
    let run_file = run_file.to_str().unwrap();
    let steps = Path::new(&bundle).join("metrics.jsonl");
    let steps = steps.to_str().unwrap();
    for wrong in ["report.json", run_file, steps, &bundle] {
        for arguments in [
            &["eval", "--scores", wrong, "data.jsonl"][..],
            &["eval", &bundle, wrong],
            &["calibrate", &bundle, wrong],
            &["score", &bundle, wrong, "-o", "out.jsonl"],
            &["data", "stats", wrong],
            &["data", "split", wrong, "-o", "splits"],
        ] {
            gradus(place.path(), arguments).fails(2, &["expected"]);
        }
        assert!(!place.path().join("out.jsonl").exists());
    }
    for wrong in ["report.json", "data.jsonl", &bundle] {
        let train = ["train", "--config", wrong, "-o", "new"];
        gradus(place.path(), &train).fails(2, &[wrong]);
    }
}

#[test]
fn a_file_is_no_bundle_and_no_model() {
    let place = place();
    for (arguments, expected) in [
        (
            &["score", "data.jsonl", "data.jsonl"][..],
            "it is a file, not a directory",
        ),
        (
            &["export", "scores.jsonl", "new"],
            "it is a file, not a directory",
        ),
        (
            &["merge", "scores.jsonl", "new"],
            "it is a file, not a directory",
        ),
        (
            &["inspect", "data.jsonl"],
            "found a file, expected a directory",
        ),
        (
            &["inspect", "./data.jsonl"],
            "found a file, expected a directory",
        ),
        (
            &["import", "data.jsonl", "new"],
            "found a file, expected a directory",
        ),
        (
            &["score", "nowhere", "data.jsonl"],
            "there is no such directory",
        ),
    ] {
        gradus(place.path(), arguments).fails(2, &[expected]);
    }
}

#[test]
fn scores_of_which_none_is_there_or_beside_a_rating_are_no_evaluation() {
    let place = temp_dir();
    let data = r#"{"id":"a","prompt":"p","segments":["One.","Two."],"ratings":[1,null]}"#;
    write(place.path(), "data.jsonl", data);
    write(
        place.path(),
        "none.jsonl",
        r#"{"id":"a","scores":[null,null]}"#,
    );
    write(
        place.path(),
        "other.jsonl",
        r#"{"id":"a","scores":[null,0.5]}"#,
    );
    let run = |arguments: &[&str]| gradus(place.path(), arguments);
    let none = ["none.jsonl: found no score in 1 responses (1 missing)"];
    run(&["eval", "--scores", "none.jsonl", "data.jsonl"]).fails(2, &none);
    run(&["compare", "none.jsonl", "other.jsonl", "data.jsonl"]).fails(2, &none);
    let unrated = ["rating: 1 rated segments (1 missing)", "no figure"];
    run(&["eval", "--scores", "other.jsonl", "data.jsonl"]).fails(2, &unrated);
    let systems = [
        "compare",
        "one=other.jsonl",
        "two=other.jsonl",
        "data.jsonl",
    ];
    run(&systems).fails(
        2,
        &["nothing rated that every system scores", "`two` 0 segments"],
    );
}
