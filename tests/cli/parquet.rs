//! Parquet wherever a data file is named, and its conversion to JSONL and back.

use serde_json::Value;

use crate::support::{gradus, json_of, temp_dir, trained, write};

fn path(name: &str) -> String {
    trained().join(name).to_str().unwrap().to_owned()
}

fn records(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A directory with the three splits of the tests as Parquet.
fn converted() -> tempfile::TempDir {
    let directory = temp_dir();
    for name in ["train", "valid", "test"] {
        let (from, to) = (path(&format!("{name}.jsonl")), format!("{name}.parquet"));
        gradus(directory.path(), &["data", "convert", &from, &to]).succeeds();
    }
    directory
}

#[test]
fn a_file_is_the_same_after_both_conversions() {
    let directory = converted();
    gradus(
        directory.path(),
        &["data", "convert", "test.parquet", "back.jsonl"],
    )
    .succeeds();
    let back = fs_err::read_to_string(directory.path().join("back.jsonl")).unwrap();
    let original = fs_err::read_to_string(path("test.jsonl")).unwrap();
    assert_eq!(records(&back), records(&original));
    gradus(
        directory.path(),
        &["data", "convert", "test.parquet", "back.jsonl"],
    )
    .fails(2, &["back.jsonl", "already exists"]);
    let printed = gradus(directory.path(), &["data", "convert", "test.parquet", "-"]).succeeds();
    assert_eq!(printed, back);
}

#[test]
fn each_compression_keeps_the_same_records_in_another_size() {
    let directory = temp_dir();
    let from = path("train.jsonl");
    let convert = |to: &str, codec: &str| {
        let arguments = ["data", "convert", &from, to, "--compression", codec];
        gradus(directory.path(), &arguments)
    };
    let mut files: Vec<Vec<u8>> = Vec::new();
    for codec in ["zstd", "snappy", "lz4", "none"] {
        let to = format!("{codec}.parquet");
        convert(&to, codec).succeeds();
        let back = gradus(directory.path(), &["data", "convert", &to, "-"]).succeeds();
        let original = fs_err::read_to_string(&from).unwrap();
        assert_eq!(records(&back), records(&original), "{codec}");
        files.push(fs_err::read(directory.path().join(to)).unwrap());
    }
    let sizes: Vec<usize> = files.iter().map(Vec::len).collect();
    let [zstd, snappy, lz4, none] = sizes[..] else {
        unreachable!()
    };
    assert!(zstd < snappy && zstd < lz4, "{sizes:?}");
    assert!(snappy < none && lz4 < none, "{sizes:?}");
    assert_ne!(files[1], files[2]);
    gradus(
        directory.path(),
        &["data", "convert", &from, "default.parquet"],
    )
    .succeeds();
    let default = fs_err::read(directory.path().join("default.parquet")).unwrap();
    assert_eq!(default, files[0]);
    convert("a.jsonl", "snappy").fails(2, &["--compression", "a.jsonl", ".parquet"]);
}

#[test]
fn every_command_reads_both_alike() {
    let directory = converted();
    let bundle = path("bundle");
    for arguments in [
        &["data", "stats"][..],
        &["data", "audit"],
        &["explain", &bundle],
        &["eval", &bundle],
        &["score", &bundle],
    ] {
        let read = |data: &str| {
            let mut arguments = arguments.to_vec();
            arguments.push(data);
            if arguments[0] != "score" {
                arguments.push("--json");
            }
            gradus(directory.path(), &arguments).succeeds()
        };
        let lines = read(&path("test.jsonl"));
        let rows = read("test.parquet");
        // The name of the file is all that differs.
        let name = path("test.jsonl").replace('\\', "\\\\");
        assert_eq!(rows, lines.replace(&name, "test.parquet"), "{arguments:?}");
    }
}

#[test]
fn training_on_rows_gives_the_weights_of_training_on_lines() {
    let directory = converted();
    write(directory.path(), "tiny.toml", crate::support::TINY);
    let weights = |train: &str, valid: &str, output: &str| {
        let arguments = [
            "train",
            "--config",
            "tiny.toml",
            "--train",
            train,
            "--valid",
            valid,
            "--output",
            output,
        ];
        gradus(directory.path(), &arguments).succeeds();
        fs_err::read(directory.path().join(output).join("model.safetensors")).unwrap()
    };
    let rows = weights("train.parquet", "valid.parquet", "of-rows");
    let lines = weights(&path("train.jsonl"), &path("valid.jsonl"), "of-lines");
    assert!(rows == lines, "the weights differ");
}

#[test]
fn scores_in_parquet_are_those_in_lines() {
    let directory = converted();
    let bundle = path("bundle");
    for name in ["scored.jsonl", "scored.parquet"] {
        gradus(
            directory.path(),
            &["score", &bundle, "test.parquet", "-o", name],
        )
        .succeeds();
        let validated = gradus(directory.path(), &["data", "validate", name]).succeeds();
        assert!(validated.contains("0 invalid"), "{validated}");
    }
    let eval = |scores: &str| {
        let arguments = ["eval", "test.parquet", "--scores", scores, "--json"];
        let mut result = json_of(gradus(directory.path(), &arguments));
        // The name of the file is all that differs.
        assert_eq!(result["provenance"]["scores"]["name"], scores);
        result["provenance"]["scores"].take();
        result
    };
    assert_eq!(eval("scored.parquet"), eval("scored.jsonl"));
    gradus(
        directory.path(),
        &["data", "convert", "scored.parquet", "back.jsonl"],
    )
    .succeeds();
    let read = |name: &str| records(&fs_err::read_to_string(directory.path().join(name)).unwrap());
    assert_eq!(read("back.jsonl"), read("scored.jsonl"));
}

#[test]
fn compare_reads_rows_as_it_reads_lines() {
    let directory = converted();
    let bundle = path("bundle");
    let at = |name: &str| path(name);
    for (data, name) in [
        (at("test.jsonl"), "one.jsonl"),
        ("test.parquet".to_owned(), "two.parquet"),
    ] {
        gradus(directory.path(), &["score", &bundle, &data, "-o", name]).succeeds();
    }
    let compare = |data: &str, first: &str, second: &str| {
        let systems = [format!("a={first}"), format!("b={second}")];
        let arguments = ["compare", &systems[0], &systems[1], data, "--json"];
        gradus(directory.path(), &arguments).succeeds()
    };
    let lines = compare(&at("test.jsonl"), "one.jsonl", "one.jsonl");
    let mixed = compare("test.parquet", "one.jsonl", "two.parquet");
    let plain = |text: &str| {
        text.replace(&at("test.jsonl").replace('\\', "\\\\"), "DATA")
            .replace("test.parquet", "DATA")
            .replace("two.parquet", "one.jsonl")
    };
    assert_eq!(plain(&mixed), plain(&lines));
}

#[test]
fn other_names_are_read_by_a_map_in_lines_and_in_rows() {
    let directory = temp_dir();
    let line = r#"{"question":"q","answer":"One. Two.","score":0.5,"image":"x"}"#;
    write(directory.path(), "a.jsonl", format!("{line}\n"));
    let map = "prompt=question,response=answer,rating=score,-image";
    gradus(
        directory.path(),
        &["data", "convert", "a.jsonl", "b.parquet", "--columns", map],
    )
    .succeeds();
    let native = gradus(directory.path(), &["data", "convert", "b.parquet", "-"]).succeeds();
    let expected = r#"{"id":"1","prompt":"q","response":"One. Two.","rating":0.5,"segments":[]}"#;
    assert_eq!(records(&native), records(expected));
    let back = "question=prompt,answer=response";
    gradus(
        directory.path(),
        &["data", "stats", "b.parquet", "--columns", back],
    )
    .fails(2, &["b.parquet, row 1", "field `prompt`: missing"]);
    gradus(
        directory.path(),
        &["data", "stats", "b.parquet", "--columns", "prompt=qestion"],
    )
    .fails(2, &["found no column `qestion`", "its columns: id, prompt"]);
    gradus(
        directory.path(),
        &["data", "stats", "b.parquet", "--columns", "prompt"],
    )
    .fails(2, &["--columns", "KEY=COLUMN"]);
}

#[test]
fn directories_and_patterns_are_read_as_one_and_mixtures_are_refused() {
    let directory = converted();
    let root = directory.path();
    let examples = |input: &str| {
        json_of(gradus(root, &["data", "stats", input, "--json"]))["examples"].clone()
    };
    assert_eq!(examples("."), 120);
    assert_eq!(
        examples("t*.parquet"),
        examples("test.parquet").as_u64().unwrap() + examples("train.parquet").as_u64().unwrap()
    );
    write(
        root,
        "more.jsonl",
        "{\"prompt\":\"p\",\"response\":\"r\"}\n",
    );
    gradus(root, &["data", "stats", "."])
        .fails(2, &["more.jsonl", ".parquet", "files of one kind"]);
    gradus(root, &["data", "stats", "no*.parquet"]).fails(2, &["no*.parquet", "no data file"]);
}

#[test]
fn parquet_in_a_stream_and_a_damaged_file_are_refused_with_exit_code_2() {
    let directory = converted();
    let root = directory.path();
    let bytes = fs_err::read(root.join("test.parquet")).unwrap();
    write(root, "cut.parquet", &bytes[..bytes.len() / 2]);
    gradus(root, &["data", "stats", "cut.parquet"]).fails(2, &["cut.parquet", "cut off", "hint"]);
    let run = assert_cmd::cargo::cargo_bin_cmd!("gradus")
        .current_dir(root)
        .args(["data", "stats", "-"])
        .write_stdin(bytes)
        .output()
        .unwrap();
    crate::support::Run::of(run)
        .fails(2, &["standard input", "found Parquet", "a file of its own"]);
}
