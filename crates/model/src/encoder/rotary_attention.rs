//! Grouped-query attention with rotary positions.

use burn::module::Module;
use burn::nn::{Linear, RmsNorm};
use burn::tensor::{Device, Tensor};

use super::parts::{projection, rms_norm};
use gradus_kernels::{self as kernels, Angles, Attend, AttentionMask, Side};

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

/// Grouped-query attention (Ainslie et al., 2023, <https://arxiv.org/abs/2305.13245>) with rotary
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
    /// Attention from the tokens `queries` to the tokens `hidden`; `queries` are all or some of
    /// `hidden`.
    ///
    /// # Shapes
    /// - `queries`, `hidden` and the result: `[.., .., d_model]`, in the layout of `mask`
    pub(super) fn forward(
        &self,
        queries: Tensor<3>,
        hidden: Tensor<3>,
        angles: &Angles,
        mask: &AttentionMask,
    ) -> Tensor<3> {
        let (heads, shared) = (self.num_heads, self.num_key_value_heads);
        let query = kernels::linear(&self.query, queries);
        let key = kernels::linear(&self.key, hidden.clone());
        let value = kernels::linear(&self.value, hidden);
        let query = normed(self.query_norm.as_ref(), query, heads);
        let key = normed(self.key_norm.as_ref(), key, shared);
        let query = angles.turn(query, heads, mask, Side::Query);
        let key = angles.turn(key, shared, mask, Side::Key);
        let attend = Attend {
            num_heads: heads,
            num_key_value_heads: shared,
            dropout: self.dropout,
        };
        kernels::linear(&self.output, attend.forward(query, key, value, mask))
    }
}

/// Normalizes every head separately.
fn normed(norm: Option<&RmsNorm>, states: Tensor<3>, num_heads: usize) -> Tensor<3> {
    let Some(norm) = norm else {
        return states;
    };
    let [batch_size, tokens, width] = states.dims();
    let heads = states.reshape([batch_size, tokens * num_heads, width / num_heads]);
    kernels::rms_norm(norm, heads).reshape([batch_size, tokens, width])
}
