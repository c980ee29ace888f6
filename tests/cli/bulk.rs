//! Scoring many files into a directory.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{gradus, names, temp_dir, trained, write};

fn bundle() -> String {
    trained().join("bundle").to_str().unwrap().to_owned()
}

/// A directory `in` with three files of JSONL, and the same as Parquet in `in-rows`.
fn inputs() -> TempDir {
    let directory = temp_dir();
    let text = fs_err::read_to_string(trained().join("all.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (name, lines) in [
        ("a", &lines[..40]),
        ("b", &lines[40..50]),
        ("c", &lines[50..90]),
    ] {
        let path = directory.path();
        fs_err::create_dir_all(path.join("in")).unwrap();
        fs_err::create_dir_all(path.join("in-rows")).unwrap();
        write(path, &format!("in/{name}.jsonl"), lines.join("\n"));
        let (from, to) = (
            format!("in/{name}.jsonl"),
            format!("in-rows/{name}.parquet"),
        );
        gradus(path, &["data", "convert", &from, &to]).succeeds();
    }
    directory
}

fn records(path: &Path) -> Vec<Value> {
    let text = fs_err::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The data files of a directory.
fn outputs(path: &Path) -> Vec<String> {
    let mut names = names(path);
    names.retain(|name| !name.starts_with('_'));
    names
}

#[test]
fn every_input_becomes_a_file_of_its_name() {
    let directory = inputs();
    let root = directory.path();
    gradus(root, &["score", &bundle(), "in/*.jsonl", "-o", "out/"]).succeeds();
    assert_eq!(
        outputs(&root.join("out")),
        ["a.jsonl", "b.jsonl", "c.jsonl"]
    );
    for name in ["a", "b", "c"] {
        let alone = gradus(root, &["score", &bundle(), &format!("in/{name}.jsonl")]).succeeds();
        let path = root.join(format!("out/{name}.jsonl"));
        assert_eq!(fs_err::read_to_string(path).unwrap(), alone);
    }
    gradus(root, &["score", &bundle(), "in", "-o", "out/"])
        .fails(2, &["a.jsonl", "already exists", "--resume"]);
    gradus(root, &["score", &bundle(), "in-rows", "-o", "rows/"]).succeeds();
    gradus(root, &["data", "convert", "rows/b.parquet", "b.jsonl"]).succeeds();
    assert_eq!(
        records(&root.join("b.jsonl")),
        records(&root.join("out/b.jsonl"))
    );
}

#[test]
fn shards_have_every_file_once() {
    let directory = inputs();
    let root = directory.path();
    gradus(root, &["score", &bundle(), "in", "-o", "all/"]).succeeds();
    for shard in ["1/2", "2/2"] {
        gradus(
            root,
            &["score", &bundle(), "in", "-o", "out/", "--shard", shard],
        )
        .succeeds();
    }
    assert_eq!(
        outputs(&root.join("out")),
        ["a.jsonl", "b.jsonl", "c.jsonl"]
    );
    for name in outputs(&root.join("out")) {
        let read = |parent: &str| fs_err::read(root.join(parent).join(&name)).unwrap();
        assert_eq!(read("out"), read("all"), "{name}");
    }
    gradus(
        root,
        &["score", &bundle(), "in", "-o", "x/", "--shard", "3/2"],
    )
    .fails(2, &["--shard", "K/N"]);
}

#[test]
fn two_shards_at_once_have_every_row_of_a_file_of_several_row_groups_once() {
    let directory = temp_dir();
    let root = directory.path();
    // Thirteen records in seven row groups.
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/crates/data/tests/parquet/files/pyarrow-groups.parquet"
    );
    fs_err::create_dir(root.join("in")).unwrap();
    fs_err::copy(fixture, root.join("in/a.parquet")).unwrap();
    write(
        root,
        "one.jsonl",
        "{\"id\":\"y\",\"prompt\":\"p\",\"response\":\"One. Two.\"}",
    );
    gradus(root, &["data", "convert", "one.jsonl", "in/b.parquet"]).succeeds();
    let bundle = bundle();
    let score = |output: &str, more: &[&str]| {
        let mut arguments = vec!["score", &bundle, "in", "-o", output];
        arguments.extend(more);
        gradus(root, &arguments).succeeds();
    };
    score("all/", &[]);
    std::thread::scope(|scope| {
        for shard in ["1/2", "2/2"] {
            scope.spawn(move || score("out/", &["--shard", shard]));
        }
    });
    let names = outputs(&root.join("out"));
    assert_eq!(names, ["a.1-of-2.parquet", "a.2-of-2.parquet", "b.parquet"]);
    let rows = |path: &str| {
        let lines = gradus(root, &["data", "convert", path, "-"]).succeeds();
        let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let [whole, first, second] = [
        "all/a.parquet",
        "out/a.1-of-2.parquet",
        "out/a.2-of-2.parquet",
    ]
    .map(rows);
    // Groups 1, 3, 5 and 7, the last of one row.
    assert_eq!((first.len(), second.len(), whole.len()), (7, 6, 13));
    let mut union = [first, second].concat();
    union.sort();
    assert_eq!(union, whole);
    assert_eq!(rows("out/b.parquet"), rows("all/b.parquet"));
}

#[test]
fn a_run_goes_on_where_it_stopped_and_only_with_the_same_bundle_settings_and_inputs() {
    let directory = inputs();
    let root = directory.path();
    let score = |more: &[&str]| {
        let bundle = bundle();
        let mut arguments = vec!["score", &bundle, "in", "-o", "out/", "--resume"];
        arguments.extend(more);
        gradus(root, &arguments)
    };
    score(&[]).succeeds();
    let before = fs_err::read(root.join("out/b.jsonl")).unwrap();
    fs_err::remove_file(root.join("out/b.jsonl")).unwrap();
    let again = score(&[]);
    assert!(
        again.stderr.contains("2 of 3 files were done before"),
        "{}",
        again.stderr
    );
    again.succeeds();
    assert_eq!(fs_err::read(root.join("out/b.jsonl")).unwrap(), before);
    score(&["--aggregation", "min"]).fails(2, &["other settings", "--aggregation min"]);
    let changed = fs_err::read_to_string(root.join("in/c.jsonl"))
        .unwrap()
        .replacen('e', "E", 1);
    write(root, "in/c.jsonl", changed);
    score(&[]).fails(2, &["c.jsonl", "from another in/c.jsonl"]);
    // A file that no run of ours has begun is not replaced.
    write(
        root,
        "in/d.jsonl",
        "{\"prompt\":\"p\",\"response\":\"r\"}\n",
    );
    fs_err::remove_file(root.join("in/c.jsonl")).unwrap();
    write(root, "out/d.jsonl", "mine");
    score(&[]).fails(2, &["d.jsonl", "already exists"]);
    assert_eq!(
        fs_err::read_to_string(root.join("out/d.jsonl")).unwrap(),
        "mine"
    );
}

#[test]
fn wrong_records_are_listed_and_the_others_scored() {
    let directory = inputs();
    let root = directory.path();
    let long = format!(
        "{{\"prompt\":\"p\",\"response\":\"{}\"}}",
        "a ".repeat(1 << 20)
    );
    let good = "{\"prompt\":\"p\",\"response\":\"Ten is even.\"}";
    write(
        root,
        "in/b.jsonl",
        format!("{good}\n{{\"prompt\":\"p\"}}\n{long}\nnot JSON\n{good}\n"),
    );
    let run = gradus(root, &["score", &bundle(), "in", "-o", "out/"]);
    assert!(
        run.stderr
            .contains("3 records not scored: out/_errors.jsonl"),
        "{}",
        run.stderr
    );
    run.succeeds();
    assert_eq!(records(&root.join("out/b.jsonl")).len(), 2);
    let errors = records(&root.join("out/_errors.jsonl"));
    let numbers: Vec<&Value> = errors.iter().map(|error| &error["number"]).collect();
    assert_eq!(numbers, [2, 3, 4]);
    assert_eq!(errors[0]["file"], "in/b.jsonl");
    for (error, part) in errors.iter().zip([
        "`response`: missing",
        "expected at most 1048576",
        "not JSON",
    ]) {
        assert!(error["error"].as_str().unwrap().contains(part), "{error}");
    }
    let run = gradus(
        root,
        &["score", &bundle(), "in", "-o", "few/", "--max-errors", "2"],
    );
    run.fails(
        2,
        &["found 3 records that cannot be scored, expected at most 2"],
    );
    assert_eq!(
        outputs(&root.join("few")),
        ["a.jsonl"],
        "what was whole stays"
    );
    assert_eq!(records(&root.join("few/_errors.jsonl")).len(), 3);
    let arguments = [
        "score",
        &bundle(),
        "in",
        "-o",
        "few/",
        "--max-errors",
        "3",
        "--resume",
    ];
    gradus(root, &arguments).succeeds();
    assert_eq!(
        fs_err::read(root.join("few/b.jsonl")).unwrap(),
        fs_err::read(root.join("out/b.jsonl")).unwrap()
    );
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_scored() {
    let directory = inputs();
    let root = directory.path();
    gradus(root, &["score", &bundle(), "in/a.jsonl", "in/b.jsonl"])
        .fails(2, &["2 inputs and no output"]);
    gradus(root, &["score", &bundle(), "in", "in-rows", "-o", "out/"])
        .fails(2, &["files of one kind"]);
    gradus(
        root,
        &["score", &bundle(), "in", "in/a.jsonl", "-o", "out/"],
    )
    .fails(2, &["a.jsonl", "names of their own"]);
    gradus(root, &["score", &bundle(), "-", "-o", "out/"]).fails(2, &["standard input"]);
    gradus(root, &["score", &bundle(), "in", "-o", "in/"])
        .fails(2, &["an input is never overwritten"]);
    gradus(
        root,
        &["score", &bundle(), "in", "-o", "in/", "--overwrite"],
    )
    .fails(2, &["an input is never overwritten"]);
    assert_eq!(names(&root.join("in")), ["a.jsonl", "b.jsonl", "c.jsonl"]);
}
