//! The convolution beside the first layer in large DeBERTa v2 models.

use burn::module::Module;
use burn::nn::conv::{Conv1d, Conv1dConfig};
use burn::nn::{Dropout, DropoutConfig, Initializer, LayerNorm, PaddingConfig1d};
use burn::tensor::{Bool, Device, Tensor, activation};
use serde::{Deserialize, Serialize};

use super::hugging_face::PublishedConfig;
use super::parts::layer_norm;
use crate::error::ConfigProblem;

/// Configuration of a convolution over neighboring tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// Kernel size in tokens, odd.
    pub kernel_size: usize,
    /// Activation function.
    pub activation: ConvolutionActivation,
}

/// Activation function of a [`Convolution`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConvolutionActivation {
    /// Hyperbolic tangent.
    Tanh,
    /// GELU with the exact error function.
    Gelu,
}

impl Convolution {
    /// Reads `conv_kernel_size` and, if it is above 0, the related keys.
    pub(super) fn from_published(config: &PublishedConfig) -> Result<Option<Self>, ConfigProblem> {
        let kernel_size = config.count_or("conv_kernel_size", 0, "a whole number")?;
        if kernel_size == 0 {
            return Ok(None);
        }
        let odd = !kernel_size.is_multiple_of(2);
        ConfigProblem::unless(odd, "conv_kernel_size", kernel_size, "an odd number or 0")?;
        config.only("conv_groups", 1)?;
        let expected = "\"tanh\" or \"gelu\"";
        let activation = config.named("conv_act", "tanh", expected, |name| match name {
            "tanh" => Some(ConvolutionActivation::Tanh),
            "gelu" => Some(ConvolutionActivation::Gelu),
            _ => None,
        })?;
        Ok(Some(Self {
            kernel_size,
            activation,
        }))
    }

    /// The name in published configurations.
    pub(super) fn published_activation(self) -> &'static str {
        match self.activation {
            ConvolutionActivation::Tanh => "tanh",
            ConvolutionActivation::Gelu => "gelu",
        }
    }
}

/// A convolution of the embeddings, added to the first layer's output.
#[derive(Module, Debug)]
pub(super) struct ConvolutionLayer {
    conv: Conv1d,
    norm: LayerNorm,
    dropout: Dropout,
    #[module(skip)]
    activation: ConvolutionActivation,
}

impl ConvolutionLayer {
    pub(super) fn new(
        config: Convolution,
        d_model: usize,
        epsilon: f64,
        dropout: f64,
        std: f64,
        device: &Device,
    ) -> Self {
        let side = (config.kernel_size - 1) / 2;
        Self {
            conv: Conv1dConfig::new(d_model, d_model, config.kernel_size)
                .with_padding(PaddingConfig1d::Explicit(side, side))
                .with_initializer(Initializer::Normal { mean: 0.0, std })
                .init(device),
            norm: layer_norm(d_model, epsilon, device),
            dropout: DropoutConfig::new(dropout).init(),
            activation: config.activation,
        }
    }

    /// # Shapes
    /// - `embedded`, `first` and the result: `[batch_size, seq_length, d_model]`
    /// - `mask_pad`: `[batch_size, seq_length]`, true for padding, which is treated as zeros
    pub(super) fn forward(
        &self,
        embedded: Tensor<3>,
        first: Tensor<3>,
        mask_pad: Tensor<2, Bool>,
    ) -> Tensor<3> {
        let shape = embedded.dims();
        let padding = mask_pad.unsqueeze_dim::<3>(2).expand(shape);
        let embedded = embedded.mask_fill(padding, 0.0);
        let convolved = self.conv.forward(embedded.swap_dims(1, 2)).swap_dims(1, 2);
        let convolved = self.dropout.forward(convolved);
        let convolved = match self.activation {
            ConvolutionActivation::Tanh => convolved.tanh(),
            ConvolutionActivation::Gelu => activation::gelu(convolved),
        };
        self.norm.forward(first + convolved)
    }
}
