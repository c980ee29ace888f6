//! The fused operations as an extension of Burn's backends.

#![expect(
    clippy::too_many_arguments,
    reason = "an extension takes tensors one by one"
)]

use std::sync::Arc;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, backend_extension};

use super::flex::{Dropout, NormKind, Places, Rows};
use super::rotate::Turns;
use crate::encoder::{Activation, GateActivation};

/// What a fused attention block does besides attending.
#[derive(Debug, Clone)]
pub(crate) struct AttentionOptions {
    pub(crate) num_heads: usize,
    pub(crate) num_key_value_heads: usize,
    /// Scores are `scale · q · k`.
    pub(crate) scale: f32,
    /// On the attention probabilities.
    pub(crate) dropout: Dropout,
    /// Which queries see which keys.
    pub(crate) rows: Rows,
}

/// What follows a block in a layer that norms after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormOptions {
    /// Added to the variance.
    pub(crate) epsilon: f32,
    /// On what is added to the block's input.
    pub(crate) dropout: Dropout,
}

/// What attention with positions does besides attending.
#[derive(Debug, Clone)]
pub(crate) struct DisentangledOptions {
    pub(crate) attention: AttentionOptions,
    /// Whether the scores have terms of position keys and of position queries; a table without is not read.
    pub(crate) terms: [bool; 2],
    /// `[2 · seq_length - 1]`: the row of both tables for the distances from query to key
    /// `seq_length - 1, .., 0, .., 1 - seq_length`.
    pub(crate) distances: Arc<[usize]>,
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

    /// `layer_norm(x + dropout(activation(x W₁ + b₁) W₂ + b₂))`.
    fn fused_feed_forward_norm(
        x: FloatTensor<Self>,
        inner_weight: FloatTensor<Self>,
        inner_bias: FloatTensor<Self>,
        outer_weight: FloatTensor<Self>,
        outer_bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        activation: Activation,
        options: NormOptions,
    ) -> FloatTensor<Self>;

    /// `layer_norm(x + dropout(attention(x W_q + b_q, x W_k + b_k, x W_v + b_v) W_o + b_o))` of
    /// `[.., num_tokens, d_model]`.
    fn fused_attention_norm(
        x: FloatTensor<Self>,
        query_weight: FloatTensor<Self>,
        query_bias: FloatTensor<Self>,
        key_weight: FloatTensor<Self>,
        key_bias: FloatTensor<Self>,
        value_weight: FloatTensor<Self>,
        value_bias: FloatTensor<Self>,
        output_weight: FloatTensor<Self>,
        output_bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        attention: AttentionOptions,
        options: NormOptions,
    ) -> FloatTensor<Self>;

    /// `(activation(x W₁) · x W₂) W₃`, of the shape of `x`.
    fn fused_gated(
        x: FloatTensor<Self>,
        gate: FloatTensor<Self>,
        factor: FloatTensor<Self>,
        outer: FloatTensor<Self>,
        activation: GateActivation,
    ) -> FloatTensor<Self>;

    /// Attention of all heads within rows: queries `[.., num_queries, num_heads · d_head]`, keys and
    /// values `[.., num_keys, num_key_value_heads · d_head]` to the shape of the queries.
    fn fused_attention(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        options: AttentionOptions,
    ) -> FloatTensor<Self>;

    /// Attention whose scores are `scale · (q · k + q · r + k · s)`, with the row `r` of the position keys
    /// and `s` of the position queries for the distance of the two: as [`Self::fused_attention`], and
    /// tables `[table_rows, num_heads · d_head]`.
    fn fused_disentangled(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        position_key: FloatTensor<Self>,
        position_query: FloatTensor<Self>,
        options: DisentangledOptions,
    ) -> FloatTensor<Self>;

    /// The heads of every token, `[.., num_tokens, num_heads · d_head]`, turned by the angles of its
    /// position.
    fn fused_rotate(
        x: FloatTensor<Self>,
        turns: Turns,
        positions: Arc<[usize]>,
    ) -> FloatTensor<Self>;

    /// `γ · norm(x)` over the last axis.
    fn fused_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        kind: NormKind,
    ) -> FloatTensor<Self>;

    /// The rows of a table, `[rows, width]`, one for every id: `[1, ids, width]`.
    fn fused_embedding(table: FloatTensor<Self>, ids: Arc<[usize]>) -> FloatTensor<Self>;

    /// `dropout(x)`; the mask is one of the last axis and of what lies before it.
    fn fused_dropout(x: FloatTensor<Self>, dropout: Dropout) -> FloatTensor<Self>;

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
        options: NormOptions,
    ) -> FloatTensor<Self>;
}
