//! Measurements of speed.

use serde_json::Value;

use crate::support::{gradus, temp_dir, trained};

const QUICK: [&str; 6] = ["--repetitions", "2", "--at-least", "0", "--batch-size", "2"];

fn bench(arguments: &[&str]) -> crate::support::Run {
    let mut all = vec!["bench"];
    all.extend(QUICK);
    all.extend(arguments);
    gradus(trained(), &all)
}

#[test]
fn a_bundle_is_measured_in_every_mode_and_length() {
    let arguments = ["--bundle", "bundle", "--length", "16,32", "--json"];
    let report: Value = serde_json::from_str(&bench(&arguments).succeeds()).unwrap();
    assert_eq!(report["dropout"]["hidden"], 0.0);
    assert_eq!(report["config"]["encoder"]["hidden_dropout"], 0.0);
    let rows = report["rows"].as_array().unwrap();
    let measured: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["mode"].as_str().unwrap(),
                row["length"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [("score", 16), ("score", 32), ("train", 16), ("train", 32)];
    assert_eq!(measured, expected);
    for row in rows {
        let rate = |end: &str| row["tokens_per_second"][end].as_f64().unwrap();
        assert!(
            0.0 < rate("min") && rate("min") <= rate("median") && rate("median") <= rate("max")
        );
        assert_eq!(
            row["peak_memory"].is_u64(),
            cfg!(target_os = "linux"),
            "{row}"
        );
    }
}

#[test]
fn a_table_says_what_was_measured_and_how() {
    let arguments = [
        "--bundle",
        "bundle",
        "--mode",
        "train",
        "--length",
        "16",
        "--dropout",
        "--threads",
        "1",
    ];
    let table = bench(&arguments).succeeds();
    for part in [
        "bundle, ",
        "1 CPU threads",
        "dropout the model's own",
        "2×16",
        "train",
    ] {
        assert!(table.contains(part), "missing `{part}` in:\n{table}");
    }
    assert!(!table.contains("score"), "{table}");
}

#[test]
fn adapters_and_frozen_parts_are_measured_as_they_train() {
    let arguments = [
        "--mode", "train", "--length", "16", "--lora", "2", "--json", "--freeze",
    ];
    let parameters = |freeze: &str, lora: bool| -> u64 {
        let mut all: Vec<&str> = arguments.to_vec();
        all.push(freeze);
        if !lora {
            all.retain(|argument| !["--lora", "2"].contains(argument));
        }
        let report: Value = serde_json::from_str(&bench(&all).succeeds()).unwrap();
        assert_eq!(report["freeze"], freeze);
        assert_eq!(report["config"]["lora"]["rank"].as_u64(), lora.then_some(2));
        report["parameters"].as_u64().unwrap()
    };
    // Six layers of width 384, two matrices of each with two thin ones.
    let adapters = 6 * 2 * 2 * 2 * 384;
    assert_eq!(
        parameters("none", true) - parameters("encoder", false),
        adapters
    );
}

#[test]
fn what_cannot_be_measured_is_refused() {
    for (arguments, parts) in [
        (
            &["--length", "7"][..],
            &["rows of 7 tokens", "at least 8"][..],
        ),
        (&["--length", "100000"], &["100000 tokens", "positions"]),
        (&["--threads", "0"], &["--threads: found 0"]),
        (&["--repetitions", "0"], &["--repetitions: found 0"]),
        (
            &["--hidden-dropout", "1"],
            &["--hidden-dropout: found 1", "[0, 1)"],
        ),
        (&["--at-least=-1"], &["--at-least"]),
        (&["--freeze", "head"], &["`head`", "`layers:N`"]),
        (&["--lora", "2"], &["--lora", "--bundle"]),
    ] {
        let mut all = vec!["bench", "--bundle", "bundle"];
        all.extend(arguments);
        gradus(trained(), &all).fails(2, parts);
    }
    let directory = temp_dir();
    gradus(directory.path(), &["bench", "--encoder", "nowhere"]).fails(2, &["nowhere"]);
}
