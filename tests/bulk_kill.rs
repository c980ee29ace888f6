//! Scoring into a directory that is killed again and again, and ends as if it had been left alone.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const KILLS: usize = 50;
const FILES: usize = 24;

fn gradus(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    command.args(arguments).current_dir(directory);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Every output of a directory, by name; the ledger and temporary files are left out.
fn outputs(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs_err::read_dir(directory) else {
        return BTreeMap::new();
    };
    let files = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    let named = files.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs_err::read(path).unwrap())
    });
    named
        .filter(|(name, _)| !name.starts_with(['.', '_']))
        .collect()
}

#[test]
#[ignore = "a minute: scores some thousand responses again and again"]
fn killed_fifty_times_the_outputs_are_those_of_one_run() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let run = |arguments: &[&str]| {
        let status = gradus(root, arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    };
    run(&["quickstart", "--output", "bundle"]);
    fs_err::create_dir(root.join("in")).unwrap();
    for file in 0..FILES {
        let (seed, name) = (file.to_string(), format!("in/{file:02}.parquet"));
        run(&[
            "data",
            "generate",
            "--examples",
            "200",
            "--seed",
            &seed,
            "-o",
            &name,
        ]);
    }
    let start = Instant::now();
    run(&["score", "bundle", "in", "-o", "whole/"]);
    let whole = outputs(&root.join("whole"));
    assert_eq!(whole.len(), FILES);
    let longest = start.elapsed();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut killed = 0;
    while killed < KILLS {
        let arguments = ["score", "bundle", "in", "-o", "out/", "--resume"];
        let mut child = gradus(root, &arguments).spawn().unwrap();
        std::thread::sleep(longest.mul_f64(rng.random_range(0.0..1.0)));
        let over = child.try_wait().unwrap().is_some();
        let _ = child.kill();
        child.wait().unwrap();
        for (name, bytes) in outputs(&root.join("out")) {
            assert!(whole[&name] == bytes, "{name} is not whole");
        }
        killed += usize::from(!over);
        if over {
            // Done too early: what is left to kill is scored again.
            fs_err::remove_dir_all(root.join("out")).unwrap();
        }
    }
    run(&["score", "bundle", "in", "-o", "out/", "--resume"]);
    assert!(outputs(&root.join("out")) == whole, "the outputs differ");
}
