//! What `data import` says of raters, and of files that nothing comes of.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Run, gradus, names, temp_dir, write};

const TEXT: &str = "It stands. It is 342 m tall.";

/// What rater `a` or `b` marks in the first or second text, each of two sentences: both the second one, but `b` not that
/// of the second text.
fn marks(rater: &str, text: usize) -> bool {
    rater == "a" || text == 1
}

fn label_studio() -> String {
    let task = |number: usize| {
        let annotation = |rater: &str| {
            let region = json!({
                "id": "r", "from_name": "label", "to_name": "text", "type": "labels",
                "value": {"start": 17, "end": 22, "text": "342 m", "labels": ["Wrong"]},
            });
            let result = if marks(rater, number) {
                json!([region])
            } else {
                json!([])
            };
            json!({"id": number, "completed_by": rater, "was_cancelled": false, "result": result})
        };
        let annotations = ["a", "b"].map(annotation);
        json!({"id": number, "data": {"text": TEXT}, "annotations": annotations, "predictions": []})
    };
    json!([task(1), task(2)]).to_string()
}

fn argilla() -> String {
    let record = |number: usize| {
        let answer = |rater: &str| {
            let span = json!({"label": "wrong", "start": 17, "end": 22});
            let spans = if marks(rater, number) {
                json!([span])
            } else {
                json!([])
            };
            json!({"value": spans, "user_id": rater, "status": "submitted"})
        };
        let answers = ["a", "b"].map(answer);
        json!({
            "id": number.to_string(), "fields": {"text": TEXT}, "metadata": {}, "suggestions": {}, "vectors": {},
            "responses": {"spans": answers}, "status": "completed", "_server_id": null,
        })
        .to_string()
    };
    [1, 2].map(record).join("\n")
}

fn prodigy() -> String {
    let line = |(number, rater): (usize, &str)| {
        let span =
            json!({"start": 17, "end": 22, "token_start": 4, "token_end": 5, "label": "WRONG"});
        let spans = if marks(rater, number) {
            json!([span])
        } else {
            json!([])
        };
        json!({
            "text": TEXT, "_input_hash": number, "_task_hash": 7, "spans": spans, "_view_id": "spans_manual",
            "answer": "accept", "_timestamp": 1_743_973_485, "_annotator_id": rater, "_session_id": rater,
        })
        .to_string()
    };
    [(1, "a"), (2, "a"), (2, "b"), (1, "b")]
        .map(line)
        .join("\n")
}

fn doccano(rater: &str) -> String {
    let line = |number: usize| {
        let label = if marks(rater, number) {
            json!([[17, 22, "WRONG"]])
        } else {
            json!([])
        };
        json!({"id": number, "text": TEXT, "label": label, "Comments": []}).to_string()
    };
    [1, 2].map(line).join("\n")
}

fn import(directory: &Path, format: &str, file: &str, more: &[&str]) -> Run {
    let arguments = [
        "data",
        "import",
        format,
        file,
        "-o",
        "out.jsonl",
        "--overwrite",
    ];
    gradus(directory, &[&arguments[..], more].concat())
}

#[test]
fn the_agreement_of_every_annotation_tool_is_that_computed_by_hand() {
    let directory = temp_dir();
    let path = directory.path();
    fs_err::create_dir(path.join("doccano")).unwrap();
    write(path, "label-studio", label_studio());
    write(path, "argilla", argilla());
    write(path, "prodigy", prodigy());
    for rater in ["a", "b"] {
        write(
            &path.join("doccano"),
            &format!("{rater}.jsonl"),
            doccano(rater),
        );
    }
    // Ratings of the four sentences: 1 1, 0 0, 1 1, 0 1. Pooled: sqrt(0.5 / 4). Observed disagreement: 2 / 8; expected:
    // of all 56 ordered pairs, 2 * 5 * 3 differ; alpha 1 - (2 / 8) / (30 / 56) = 8 / 15. Kappa: agreement 3/4, by
    // chance 1/2 * 3/4 + 1/2 * 1/4 = 1/2, so (3/4 - 1/2) / (1 - 1/2).
    let expected = "rating: 4 segments with 2 raters, standard deviation 0.3536, Krippendorff's alpha 0.5333, \
                    Cohen's kappa 0.5000 (a and b)";
    for format in ["label-studio", "argilla", "prodigy", "doccano"] {
        let run = import(path, format, format, &[]);
        assert!(run.stderr.contains(expected), "{format}: {}", run.stderr);
        run.succeeds();
    }
}

#[test]
fn raters_of_different_texts_cannot_agree() {
    let directory = temp_dir();
    let line = |number: usize, rater: &str| {
        json!({"text": TEXT, "_input_hash": number, "spans": [], "answer": "accept", "_annotator_id": rater}).to_string()
    };
    write(
        directory.path(),
        "in",
        [line(1, "a"), line(2, "b")].join("\n"),
    );
    for rule in [&[][..], &["--raters", "any"]] {
        let run = import(directory.path(), "prodigy", "in", rule);
        assert!(
            run.stderr.contains("agreement cannot be computed"),
            "{}",
            run.stderr
        );
        run.succeeds();
    }
}

#[test]
fn replaced_annotations_are_told() {
    let directory = temp_dir();
    let line = |time: usize| {
        json!({
            "text": TEXT, "_input_hash": 1, "spans": [], "answer": "accept", "_annotator_id": "a", "_timestamp": time,
        })
        .to_string()
    };
    write(directory.path(), "in", [line(1), line(2)].join("\n"));
    let run = import(directory.path(), "prodigy", "in", &[]);
    let expected = "1 annotations were replaced by a later one of the same rater";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    run.succeeds();
}

#[test]
fn a_file_that_nothing_comes_of_is_refused_with_the_reason() {
    let directory = temp_dir();
    let path = directory.path();
    let empty = json!({"instruction": "Say hi.", "completions": []}).to_string();
    write(path, "empty", &empty);
    import(path, "ultrafeedback", "empty", &[]).fails(
        2,
        &["empty", "1 records without an answer", "ultrafeedback"],
    );
    let wrong = json!({"instruction": 1}).to_string();
    write(path, "wrong", [empty.clone(), wrong].join("\n"));
    let parts = [
        "1 records invalid and skipped, 1 records without an answer",
        "--skip-wrong",
    ];
    import(path, "ultrafeedback", "wrong", &["--skip-wrong"]).fails(2, &parts);
    let nobody: Value = json!([{"id": 1, "data": {"text": TEXT}, "annotations": []}]);
    write(path, "nobody", nobody.to_string());
    let parts = [
        "1 answers annotated by nobody and left out",
        "--unannotated skip",
    ];
    import(path, "label-studio", "nobody", &["--unannotated", "skip"]).fails(2, &parts);
    assert_eq!(
        names(path),
        ["empty", "nobody", "wrong"],
        "nothing is written"
    );
    // One that has an answer too: what gave none is counted.
    let rating = json!({"Rating": "4"});
    let one = json!({
        "instruction": "Say hi.", "completions": [{"response": "Hi.", "annotations": {"honesty": rating}}],
    });
    write(path, "both", [empty, one.to_string()].join("\n"));
    let run = import(path, "ultrafeedback", "both", &[]);
    assert!(
        run.stderr.contains("1 of 2 records have no answer"),
        "{}",
        run.stderr
    );
    run.succeeds();
}
