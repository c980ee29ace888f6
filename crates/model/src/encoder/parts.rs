//! Layers as the encoders need them at birth: normal weights, zero biases.

use burn::module::{ModuleVisitor, Param};
use burn::nn::{
    Embedding, EmbeddingConfig, Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig,
    RmsNorm, RmsNormConfig,
};
use burn::tensor::{Device, Tensor};

/// A linear layer with weights from `N(0, std²)` and a zero bias.
pub(crate) fn linear(d_input: usize, d_output: usize, std: f64, device: &Device) -> Linear {
    projection(d_input, d_output, true, std, device)
}

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

/// A table of embeddings from `N(0, std²)`.
pub(crate) fn embedding(rows: usize, d_model: usize, std: f64, device: &Device) -> Embedding {
    EmbeddingConfig::new(rows, d_model)
        .with_initializer(Initializer::Normal { mean: 0.0, std })
        .init(device)
}

/// A layer norm with scale and shift.
pub(crate) fn layer_norm(d_model: usize, epsilon: f64, device: &Device) -> LayerNorm {
    norm(d_model, epsilon, true, device)
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

/// Draws the values of parameters that are still lazy.
///
/// Burn draws a parameter when it is first used. Left to that, clones made before the first use
/// differ from each other, and the values depend on what else drew random numbers meanwhile.
pub(crate) struct DrawParameters;

impl ModuleVisitor for DrawParameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        param.val();
    }
}
