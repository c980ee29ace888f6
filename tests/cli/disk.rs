//! A disk that fills up: exit code 1, a message, the old state kept, nothing half-written.

use std::path::Path;
use std::process::Command;

use crate::support::{Run, TINY, gradus, names, temp_dir, trained, write};

/// Runs `gradus` with files limited to `kilobytes`: writing beyond that fails as on a full disk.
#[cfg(unix)]
fn gradus_with_small_files(directory: &Path, kilobytes: u32, arguments: &[&str]) -> Run {
    let script = format!("ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
    let output = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_gradus")])
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("bash starts");
    Run::of(output)
}

#[cfg(unix)]
#[test]
fn a_bundle_that_cannot_be_written_leaves_nothing() {
    let directory = temp_dir();
    let path = directory.path();
    write(path, "tiny.toml", TINY);
    let (train, valid) = (trained().join("train.jsonl"), trained().join("valid.jsonl"));
    let arguments = [
        "train",
        "--config",
        "tiny.toml",
        "--train",
        train.to_str().unwrap(),
        "--valid",
        valid.to_str().unwrap(),
        "--output",
        "bundle",
    ];
    gradus_with_small_files(path, 4, &arguments).fails(1, &["bundle"]);
    assert_eq!(names(path), ["tiny.toml"]);

    // A bundle that was there stays as it was.
    gradus(path, &arguments).succeeds();
    let before = fs_err::read(path.join("bundle/model.safetensors")).unwrap();
    let mut again = arguments.to_vec();
    again.extend(["--overwrite", "--seed", "7"]);
    gradus_with_small_files(path, 4, &again).fails(1, &["bundle"]);
    assert_eq!(names(path), ["bundle", "tiny.toml"]);
    assert_eq!(
        fs_err::read(path.join("bundle/model.safetensors")).unwrap(),
        before
    );
}

#[cfg(unix)]
#[test]
fn scores_that_cannot_be_written_leave_nothing() {
    let directory = temp_dir();
    let bundle = trained().join("bundle");
    let input = trained().join("all.jsonl");
    let arguments = [
        "score",
        bundle.to_str().unwrap(),
        input.to_str().unwrap(),
        "-o",
        "out.jsonl",
    ];
    gradus_with_small_files(directory.path(), 1, &arguments).fails(1, &["out.jsonl"]);
    assert_eq!(names(directory.path()), [""; 0]);
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "mounts a small tmpfs, which takes root"]
fn a_full_disk_leaves_nothing() {
    let directory = temp_dir();
    let disk = directory.path().join("disk");
    fs_err::create_dir(&disk).unwrap();
    let mount = |program: &str, arguments: &[&str]| {
        let status = Command::new(program)
            .args(arguments)
            .arg(&disk)
            .status()
            .unwrap();
        assert!(status.success(), "{program} failed: this test takes root");
    };
    mount("mount", &["-t", "tmpfs", "-o", "size=16k", "tmpfs"]);
    let output = disk.join("bundle");
    let run = gradus(
        trained(),
        &[
            "train",
            "--config",
            "tiny.toml",
            "--train",
            "train.jsonl",
            "--valid",
            "valid.jsonl",
            "--output",
            output.to_str().unwrap(),
        ],
    );
    let left = names(&disk);
    mount("umount", &[]);
    run.fails(1, &["No space left on device"]);
    assert_eq!(left, [""; 0]);
}
