//! The fused operations as an extension of Burn's backends.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use super::flex::{Dropout, Places, Rows};
use crate::encoder::Activation;

/// What a fused attention block does besides attending.
#[derive(Debug, Clone)]
pub(crate) struct AttentionOptions {
    pub(crate) num_heads: usize,
    /// Scores are `scale · q · k`.
    pub(crate) scale: f32,
    /// On the attention probabilities.
    pub(crate) dropout: Dropout,
    /// Which queries see which keys.
    pub(crate) rows: Rows,
}

/// Blocks of an encoder, each in as few passes over memory as it takes.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait FusedOps: Backend {
    /// `x W + b`: `[.., input]`, `[input, output]` and `[output]` to `[.., output]`.
    fn fused_linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `x W`: `[.., input]` and `[input, output]` to `[.., output]`.
    fn fused_projection(x: FloatTensor<Self>, weight: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `activation(x W₁ + b₁) W₂ + b₂`, of the shape of `x`.
    fn fused_feed_forward(
        x: FloatTensor<Self>,
        inner_weight: FloatTensor<Self>,
        inner_bias: FloatTensor<Self>,
        outer_weight: FloatTensor<Self>,
        outer_bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self>;

    /// Attention of all heads within rows: queries `[1, num_queries, d_model]`, keys and values
    /// `[1, num_keys, d_model]` to `[1, num_queries, d_model]`.
    fn fused_attention(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        options: AttentionOptions,
    ) -> FloatTensor<Self>;

    /// The chosen ones of all rows: `[.., width]` to `[1, chosen, width]`.
    fn fused_gather(x: FloatTensor<Self>, places: Places) -> FloatTensor<Self>;

    /// The chosen rows back at their places, zeros elsewhere: `[1, chosen, width]` to
    /// `[1, rows, width]`.
    fn fused_scatter(x: FloatTensor<Self>, places: Places) -> FloatTensor<Self>;

    /// `layer_norm(residual + dropout(x))` over the last axis.
    fn fused_add_norm(
        x: FloatTensor<Self>,
        residual: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
        dropout: Dropout,
    ) -> FloatTensor<Self>;
}
