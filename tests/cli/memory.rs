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
    // What the system needs to load the program, which grows with it.
    let loads = (16..1024)
        .step_by(2)
        .find(|megabytes| {
            matches!(
                limited(path, megabytes << 10, &["--version"]).code,
                Some(0 | 1)
            )
        })
        .expect("the program starts");
    let mut refused = 0;
    for arguments in [&score[..], &train] {
        for more in [0, 2, 4, 6, 10, 16, 22, 30, 38, 58, 108] {
            let megabytes = loads + more;
            let run = limited(path, megabytes << 10, arguments);
            if run.code == Some(0) {
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
