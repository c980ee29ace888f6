//! Wrong usage: flags, names, configurations, directories.

use crate::support::{gradus, names, temp_dir, train_arguments, trained, write};

#[test]
fn an_unknown_aspect_is_named_with_those_there_are() {
    gradus(
        trained(),
        &train_arguments(&["--output", "unused", "--aspects", "beauty"]),
    )
    .fails(2, &["`beauty`", "rating"]);
    assert!(!trained().join("unused").exists());
}

#[test]
fn a_typo_in_the_configuration_is_named_with_its_line() {
    let directory = temp_dir();
    write(directory.path(), "run.toml", "[training]\nepoch = 2\n");
    gradus(directory.path(), &["train", "--config", "run.toml"]).fails(
        2,
        &["run.toml", "line 2", "unknown field `epoch`", "`epochs`"],
    );
}

#[test]
fn a_value_out_of_range_is_named_with_its_range() {
    gradus(
        trained(),
        &train_arguments(&["--output", "unused", "--epochs", "0"]),
    )
    .fails(2, &["`epochs`", "found 0", "at least 1"]);
    gradus(
        trained(),
        &train_arguments(&["--output", "unused", "--loss", "huber:-1"]),
    )
    .fails(2, &["`loss`", "huber:-1"]);
    gradus(
        trained(),
        &train_arguments(&["--output", "unused", "--pooling", "median"]),
    )
    .fails(2, &["median", "mean"]);
    gradus(
        trained(),
        &["eval", "bundle", "test.jsonl", "--aggregation", "median"],
    )
    .fails(2, &["median", "mean"]);
}

#[test]
fn an_output_directory_that_exists_is_left_alone() {
    let directory = temp_dir();
    let path = directory.path().join("mine");
    fs_err::create_dir(&path).unwrap();
    write(&path, "letter.txt", "dear");
    let output = path.to_str().unwrap();
    gradus(trained(), &train_arguments(&["--output", output])).fails(2, &["mine"]);
    // Not even with --overwrite: it is no bundle.
    gradus(
        trained(),
        &train_arguments(&["--output", output, "--overwrite"]),
    )
    .fails(2, &["mine"]);
    assert_eq!(names(&path), ["letter.txt"]);
}

#[test]
fn missing_paths_are_asked_for() {
    let directory = temp_dir();
    gradus(directory.path(), &["train"]).fails(2, &["--train"]);
    write(directory.path(), "data.jsonl", "{}");
    gradus(
        directory.path(),
        &[
            "train",
            "--train",
            "data.jsonl",
            "--valid",
            "data.jsonl",
            "--output",
            "o",
        ],
    )
    .fails(2, &["data.jsonl:1"]);
}

#[test]
fn an_unknown_device_is_named_with_those_there_are() {
    gradus(
        trained(),
        &["eval", "bundle", "test.jsonl", "--device", "abacus"],
    )
    .fails(2, &["`abacus`", "cpu", "--features abacus"]);
}

#[test]
fn an_unknown_subcommand_is_refused() {
    gradus(trained(), &["trian"]).fails(2, &["trian"]);
}

#[test]
fn an_empty_aspect_and_more_resamples_than_memory_holds_are_refused() {
    for arguments in [
        &["import", "model", "out", "--aspects", ""][..],
        &["eval", "bundle", "test.jsonl", "--aspects", "rating,"],
    ] {
        gradus(trained(), arguments).fails(2, &["--aspects"]);
    }
    let most = "18446744073709551615";
    for arguments in [
        &["eval", "bundle", "test.jsonl", "--resamples", most][..],
        &[
            "compare",
            "a=bundle",
            "b=bundle",
            "test.jsonl",
            "--resamples",
            most,
        ],
    ] {
        gradus(trained(), arguments).fails(2, &["--resamples", "at most 1000000"]);
    }
}
