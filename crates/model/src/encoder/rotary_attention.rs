//! Attention with rotary positions, and heads of keys and values that queries may share.

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig, Linear, RmsNorm};
use burn::tensor::{Device, Tensor};

use super::attend::{Sight, attend, join_heads, split_heads};
use super::projection::{projection, rms_norm};
use super::rotary::Angles;
use crate::ops;

/// Sizes and probabilities of a [`RotaryAttention`].
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
    /// Whether query, key and value have a bias.
    pub(super) input_bias: bool,
    /// Whether the output has a bias.
    pub(super) output_bias: bool,
    /// Epsilon of a norm on every head of query and key; `None` for no norm.
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
    dropout: Dropout,
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
            dropout: DropoutConfig::new(self.dropout).init(),
            num_heads: self.num_heads,
            num_key_value_heads: self.num_key_value_heads,
        }
    }
}

impl RotaryAttention {
    /// # Shapes
    /// - `hidden` and the result: `[batch_size, seq_length, d_model]`
    pub(super) fn forward(&self, hidden: Tensor<3>, angles: &Angles, sight: &Sight) -> Tensor<3> {
        let query = split_heads(ops::linear(&self.query, hidden.clone()), self.num_heads);
        let key = split_heads(
            ops::linear(&self.key, hidden.clone()),
            self.num_key_value_heads,
        );
        let value = split_heads(ops::linear(&self.value, hidden), self.num_key_value_heads);
        let query = angles.turn(normed(self.query_norm.as_ref(), query));
        let key = angles.turn(normed(self.key_norm.as_ref(), key));
        let context = attend(query, key, value, sight, &self.dropout);
        ops::linear(&self.output, join_heads(context))
    }
}

fn normed(norm: Option<&RmsNorm>, heads: Tensor<4>) -> Tensor<4> {
    match norm {
        Some(norm) => norm.forward(heads),
        None => heads,
    }
}
