//! The mean of a segment, gated by the prompt.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, activation::sigmoid};
use gradus::model::{NamedPooling, SegmentPooling, TokenStates};
use serde::{Deserialize, Serialize};

/// What the prompt says decides which features of a segment count.
#[derive(Module, Debug)]
pub struct PromptGate {
    gate: Linear,
    #[module(skip)]
    sharpness: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
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

#[cfg(test)]
mod tests {
    use gradus::model::{Pooler, TokenStates};

    use super::*;

    #[test]
    fn a_segment_has_the_width_of_a_token() {
        let device = Device::default();
        let gate = PromptGate::init(&Settings { sharpness: 2.0 }, 4, &device);
        let states = Tensor::<3>::ones([1, 6, 4], &device);
        let spans = Tensor::from_data([[[3, 4], [4, 6]]], &device);
        let pooled = Pooler::from(gate).forward(TokenStates::of_responses(states, spans));
        assert_eq!(pooled.dims(), [1, 2, 4]);
    }
}
