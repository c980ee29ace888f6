//! Grouped-query attention with rotary positions.

use burn::module::Module;
use burn::nn::{Linear, RmsNorm};
use burn::tensor::{Device, Tensor};

use super::parts::{projection, rms_norm};
use gradus_kernels::{
    self as kernels, Angles, Attend, AttentionMask, PreNorm, Projections, TokenLayout,
};

/// Configuration of a [`RotaryAttention`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RotaryAttentionConfig {
    /// Width of a token's state.
    pub(super) d_model: usize,
    /// Number of query heads.
    pub(super) num_heads: usize,
    /// Number of key and value heads; divides `num_heads`.
    pub(super) num_key_value_heads: usize,
    /// Width of a head, even.
    pub(super) d_head: usize,
    /// Whether the query, key and value layers have a bias.
    pub(super) input_bias: bool,
    /// Whether the output layer has a bias.
    pub(super) output_bias: bool,
    /// Epsilon of the norm on every query and key head; `None` for no norm.
    pub(super) head_norm_epsilon: Option<f64>,
    /// Dropout on attention probabilities, in `[0, 1)`.
    pub(super) dropout: f64,
    /// Standard deviation of random weights.
    pub(super) initializer_range: f64,
}

/// Block of grouped-query attention (Ainslie et al., 2023, <https://arxiv.org/abs/2305.13245>) with rotary
/// positions.
#[derive(Module, Debug)]
pub(super) struct RotaryAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    query_norm: Option<RmsNorm>,
    key_norm: Option<RmsNorm>,
    #[module(skip)]
    dropout: f64,
    num_heads: usize,
    num_key_value_heads: usize,
}

impl RotaryAttentionConfig {
    pub(super) fn init(&self, device: &Device) -> RotaryAttention {
        let width = self.num_heads * self.d_head;
        let shared_width = self.num_key_value_heads * self.d_head;
        let std = self.initializer_range;
        let input = |width| projection(self.d_model, width, self.input_bias, std, device);
        let norm = || {
            self.head_norm_epsilon
                .map(|epsilon| rms_norm(self.d_head, epsilon, device))
        };
        RotaryAttention {
            query: input(width),
            key: input(shared_width),
            value: input(shared_width),
            output: projection(width, self.d_model, self.output_bias, std, device),
            query_norm: norm(),
            key_norm: norm(),
            dropout: self.dropout,
            num_heads: self.num_heads,
            num_key_value_heads: self.num_key_value_heads,
        }
    }
}

impl RotaryAttention {
    /// The block of a pre-norm layer, of all tokens or, in the `last` layer, of the wanted ones.
    ///
    /// # Shapes
    /// - `x` and the result: `[.., .., d_model]`, in the layout of `mask`
    pub(super) fn forward(
        &self,
        norm: PreNorm<'_>,
        x: Tensor<3>,
        angles: &Angles,
        mask: &AttentionMask,
        last: Option<&TokenLayout>,
    ) -> Tensor<3> {
        let block = kernels::RotaryAttention {
            projections: Projections {
                query: &self.query,
                key: &self.key,
                value: &self.value,
                output: &self.output,
            },
            head_norms: self
                .query_norm
                .as_ref()
                .zip(self.key_norm.as_ref())
                .map(<[_; 2]>::from),
            attend: Attend {
                num_heads: self.num_heads,
                num_key_value_heads: self.num_key_value_heads,
                dropout: self.dropout,
            },
            angles,
        };
        norm.attend(block, x, mask, last)
    }
}
