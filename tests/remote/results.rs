//! A remote device gives what the same device gives at home.

use serde_json::Value;

use crate::losses::{close, numbers};
use crate::support::{TINY, gradus, temp_dir, train_arguments, trained, write};
use crate::worker::Worker;

/// Every score of a scored file.
fn scores(records: &str) -> Vec<f64> {
    let records = records
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    records
        .flat_map(|record: Value| record["segments"].as_array().unwrap().clone())
        .map(|segment| segment["score"].as_f64().unwrap())
        .collect()
}

#[test]
fn training_and_scoring_are_those_of_the_cpu() {
    let worker = Worker::start();
    let directory = temp_dir();
    // The cpu's fused blocks and the blocks of other devices drop other values.
    let config = format!("{TINY}dropout = 0.0\n");
    let config = write(directory.path(), "run.toml", config);
    let train = |device: &str, name: &str| {
        let output = directory.path().join(name);
        let output = output.to_str().unwrap();
        let more = [
            "--output", output, "--json", "--epochs", "2", "--device", device,
        ];
        let mut arguments = train_arguments(&more);
        arguments[2] = config.to_str().unwrap();
        gradus(trained(), &arguments).succeeds()
    };
    let (here, there) = (train("cpu", "here"), train(worker.name(), "there"));
    close(&numbers(&there), &numbers(&here));

    let score = |device: &str| {
        let bundle = directory.path().join("there");
        let arguments = [
            "score",
            bundle.to_str().unwrap(),
            "test.jsonl",
            "--device",
            device,
        ];
        scores(&gradus(trained(), &arguments).succeeds())
    };
    let (here, there) = (score("cpu"), score(worker.name()));
    assert!(here.len() > 20);
    close(&there, &here);
}

#[test]
fn evaluation_is_that_of_the_cpu_on_the_second_device_too() {
    let worker = Worker::with(&["--device", "cpu", "--device", "cpu"], None);
    assert_eq!(worker.names[1], format!("{}#1", worker.name()));
    let rmse = |device: &str| {
        let arguments = ["eval", "bundle", "test.jsonl", "--json", "--device", device];
        let json: Value = serde_json::from_str(&gradus(trained(), &arguments).succeeds()).unwrap();
        json["aspects"][0]["segment"]["values"]["rmse"]
            .as_f64()
            .unwrap()
    };
    close(&[rmse(&worker.names[1])], &[rmse("cpu")]);
}

#[test]
fn the_cpu_and_a_remote_device_share_the_work_of_a_step() {
    let worker = Worker::start();
    let directory = temp_dir();
    let config = format!("{TINY}dropout = 0.0\n");
    let config = write(directory.path(), "run.toml", config);
    let train = |device: &str, name: &str| {
        let output = directory.path().join(name);
        let output = output.to_str().unwrap();
        let mut arguments = train_arguments(&["--output", output, "--json", "--device", device]);
        arguments[2] = config.to_str().unwrap();
        numbers(&gradus(trained(), &arguments).succeeds())
    };
    let one = train("cpu", "one");
    close(&train(&format!("cpu,{}", worker.name()), "two"), &one);
    close(&train(&format!("{},cpu", worker.name()), "turned"), &one);
}
