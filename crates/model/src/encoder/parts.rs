//! Initialization of layers: normally distributed weights, zero biases.

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

/// A linear layer with weights from `N(0, std²)` and an optional zero bias.
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

/// An embedding table with weights from `N(0, std²)`.
pub(crate) fn embedding(rows: usize, d_model: usize, std: f64, device: &Device) -> Embedding {
    EmbeddingConfig::new(rows, d_model)
        .with_initializer(Initializer::Normal { mean: 0.0, std })
        .init(device)
}

/// A layer norm with scale and shift.
pub(crate) fn layer_norm(d_model: usize, epsilon: f64, device: &Device) -> LayerNorm {
    norm(d_model, epsilon, true, device)
}

/// A layer norm with scale and an optional shift.
pub(super) fn norm(d_model: usize, epsilon: f64, bias: bool, device: &Device) -> LayerNorm {
    LayerNormConfig::new(d_model)
        .with_epsilon(epsilon)
        .with_bias(bias)
        .init(device)
}

/// An RMS norm with scale. Zhang and Sennrich (2019),
/// <https://arxiv.org/abs/1910.07467>.
pub(super) fn rms_norm(d_model: usize, epsilon: f64, device: &Device) -> RmsNorm {
    RmsNormConfig::new(d_model)
        .with_epsilon(epsilon)
        .init(device)
}

/// Initializes parameters that are still lazy.
///
/// Burn initializes a parameter at its first use. Clones made before would then differ, and values
/// would depend on other uses of the random generator.
pub(crate) struct DrawParameters;

impl ModuleVisitor for DrawParameters {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        param.val();
    }
}
