//! The whole command line with parts of your own: train, score, eval, compare, .. by their names.
//!
//! ```sh
//! cargo run --release --example own_program -- parts
//! cargo run --release --example own_program -- train --config run.toml --loss pinball:0.1
//! ```
//! with `pooling = { kind = "prompt-gate", sharpness = 2.0 }` under `[model]` in `run.toml`.

use std::process::ExitCode;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::relu, activation::sigmoid};
use gradus::model::{NamedPooling, SegmentPooling, TokenStates};
use gradus::train::{NamedLoss, PointwiseLoss};
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
struct GateSettings {
    sharpness: f64,
}

impl SegmentPooling for PromptGate {
    fn reads_prompt(&self) -> bool {
        true
    }

    fn forward(&self, states: TokenStates) -> Tensor<3> {
        let prompt = self.gate.forward(states.mean_of(states.in_prompt()));
        states.mean_of(states.in_segments()) * sigmoid(prompt * self.sharpness)
    }
}

impl NamedPooling for PromptGate {
    type Settings = GateSettings;
    const KIND: &'static str = "prompt-gate";
    const ABOUT: &'static str = "the mean of a segment, gated by the prompt";

    fn init(settings: &GateSettings, d_model: usize, device: &Device) -> Self {
        Self {
            gate: LinearConfig::new(d_model, d_model).init(device),
            sharpness: settings.sharpness,
        }
    }
}

/// Quantile loss: the score that a share `quantile` of the ratings lies below.
#[derive(Debug, Serialize, Deserialize)]
struct Pinball {
    quantile: f64,
}

impl PointwiseLoss for Pinball {
    fn id(&self) -> String {
        format!("pinball:{}", self.quantile)
    }

    fn elementwise(&self, scores: Tensor<3>, targets: Tensor<3>) -> Tensor<3> {
        let error = targets - scores;
        relu(error.clone()) * self.quantile + relu(-error) * (1.0 - self.quantile)
    }
}

impl NamedLoss for Pinball {
    const KIND: &'static str = "pinball";
    const ABOUT: &'static str = "quantile loss";
    const SHORT: Option<&'static str> = Some("quantile");
}

fn main() -> ExitCode {
    let registry = gradus::Registry::new()
        .with_pooling::<PromptGate>()
        .with_loss::<Pinball>();
    gradus::cli::main_with(registry)
}
