//! Linear layers and norms whose bias is a matter of the family.

use burn::nn::RmsNormConfig;
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig, RmsNorm};
use burn::tensor::Device;

/// A linear layer with weights from `N(0, std²)`, and a zero bias where it has one.
pub(super) fn projection(
    d_input: usize,
    d_output: usize,
    bias: bool,
    std: f64,
    device: &Device,
) -> Linear {
    let normal = Initializer::Normal { mean: 0.0, std };
    let layer = LinearConfig::new(d_input, d_output)
        .with_bias(false)
        .with_initializer(normal)
        .init(device);
    Linear {
        bias: bias.then(|| Initializer::Zeros.init([d_output], device)),
        ..layer
    }
}

/// A layer norm with a scale, and a shift where it has one.
pub(super) fn norm(d_model: usize, epsilon: f64, bias: bool, device: &Device) -> LayerNorm {
    LayerNormConfig::new(d_model)
        .with_epsilon(epsilon)
        .with_bias(bias)
        .init(device)
}

/// A norm by the root of the mean square, with a scale. Zhang and Sennrich (2019),
/// <https://arxiv.org/abs/1910.07467>.
pub(super) fn rms_norm(d_model: usize, epsilon: f64, device: &Device) -> RmsNorm {
    RmsNormConfig::new(d_model)
        .with_epsilon(epsilon)
        .init(device)
}
