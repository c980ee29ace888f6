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
