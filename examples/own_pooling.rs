//! The whole command line with a pooling of your own: the mean of a segment, gated by the prompt.
//!
//! `cargo run --release --example own_pooling -- train --config run.toml`, where `run.toml` says
//! `model.pooling = { kind = "prompt-gate", sharpness = 2.0 }`.

use std::process::ExitCode;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::sigmoid};
use gradus::model::{NamedPooling, SegmentPooling, TokenStates};
use serde::{Deserialize, Serialize};

/// What the prompt says decides which features of a segment count.
#[derive(Module, Debug)]
struct PromptGate {
    gate: Linear,
    #[module(skip)]
    sharpness: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    sharpness: f64,
}

impl SegmentPooling for PromptGate {
    fn reads_prompt(&self) -> bool {
        true
    }

    fn forward(&self, states: TokenStates) -> Tensor<3> {
        let prompt = states.mean_of(states.in_prompt());
        let gate = sigmoid(self.gate.forward(prompt) * self.sharpness);
        states.mean_of(states.in_segments()) * gate
    }
}

impl NamedPooling for PromptGate {
    type Settings = Settings;
    const KIND: &'static str = "prompt-gate";
    const ABOUT: &'static str = "The mean of a segment, gated by the prompt";

    fn init(settings: &Settings, d_model: usize, device: &Device) -> Self {
        Self {
            gate: LinearConfig::new(d_model, d_model).init(device),
            sharpness: settings.sharpness,
        }
    }
}

fn main() -> ExitCode {
    gradus::cli::main_with(gradus::Registry::new().with_pooling::<PromptGate>())
}
