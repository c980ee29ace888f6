//! A remote device gives what the same device gives at home.

use serde_json::Value;

use crate::support::{gradus, temp_dir, train_arguments, trained};
use crate::worker::Worker;

/// Loss and gradient norm of every step, then the validation loss of every epoch.
fn numbers(log: &str) -> Vec<f64> {
    let log: Value = serde_json::from_str(log).unwrap();
    let history = &log["history"];
    let all = |list: &str, keys: &[&str]| -> Vec<f64> {
        let entries = history[list].as_array().unwrap().iter();
        entries
            .flat_map(|entry| keys.iter().map(|key| entry[key].as_f64().unwrap()))
            .collect()
    };
    let steps = all("steps", &["loss", "gradient_norm"]);
    assert!(steps.len() >= 10, "{} numbers", steps.len());
    [steps, all("epochs", &["valid_loss"])].concat()
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() < 1e-4, "{k}: {found}, expected {expected}");
    }
}

/// Every score of a scored file.
fn scores(records: &str) -> Vec<f64> {
    let records = records.lines().map(|line| serde_json::from_str(line).unwrap());
    records
        .flat_map(|record: Value| record["segments"].as_array().unwrap().clone())
        .map(|segment| segment["score"].as_f64().unwrap())
        .collect()
}

#[test]
fn training_and_scoring_are_those_of_the_cpu() {
    let worker = Worker::start();
    let directory = temp_dir();
    let train = |device: &str, name: &str| {
        let output = directory.path().join(name);
        let output = output.to_str().unwrap();
        let more = ["--output", output, "--json", "--epochs", "2", "--device", device];
        gradus(trained(), &train_arguments(&more)).succeeds()
    };
    let (here, there) = (train("cpu", "here"), train(worker.name(), "there"));
    close(&numbers(&there), &numbers(&here));

    let score = |device: &str| {
        let bundle = directory.path().join("there");
        let arguments = ["score", bundle.to_str().unwrap(), "test.jsonl", "--device", device];
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
        json["aspects"][0]["segment"]["values"]["rmse"].as_f64().unwrap()
    };
    close(&[rmse(&worker.names[1])], &[rmse("cpu")]);
}
