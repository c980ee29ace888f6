//! The whole command line with a head of your own: a mixture of linear ones.
//!
//! `cargo run --release --example own_head -- train --config run.toml`, where `run.toml` says
//! `model.head = { kind = "mixture", experts = 4 }`.

use std::process::ExitCode;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::softmax};
use gradus::model::{ConfigProblem, NamedHead, ScoreHead};
use serde::{Deserialize, Serialize};

#[derive(Module, Debug)]
struct Mixture {
    gate: Linear,
    experts: Vec<Linear>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    experts: usize,
}

impl ScoreHead for Mixture {
    fn forward(&self, pooled: Tensor<3>) -> Tensor<3> {
        let shares = softmax(self.gate.forward(pooled.clone()), 2);
        let scores = self
            .experts
            .iter()
            .enumerate()
            .map(|(k, expert)| expert.forward(pooled.clone()) * shares.clone().narrow(2, k, 1));
        scores.reduce(Tensor::add).expect("an expert")
    }
}

impl NamedHead for Mixture {
    type Settings = Settings;
    const KIND: &'static str = "mixture";
    const ABOUT: &'static str = "Linear heads, mixed by a gate";

    fn check(settings: &Settings) -> Result<(), ConfigProblem> {
        let found = settings.experts;
        ConfigProblem::unless(found > 0, "head.mixture.experts", found, "1 or more")
    }

    fn init(settings: &Settings, d_input: usize, num_aspects: usize, device: &Device) -> Self {
        let linear = |to| LinearConfig::new(d_input, to).init(device);
        Self {
            gate: linear(settings.experts),
            experts: (0..settings.experts).map(|_| linear(num_aspects)).collect(),
        }
    }
}

fn main() -> ExitCode {
    gradus::cli::main_with(gradus::Registry::new().with_head::<Mixture>())
}
