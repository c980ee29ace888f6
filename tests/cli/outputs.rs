//! Standard output that nobody reads to its end.

use std::path::Path;
use std::process::{Command, Stdio};

use assert_cmd::cargo::cargo_bin;

use crate::support::{TINY, gradus, names, temp_dir, train_arguments, trained, write};

/// Runs `gradus` with standard output, and standard error too if `both`, closed before a word is
/// written: exit code and what stands on standard error.
fn closed(directory: &Path, arguments: &[&str], both: bool) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(cargo_bin("gradus"));
    command.current_dir(directory).args(arguments);
    if both {
        command.stderr(writer.try_clone().unwrap());
    } else {
        command.stderr(Stdio::piped());
    }
    let output = command.stdout(writer).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), stderr)
}

#[test]
fn a_closed_standard_output_ends_every_command_quietly() {
    let bundle = ["bundle"];
    let test = ["test.jsonl"];
    for arguments in [
        &[&["data", "stats"][..], &test].concat()[..],
        &[&["data", "audit"][..], &test].concat(),
        &[&["data", "audit", "--json"][..], &test].concat(),
        &[&["data", "validate"][..], &test].concat(),
        &[&["score"][..], &bundle, &test].concat(),
        &[&["eval"][..], &bundle, &test].concat(),
        &[&["eval", "--json"][..], &bundle, &test].concat(),
        &[&["eval", "--markdown", "-"][..], &bundle, &test].concat(),
        &[&["explain"][..], &bundle, &test].concat(),
        &[&["compare", "a=bundle", "b=bundle"][..], &test].concat(),
        &[&["inspect"][..], &bundle].concat(),
        &["devices"],
        &["--help"],
    ] {
        let (code, stderr) = closed(trained(), arguments, false);
        assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("error"), "{arguments:?}: {stderr}");
        let (code, _) = closed(trained(), arguments, true);
        assert_eq!(code, Some(0), "{arguments:?}, both closed");
    }
}

#[test]
fn the_exit_code_stays_that_of_the_command() {
    for both in [false, true] {
        let (code, _) = closed(trained(), &["eval", "bundle", "nowhere.jsonl"], both);
        assert_eq!(code, Some(2));
    }
}

#[test]
fn no_command_makes_a_directory_that_is_called_like_another_place() {
    let place = temp_dir();
    let bundle = trained().join("bundle").to_str().unwrap().to_owned();
    write(
        place.path(),
        "plan.toml",
        "config = \"run.toml\"\nseeds = [1]\n",
    );
    write(place.path(), "tiny.toml", TINY);
    let train = |flag| train_arguments(&["-o", "new", flag, "s3://bucket/new"]);
    let probe = ["probe", "--train", "a", "--valid", "a", "--encoder", "e"];
    for arguments in [
        &["export", &bundle, "s3://bucket/new"][..],
        &["import", &bundle, "hub:org/new"],
        &["merge", &bundle, "gs://bucket/new"],
        &["quickstart", "--output", "https://example.org/new"],
        &["man", "az://bucket/new"],
        &["experiment", "plan.toml", "-o", "s3://bucket/new"],
        &train("--token-cache"),
        &train("--checkpoints"),
        &[&probe[..], &["-o", "new", "--token-cache", "s3://b/new"]].concat(),
    ] {
        let parts = ["found an output of another place"];
        gradus(place.path(), arguments).fails(2, &parts);
    }
    assert_eq!(names(place.path()), ["plan.toml", "tiny.toml"]);
}

/// Commands and where they write, of which nothing else is there: a name that is refused later than the first look at an
/// input would be a message about that one.
#[test]
fn an_output_is_refused_before_anything_is_read() {
    let place = temp_dir();
    let files: &[&[&str]] = &[
        &["score", "no", "no.jsonl", "-o"],
        &["data", "convert", "no.jsonl"],
        &["data", "segment", "no.jsonl", "-o"],
        &["data", "import", "prmbench", "no.jsonl", "-o"],
        &["data", "generate", "-o"],
        &["eval", "no", "no.jsonl", "--markdown"],
        &["eval", "no", "no.jsonl", "--html"],
        &["experiment", "report", "no", "--markdown"],
        &["experiment", "report", "no", "--html"],
        &["experiment", "report", "no", "--csv"],
    ];
    for arguments in files {
        let refused = |name: &str, parts: &[&str]| {
            gradus(place.path(), &[arguments, &[name][..]].concat()).fails(2, parts);
        };
        refused(
            "s3://b/out.jsonl",
            &["found an output of another place", "copy it there"],
        );
        refused(
            "out.xlsx",
            &["out.xlsx", "found the ending .xlsx, expected ."],
        );
    }
    let directories: &[&[&str]] = &[
        &["score", "no", "no.jsonl", "--resume", "-o"],
        &["data", "split", "no.jsonl", "-o"],
        &["export", "no"],
        &["import", "no"],
        &["merge", "no"],
        &["quickstart", "--output"],
        &["man"],
        &["experiment", "no.toml", "-o"],
        &[
            "train",
            "--train",
            "no",
            "--valid",
            "no",
            "--encoder",
            "no",
            "-o",
        ],
        &[
            "probe",
            "--train",
            "no",
            "--valid",
            "no",
            "--encoder",
            "no",
            "-o",
        ],
    ];
    write(place.path(), "file", "");
    for arguments in directories {
        let refused = |name: &str, parts: &[&str]| {
            gradus(place.path(), &[arguments, &[name][..]].concat()).fails(2, parts);
        };
        refused(
            "s3://b/out",
            &["found an output of another place", "copy it there"],
        );
        refused(
            "out.jsonl",
            &[
                "out.jsonl",
                "found the ending .jsonl of a file, expected a directory",
            ],
        );
        refused("file", &["found a file, expected a directory"]);
    }
    assert_eq!(names(place.path()), ["file"]);
}

#[test]
fn a_file_where_a_directory_is_expected_is_wrong_usage() {
    let place = temp_dir();
    write(place.path(), "file", "");
    write(place.path(), "tiny.toml", TINY);
    for flag in ["--token-cache", "--checkpoints"] {
        let arguments = train_arguments(&["-o", "new", flag, "file", "--data-in", "disk"]);
        gradus(place.path(), &arguments).fails(2, &["file: found a file, expected a directory"]);
        let inside = train_arguments(&["-o", "new", flag, "file/in", "--data-in", "disk"]);
        gradus(place.path(), &inside).fails(2, &["file: found a file, expected a directory"]);
    }
    assert_eq!(names(place.path()), ["file", "tiny.toml"]);
}
