//! Training that is killed again and again, and ends as if it had been left alone.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

const KILLS: usize = 25;

/// Everything that has a state: dropout, pieces, an average, validations inside an epoch. A
/// checkpoint after every step makes many a kill hit one that is being written.
const CONFIG: &str = r#"
train = "train.jsonl"
valid = "valid.jsonl"

[scratch]
d_model = 16
num_layers = 1
num_heads = 2
d_ff = 32

[training]
epochs = 3
batch_size = 8
micro_batch_size = 3
learning_rate = 1e-3
dropout = 0.2
ema_decay = 0.9
eval_every = 7
checkpoint_every = 1
"#;

fn gradus(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    command.args(arguments).current_dir(directory);
    command
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Arguments of a run, and of the same run going on.
fn arguments(output: &str, resume: bool) -> Vec<&str> {
    if resume {
        vec!["train", "--resume", output]
    } else {
        vec![
            "train",
            "--config",
            "run.toml",
            "--overwrite",
            "--output",
            output,
        ]
    }
}

/// How an attempt ended.
enum End {
    Killed,
    Finished,
    /// There was no checkpoint yet.
    Nothing,
}

/// Starts or resumes a run and kills it after `delay`, if it is still there.
fn attempt(directory: &Path, output: &str, resume: bool, delay: Duration) -> End {
    let mut child = gradus(directory, &arguments(output, resume))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(delay);
    child.kill().unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        !said.contains("damaged"),
        "a partial file has its name:\n{said}"
    );
    match ended.status.code() {
        None => End::Killed,
        Some(0) => End::Finished,
        Some(2) if said.contains("no checkpoint found") => End::Nothing,
        code => panic!("{code:?}:\n{said}"),
    }
}

#[test]
#[ignore = "kills 25 training runs; a minute"]
fn a_run_that_is_killed_at_any_moment_ends_as_if_it_had_been_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    for command in [
        &["data", "generate", "--examples", "200", "-o", "all.jsonl"][..],
        &["data", "split", "all.jsonl", "-o", "."],
    ] {
        assert!(gradus(path, command).output().unwrap().status.success());
    }
    fs_err::write(path.join("run.toml"), CONFIG).unwrap();
    let before = names(path);
    let started = Instant::now();
    let alone = gradus(path, &arguments("alone", false)).output().unwrap();
    assert!(alone.status.success(), "{alone:?}");
    // Short enough that one run takes many kills, long enough that most take a step or more.
    let longest = started.elapsed().as_secs_f64() / 3.0;

    let mut random = ChaCha8Rng::seed_from_u64(7);
    let (mut kills, mut rounds) = (0, 0);
    while kills < KILLS {
        rounds += 1;
        let output = format!("killed-{rounds}");
        let mut resume = false;
        loop {
            let delay = Duration::from_secs_f64(random.random_range(0.0..longest));
            match attempt(path, &output, resume, delay) {
                End::Killed => kills += 1,
                End::Finished => break,
                End::Nothing => {}
            }
            resume = path.join(format!("{output}.checkpoints")).is_dir()
                && names(&path.join(format!("{output}.checkpoints")))
                    .iter()
                    .any(|name| name.starts_with("step-"));
        }
        for file in ["model.safetensors", "metrics.jsonl"] {
            let read = |name: &str| fs_err::read(path.join(name).join(file)).unwrap();
            assert!(
                read(&output) == read("alone"),
                "round {rounds}: {file} differs"
            );
        }
        fs_err::remove_dir_all(path.join(&output)).unwrap();
    }
    println!("{kills} kills in {rounds} rounds");
    let mut after = names(path);
    after.retain(|name| name != "alone");
    assert_eq!(after, before, "something is left over");
}
