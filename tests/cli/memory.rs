//! A limit on memory ends in a sentence.

use std::process::Command;

use crate::support::{Run, TINY, temp_dir, trained, write};

/// Runs `gradus` with so many kilobytes of addresses.
fn limited(directory: &std::path::Path, kilobytes: usize, arguments: &[&str]) -> Run {
    let script = format!("ulimit -v {kilobytes}; exec \"$0\" \"$@\"");
    let output = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_gradus")])
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("bash starts");
    Run::of(output)
}

#[test]
fn no_limit_on_memory_ends_in_an_abort() {
    let directory = temp_dir();
    let path = directory.path();
    write(path, "tiny.toml", TINY);
    let at = |name: &str| trained().join(name).to_str().unwrap().to_owned();
    let (bundle, train, valid) = (at("bundle"), at("train.jsonl"), at("valid.jsonl"));
    let score = [
        "score",
        &bundle,
        &train,
        "-o",
        "scored.jsonl",
        "--overwrite",
    ];
    let train = [
        "train",
        "--config",
        "tiny.toml",
        "--train",
        &train,
        "--valid",
        &valid,
        "--output",
        "out",
        "--overwrite",
    ];
    let mut refused = 0;
    for arguments in [&score[..], &train] {
        // From what the system needs to load the program, which grows with it, to what the command needs.
        for megabytes in [42, 44, 46, 48, 52, 58, 64, 72, 80, 100, 150] {
            let run = limited(path, megabytes << 10, arguments);
            let is_loaded = !run.stderr.contains("error while loading shared libraries");
            if run.code == Some(0) || !is_loaded {
                continue;
            }
            refused += 1;
            let context = format!(
                "{megabytes} MB, {}: {:?}\n{}",
                arguments[0], run.code, run.stderr
            );
            assert_eq!(run.code, Some(1), "{context}");
            assert!(run.stderr.contains("error: "), "{context}");
            assert!(run.stderr.contains("memory"), "{context}");
        }
    }
    assert!(refused > 0, "every limit was enough");
}
