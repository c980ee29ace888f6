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
