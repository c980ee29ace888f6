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
    ] {
        let mut all = vec!["bench", "--bundle", "bundle"];
        all.extend(arguments);
        gradus(trained(), &all).fails(2, parts);
    }
    let directory = temp_dir();
    gradus(directory.path(), &["bench", "--encoder", "nowhere"]).fails(2, &["nowhere"]);
}
