//! The whole command line with a metric and callbacks of your own.
//!
//! `cargo run --release --example own_metric -- train --config run.toml`, where `run.toml` says
//! `early_stopping = { metric = "within_tenth", patience = 2 }`, and then
//! `cargo run --release --example own_metric -- compare one-bundle another-bundle test.jsonl --metric within_tenth`.

#![allow(clippy::print_stderr, reason = "an example shows what it sees")]

use std::process::ExitCode;

use gradus::eval::metrics::{SegmentMetric, WeightedPairs};
use gradus::train::{StepLog, TrainObserver, ValidLog};

/// Share of segments that are scored within 0.1 of their rating.
struct WithinTenth;

impl SegmentMetric for WithinTenth {
    fn name(&self) -> &'static str {
        "within_tenth"
    }

    fn compute(&self, pairs: &WeightedPairs) -> Option<f64> {
        let (mut near, mut all) = (0.0, 0.0);
        for (score, rating, weight) in pairs.weighted() {
            let is_near = (score - rating).abs() <= 0.1;
            near += if is_near { weight } else { 0.0 };
            all += weight;
        }
        Some(near / all)
    }
}

/// Says how steep the steepest step before each validation was.
#[derive(Default)]
struct Steepest(f64);

impl TrainObserver for Steepest {
    fn on_step(&mut self, step: &StepLog) {
        self.0 = self.0.max(step.gradient_norm);
    }

    fn on_valid(&mut self, valid: &ValidLog) {
        let near = valid.metrics["within_tenth"].unwrap_or(0.0);
        let step = valid.step;
        eprintln!(
            "step {step}: {near:.3} within a tenth, gradients up to {:.2}",
            self.0
        );
        self.0 = 0.0;
    }
}

fn main() -> ExitCode {
    let registry = gradus::Registry::new()
        .with_metric(&WithinTenth)
        .with_observer(Steepest::default);
    gradus::cli::main_with(registry)
}
