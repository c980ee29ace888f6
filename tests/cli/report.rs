//! The page of an evaluation: written whole, self-contained, and with what it is made from.

use serde_json::json;

use crate::support::{gradus, names, temp_dir, trained, write};

#[test]
fn a_bundle_has_a_page_with_figures_training_and_responses() {
    let directory = temp_dir();
    let page = directory.path().join("report.html");
    let arguments = [
        "eval",
        "bundle",
        "test.jsonl",
        "--html",
        page.to_str().unwrap(),
    ];
    let run = gradus(trained(), &arguments);
    assert!(run.stderr.contains("report written"), "{}", run.stderr);
    assert!(
        run.succeeds().contains("segment level"),
        "the table is printed too"
    );
    let page = fs_err::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>"));
    for part in [
        "<title>bundle on test.jsonl",
        "bag of words",
        "Slices, worst first",
        "<h3>Training</h3>",
        "Reliability",
        "id=\"gradus-responses\"",
    ] {
        assert!(page.contains(part), "missing `{part}`");
    }
    for foreign in ["http:", "https:", "src=", "@import", "url("] {
        assert!(
            !page.contains(foreign),
            "the page names something outside it: {foreign}"
        );
    }
    assert_eq!(
        names(directory.path()),
        ["report.html"],
        "something else was left behind"
    );
}

#[test]
fn a_score_file_has_a_page_without_training_and_with_the_responses_asked_for() {
    let directory = temp_dir();
    let record = |k: usize| json!({"id": k, "prompt": "p", "segments": ["<b>One.", "Two."], "ratings": [0.0, 1.0]});
    let scores = |k: usize| json!({"id": k, "scores": [0.1 * k as f64, 0.9]});
    let lines = |line: &dyn Fn(usize) -> serde_json::Value| -> String {
        (0..5).map(|k| line(k).to_string() + "\n").collect()
    };
    write(directory.path(), "data.jsonl", lines(&record));
    write(directory.path(), "scores.jsonl", lines(&scores));
    let arguments = [
        "eval",
        "--scores",
        "scores.jsonl",
        "data.jsonl",
        "--html",
        "page.html",
        "--html-responses",
        "2",
    ];
    gradus(directory.path(), &arguments).succeeds();
    let page = fs_err::read_to_string(directory.path().join("page.html")).unwrap();
    assert!(
        page.contains("2 of 5 responses shown") && page.contains("No trivial baseline"),
        "{page}"
    );
    assert!(!page.contains("<h3>Training</h3>") && !page.contains("<b>One."));
}

#[test]
fn a_page_that_cannot_be_written_is_refused_before_anything_is_scored() {
    gradus(
        trained(),
        &[
            "eval",
            "bundle",
            "test.jsonl",
            "--html",
            "nowhere/report.html",
        ],
    )
    .fails(2, &["nowhere/report.html"]);
    gradus(trained(), &["eval", "bundle", "test.jsonl", "--html", "-"])
        .fails(2, &["--html", "file"]);
    gradus(
        trained(),
        &["eval", "bundle", "test.jsonl", "--html-responses", "5"],
    )
    .fails(2, &["--html"]);
}
