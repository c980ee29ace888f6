//! The examples with parts of their own run and learn.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::path::Path;
use std::process::Command;

/// What an example prints. `cargo test` builds them, unless it is told to build one test alone.
fn printed(name: &str) -> String {
    let binaries = Path::new(env!("CARGO_BIN_EXE_gradus")).parent().unwrap();
    let example = binaries.join("examples").join(name);
    let output = Command::new(&example).output().unwrap_or_else(|error| {
        panic!(
            "{}: {error}; cargo build --release --examples makes it",
            example.display()
        )
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The number after a word.
fn number(text: &str, before: &str) -> f64 {
    let (_, after) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} in {text}"));
    let number = after.trim_start().split([',', ' ', '\n']).next().unwrap();
    number
        .parse()
        .unwrap_or_else(|_| panic!("{number:?} in {text}"))
}

#[test]
fn a_quantile_loss_learns_low_and_high_scores() {
    let text = printed("own_loss");
    let low = number(&text, "quantile 0.1: mean score");
    let high = number(&text, "quantile 0.9: mean score");
    assert!(low + 0.1 < high, "{text}");
}

#[test]
fn an_own_pooling_and_an_own_encoder_learn() {
    for name in ["own_pooling", "own_encoder"] {
        let text = printed(name);
        let (first, last) = (
            number(&text, "epoch 1: loss"),
            number(&text, "epoch 6: loss"),
        );
        assert!(last < first - 1e-3, "{text}");
    }
}

/// Runs the program of the example, or `gradus` itself.
fn program(own: bool, directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let gradus = Path::new(env!("CARGO_BIN_EXE_gradus"));
    let example = gradus
        .parent()
        .unwrap()
        .join("examples")
        .join("own_program");
    let output = Command::new(if own { &example } else { gradus })
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

const RUN: &str = r#"
train = "train.jsonl"
valid = "valid.jsonl"
output = "bundle"
[model]
pooling = { kind = "prompt-gate", sharpness = 2.0 }
[scratch]
d_model = 16
num_layers = 1
num_heads = 2
d_ff = 32
[training]
epochs = 1
loss = { kind = "pinball", quantile = 0.3 }
"#;

#[test]
fn a_program_with_parts_of_its_own_trains_resumes_and_scores_and_gradus_refuses_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let own = |arguments: &[&str]| program(true, place, arguments);
    let succeed = |arguments: &[&str]| {
        let (code, text) = own(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {text}");
        text
    };
    for (name, seed) in [("train.jsonl", "1"), ("valid.jsonl", "2")] {
        succeed(&[
            "data",
            "generate",
            "--examples",
            "60",
            "--seed",
            seed,
            "-o",
            name,
        ]);
    }
    let parts = succeed(&["parts"]);
    for part in [
        "prompt-gate",
        "pinball:QUANTILE",
        "attention",
        "huber:DELTA",
    ] {
        assert!(parts.contains(part), "{part}: {parts}");
    }
    fs_err::write(place.join("run.toml"), RUN).unwrap();
    succeed(&["train", "--config", "run.toml"]);
    let config = fs_err::read_to_string(place.join("bundle/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    let expected = serde_json::json!({"kind": "prompt-gate", "version": 1, "sharpness": 2.0});
    assert_eq!(config["pooling"], expected);
    // What the run saved of its settings makes the same run.
    succeed(&["train", "--config", "bundle/run.toml", "--output", "again"]);
    let weights =
        |bundle: &str| fs_err::read(place.join(bundle).join("model.safetensors")).unwrap();
    assert!(weights("bundle") == weights("again"));
    succeed(&["score", "bundle", "valid.jsonl", "-o", "scores.jsonl"]);
    succeed(&["eval", "bundle", "valid.jsonl", "--resamples", "0"]);
    succeed(&["inspect", "bundle"]);

    let refuse = |own: bool, arguments: &[&str], parts: &[&str]| {
        let (code, text) = program(own, place, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    let unknown = "`prompt-gate`, which is not known to this program";
    refuse(
        false,
        &["score", "bundle", "valid.jsonl", "-o", "x.jsonl"],
        &[unknown, "config.json"],
    );
    refuse(
        false,
        &[
            "train", "--config", "run.toml", "--output", "x", "--loss", "mse",
        ],
        &["pinball"],
    );
    let other = RUN.replace("sharpness", "sharpnes");
    fs_err::write(place.join("other.toml"), other).unwrap();
    refuse(
        true,
        &["train", "--config", "other.toml", "--output", "x"],
        &["pooling.prompt-gate", "sharpnes"],
    );
}
