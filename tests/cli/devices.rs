//! Several devices in one process.

use tempfile::TempDir;

use crate::losses::{close, numbers};
use crate::support::{TINY, gradus, temp_dir, train_arguments, trained, write};

/// Trains with this dropout on these devices and returns the log.
fn train(directory: &TempDir, name: &str, dropout: &str, devices: &[&str]) -> String {
    let output = directory.path().join(name);
    let config = write(
        directory.path(),
        "run.toml",
        format!(
            "{}dropout = {dropout}\n",
            TINY.replace("epochs = 1", "epochs = 2")
        ),
    );
    let mut arguments = train_arguments(&["--json", "--output", output.to_str().unwrap()]);
    arguments[2] = config.to_str().unwrap();
    arguments.extend(devices);
    gradus(trained(), &arguments).succeeds()
}

#[test]
fn two_devices_give_the_losses_of_one() {
    let directory = temp_dir();
    let one = train(&directory, "one", "0.0", &["--device", "cpu"]);
    // 16 examples in pieces of 8 and 8, of 6, 5 and 5, and of 4 and 4, twice.
    let two = train(&directory, "two", "0.0", &["--device", "cpu,cpu"]);
    close(&numbers(&two), &numbers(&one));
    let three = train(&directory, "three", "0.0", &["--device", "cpu,cpu,cpu"]);
    close(&numbers(&three), &numbers(&one));
    let pieces = ["--device", "cpu,cpu", "--micro-batch-size", "4"];
    close(
        &numbers(&train(&directory, "pieces", "0.0", &pieces)),
        &numbers(&one),
    );
}

#[test]
fn two_devices_repeat_themselves_with_dropout() {
    let directory = temp_dir();
    let run = |name| numbers(&train(&directory, name, "0.3", &["--device", "cpu,cpu"]));
    let (first, second) = (run("first"), run("second"));
    assert!(first == second, "{first:?}\n{second:?}");
}

#[cfg(feature = "ndarray")]
#[test]
fn two_backends_give_the_losses_of_one() {
    let directory = temp_dir();
    let one = train(&directory, "one", "0.0", &["--device", "cpu"]);
    let two = train(&directory, "two", "0.0", &["--device", "cpu,ndarray"]);
    close(&numbers(&two), &numbers(&one));
}

#[test]
fn only_training_takes_several() {
    gradus(
        trained(),
        &["eval", "bundle", "test.jsonl", "--device", "cpu,cpu"],
    )
    .fails(2, &["`cpu,cpu`", "expected one", "gradus train"]);
}
