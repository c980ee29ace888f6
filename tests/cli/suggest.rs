//! `suggest`: which responses to rate next.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{gradus, temp_dir, train_arguments, trained, write};

/// The records of a split of the tests without ratings, as lines.
fn unrated(split: &str) -> Vec<String> {
    let text = fs_err::read_to_string(trained().join(split)).unwrap();
    let record = |line: &str| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        for segment in record["segments"].as_array_mut().unwrap() {
            segment.as_object_mut().unwrap().remove("rating");
        }
        record.to_string()
    };
    text.lines().map(record).collect()
}

fn bundle() -> String {
    trained().join("bundle").to_str().unwrap().to_owned()
}

fn ids(path: &Path) -> Vec<String> {
    let text = fs_err::read_to_string(path).unwrap();
    let id = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["id"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

#[test]
fn what_is_like_a_rated_record_is_not_suggested() {
    let directory = temp_dir();
    let path = directory.path();
    let lines = unrated("test.jsonl");
    // The first two records are rated, one of them in the data itself.
    let rated = fs_err::read_to_string(trained().join("test.jsonl")).unwrap();
    let rated: Vec<&str> = rated.lines().collect();
    write(path, "rated.jsonl", rated[0]);
    let mut second: Value = serde_json::from_str(rated[1]).unwrap();
    second["id"] = json!("rated-second");
    let mut data = lines.clone();
    data.push(second.to_string());
    write(path, "data.jsonl", data.join("\n"));
    let arguments = |count: &'static str, output: &'static str| {
        [
            "--data",
            "data.jsonl",
            "--rated",
            "rated.jsonl",
            "-n",
            count,
            "-o",
            output,
        ]
    };
    let bundle = bundle();
    let suggest = |more: &[&str]| gradus(path, &[&["suggest", &bundle][..], more].concat());
    suggest(&arguments("3", "three.jsonl")).succeeds();
    suggest(&arguments("9999", "all.jsonl")).succeeds();
    let (three, all) = (ids(&path.join("three.jsonl")), ids(&path.join("all.jsonl")));
    assert_eq!(three, all[..3]);
    let of = |line: &str| {
        serde_json::from_str::<Value>(line).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(!all.contains(&of(&lines[0])), "it is rated in another file");
    assert!(
        !all.contains(&of(&lines[1])),
        "it is rated under another id"
    );
    assert!(!all.contains(&"rated-second".to_owned()));
    assert!(all.len() > lines.len() / 2, "{}", all.len());
    let mut unique = all.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), all.len());
    // What is written is what was read.
    let written = fs_err::read_to_string(path.join("three.jsonl")).unwrap();
    let first: Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
    let original = lines.iter().find(|line| of(line) == three[0]).unwrap();
    let original: Value = serde_json::from_str(original).unwrap();
    assert_eq!(first["response"], original["response"]);
    assert_eq!(
        first["segments"].as_array().unwrap().len(),
        original["segments"].as_array().unwrap().len()
    );
    suggest(&arguments("3", "three.jsonl")).fails(2, &["three.jsonl", "already exists"]);
    suggest(&arguments("0", "none.jsonl")).fails(2, &["--number", "at least 1"]);
}

#[test]
fn several_bundles_pick_what_they_disagree_on() {
    let directory = temp_dir();
    let path = directory.path();
    let other = path.join("other");
    let other = other.to_str().unwrap();
    gradus(
        trained(),
        &train_arguments(&["--output", other, "--seed", "7"]),
    )
    .succeeds();
    write(path, "data.jsonl", unrated("test.jsonl").join("\n"));
    let bundle = bundle();
    let data = ["--data", "data.jsonl", "-n", "5", "-o"];
    let spread = |line: &str| -> Vec<f64> {
        let numbers = line.split(|c: char| !c.is_ascii_digit() && c != '.');
        numbers.filter_map(|number| number.parse().ok()).collect()
    };
    let run = gradus(
        path,
        &[&["suggest", &bundle, other][..], &data, &["two.jsonl"]].concat(),
    );
    let told = run.stderr.clone();
    run.succeeds();
    let line = told
        .lines()
        .find(|line| line.contains("mean spread"))
        .unwrap();
    let numbers = spread(line);
    assert!(numbers[0] > numbers[1], "{line}");
    assert_eq!(ids(&path.join("two.jsonl")).len(), 5);
    gradus(
        path,
        &[&["suggest", &bundle, &bundle][..], &data, &["same.jsonl"]].concat(),
    )
    .fails(2, &["same scores from all bundles"]);
    assert!(!path.join("same.jsonl").exists());
    // Nothing to compare is no agreement.
    let blank = json!({"id": "a", "prompt": "p", "response": "", "segments": []});
    write(path, "blank.jsonl", blank.to_string());
    let arguments = [
        "suggest",
        &bundle,
        other,
        "--data",
        "blank.jsonl",
        "-o",
        "none.jsonl",
    ];
    let run = gradus(path, &arguments);
    assert!(
        run.stderr.contains("1 records were left out"),
        "{}",
        run.stderr
    );
    run.succeeds();
}

#[test]
fn data_that_is_all_rated_is_refused() {
    let directory = temp_dir();
    let test = trained().join("test.jsonl");
    let (bundle, test) = (bundle(), test.to_str().unwrap());
    let arguments = ["suggest", &bundle, "--data", test, "-o", "next.jsonl"];
    gradus(directory.path(), &arguments).fails(2, &["test.jsonl", "ratings in every record"]);
}
