//! Runs that are interrupted and go on, runs that break down.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Run, TINY, gradus, names, temp_dir, train_arguments, trained, write};

/// Arguments of a run long enough to be interrupted, with its output in `directory`.
fn long<'a>(output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = train_arguments(&["--output", output, "--epochs", "120"]);
    arguments.extend(more);
    arguments
}

fn start(arguments: &[&str]) -> Child {
    start_in(trained(), arguments)
}

pub(crate) fn start_in(directory: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gradus"))
        .args(arguments)
        .current_dir(directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

/// Waits until the run has logged `lines` lines more than it had.
pub(crate) fn wait_for(metrics: &Path, lines: usize) {
    let count = || fs_err::read_to_string(metrics).map_or(0, |text| text.lines().count());
    let (before, started) = (count(), Instant::now());
    while count() < before + lines {
        let waited = started.elapsed();
        assert!(waited < Duration::from_mins(1), "no progress in {waited:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .expect("kill starts");
    assert!(status.success(), "the run had ended already");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_asked_to_stop_goes_on_to_the_same_weights() {
    let directory = temp_dir();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (alone, stopped) = (path("alone"), path("stopped"));
    gradus(trained(), &long(&alone, &[])).succeeds();

    let checkpoints = format!("{stopped}.checkpoints");
    let metrics = Path::new(&checkpoints).join("metrics.jsonl");
    let resume = ["train", "--resume", &checkpoints];
    let first = long(&stopped, &["--checkpoint-every", "50"]);
    for (arguments, name) in [(&first[..], "-INT"), (&resume, "-TERM")] {
        let child = start(arguments);
        wait_for(&metrics, 20);
        signal(&child, name);
        let run = Run::of(child.wait_with_output().unwrap());
        run.fails(
            130,
            &[
                "stopped after step",
                "checkpoint saved",
                "gradus train --resume",
            ],
        );
    }
    // The output names the run as well as its checkpoints do.
    gradus(trained(), &["train", "--resume", &stopped]).succeeds();
    let read = |bundle: &str, file: &str| fs_err::read(Path::new(bundle).join(file)).unwrap();
    for file in ["model.safetensors", "metrics.jsonl"] {
        assert!(read(&stopped, file) == read(&alone, file), "{file} differs");
    }
    assert_eq!(names(directory.path()), ["alone", "stopped"]);
}

#[cfg(unix)]
#[test]
fn what_a_stopped_run_left_is_neither_mixed_with_other_settings_nor_written_over() {
    let directory = temp_dir();
    let output = directory.path().join("out").to_str().unwrap().to_owned();
    let checkpoints = format!("{output}.checkpoints");
    let child = start(&long(&output, &[]));
    wait_for(&Path::new(&checkpoints).join("metrics.jsonl"), 10);
    signal(&child, "-INT");
    Run::of(child.wait_with_output().unwrap()).fails(130, &["checkpoint saved"]);

    let resume = ["train", "--resume", &checkpoints];
    let other = |more: &[&str]| gradus(trained(), &[&resume[..], more].concat());
    other(&["--learning-rate", "0.5"]).fails(2, &["`training.learning_rate`", "found 0.5"]);
    // A file that sets no rate goes on at that of the run: the next setting that differs is the seed.
    let plain = TINY.replace("learning_rate = 1e-3\n", "");
    let plain = write(directory.path(), "plain.toml", plain);
    let plain = plain.to_str().unwrap();
    let files = [
        "--train",
        "train.jsonl",
        "--valid",
        "valid.jsonl",
        "--epochs",
        "120",
        "--stack",
        "none",
    ];
    let with_file = [&["--config", plain, "--seed", "9"][..], &files].concat();
    other(&with_file).fails(2, &["`training.seed`", "found 9"]);
    fs_err::remove_file(plain).unwrap();
    other(&["--train", "valid.jsonl"]).fails(2, &["`data.train`", "12 examples"]);
    other(&["--valid", "test.jsonl"]).fails(2, &["`data.valid`"]);
    other(&["--overwrite"]).fails(2, &["--overwrite"]);
    gradus(trained(), &long(&output, &[])).fails(2, &["unfinished run", "--resume", "--overwrite"]);
    // Started over, it is another run.
    let more = ["--overwrite", "--epochs", "1"];
    let over = train_arguments(&[&["--output", output.as_str()][..], &more].concat());
    gradus(trained(), &over).succeeds();
    assert_eq!(names(directory.path()), ["out"]);
}

#[test]
fn there_has_to_be_a_checkpoint_to_go_on_from() {
    let directory = temp_dir();
    gradus(directory.path(), &["train", "--resume", "nowhere"])
        .fails(2, &["nowhere", "no checkpoint found"]);
}

#[test]
fn an_exploding_learning_rate_ends_with_cause_and_batch() {
    let directory = temp_dir();
    let output = directory.path().join("out").to_str().unwrap().to_owned();
    let more = [
        "--output",
        &output,
        "--learning-rate",
        "1e30",
        "--epochs",
        "9",
    ];
    let run = gradus(trained(), &train_arguments(&more));
    run.fails(
        1,
        &[
            "is NaN",
            "4 steps in a row were skipped",
            "batch of ids: ",
            "lower the learning rate",
        ],
    );
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn a_format_with_a_small_range_is_refused_before_any_work() {
    let directory = temp_dir();
    let config = directory.path().join("run.toml");
    fs_err::write(&config, "[training]\nprecision = \"f16\"\n").unwrap();
    gradus(directory.path(), &["train", "--config", "run.toml"])
        .fails(2, &["`f16`", "`f32` or `bf16`"]);
}
