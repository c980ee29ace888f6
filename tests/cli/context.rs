//! Contexts: read where records have them, and said where they are not.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Run, TINY, gradus, temp_dir, trained, write};

/// Records of which those that `has` says have a context.
fn records(directory: &Path, name: &str, from: usize, has: impl Fn(usize) -> bool) {
    let lines: Vec<String> = (from..from + 40)
        .map(|k| {
            let mut record = json!({
                "id": format!("r{k}"), "prompt": format!("What of number {k}?"),
                "segments": [format!("Number {k} is fine."), format!("And {k} is odd, or even.")],
                "ratings": [(k % 5) as f64 / 4.0, (k % 3) as f64 / 2.0],
            });
            if has(k) {
                record["context"] = json!(format!("A passage about {k}."));
            }
            record.to_string()
        })
        .collect();
    write(directory, name, lines.join("\n"));
}

fn place() -> tempfile::TempDir {
    let directory = temp_dir();
    let path = directory.path();
    write(path, "tiny.toml", TINY);
    for (name, from) in [("train.jsonl", 0), ("valid.jsonl", 40), ("test.jsonl", 80)] {
        records(path, name, from, |_| true);
    }
    records(path, "none.jsonl", 80, |_| false);
    records(path, "some.jsonl", 80, |k| k % 4 == 0);
    directory
}

fn run(directory: &Path, command: &str, data: [&str; 2], more: &[&str]) -> Run {
    let [train, valid] = data;
    let mut all = vec![
        command,
        "--config",
        "tiny.toml",
        "--train",
        train,
        "--valid",
        valid,
    ];
    all.extend(more);
    gradus(directory, &all)
}

fn inspected(directory: &Path, bundle: &str) -> Value {
    let text = gradus(directory, &["inspect", bundle, "--json"]).succeeds();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn contexts_are_read_where_records_have_them_and_said_where_they_are_not() {
    let directory = place();
    let path = directory.path();
    let both = ["train.jsonl", "valid.jsonl"];
    let auto = run(path, "train", both, &["--output", "reads"]);
    assert!(
        auto.stderr
            .contains("context read in 40 of 40 records of train, 40 of 40 records of valid"),
        "{}",
        auto.stderr
    );
    auto.succeeds();
    let left = run(path, "train", both, &["--output", "leaves", "--no-context"]);
    assert!(
        left.stderr
            .contains("context read in 0 of 40 records of train")
            && left.stderr.contains("40 of train have one: --use-context"),
        "{}",
        left.stderr
    );
    left.succeeds();
    assert_eq!(inspected(path, "reads")["use_context"], true);
    assert_eq!(inspected(path, "leaves")["use_context"], false);

    // Records without a context, some of them, and contexts that the model does not read.
    for (bundle, data, said) in [
        (
            "reads",
            "none.jsonl",
            Some("context read in 0 of 40 records"),
        ),
        (
            "reads",
            "some.jsonl",
            Some("context read in 10 of 40 records"),
        ),
        ("reads", "test.jsonl", None),
        (
            "leaves",
            "test.jsonl",
            Some("context read in 0 of 40 records, though 40 have one"),
        ),
        ("leaves", "none.jsonl", None),
    ] {
        for command in [
            vec!["score", bundle, data, "-o", "scores.jsonl"],
            vec!["eval", bundle, data],
            vec!["compare", bundle, "b=leaves", data],
            vec!["explain", bundle, data],
        ] {
            let compared = command[0] == "compare";
            let run = gradus(path, &command);
            let found = run.stderr.contains("warning: context read in");
            match said {
                Some(said) => assert!(run.stderr.contains(said), "{command:?}: {}", run.stderr),
                None if compared => {}
                None => assert!(!found, "{command:?}: {}", run.stderr),
            }
            run.succeeds();
            let _ = fs_err::remove_file(path.join("scores.jsonl"));
        }
    }
    let evaluated = gradus(
        path,
        &[
            "eval",
            "leaves",
            "test.jsonl",
            "--json",
            "--html",
            "page.html",
        ],
    );
    let evaluated: Value = serde_json::from_str(&evaluated.succeeds()).unwrap();
    let expected = json!({"reads": false, "records": 40, "with_context": 40});
    assert_eq!(evaluated["provenance"]["context"], expected);
    let page = fs_err::read_to_string(path.join("page.html")).unwrap();
    assert!(page.contains("read in 0 of 40 records, though 40 have one"));
    assert!(page.contains("\"contextUnread\":true"));
}

#[test]
fn contexts_that_have_to_be_read_and_are_not_there_are_refused_before_anything_is_done() {
    let directory = place();
    let path = directory.path();
    // Under another key, where nobody reads them.
    let text = fs_err::read_to_string(path.join("train.jsonl")).unwrap();
    write(
        path,
        "misspelt.jsonl",
        text.replace("\"context\"", "\"contxt\""),
    );
    for command in ["train", "probe"] {
        for data in ["none.jsonl", "misspelt.jsonl"] {
            run(
                path,
                command,
                [data, "valid.jsonl"],
                &["--output", "b", "--use-context"],
            )
            .fails(2, &["context read in 0 of 40 records", "`context`"]);
        }
    }
    write(
        path,
        "reads.toml",
        TINY.replace("[text]", "[text]\nuse_context = true"),
    );
    let arguments = [
        "train",
        "--config",
        "reads.toml",
        "--train",
        "none.jsonl",
        "--valid",
        "valid.jsonl",
        "--output",
        "b",
    ];
    gradus(path, &arguments).fails(2, &["context read in 0 of 40 records"]);
    assert!(!path.join("b").exists());
    let both = ["--output", "b", "--use-context", "--no-context"];
    run(path, "train", ["train.jsonl", "valid.jsonl"], &both).fails(2, &["--no-context"]);
}

#[test]
fn probe_reads_contexts_as_training_does() {
    let directory = place();
    let path = directory.path();
    let both = ["train.jsonl", "valid.jsonl"];
    let run = run(path, "probe", both, &["--output", "probed"]);
    assert!(
        run.stderr
            .contains("context read in 40 of 40 records of train"),
        "{}",
        run.stderr
    );
    run.succeeds();
    assert_eq!(inspected(path, "probed")["use_context"], true);
}

#[test]
fn contexts_in_one_split_alone_are_said_before_the_first_step() {
    let directory = place();
    let path = directory.path();
    records(path, "with.jsonl", 0, |_| true);
    records(path, "without.jsonl", 100, |_| false);
    for data in [
        ["with.jsonl", "without.jsonl"],
        ["without.jsonl", "with.jsonl"],
    ] {
        let run = run(path, "train", data, &["--output", "out", "--overwrite"]);
        let said = "the validation judges a model on other input";
        assert!(run.stderr.contains(said), "{data:?}: {}", run.stderr);
    }
    let run = run(
        path,
        "train",
        ["with.jsonl", "with.jsonl"],
        &["--output", "out", "--overwrite"],
    );
    assert!(!run.stderr.contains("on other input"), "{}", run.stderr);
}

#[test]
fn nothing_is_said_where_there_are_no_contexts_at_all() {
    let run = gradus(trained(), &["eval", "bundle", "test.jsonl"]);
    assert!(!run.stderr.contains("context read"), "{}", run.stderr);
}
